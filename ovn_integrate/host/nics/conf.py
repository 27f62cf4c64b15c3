"""The kernel's parameters of one link (ip-sysctl, ``net.ipv4.conf.NAME`` and the same of IPv6)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ovn_integrate import paths

Values = dict[str, str]

DISABLED = "ipv6/disable_ipv6"
GENERATION = "ipv6/addr_gen_mode"
_NONE = "1"  # of addr_gen_mode: the kernel makes no link-local address

QUIET = {
    # A NIC whose packets go to a bridge has no business of its own with them. But the userspace
    # datapath only listens along, and what comes in would be the kernel's as well: twice.
    # So no IPv6, no answers to ARP, and no packet from where this link does not lead: anywhere.
    DISABLED: "1",
    "ipv4/arp_ignore": "1",
    "ipv4/rp_filter": "1",
}


def read(link: str) -> Values:
    """All of them that can be read, as ``ipv4/forwarding``."""
    found = {}
    for family, folder in _folders(link).items():
        for file in sorted(folder.iterdir()) if folder.exists() else ():
            # Some are for writing only, and one cannot be read before it was set.
            with suppress(OSError):
                found[f"{family}/{file.name}"] = file.read_text().strip()
    return found


def write(link: str, values: Mapping[str, str], *, silent: bool = False) -> None:
    """Have these values, as far as the kernel lets them be written.

    :param silent: IPv6 without the link-local address that the kernel would make now: the one that
        was there is to come, without a second's wait for others that may have it.
    """
    wanted = {**values, **({GENERATION: _NONE} if silent and GENERATION in values else {})}
    current = read(link)
    # Last, when all that counts for it is as it shall be.
    for name in sorted(wanted, key=lambda name: name == DISABLED):
        if name in current and current[name] != wanted[name]:
            family, _, parameter = name.partition("/")
            with suppress(OSError):
                (_folders(link)[family] / parameter).write_text(wanted[name])


def _folders(link: str) -> dict[str, Path]:
    return {
        "ipv4": paths.ipv4_sysctl() / "conf" / link,
        "ipv6": paths.ipv6_sysctl() / "conf" / link,
    }
