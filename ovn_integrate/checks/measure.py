"""Measuring between two ends of a network: ping and OVN's DNS, by sockets of the caller's own
network namespace."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from dataclasses import dataclass

_ECHO, _ECHO_REPLY = 8, 0  # RFC 792
_ICMP = struct.Struct("!BBHHH")
_HEADERS = 28  # bytes of IPv4 and ICMP
_DONT_FRAGMENT = 2  # linux/in.h, IP_PMTUDISC_DO
_IP_MTU_DISCOVER = 10

_DNS_PORT = 53
_TYPE_A, _CLASS_IN = 1, 1  # RFC 1035


@dataclass(frozen=True)
class Pings:
    """:ivar seconds: what each answer took."""

    sent: int
    seconds: tuple[float, ...]

    @property
    def milliseconds(self) -> float:
        """The median."""
        ordered = sorted(self.seconds)
        return ordered[len(ordered) // 2] * 1000 if ordered else 0.0


def ping(target: str, size: int, count: int, patience: float) -> Pings:
    """Echo requests, one after another, that may not be fragmented (RFC 792).

    :param size: of the whole IP packet, in bytes.
    :param patience: seconds for each answer.
    """
    took = [_echo(target, size, number, patience) for number in range(1, count + 1)]
    return Pings(count, tuple(one for one in took if one is not None))


def first_ping(target: str, size: int, patience: float) -> float | None:
    """Seconds until the first answer; None when there is none in time.

    A tunnel's first packets are lost while the other end's MAC address is asked for.
    """
    begun = time.monotonic()
    number = 0
    while (left := begun + patience - time.monotonic()) > 0:
        number += 1
        if _echo(target, size, number, min(left, 0.5)) is not None:
            return time.monotonic() - begun
    return None


def resolve(name: str, by: str, patience: float) -> str:
    """The IPv4 address of a name; empty when there is no answer in time, or no such name.

    :param by: the address that the question goes to.
    """
    number = int.from_bytes(os.urandom(2), "big")
    labels = b"".join(bytes([len(label)]) + label for label in name.encode().split(b"."))
    question = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + labels
    question += struct.pack("!BHH", 0, _TYPE_A, _CLASS_IN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(patience)
        try:
            asking.sendto(question, (by, _DNS_PORT))
            answer = asking.recv(512)
        except OSError:
            return ""
    count = struct.unpack("!H", answer[6:8])[0] if len(answer) > len(question) else 0
    # OVN's answer repeats the question, and a record ends with its address.
    return socket.inet_ntoa(answer[-4:]) if count and answer[:2] == question[:2] else ""


def _echo(target: str, size: int, sequence: int, patience: float) -> float | None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _DONT_FRAGMENT)
        number = int.from_bytes(os.urandom(2), "big")
        begun = time.monotonic()
        try:
            raw.sendto(_request(number, sequence, size), (target, 0))
        except OSError:
            return None  # larger than this host's own link, or no way there
        while (left := begun + patience - time.monotonic()) > 0:
            if not select.select([raw], [], [], left)[0]:
                break
            packet = raw.recv(65535)
            header = (packet[0] & 0x0F) * 4
            kind, _, _, who, which = _ICMP.unpack_from(packet, header)
            if (kind, who, which) == (_ECHO_REPLY, number, sequence):
                return time.monotonic() - begun
    return None


def _request(number: int, sequence: int, size: int) -> bytes:
    payload = bytes(size - _HEADERS)
    bare = _ICMP.pack(_ECHO, 0, 0, number, sequence) + payload
    return _ICMP.pack(_ECHO, 0, _checksum(bare), number, sequence) + payload


def _checksum(data: bytes) -> int:
    """Of the internet (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1]))
    total += data[-1] << 8 if len(data) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
