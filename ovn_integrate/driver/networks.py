"""Which logical network a Docker network is on.

The mapping stands in Neutron, as tags on the network: it outlives this program and is the same for
all hosts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from ovn_integrate.driver import tags
from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.driver.options import DOCKER, NetworkOptions
from ovn_integrate.errors import Conflict, Error, Invalid, NetworkNotFound

Network4or6 = IPv4Network | IPv6Network
Address4or6 = IPv4Address | IPv6Address

log = logging.getLogger(__name__)

_UNDO = 5.0  # seconds


@dataclass(frozen=True)
class Pool:
    """A pool of addresses that Docker's IPAM chose for a network; None without a gateway."""

    cidr: Network4or6
    gateway: Address4or6 | None


@dataclass(frozen=True)
class Subnet:
    id: str
    cidr: Network4or6
    gateway: Address4or6 | None = None


@dataclass(frozen=True)
class Network:
    """A logical network as a Docker network sees it.

    :param mtu: in bytes, asked for when the Docker network was made; None when nothing was.
    :param gateway: the way out of it, one of ``options.GATEWAYS``.
    """

    id: str
    name: str
    subnets: tuple[Subnet, ...]
    mtu: int | None = None
    gateway: str = DOCKER

    def subnet_of(self, address: Address4or6) -> Subnet | None:
        return next((one for one in self.subnets if address in one.cidr), None)


class Networks:
    """Docker networks by their NetworkID. Holds only what it can read again from Neutron."""

    def __init__(self) -> None:
        self._known: dict[str, Network] = {}
        self._lock = threading.Lock()

    def get(self, client: Client, network_id: str) -> Network:
        """The logical network that a Docker network is on, from memory if it is there.

        :raises NetworkNotFound: there is none.
        """
        known = self._known.get(network_id)
        return known if known is not None else self.look(client, network_id)

    def look(self, client: Client, network_id: str) -> Network:
        """The same, asked of Neutron anew.

        Without a tag it is the one whose name is the NetworkID: that is how a network is given to
        Docker by hand, after ``docker network create --ipam-driver null``.

        :raises NetworkNotFound: there is none.
        """
        self.forget(network_id)
        found = _tagged(client, network_id) or _named(client, network_id)
        if found is None:
            raise NetworkNotFound(
                f"network {network_id[:12]}",
                "has no logical network",
                f"make one of that name: neutron net-create {network_id}, and a subnet on it; "
                "or remove the Docker network and make it with -o ovn.network=NAME",
            )
        network = _network(found, _subnets(client, found["id"]), network_id)
        with self._lock:
            self._known[network_id] = network
        return network

    def forget(self, network_id: str) -> None:
        with self._lock:
            self._known.pop(network_id, None)

    def adopt(
        self, client: Client, network_id: str, options: NetworkOptions, pools: Sequence[Pool]
    ) -> None:
        """Put a Docker network on the logical network that its options name.

        :raises NetworkNotFound: it does not exist.
        :raises Conflict: several have that name, or the Docker network is on another.
        :raises Invalid: a pool is not one of its subnets.
        """
        found = _to_adopt(client, str(options.network))
        held = _tagged(client, network_id)
        if held is not None and held["id"] != found["id"]:
            raise Conflict(f"network {network_id[:12]}", f"is on {held['name']} already")
        _refuse_other_pools(found, _subnets(client, found["id"]), pools)
        _hold(client, found["id"], network_id, options)
        self.look(client, network_id)

    def make(
        self, client: Client, network_id: str, options: NetworkOptions, pools: Sequence[Pool]
    ) -> None:
        """Make a logical network for a Docker network: all of it, or nothing.

        What an earlier call made of it is completed.

        :raises Conflict: the Docker network has one with other subnets, or has adopted one.
        """
        found = _tagged(client, network_id) or _named(client, network_id)
        if found is not None and found["name"] != network_id:
            raise Conflict(f"network {network_id[:12]}", f"is on {found['name']} already")
        if found is None:
            with _undone(client, client.create("networks", name=network_id)) as made:
                self._fill(client, made, network_id, options, pools)
        else:
            self._fill(client, found, network_id, options, pools)
        self.look(client, network_id)

    def release(self, client: Client, network_id: str) -> None:
        """Take a Docker network off its logical network, which goes if it was made for Docker
        and no other Docker network is on it.

        :raises NetworkInUse: it still has ports.
        """
        self.forget(network_id)
        found = _tagged(client, network_id)
        if found is None:
            return
        for tag in tags.belonging(found["tags"], network_id):
            client.untag("networks", found["id"], tag)
        try:
            left = client.show("networks", found["id"])["tags"]
        except NetworkNotFound:
            return
        if tags.MADE in left and not tags.holders(left):
            client.delete("networks", found["id"])

    def _fill(
        self,
        client: Client,
        network: Resource,
        network_id: str,
        options: NetworkOptions,
        pools: Sequence[Pool],
    ) -> None:
        have = {one.cidr for one in _subnets(client, network["id"])}
        foreign = have - {pool.cidr for pool in pools}
        if foreign:
            raise Conflict(
                f"network {network_id[:12]}",
                f"exists with other subnets: {_listed(foreign)}",
                "docker network rm it first",
            )
        for pool in pools:
            if pool.cidr not in have:
                client.create("subnets", **_subnet_body(network["id"], pool))
        client.tag("networks", network["id"], tags.MADE)
        _hold(client, network["id"], network_id, options)


