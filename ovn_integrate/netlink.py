"""Links and addresses of this host, by netlink (rtnetlink(7), netdevice(7)): no forks.

The only user of pyroute2, which is imported by the calls that change links: its import takes
90 ms, and verbs that only ask (an address, an MTU) get their answer from the kernel without it.
"""

from __future__ import annotations

import array
import errno
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ovn_integrate.errors import CommandFailed, NotPermitted

NAME_MAX = 15
"""Longest name of a link, in bytes (IFNAMSIZ less its end)."""

# linux/rtnetlink.h, linux/netlink.h, linux/if_addr.h
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLM_F_REQUEST_DUMP = 0x1 | 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RT_SCOPE_LINK = 253
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_IFADDRMSG = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")  # length, type

# linux/sockios.h, linux/ethtool.h
_SIOCGIFMTU = 0x8921
_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17


@dataclass(frozen=True)
class Address:
    """An address of this host: ``ip`` without its prefix length, and the link that carries it."""

    ip: str
    prefix: int
    link: str


def addresses() -> list[Address]:
    """The IPv4 and IPv6 addresses of this host, without IPv6's link-local ones.

    :raises CommandFailed: the kernel refused the dump.
    """
    found = []
    for family, prefix, scope, index, data in _dump_addresses():
        if family == socket.AF_INET6 and scope == _RT_SCOPE_LINK:
            continue
        # On a point-to-point link IFA_ADDRESS is the peer's; IFA_LOCAL, where given, is ours.
        raw = data.get(_IFA_LOCAL) or data.get(_IFA_ADDRESS)
        if raw is not None:
            found.append(Address(str(ipaddress.ip_address(raw)), prefix, _name_of(index)))
    return found


def exists(name: str) -> bool:
    """Whether this network namespace has a link of that name."""
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def link_mtu(name: str) -> int:
    """The MTU of a link, in bytes.

    :raises CommandFailed: there is no such link.
    """
    request = struct.pack("16s16x", name.encode())
    with _control() as control, _named(f"mtu of {name}"):
        answer = fcntl.ioctl(control, _SIOCGIFMTU, request)
    mtu: int = struct.unpack_from("=i", answer, 16)[0]
    return mtu


def make_veth(outer: str, inner: str, *, mac: str | None, mtu: int) -> None:
    """Make a veth pair, ``outer`` up, both ends with ``mtu``; a pair that exists is corrected.

    An ``outer`` whose other end is not here any more (it went into a namespace) is made anew.

    :param mac: of ``inner``; the kernel chooses one when it is None.
    :param mtu: in bytes.
    :raises CommandFailed: the kernel refused.
    :raises NotPermitted: root is needed.
    """
    for name in (outer, inner):
        _check_name(name)
    peer: dict[str, Any] = {"ifname": inner, "mtu": mtu}
    if mac:
        peer["address"] = mac
    with _changing(f"veth {outer}") as route:
        if exists(outer) and not _joined(route, outer, inner):
            route.link("del", ifname=outer)
        if exists(outer):
            route.link("set", ifname=inner, **{k: v for k, v in peer.items() if k != "ifname"})
            route.link("set", ifname=outer, mtu=mtu, state="up")
        else:
            # One message makes both ends as wanted.
            route.link("add", ifname=outer, kind="veth", mtu=mtu, state="up", peer=peer)


def delete_link(name: str) -> bool:
    """Delete a link; False when there was none. A veth takes its other end with it.

    It takes about 25 ms, the kernel's wait for readers of the link.

    :raises CommandFailed: the kernel refused.
    :raises NotPermitted: root is needed.
    """
    if not exists(name):
        return False
    from pyroute2.netlink.exceptions import NetlinkError

    with _changing(f"link {name}") as route:
        try:
            route.link("del", ifname=name)
        except NetlinkError as error:
            if error.code != errno.ENODEV:
                raise
            return False
    return True


def checksum_offload_off(name: str) -> None:
    """Have the kernel fill in checksums before a link sends (``ethtool -K NAME tx off``).

    OVS's userspace datapath passes on packets as they are: without this, TCP from a veth arrives
    with the checksum that a NIC was meant to fill in, and is dropped while ping works.

    :raises CommandFailed: there is no such link, or it cannot.
    :raises NotPermitted: root is needed.
    """
    # The ioctl takes one call and no module; ethtool over generic netlink needs several of both.
    value = array.array("I", [_ETHTOOL_STXCSUM, 0])
    request = struct.pack("16sP8x", name.encode(), value.buffer_info()[0])
    with _control() as control, _named(f"checksum offload of {name}"):
        fcntl.ioctl(control, _SIOCETHTOOL, request)


def _joined(route: Any, outer: str, inner: str) -> bool:
    """Whether both are here and ends of one pair."""
    if not exists(inner):
        return False
    (link,) = route.link("get", ifname=outer)
    # IFLA_LINK of a veth is the index of its other end, in whatever namespace that is.
    return bool(
        link.get_attr("IFLA_LINK") == socket.if_nametoindex(inner)
        and link.get_attr("IFLA_LINK_NETNSID") is None
    )


def _check_name(name: str) -> None:
    if not 0 < len(name.encode()) <= NAME_MAX:
        raise CommandFailed(f"link {name!r}", f"a name has 1 to {NAME_MAX} bytes")


@contextmanager
def _changing(subject: str) -> Iterator[Any]:
    # A socket for each call costs 0.3 ms, is safe between threads, and belongs to the network
    # namespace that the caller is in now.
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    with IPRoute() as route:
        try:
            yield route
        except NetlinkError as error:
            raise _refused(subject, error.code) from error


@contextmanager
def _named(subject: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refused(subject, error.errno or 0) from error


def _refused(subject: str, code: int) -> CommandFailed | NotPermitted:
    if code in (errno.EPERM, errno.EACCES):
        return NotPermitted(subject, "root is needed", "run it with sudo")
    return CommandFailed(subject, os.strerror(code))


def _control() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def _name_of(index: int) -> str:
    try:
        return socket.if_indextoname(index)
    except OSError:
        return str(index)  # it went away after the dump


def _dump_addresses() -> Iterator[tuple[int, int, int, int, dict[int, bytes]]]:
    """Every address as (family, prefix length, scope, index of its link, attributes)."""
    family = socket.AF_NETLINK
    with socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as kernel:
        body = _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        size = _HEADER.size + len(body)
        kernel.send(_HEADER.pack(size, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0) + body)
        while True:
            answer = kernel.recv(1 << 16)
            for kind, message in _messages(answer):
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    raise _refused("addresses", -struct.unpack_from("=i", message)[0])
                if kind == _RTM_NEWADDR:
                    kin, prefix, _, scope, index = _IFADDRMSG.unpack_from(message)
                    yield kin, prefix, scope, index, _attributes(message[_IFADDRMSG.size :])


def _messages(answer: bytes) -> Iterator[tuple[int, bytes]]:
    while len(answer) >= _HEADER.size:
        size, kind = _HEADER.unpack_from(answer)[:2]
        yield kind, answer[_HEADER.size : size]
        answer = answer[_aligned(size) :]


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        size, kind = _ATTRIBUTE.unpack_from(data)
        found[kind] = data[_ATTRIBUTE.size : size]
        data = data[_aligned(size) :]
    return found


def _aligned(size: int) -> int:
    return (size + 3) & ~3
