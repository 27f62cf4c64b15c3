"""What a link is, and what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

from ovn_integrate.netlink import message as nl
from ovn_integrate.netlink import talk
from ovn_integrate.netlink.message import Message, parse_attributes

# linux/if_link.h, linux/if_arp.h
_ADDRESS, _NAME, _MTU, _LINK, _MASTER, _INFO, _NAMESPACE = 1, 3, 4, 5, 10, 18, 37
_KIND = 1
_ETHERNET = 1
_LOOPBACK = 0x8


@dataclass(frozen=True)
class Link:
    """One link.

    :ivar below: the index of the link that it is made on, a VLAN's for example; None without one
        in this network namespace.
    :ivar master: the index of the bond, bridge or VRF that it belongs to.
    """

    name: str
    index: int
    mac: str
    mtu: int
    kind: str
    ethernet: bool
    loopback: bool
    below: int | None
    master: int | None


def all_links() -> dict[str, Link]:
    """Every link of this network namespace, by name.

    :raises CommandFailed: the kernel refused.
    """
    links = [_link(one) for one in talk.dump(nl.GETLINK, bytes(16)) if one.kind == nl.NEWLINK]
    return {one.name: one for one in links}


def _link(one: Message) -> Link:
    info = dict(parse_attributes(one.get(_INFO) or b""))
    # Of a veth this is its other end, on which nothing is made.
    kind = info.get(_KIND, b"").rstrip(b"\0").decode()
    elsewhere = one.get(_NAMESPACE) is not None or kind == "veth"
    return Link(
        name=one.text(_NAME),
        index=one.header[2],
        mac=(one.get(_ADDRESS) or b"").hex(":"),
        mtu=one.number(_MTU),
        kind=kind,
        ethernet=one.header[1] == _ETHERNET,
        loopback=bool(one.header[3] & _LOOPBACK),
        below=None if elsewhere else one.number(_LINK) or None,
        master=one.number(_MASTER) or None,
    )