def _to_adopt(client: Client, name: str) -> Resource:
    try:
        return client.find("networks", name)
    except NetworkNotFound as error:
        raise NetworkNotFound(
            f"logical network {name}",
            "does not exist",
            f"ovn-integrate network create {name} --subnet CIDR",
        ) from error


def _refuse_other_pools(
    network: Resource, subnets: Iterable[Subnet], pools: Iterable[Pool]
) -> None:
    have = [one.cidr for one in subnets]
    for pool in pools:
        if pool.cidr not in have:
            if not have:
                raise Invalid(
                    f"logical network {network['name']}",
                    "has no subnet",
                    f"neutron subnet-create {network['name']} {pool.cidr}",
                )
            flags = " ".join(f"--subnet {cidr}" for cidr in have)
            raise Invalid(
                f"subnet {pool.cidr}",
                f"is not on logical network {network['name']}, which has {_listed(have)}",
                f"docker network create {flags} ...",
            )


@contextmanager
def _undone(client: Client, network: Resource) -> Iterator[Resource]:
    """Delete a network again when what follows fails."""
    try:
        yield network
    except Error:
        try:
            client.within(_UNDO).delete("networks", network["id"])
        except Error as error:
            log.warning("left behind: %s", error)
        raise


def _hold(client: Client, id: str, network_id: str, options: NetworkOptions) -> None:
    if options.mtu is not None:
        client.tag("networks", id, tags.with_mtu(network_id, options.mtu))
    if options.gateway != DOCKER:
        client.tag("networks", id, tags.with_gateway(network_id, options.gateway))
    # Last, as this one is what the network is found by.
    client.tag("networks", id, tags.of(network_id))


def _subnet_body(id: str, pool: Pool) -> dict[str, Any]:
    return {
        "network_id": id,
        "ip_version": pool.cidr.version,
        "cidr": str(pool.cidr),
        "gateway_ip": str(pool.gateway) if pool.gateway else None,
        "enable_dhcp": False,
    }


def _tagged(client: Client, network_id: str) -> Resource | None:
    return next(iter(client.query("networks", tags=tags.of(network_id))), None)


def _named(client: Client, network_id: str) -> Resource | None:
    found = client.query("networks", name=network_id)
    if len(found) > 1:
        raise Conflict(
            f"network {network_id[:12]}", "several logical networks have the name of its id"
        )
    return found[0] if found else None


def _subnets(client: Client, id: str) -> tuple[Subnet, ...]:
    found = client.query("subnets", network_id=id)
    return tuple(
        Subnet(
            one["id"],
            ip_network(one["cidr"]),
            ip_address(one["gateway_ip"]) if one["gateway_ip"] else None,
        )
        for one in found
    )


def _network(found: Resource, subnets: tuple[Subnet, ...], network_id: str) -> Network:
    said = found.get("tags", ())
    mtu, gateway = tags.mtu(said, network_id), tags.gateway(said, network_id)
    return Network(found["id"], found["name"], subnets, mtu, gateway or DOCKER)


def _listed(cidrs: Iterable[Network4or6]) -> str:
    return ", ".join(sorted(str(cidr) for cidr in cidrs))
