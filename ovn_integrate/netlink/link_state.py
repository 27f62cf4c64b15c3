"""All that the kernel has on one link, and the orders that give it to another link."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ovn_integrate.netlink import message as nl
from ovn_integrate.netlink import talk
from ovn_integrate.netlink.message import Message
from ovn_integrate.netlink.talk import Order

# linux/if_addr.h, linux/rtnetlink.h, linux/neighbour.h, linux/fib_rules.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_LABEL, _IFA_CACHEINFO, _IFA_FLAGS = 1, 2, 3, 6, 8
_NODAD, _PASSING = 0x02, 0x01 | 0x08 | 0x20 | 0x40 | 0x80  # what the kernel sets by itself
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH = 1, 4, 5, 6, 9
_RTA_CACHEINFO, _RTA_TABLE, _RTA_VIA, _RTA_EXPIRES, _RTA_NH_ID = 12, 15, 18, 23, 30
_CLONED, _HOP_FLAGS, _LOCAL_TABLE, _KERNEL, _UNICAST = 0x200, 0x02 | 0x04, 255, 2, 1
_NDA_DST, _NDA_CACHEINFO, _NDA_PROBES = 1, 3, 4
_PERMANENT, _PROXY = 0x80, 0x08
_FRA_IFNAME, _FRA_PRIORITY, _FRA_OIFNAME, _RULE_FLAGS = 3, 6, 17, 0x02 | 0x10000
_IFF_UP = 1
_HOP = struct.Struct("=HBBi")  # rtnexthop: length, flags, hops, index
_TICKS = 100  # USER_HZ, in which rta_expires is

_GONE = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL)
_THERE = (errno.EEXIST,)

Place = tuple[str, int]  # name and index of a link; 0 is none any more, and rules may name it


@dataclass
class Traits:
    """What a link has, as the kernel told it.

    :ivar name: of the link, and its index, when this was taken.
    """

    name: str
    index: int
    addresses: list[Message] = field(default_factory=list)
    routes: list[Message] = field(default_factory=list)
    neighbours: list[Message] = field(default_factory=list)
    rules: list[Message] = field(default_factory=list)

    @property
    def place(self) -> Place:
        return self.name, self.index

    def as_data(self) -> dict[str, Any]:
        """In a form that JSON keeps."""
        parts = {part: [_data(one) for one in getattr(self, part)] for part in _PARTS}
        return {"name": self.name, "index": self.index, **parts}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Traits:
        """The opposite of :meth:`as_data`."""
        parts = {
            part: [Message.parse(kind, bytes.fromhex(body)) for kind, body in data[part]]
            for part in _PARTS
        }
        return cls(data["name"], data["index"], **parts)

    def words(self) -> list[str]:
        """A line for each thing, for people."""
        return [
            *(f"address {describe_address(one)}" for one in self.addresses),
            *(f"route {describe_route(one)}" for one in self.routes),
            *(f"neighbour {_ip(one.get(_NDA_DST))}" for one in self.neighbours),
            *(f"rule {_rule_words(one)}" for one in self.rules),
        ]


_PARTS = ("addresses", "routes", "neighbours", "rules")


def _data(one: Message) -> tuple[int, str]:
    return one.kind, one.body().hex()


def take(name: str) -> Traits:
    """What a link has now.

    :raises CommandFailed: the kernel refused.
    """
    index = socket.if_nametoindex(name)
    addresses = talk.dump(nl.GETADDR, bytes(8))
    routes = talk.dump(nl.GETROUTE, bytes(12))
    rules = talk.dump(nl.GETRULE, bytes(12))
    neighbours = talk.dump(nl.GETNEIGH, bytes(12))
    # Proxies are told only to whoever asks for them, family by family.
    for family in (socket.AF_INET, socket.AF_INET6):
        neighbours += talk.dump(nl.GETNEIGH, struct.pack("=BxxxiHBB", family, 0, 0, _PROXY, 0))
    found = Traits(name, index)
    found.addresses = [_clean_address(one) for one in addresses if one.header[4] == index]
    found.routes = [_clean_route(one) for one in routes if _is_route_of(one, index)]
    found.neighbours = [_clean_neighbour(one) for one in neighbours if _is_kept(one, index)]
    found.rules = [one.field(8, one.header[8] & _RULE_FLAGS) for one in rules if _names(one, name)]
    return found


def next_hop_objects(traits: Traits) -> list[str]:
    """The routes that go by an object of ``ip nexthop``, which names the link in their place."""
    return [describe_route(one) for one in traits.routes if one.get(_RTA_NH_ID)]


def move(traits: Traits, source: Place | None, target: Place) -> list[Order]:
    """The orders that take all of it from one link, if that is there, to another, which goes up.

    The addresses are on both for the moment between: the host is never without them.

    :param traits: of whichever link they were taken.
    """
    there = _Renamed(traits, target)
    orders = [_up(target)]
    for one in _in_order(there.addresses):
        orders += _add_address(one)
    routes = sorted(there.routes, key=_route_order)
    here = _Renamed(traits, source) if source is not None else _Renamed(Traits("", 0), ("", 0))
    orders += [_drop_rule(one) for one in here.rules]
    is_there = source is not None and source[1]
    if is_there:
        # Before the new ones: of two IPv4 routes of one prefix and metric, the first one counts.
        orders += [_drop_route(one) for one in sorted(here.routes, key=_route_order)]
    orders += [_add_route(one) for one in routes]
    orders += [_add_rule(one) for one in there.rules]
    orders += [_add_neighbour(one) for one in there.neighbours]
    if is_there:
        orders += [_drop_neighbour(one) for one in here.neighbours]
        # The last first: an IPv4 address takes those after it of its subnet with it.
        orders += [_drop_address(one) for one in reversed(here.addresses)]
    return orders


class _Renamed:
    """The traits as they are on another link."""

    def __init__(self, traits: Traits, to: Place) -> None:
        name, index = to
        self.addresses = [
            _relabelled(one, traits.name, name).field(4, index) for one in traits.addresses
        ]
        self.routes = [_rerouted(one, traits.index, index) for one in traits.routes]
        self.neighbours = [one.field(1, index) for one in traits.neighbours]
        self.rules = [_renamed(one, traits.name, name) for one in traits.rules]


def _relabelled(one: Message, old: str, new: str) -> Message:
    label = one.text(_IFA_LABEL)
    if not label:
        return one
    suffix = label[len(old) :] if label.startswith(f"{old}:") else ""
    wanted = new + suffix
    return one.put(_IFA_LABEL, nl.text(wanted if len(wanted) <= 15 else new))


def _rerouted(one: Message, old: int, new: int) -> Message:
    if one.number(_RTA_OIF) == old:
        one = one.put(_RTA_OIF, nl.number(new))
    legs = [(a, b, new if index == old else index, rest) for a, b, index, rest in _legs(one)]
    return _with_legs(one, legs)


def _renamed(one: Message, old: str, new: str) -> Message:
    for attribute in (_FRA_IFNAME, _FRA_OIFNAME):
        if one.text(attribute) == old:
            one = one.put(attribute, nl.text(new))
    return one


def _legs(one: Message) -> list[tuple[int, int, int, bytes]]:
    """Of a route by several ways, each: flags, weight less one, index of its link, the rest."""
    data = one.get(_RTA_MULTIPATH) or b""
    found = []
    while len(data) >= _HOP.size:
        length, flags, hops, index = _HOP.unpack_from(data)
        found.append((flags & _HOP_FLAGS, hops, index, data[_HOP.size : length]))
        data = data[(length + 3) & ~3 :]
    return found


def _with_legs(one: Message, legs: Iterable[tuple[int, int, int, bytes]]) -> Message:
    packed = b""
    for flags, hops, index, rest in legs:
        packed += _HOP.pack(_HOP.size + len(rest), flags, hops, index) + rest
    return one.put(_RTA_MULTIPATH, packed or None)


def _is_route_of(one: Message, index: int) -> bool:
    family, _, _, _, _, protocol, _, kind, flags = one.header
    if family not in (socket.AF_INET, socket.AF_INET6) or flags & _CLONED:
        return False
    # These come and go with the addresses.
    if protocol == _KERNEL and (kind != _UNICAST or _table(one) == _LOCAL_TABLE):
        return False
    return one.number(_RTA_OIF) == index or index in [leg[2] for leg in _legs(one)]


def _is_kept(one: Message, index: int) -> bool:
    family, link, state, flags, _ = one.header
    if family not in (socket.AF_INET, socket.AF_INET6) or link != index:
        return False
    return bool(state & _PERMANENT or flags & _PROXY)


def _names(one: Message, name: str) -> bool:
    return name in (one.text(_FRA_IFNAME), one.text(_FRA_OIFNAME))


def _clean_address(one: Message) -> Message:
    flags = one.number(_IFA_FLAGS, one.header[2]) & ~_PASSING
    return one.field(2, flags & 0xFF).put(_IFA_FLAGS, nl.number(flags))


def _clean_route(one: Message) -> Message:
    info = one.get(_RTA_CACHEINFO)
    # clntref, lastuse, expires, error … in this order (struct rta_cacheinfo)
    expires = struct.unpack_from("=i", info, 8)[0] if info and len(info) >= 12 else 0
    one = one.put(_RTA_CACHEINFO, None).field(8, one.header[8] & _HOP_FLAGS)
    if expires > 0:
        one = one.put(_RTA_EXPIRES, nl.number(max(1, expires // _TICKS)))
    return _with_legs(one, _legs(one))


def _clean_neighbour(one: Message) -> Message:
    return one.put(_NDA_CACHEINFO, None).put(_NDA_PROBES, None)


def _up(target: Place) -> Order:
    link = Message(nl.NEWLINK, (0, 0, target[1], _IFF_UP, _IFF_UP))
    return Order(nl.NEWLINK, link, 0, f"link {target[0]}")


def _add_address(one: Message) -> Iterable[Order]:
    what = f"address {describe_address(one)}"
    flags = one.number(_IFA_FLAGS)
    if one.header[0] == socket.AF_INET6 and not flags & _NODAD:
        # It was this host's before: no second in which it is not to be used, in case it is not.
        sure = one.put(_IFA_FLAGS, nl.number(flags | _NODAD))
        yield Order(nl.NEWADDR, sure, nl.F_CREATE | nl.F_REPLACE, what)
    yield Order(nl.NEWADDR, one, nl.F_CREATE | nl.F_REPLACE, what)


def _in_order(addresses: Iterable[Message]) -> list[Message]:
    """In which to add them: the kernel tells IPv6 ones the last first."""
    four = [one for one in addresses if one.header[0] == socket.AF_INET]
    six = [one for one in addresses if one.header[0] == socket.AF_INET6]
    return four + six[::-1]


def _drop_address(one: Message) -> Order:
    # An address is found by itself alone; lifetimes and the like are not asked for.
    bare = one
    for attribute in (_IFA_CACHEINFO, _IFA_FLAGS):
        bare = bare.put(attribute, None)
    return Order(nl.DELADDR, bare, 0, f"address {describe_address(one)}", _GONE)


def _add_route(one: Message) -> Order:
    # Several IPv4 routes may have one prefix and metric; IPv6 says them in one message.
    more = nl.F_APPEND if one.header[0] == socket.AF_INET else 0
    return Order(nl.NEWROUTE, one, nl.F_CREATE | more, f"route {describe_route(one)}", _THERE)


def _drop_route(one: Message) -> Order:
    bare = one.put(_RTA_EXPIRES, None)
    return Order(nl.DELROUTE, bare, 0, f"route {describe_route(one)}", _GONE)


def _route_order(one: Message) -> tuple[bool, int]:
    """What a gateway is reached by goes before what names the gateway."""
    has_gateway = any(one.get(part) for part in (_RTA_GATEWAY, _RTA_VIA, _RTA_MULTIPATH))
    return has_gateway, -one.header[6]


def _add_rule(one: Message) -> Order:
    flags = nl.F_CREATE | nl.F_EXCL
    return Order(nl.NEWRULE, one, flags, f"rule {_rule_words(one)}", _THERE)


def _drop_rule(one: Message) -> Order:
    return Order(nl.DELRULE, one, 0, f"rule {_rule_words(one)}", _GONE)


def _add_neighbour(one: Message) -> Order:
    what = f"neighbour {_ip(one.get(_NDA_DST))}"
    return Order(nl.NEWNEIGH, one, nl.F_CREATE | nl.F_REPLACE, what)


def _drop_neighbour(one: Message) -> Order:
    return Order(nl.DELNEIGH, one, 0, f"neighbour {_ip(one.get(_NDA_DST))}", _GONE)


def describe_address(one: Message) -> str:
    """``192.0.2.1/24``."""
    return f"{_ip(one.get(_IFA_LOCAL) or one.get(_IFA_ADDRESS))}/{one.header[1]}"


def describe_route(one: Message) -> str:
    """``default via 192.0.2.1 table 7 metric 100``."""
    length = one.header[1]
    to = one.get(_RTA_DST)
    words = [f"{_ip(to)}/{length}" if to else "default"]
    if one.get(_RTA_GATEWAY):
        words.append(f"via {_ip(one.get(_RTA_GATEWAY))}")
    if one.get(_RTA_MULTIPATH):
        words.append(f"by {len(_legs(one))} ways")
    if _table(one) != 254:
        words.append(f"table {_table(one)}")
    if one.get(_RTA_PRIORITY):
        words.append(f"metric {one.number(_RTA_PRIORITY)}")
    return " ".join(words)


def _rule_words(one: Message) -> str:
    names = [("iif", one.text(_FRA_IFNAME)), ("oif", one.text(_FRA_OIFNAME))]
    said = " ".join(f"{word} {name}" for word, name in names if name)
    return f"{one.number(_FRA_PRIORITY)}: {said} table {_table(one)}"


def _table(one: Message) -> int:
    return one.number(_RTA_TABLE, one.header[4])


def _ip(value: bytes | None) -> str:
    return str(ipaddress.ip_address(value)) if value and len(value) in (4, 16) else "?"
