"""Making and deleting links by netlink (rtnetlink(7), netdevice(7)): no forks.

The only user of pyroute2, which is imported by the calls that need it: its import takes 90 ms. The
modules below take all that a link has to another one, byte by byte, and do what each container
costs; they need none of it.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any, TypeVar

from ovn_integrate.errors import CommandFailed, NotPermitted
from ovn_integrate.netlink import veth

T = TypeVar("T")
Interface = IPv4Interface | IPv6Interface

_CLONE_NEWNET = 0x40000000  # linux/sched.h

NAME_MAX = 15
"""Longest name of a link, in bytes (IFNAMSIZ less its end)."""

# linux/sockios.h, linux/ethtool.h
_SIOCETHTOOL = 0x8946
_ETHTOOL_GTXCSUM = 0x16
_ETHTOOL_STXCSUM = 0x17


def index(name: str) -> int | None:
    """The number of a link, which no other has had or will have; None when it is not there."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def exists(name: str) -> bool:
    """Whether this network namespace has a link of that name."""
    return index(name) is not None


def veths() -> list[str]:
    """The names of the veth links in this network namespace.

    :raises CommandFailed: the kernel refused.
    """
    with _changing("links") as route:
        links = [one for one in route.link("dump") if _kind(one) == "veth"]
    return sorted(link.get_attr("IFLA_IFNAME") for link in links)


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
    if not exists(outer) or not _corrected(outer, inner, mac, mtu):
        veth.add(outer, inner, mac=mac, mtu=mtu)


def make_veth_into(outer: str, inner: str, namespace: int, *, mac: str, mtu: int) -> None:
    """Make a veth pair, ``outer`` here and up, ``inner`` in another network namespace.

    :param namespace: its descriptor.
    :param mac: of ``inner``.
    :param mtu: in bytes.
    :raises CommandFailed: the kernel refused.
    :raises NotPermitted: root is needed.
    """
    _check_name(outer)
    peer = {"ifname": inner, "mtu": mtu, "address": mac, "net_ns_fd": namespace}
    with _changing(f"veth {outer}") as route:
        route.link("add", ifname=outer, kind="veth", mtu=mtu, state="up", peer=peer)


def set_address(name: str, address: IPv4Interface) -> None:
    """Have an address on a link, and the link up.

    :raises CommandFailed: there is no such link, or the kernel refused.
    :raises NotPermitted: root is needed.
    """
    with _named(f"link {name}"):
        index = socket.if_nametoindex(name)
    with _changing(f"link {name}") as route:
        length = address.network.prefixlen
        route.addr("replace", index=index, address=str(address.ip), prefixlen=length)
        route.link("set", index=index, state="up")


def remove_address(name: str, address: IPv4Interface) -> None:
    """Take an address off a link, if it has it.

    :raises CommandFailed: the kernel refused.
    :raises NotPermitted: root is needed.
    """
    from pyroute2.netlink.exceptions import NetlinkError

    if not exists(name):
        return
    length = address.network.prefixlen
    with _changing(f"link {name}") as route:
        try:
            index = socket.if_nametoindex(name)
            route.addr("del", index=index, address=str(address.ip), prefixlen=length)
        except NetlinkError as error:
            if error.code != errno.EADDRNOTAVAIL:
                raise


def give(name: str, pid: int, as_name: str, addresses: Iterable[Interface]) -> None:
    """Move a link into the network namespace of a process, and have it up there.

    :param as_name: what it is called there.
    :param addresses: what it has there.
    :raises CommandFailed: there is no such link or process, or the kernel refused.
    :raises NotPermitted: root is needed.
    """
    _check_name(as_name)
    with _named(f"link {name}"):
        index = socket.if_nametoindex(name)
    with _changing(f"link {name}") as route:
        route.link("set", index=index, net_ns_pid=pid)

    def settle() -> None:
        with _named(f"link {name}"):
            there = socket.if_nametoindex(name)
        with _changing(f"link {as_name}") as route:
            route.link("set", index=there, ifname=as_name)
            for address in addresses:
                length = address.network.prefixlen
                route.addr("replace", index=there, address=str(address.ip), prefixlen=length)
            route.link("set", index=there, state="up")

    _within(pid, settle)


def has_link(pid: int, name: str) -> bool:
    """Whether the network namespace of a process has a link of that name.

    :raises CommandFailed: there is no such process.
    """
    return _within(pid, lambda: exists(name))


def delete_link(name: str) -> bool:
    """Delete a link; False when there was none. A veth takes its other end with it.

    It takes about 25 ms, the kernel's wait for readers of the link.

    :raises CommandFailed: the kernel refused.
    :raises NotPermitted: root is needed.
    """
    if not exists(name):
        return False
    veth.delete(name)
    return True


def checksum_offload_off(name: str) -> None:
    """Have the kernel fill in checksums before a link sends (``ethtool -K NAME tx off``).

    OVS's userspace datapath passes on packets as they are: without this, TCP from a veth arrives
    with the checksum that a NIC was meant to fill in, and is dropped while ping works.

    :raises CommandFailed: there is no such link, or it cannot.
    :raises NotPermitted: root is needed.
    """
    set_checksum_offload(name, on=False)


def set_checksum_offload(name: str, *, on: bool) -> None:
    """Have a link's checksums filled in after it was given its packets, or before.

    :raises CommandFailed: there is no such link, or it cannot.
    :raises NotPermitted: root is needed.
    """
    _ethtool(name, _ETHTOOL_STXCSUM, int(on))


def checksum_offload(name: str) -> bool:
    """Whether a link leaves checksums to what sends its packets.

    :raises CommandFailed: there is no such link, or it cannot tell.
    """
    return bool(_ethtool(name, _ETHTOOL_GTXCSUM))


def _ethtool(name: str, command: int, wanted: int = 0) -> int:
    # The ioctl takes one call and no module; ethtool over generic netlink needs several of both.
    value = array.array("I", [command, wanted])
    request = struct.pack("16sP8x", name.encode(), value.buffer_info()[0])
    with _control() as control, _named(f"checksum offload of {name}"):
        fcntl.ioctl(control, _SIOCETHTOOL, request)
    return value[1]


def _kind(link: Any) -> str | None:
    info = link.get_attr("IFLA_LINKINFO")
    kind: str | None = info.get_attr("IFLA_INFO_KIND") if info else None
    return kind


def _corrected(outer: str, inner: str, mac: str | None, mtu: int) -> bool:
    """Set a pair right that exists; False where only ``outer`` did, which is gone now."""
    with _changing(f"veth {outer}") as route:
        if not _joined(route, outer, inner):
            route.link("del", ifname=outer)
            return False
        route.link("set", ifname=inner, mtu=mtu, **({"address": mac} if mac else {}))
        route.link("set", ifname=outer, mtu=mtu, state="up")
    return True


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


def _within(pid: int, do: Callable[[], T]) -> T:
    """Do something in the network namespace of a process: in a thread that enters it and ends, as
    a namespace is a thread's own (setns(2)) and the way back could fail."""
    import ctypes
    from concurrent.futures import ThreadPoolExecutor

    def enter() -> T:
        path = f"/proc/{pid}/ns/net"
        with _named(f"network namespace of process {pid}"), open(path, "rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return do()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(enter).result()


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
