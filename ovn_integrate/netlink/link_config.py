"""What a link has, in words that configuration files are made of."""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass

from ovn_integrate.netlink import message as nl
from ovn_integrate.netlink.link_state import Traits
from ovn_integrate.netlink.message import Message

_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST, _IFA_CACHEINFO = 1, 2, 4, 6
_RTA_DST, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_METRICS = 1, 5, 6, 7, 8
_RTA_MULTIPATH, _RTA_TABLE, _MTU, _NDA_DST, _NDA_LLADDR = 9, 15, 2, 1, 2
_FOREVER = 0xFFFFFFFF
_ONLINK, _MAIN, _UNICAST, _LOCAL = 4, 254, 1, 2
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}
# linux/rtnetlink.h: what comes again by itself. DHCP's are of clients, RA's of the kernel.
_REDIRECT, _KERNEL, _RA, _DHCP = 1, 2, 9, 16


@dataclass(frozen=True)
class Address:
    """``ip/length``; ``lasting`` is one that nobody has to renew."""

    ip: str
    length: int
    peer: str
    broadcast: str
    scope: str
    lasting: bool

    @property
    def six(self) -> bool:
        return ":" in self.ip


@dataclass(frozen=True)
class Route:
    """A route by one way; ``to`` is ``default`` or a prefix, 0 is no metric and no MTU."""

    to: str
    six: bool
    via: str
    metric: int
    table: int
    source: str
    onlink: bool
    local: bool
    scope: str
    mtu: int

    def words(self) -> list[str]:
        """What ``ip route add`` takes, but for the link."""
        pairs = {
            "via": self.via,
            "metric": self.metric,
            "table": self.table if self.table != _MAIN else 0,
            "src": self.source,
            "mtu": self.mtu,
        }
        found = ["local"] if self.local else []
        found += [self.to, *(f"{key} {value}" for key, value in pairs.items() if value)]
        if self.scope == "link" and self.table != _MAIN:
            found.append("scope link")
        return [*found, *(["onlink"] if self.onlink else [])]


@dataclass(frozen=True)
class Plain:
    """All that files can say of a link.

    :ivar dhcp4: whether IPv4 comes by DHCP; ``ra``: whether IPv6 comes from routers.
    :ivar neighbours: IP and MAC address of each.
    :ivar others: what is not told here, a line for each.
    """

    addresses: list[Address]
    routes: list[Route]
    neighbours: list[tuple[str, str]]
    dhcp4: bool
    dhcp6: bool
    ra: bool
    others: list[str]


def plain(traits: Traits) -> Plain:
    """What a link has and would not get again by itself."""
    addresses = [_address(one) for one in traits.addresses]
    by = {(one.header[5], one.header[0]) for one in traits.routes}
    passing = [one for one in addresses if not one.lasting]
    routes, others = [], []
    for one in traits.routes:
        if one.header[5] in (_REDIRECT, _KERNEL, _RA, _DHCP):
            continue
        if one.get(_RTA_MULTIPATH) or one.header[7] not in (_UNICAST, _LOCAL):
            others.append(_others_words(traits, one))
        else:
            routes.append(_route(one))
    words = traits.words()
    others += [line for line in words if line.startswith("rule ")]
    lasting = [one for one in addresses if one.lasting and not (one.six and one.scope == "link")]
    return Plain(
        addresses=lasting,
        routes=routes,
        neighbours=[_neighbour(one) for one in traits.neighbours if one.get(_NDA_LLADDR)],
        dhcp4=any(not one.six for one in passing) or (_DHCP, socket.AF_INET) in by,
        dhcp6=any(one.six and one.length == 128 for one in passing),
        ra=any(one.six for one in passing) or (_RA, socket.AF_INET6) in by,
        others=others,
    )


def _others_words(traits: Traits, one: Message) -> str:
    alone = Traits(traits.name, traits.index, routes=[one])
    return alone.words()[0]


def _address(one: Message) -> Address:
    local = one.get(_IFA_LOCAL) or one.get(_IFA_ADDRESS) or b""
    other = one.get(_IFA_ADDRESS) or local
    info = one.get(_IFA_CACHEINFO)
    valid = struct.unpack_from("=II", info)[1] if info else _FOREVER
    return Address(
        ip=_ip(local),
        length=one.header[1],
        peer=_ip(other) if other != local else "",
        broadcast=_ip(one.get(_IFA_BROADCAST)),
        scope=_SCOPES.get(one.header[3], "global"),
        lasting=valid == _FOREVER,
    )


def _route(one: Message) -> Route:
    to = one.get(_RTA_DST)
    metrics = dict(nl.parse_attributes(one.get(_RTA_METRICS) or b""))
    return Route(
        to=f"{_ip(to)}/{one.header[1]}" if to else "default",
        six=one.header[0] == socket.AF_INET6,
        via=_ip(one.get(_RTA_GATEWAY)),
        metric=one.number(_RTA_PRIORITY),
        table=one.number(_RTA_TABLE, one.header[4]),
        source=_ip(one.get(_RTA_PREFSRC)),
        onlink=bool(one.header[8] & _ONLINK),
        local=one.header[7] == _LOCAL,
        scope=_SCOPES.get(one.header[6], "global"),
        mtu=struct.unpack("=I", metrics[_MTU])[0] if _MTU in metrics else 0,
    )


def _neighbour(one: Message) -> tuple[str, str]:
    return _ip(one.get(_NDA_DST)), (one.get(_NDA_LLADDR) or b"").hex(":")


def _ip(value: bytes | None) -> str:
    return str(ipaddress.ip_address(value)) if value else ""
