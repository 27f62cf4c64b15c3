"""Telling all on a logical network which MAC address an IP address has now.

An address goes to the next endpoint as soon as the last one has let go of it, with another MAC if
Docker makes that up. Whoever has talked to the last one would send to its MAC for up to a minute:
OVN answers questions, but a neighbour that is remembered is not asked for. Docker announces the
addresses of a container itself from 28.0 on only.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

_BROADCAST = b"\xff" * 6
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET, _IPV4, _REQUEST = 1, 0x0800, 1

_ALL_NODES = IPv6Address("ff02::1").packed
_ALL_NODES_MAC = b"\x33\x33\x00\x00\x00\x01"
_ICMPV6, _ADVERTISEMENT, _TARGET_MAC = 58, 136, 2
_OVERRIDE = 1 << 29
_HOPS = 255


def frames(mac: str, addresses: Iterable[IPv4Address | IPv6Address]) -> list[bytes]:
    """The Ethernet frames that say it: an ARP announcement (RFC 5227) or an unsolicited neighbour
    advertisement (RFC 4861, section 7.2.6) for each address.
    """
    own = bytes.fromhex(mac.replace(":", ""))
    return [
        _arp(own, one.packed) if one.version == 4 else _neighbour(own, one.packed)
        for one in addresses
    ]


def _arp(mac: bytes, address: bytes) -> bytes:
    said = _ARP.pack(_ETHERNET, _IPV4, 6, 4, _REQUEST, mac, address, bytes(6), address)
    return _BROADCAST + mac + b"\x08\x06" + said


def _neighbour(mac: bytes, address: bytes) -> bytes:
    option = struct.pack("!BB6s", _TARGET_MAC, 1, mac)
    said = struct.pack("!BBHI16s", _ADVERTISEMENT, 0, 0, _OVERRIDE, address) + option
    pseudo = address + _ALL_NODES + struct.pack("!II", len(said), _ICMPV6)
    said = said[:2] + struct.pack("!H", _checksum(pseudo + said)) + said[4:]
    head = struct.pack("!IHBB", 6 << 28, len(said), _ICMPV6, _HOPS)
    return _ALL_NODES_MAC + mac + b"\x86\xdd" + head + address + _ALL_NODES + said


def _checksum(data: bytes) -> int:
    """The Internet's checksum (RFC 1071) of an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
