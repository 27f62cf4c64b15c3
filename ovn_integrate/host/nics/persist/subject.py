"""A NIC and its bridge, as files are to tell of them."""

from __future__ import annotations

from dataclasses import dataclass

from ovn_integrate.host.nics import bridges, dhcp
from ovn_integrate.netlink.link import Link
from ovn_integrate.netlink.link_config import Plain, plain
from ovn_integrate.netlink.link_state import take

HEADER = (
    "# Written by `ovn-integrate nics-to-bridge`; `ovn-integrate bridge-to-nics` takes it back."
)


@dataclass(frozen=True)
class Subject:
    """One NIC.

    :ivar plain: what it has now, where no file of before tells of it.
    :ivar six: whether its DHCPv6 is by a client of its own.
    """

    nic: str
    bridge: str
    index: int
    mac: str
    mtu: int
    userspace: bool
    plain: Plain
    dhcp4: bool
    dhcp6: bool


def subject(link: Link, *, userspace: bool) -> Subject:
    """What is to be told of a NIC."""
    found = plain(take(link.name))
    six = ["-6" in one.words for one in dhcp.clients(link.name)]
    return Subject(
        nic=link.name,
        bridge=bridges.name_of(link.name),
        index=link.index,
        mac=link.mac,
        mtu=link.mtu,
        userspace=userspace,
        plain=found,
        dhcp4=found.dhcp4 or False in six,
        dhcp6=found.dhcp6 or True in six,
    )
