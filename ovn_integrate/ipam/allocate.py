"""Choosing addresses: pure functions on numbers, pools and networks.

Addresses are taken lowest first, not at random as Neutron does: people who start containers on a
fresh 192.168.1.0/24 expect .2, then .3. Random choice is Neutron's means against two servers
choosing the same address at once; here the transaction itself sees to that, and requests that
wait together choose one after the other.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import pairwise

from ovn_integrate.contract.device_owners import LOCK_MAC

Address = IPv4Address | IPv6Address
Cidr = IPv4Network | IPv6Network
Span = tuple[int, int]
"""The first and the last number of a run, both within it."""


class Used:
    """A set of numbers kept as runs, so that the next free one is found without a search.

    Addresses that are given lowest first stand side by side: a /16 with 60,000 of them used is a
    single run. All operations cost the logarithm of the number of runs.
    """

    __slots__ = ("_ends", "_starts")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for number in numbers:
            self.add(number)

    def __contains__(self, number: int) -> bool:
        run = self._run(number)
        return run >= 0 and number <= self._ends[run]

    def add(self, number: int) -> None:
        run = self._run(number)
        if run >= 0 and number <= self._ends[run]:
            return
        touches_left = run >= 0 and self._ends[run] == number - 1
        touches_right = run + 1 < len(self._starts) and self._starts[run + 1] == number + 1
        if touches_left and touches_right:
            self._ends[run] = self._ends.pop(run + 1)
            del self._starts[run + 1]
        elif touches_left:
            self._ends[run] = number
        elif touches_right:
            self._starts[run + 1] = number
        else:
            self._starts.insert(run + 1, number)
            self._ends.insert(run + 1, number)

    def discard(self, number: int) -> None:
        run = self._run(number)
        if run < 0 or number > self._ends[run]:
            return
        first, last = self._starts[run], self._ends[run]
        if first == last:
            del self._starts[run], self._ends[run]
        elif number == first:
            self._starts[run] += 1
        elif number == last:
            self._ends[run] -= 1
        else:
            self._ends[run] = number - 1
            self._starts.insert(run + 1, number + 1)
            self._ends.insert(run + 1, last)

    def next_free(self, number: int) -> int:
        """The lowest number from ``number`` on that is not in the set."""
        run = self._run(number)
        return self._ends[run] + 1 if run >= 0 and number <= self._ends[run] else number

    def any_between(self, first: int, last: int) -> bool:
        """Whether the set has a number from ``first`` to ``last``."""
        run = self._run(last)
        return run >= 0 and self._ends[run] >= first

    def count(self, first: int, last: int) -> int:
        """How many numbers from ``first`` to ``last`` the set has."""
        start, end = bisect_left(self._ends, first), bisect_right(self._starts, last)
        if start >= end:
            return 0
        whole = sum(self._ends[start:end]) - sum(self._starts[start:end]) + end - start
        before = max(0, first - self._starts[start])
        return whole - before - max(0, self._ends[end - 1] - last)

    def _run(self, number: int) -> int:
        return bisect_right(self._starts, number) - 1


def lowest_free(pools: Iterable[Span], used: Iterable[Used], floor: int = 0) -> int | None:
    """The lowest number of the pools, from ``floor`` on, that none of the sets has.

    :returns: None when there is none.
    """
    sets = tuple(used)
    for first, last in pools:
        number = _free_in_all(max(first, floor), sets)
        if number <= last:
            return number
    return None


def _free_in_all(number: int, used: tuple[Used, ...]) -> int:
    while True:
        after = number
        for numbers in used:
            after = numbers.next_free(after)
        if after == number:
            return number
        number = after


def hosts(cidr: Cidr) -> Span:
    """The numbers that pools may hold: without network and broadcast address.

    IPv6 has no broadcast; its first address is the subnet router anycast (RFC 4291 2.6.1). The
    two smallest sizes of either version are used whole (RFC 3021, RFC 6164).
    """
    first, last = int(cidr.network_address), int(cidr.broadcast_address)
    if cidr.num_addresses <= 2:
        return first, last
    return first + 1, last - 1 if cidr.version == 4 else last


def is_host(address: Address, cidr: Cidr) -> bool:
    """Whether a port may have the address on a subnet of that cidr."""
    first, last = hosts(cidr)
    return address.version == cidr.version and first <= int(address) <= last


def default_gateway(cidr: Cidr) -> Address | None:
    """Neutron's choice: the first host; for IPv6 the network address itself."""
    if cidr.num_addresses == 1:
        return None
    return cidr[0] if cidr.version == 6 else address_of(4, hosts(cidr)[0])


def default_pools(cidr: Cidr, gateway: Address | None) -> list[Span]:
    """All hosts but the gateway, as one pool or as the two around it."""
    first, last = hosts(cidr)
    if gateway is None or gateway.version != cidr.version or not first <= int(gateway) <= last:
        return [(first, last)]
    around = [(first, int(gateway) - 1), (int(gateway) + 1, last)]
    return [(start, end) for start, end in around if start <= end]


def overlap(pools: Iterable[Span]) -> tuple[Span, Span] | None:
    """The first two pools that share a number."""
    ordered = sorted(pools)
    for one, other in pairwise(ordered):
        if other[0] <= one[1]:
            return one, other
    return None


def address_of(version: int, number: int) -> Address:
    return IPv4Address(number) if version == 4 else IPv6Address(number)


def eui64(cidr: Cidr, mac: str) -> IPv6Address:
    """The address that a host makes for itself from its MAC (RFC 4291 appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 0x02
    interface = bytes([*octets[:3], 0xFF, 0xFE, *octets[3:]])
    return IPv6Address(int(cidr.network_address) | int.from_bytes(interface, "big"))


OF_FLOATING_MACS = "02:f1:"
"""How the MAC of a floating IP begins."""

SPECIAL_MACS = (OF_FLOATING_MACS, LOCK_MAC)


def make_mac(taken: Callable[[str], bool]) -> str:
    """A locally administered unicast MAC (its first octet is 02) that is not taken, and none of
    those that follow from something."""
    while True:
        mac = "02:" + random.randbytes(5).hex(":")
        if not mac.startswith(SPECIAL_MACS) and not taken(mac):
            return mac
