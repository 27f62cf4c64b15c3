"""Messages of rtnetlink(7) as bytes, taken apart just far enough to be sent again for another link.

What the kernel says of an address, a route, a rule or a neighbour is what it takes to make one, so
a copy of the bytes keeps every attribute, also those of which this program knows nothing.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# linux/rtnetlink.h
NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWNEIGH, DELNEIGH, GETNEIGH = 28, 29, 30
NEWRULE, DELRULE, GETRULE = 32, 33, 34

# linux/netlink.h
F_REQUEST, F_ACK, F_DUMP = 1, 4, 0x300
F_REPLACE, F_CREATE, F_APPEND, F_EXCL = 0x100, 0x400, 0x800, 0x200

_HEADERS = {
    NEWLINK: struct.Struct("=BxHiII"),  # ifinfomsg: family, type, index, flags, change
    NEWADDR: struct.Struct("=BBBBI"),  # ifaddrmsg: family, length, flags, scope, index
    # rtmsg: family, length, source's length, tos, table, protocol, scope, type, flags
    NEWROUTE: struct.Struct("=BBBBBBBBI"),
    NEWNEIGH: struct.Struct("=BxxxiHBB"),  # ndmsg: family, index, state, flags, type
    NEWRULE: struct.Struct("=BBBBBBBBI"),  # fib_rule_hdr, the same size as rtmsg
}
_ATTRIBUTE = struct.Struct("=HH")
_NESTED = 0x3FFF  # NLA_TYPE_MASK


@dataclass(frozen=True)
class Message:
    """One thing of the kernel's: an address, a route, a rule, a neighbour or a link.

    :ivar kind: RTM_NEWADDR and so on.
    :ivar header: the fields of the fixed part, see ``_HEADERS``.
    :ivar attributes: number and value of each, in the kernel's order.
    """

    kind: int
    header: tuple[int, ...]
    attributes: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def parse(cls, kind: int, body: bytes) -> Message:
        """:param body: what comes after the nlmsghdr."""
        layout = _HEADERS[kind]
        return cls(kind, layout.unpack_from(body), tuple(parse_attributes(body[layout.size :])))

    def body(self) -> bytes:
        """The bytes of it, without the nlmsghdr."""
        return _HEADERS[self.kind].pack(*self.header) + pack_attributes(self.attributes)

    def get(self, attribute: int) -> bytes | None:
        """The value of an attribute, or None."""
        return next((value for number, value in self.attributes if number == attribute), None)

    def number(self, attribute: int, default: int = 0) -> int:
        """The value of an attribute that is a number in the machine's order."""
        value = self.get(attribute)
        return default if value is None else int.from_bytes(value, sys.byteorder)

    def text(self, attribute: int) -> str:
        """The value of an attribute that is a string; empty without it."""
        return (self.get(attribute) or b"").rstrip(b"\0").decode()

    def put(self, attribute: int, value: bytes | None) -> Message:
        """The same with another value of an attribute; None leaves it out."""
        kept = [one for one in self.attributes if one[0] != attribute]
        at = next((i for i, one in enumerate(self.attributes) if one[0] == attribute), len(kept))
        if value is not None:
            kept.insert(at, (attribute, value))
        return replace(self, attributes=tuple(kept))

    def field(self, position: int, value: int) -> Message:
        """The same with another value of a field of the fixed part."""
        fields = list(self.header)
        fields[position] = value
        return replace(self, header=tuple(fields))


def parse_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and value of each attribute (struct rtattr)."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, number = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield number & _NESTED, data[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def pack_attributes(attributes: Iterable[tuple[int, bytes]]) -> bytes:
    """The opposite of :func:`parse_attributes`."""
    packed = b""
    for number, value in attributes:
        length = _ATTRIBUTE.size + len(value)
        packed += _ATTRIBUTE.pack(length, number) + value
        packed += b"\0" * (_aligned(length) - length)
    return packed


def number(value: int) -> bytes:
    """A 32 bit number in the machine's order."""
    return struct.pack("=I", value)


def text(value: str) -> bytes:
    """A string with the end that the kernel wants."""
    return value.encode() + b"\0"


def _aligned(length: int) -> int:
    return (length + 3) & ~3
