"""Pools of addresses, as libnetwork's IPAM protocol has them (moby daemon/libnetwork/docs/ipam.md).

Nothing is kept of a pool, neither here nor in Neutron, so nothing is to be counted, and nothing is
left behind by an engine that dies between two calls. Its PoolID says all:

- With ``--ipam-opt ovn.network=NAME`` it names the Neutron subnet. That was there before and stays.
- Without, Docker asks for the pool before it says for which network, so the PoolID is the CIDR
  alone. The logical network is made by CreateNetwork, which is told pool, gateway and auxiliary
  addresses again; it bears a tag of this host, by which the pool's subnet is found from then on.
  The next Docker network of this host with that pool goes onto the same logical network, since its
  PoolID is the same. What CreateNetwork made goes with the last Docker network on it, as ever.

Two hosts that name the same CIDR and no logical network have two separate ones.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.network import lookup
from ovn_integrate.core.network.model import Address4or6, Network4or6
from ovn_integrate.errors import Conflict, Invalid, SubnetNotFound
from ovn_integrate.host import interfaces

SPACE = "openvswitch"
"""Our address space, local and global: as these are the same, Docker does not refuse a pool that
overlaps with a route of the host, which is no concern of a logical network."""

# Of several private ranges, as a host may have a route to all of one of them.
_RANGES = tuple(map(IPv4Network, ("10.128.0.0/9", "172.24.0.0/13", "192.168.128.0/17")))
_LENGTH = 24
_ULA = 0xFD << 120  # RFC 4193: 40 random bits behind it, and a subnet of 16
_REMEMBERED = 4096
_TRIES = 1000


@dataclass(frozen=True)
class PoolId:
    """What Docker names a pool by.

    :param part: of the CIDR, from which addresses are to be chosen (``--ip-range``); None for all.
    :param subnet_id: of the Neutron subnet; None when that is made by CreateNetwork.
    """

    cidr: Network4or6
    part: Network4or6 | None = None
    subnet_id: str | None = None

    def __str__(self) -> str:
        return f"{self.cidr},{self.part or ''},{self.subnet_id or ''}"

    @classmethod
    def parse(cls, text: str) -> PoolId:
        """:raises Invalid: it is none of ours."""
        try:
            if "%" in text:
                raise ValueError("a scope, which may be any text")
            cidr, part, subnet_id = text.split(",")
            return cls(ip_network(cidr), ip_network(part) if part else None, subnet_id or None)
        except ValueError:
            raise Invalid(f"PoolID {text!r}", "is none of this driver's") from None


@dataclass(frozen=True)
class Place:
    """Where a pool is in Neutron."""

    network_id: str
    subnet_id: str


class Pools:
    """The pools of a host. What it remembers spares questions to Neutron, which knows it too."""

    def __init__(self) -> None:
        self._places: dict[PoolId, Place] = {}
        self._asked_on: dict[Network4or6, str | None] = {}
        self._given: deque[Network4or6] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    def given(self, cidr: Network4or6) -> PoolId:
        """The pool of that CIDR, of a network that CreateNetwork is to make."""
        self._asked_on[cidr] = None
        return PoolId(cidr)

    def refuse_forgotten(self, cidrs: Iterable[Network4or6]) -> None:
        """Refuse to make a network for pools that were asked for on one that exists.

        CreateNetwork is not told ``--ipam-opt``, so this is from memory; without it CreateEndpoint
        finds out.

        :raises Invalid: the option that names the network is missing.
        """
        for cidr in cidrs:
            name = self._asked_on.get(cidr)
            if name is not None:
                raise Invalid(
                    f"subnet {cidr}",
                    f"was asked for on logical network {name}",
                    f"docker network create with -o ovn.network={name} beside the --ipam-opt",
                )

    def on(self, client: Client, name: str, pool: Network4or6 | None, version: int) -> PoolId:
        """A subnet of the logical network of that name or id: the one whose CIDR is asked for, or
        its first of that IP version.

        :raises NetworkNotFound: there is no such network.
        :raises Invalid: it has no such subnet.
        """
        network = lookup.to_adopt(client, name)
        found = {ip_network(one["cidr"]): one["id"] for one in _subnets_of(client, network["id"])}
        fitting = sorted(cidr for cidr in found if cidr.version == version)
        if pool is None and not fitting:
            raise Invalid(
                f"logical network {name}",
                f"has no IPv{version} subnet",
                f"neutron subnet-create --ip-version {version} {name} CIDR",
            )
        cidr = fitting[0] if pool is None else pool
        if cidr not in found:
            has = ", ".join(map(str, fitting)) or "none"
            raise Invalid(
                f"subnet {cidr}",
                f"is not on logical network {name}, which has {has}",
                "leave --subnet out, or give one of these",
            )
        self._asked_on[cidr] = name
        return PoolId(cidr, subnet_id=found[cidr])

    def free(self, client: Client, version: int) -> PoolId:
        """A pool that no subnet overlaps with, nor an earlier answer of this process: Docker may
        hold one and ask for another.

        :raises Conflict: there seems to be none left.
        """
        taken = [ip_network(one["cidr"]) for one in client.query("subnets")]
        here = [ip_address(one) for one in interfaces.addresses()]
        with self._lock:
            taken += self._given
            cidr = choose(version, taken, here)
            self._given.append(cidr)
        return self.given(cidr)

    def place(self, client: Client, id: PoolId, host: str) -> Place:
        """Where a pool is.

        :raises SubnetNotFound: its subnet is gone, or never was made by this host.
        """
        known = self._places.get(id)
        if known is None:
            known = _named(client, id.subnet_id) if id.subnet_id else _lent(client, id, host)
            self._places[id] = known
        return known

    def forget(self) -> None:
        """Ask Neutron anew from now on."""
        self._places.clear()


def choose(
    version: int, taken: Iterable[Network4or6], here: Iterable[Address4or6] = ()
) -> Network4or6:
    """A private network, at random, that overlaps with none of those taken.

    At random, so that two networks that are joined one day hardly have the same (RFC 4193 asks
    for it).

    :param here: addresses that it may not contain.
    :raises Conflict: there seems to be none left.
    """
    others = [one for one in taken if one.version == version]
    own = [one for one in here if one.version == version]
    for _ in range(_TRIES):
        cidr = _random6() if version == 6 else _random4()
        if not any(cidr.overlaps(one) for one in others) and not any(one in cidr for one in own):
            return cidr
    raise Conflict("default pool", f"no free /{_LENGTH} found", "docker network create --subnet")


def _random4() -> Network4or6:
    whole = random.choice(_RANGES)
    number = random.randrange(1 << (_LENGTH - whole.prefixlen))
    return IPv4Network((int(whole.network_address) + (number << (32 - _LENGTH)), _LENGTH))


def _random6() -> Network4or6:
    return IPv6Network((_ULA | random.getrandbits(40) << 80, 64))


def _subnets_of(client: Client, network_id: str) -> list[dict[str, str]]:
    return client.query("subnets", network_id=network_id)


def _named(client: Client, subnet_id: str) -> Place:
    try:
        return Place(client.show("subnets", subnet_id)["network_id"], subnet_id)
    except SubnetNotFound as error:
        hint = "docker network rm the network and make it anew"
        raise SubnetNotFound(f"subnet {subnet_id}", "does not exist any more", hint) from error


def _lent(client: Client, id: PoolId, host: str) -> Place:
    found = lookup.with_pool(client, host, id.cidr)
    if len(found) == 1:
        network, subnet = found[0]
        return Place(network["id"], subnet["id"])
    hint = "docker network create with --ipam-opt ovn.network=NAME and -o ovn.network=NAME"
    if not found:
        raise SubnetNotFound(
            f"pool {id.cidr}", "no logical network of this host has it", f"{hint}; -d openvswitch"
        )
    names = ", ".join(network["name"] for network, _ in found)
    raise SubnetNotFound(f"pool {id.cidr}", f"could be of {names}", hint)
