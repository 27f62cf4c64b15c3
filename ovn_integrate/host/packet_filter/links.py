"""Which links lead to containers, and which to other hosts: by what the kernel has of them, and not
by the names that somebody gave them."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Collection, Iterator

from ovn_integrate.netlink import message as nl
from ovn_integrate.netlink import talk
from ovn_integrate.netlink.link import Link, all_links
from ovn_integrate.netlink.message import Message

# linux/rtnetlink.h
_RTA_OIF, _RTA_GATEWAY, _RTA_MULTIPATH, _RTA_VIA = 4, 5, 9, 18
_UNICAST = 1
_NEXT_HOP = struct.Struct("=HBBi")
_IFA_LOCAL = 2

_BRIDGE = "bridge"
_OF_CONTAINERS = ("veth", "tun")  # the kinds of ports that a bridge of containers or of VMs has

DOCKERS = ("docker0", "docker_gwbridge")
"""The usual bridges of Docker's."""

_NAMED_BY_DOCKER = re.compile(r"br-[0-9a-f]{12}")
_PLAIN = re.compile(r"[A-Za-z0-9_.:@-]{1,15}")


def inside(link: str, named: Collection[str]) -> tuple[str, ...]:
    """The links by which containers reach this host: OVN's way out, and the bridges of Docker.

    The usual ones are closed before they are there.

    :param named: links that rules of Docker's name, as a bridge can have any name.
    """
    bridges = {one.name for one in all_links().values() if one.kind == _BRIDGE}
    dockers = {one for one in bridges if one in named or _NAMED_BY_DOCKER.fullmatch(one)}
    plain = {one for one in dockers if _PLAIN.fullmatch(one)}
    return link, *DOCKERS, *sorted(plain - {link, *DOCKERS})


def outside(link: str, underlay: Collection[str]) -> tuple[str, ...]:
    """The links by which this host reaches others by IPv4: those that a route names, without the
    bridges that only containers or VMs are on.

    :param link: OVN's way out of this host.
    :param underlay: this host's tunnel endpoints.
    """
    links = {one.index: one for one in all_links().values()}
    direct, by_hop = _routed()
    ports: dict[int, list[Link]] = {}
    for one in links.values():
        ports.setdefault(one.master or 0, []).append(one)
    hosts = _having(underlay) if underlay else set()

    def leads_out(one: Link) -> bool:
        if one.loopback or one.name == link or not _PLAIN.fullmatch(one.name):
            return False
        if one.kind != _BRIDGE or one.index in by_hop | hosts:
            return True
        return any(port.kind not in _OF_CONTAINERS for port in ports.get(one.index, ()))

    found = (links[index] for index in direct | by_hop if index in links)
    return tuple(sorted(one.name for one in found if leads_out(one)))


def _routed() -> tuple[set[int], set[int]]:
    """The links of the routes that need no other host, and those of the others."""
    direct: set[int] = set()
    by_hop: set[int] = set()
    for one in talk.dump(nl.GETROUTE, bytes([socket.AF_INET]) + bytes(11)):
        if one.kind != nl.NEWROUTE or one.header[0] != socket.AF_INET or one.header[7] != _UNICAST:
            continue
        for index, hop in _ways(one):
            (by_hop if hop else direct).add(index)
    return direct, by_hop


def _ways(route: Message) -> Iterator[tuple[int, bool]]:
    """The links of a route, each with whether another host is on the way."""
    index = route.number(_RTA_OIF)
    if index:
        yield index, any(route.get(one) is not None for one in (_RTA_GATEWAY, _RTA_VIA))
    data, at = route.get(_RTA_MULTIPATH) or b"", 0
    while at + _NEXT_HOP.size <= len(data):
        length, _, _, hop_index = _NEXT_HOP.unpack_from(data, at)
        if length < _NEXT_HOP.size:
            return
        inner = dict(nl.parse_attributes(data[at + _NEXT_HOP.size : at + length]))
        yield hop_index, _RTA_GATEWAY in inner or _RTA_VIA in inner
        at += (length + 3) & ~3


def _having(addresses: Collection[str]) -> set[int]:
    """The links that have one of these IPv4 addresses."""
    wanted = {socket.inet_aton(one) for one in addresses if ":" not in one}
    body = bytes([socket.AF_INET]) + bytes(7)
    found = (one for one in talk.dump(nl.GETADDR, body) if one.kind == nl.NEWADDR)
    return {one.header[4] for one in found if one.get(_IFA_LOCAL) in wanted}
