"""What configures a host's network at boot, told of the bridges of NICs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ovn_integrate.host.nics.files import Files
from ovn_integrate.host.nics.persist import ifupdown, netplan, networkd, networkmanager
from ovn_integrate.host.nics.persist.subject import Subject, subject
from ovn_integrate.netlink.link import Link

_WRITERS: dict[str, Callable[[Sequence[Subject]], dict[str, Files]]] = {
    "netplan": netplan.files,
    "networkd": networkd.files,
    "ifupdown": ifupdown.files,
    "NetworkManager": networkmanager.files,
}

KINDS = tuple(_WRITERS)


def files(kind: str | None, links: Sequence[Link], *, userspace: bool) -> dict[str, Files]:
    """The files to be written for each NIC.

    :param kind: one of :data:`KINDS`; None writes nothing.
    :param userspace: whether the bridges are of the userspace datapath.
    :raises Invalid: a file that is there cannot be read as what it is.
    """
    if kind is None:
        return {}
    return _WRITERS[kind]([subject(link, userspace=userspace) for link in links])


def left_out(kind: str | None, links: Sequence[Link]) -> list[str]:
    """What these files do not say, and what is lost at the next boot therefore."""
    if kind is None:
        return []
    found = []
    for link in links:
        one = subject(link, userspace=False)
        neighbours = one.plain.neighbours if kind in ("netplan", "NetworkManager") else []
        found += [f"{link.name}: not in its files: {line}" for line in one.plain.others]
        found += [f"{link.name}: not in its files: neighbour {ip}" for ip, _ in neighbours]
    return found
