"""What configures a host's network at boot, told of the bridges of NICs."""

from __future__ import annotations

from collections.abc import Sequence

from ovn_integrate.host.nics.files import Files
from ovn_integrate.netlink.link import Link

KINDS = ("netplan", "networkd", "ifupdown", "NetworkManager")


def files(kind: str | None, links: Sequence[Link]) -> dict[str, Files]:
    return {}
