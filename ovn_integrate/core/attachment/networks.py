"""Which logical network a Docker network is on.

The mapping stands in Neutron, as tags on the network: it outlives this program and is the same for
all hosts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from typing import Any, NamedTuple

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS, host_of
from ovn_integrate.core.addresses import reserved_addresses
from ovn_integrate.core.attachment import teardown
from ovn_integrate.core.network import lookup
from ovn_integrate.core.network.model import Network, Network4or6, Place, Pool, Subnet
from ovn_integrate.core.network.options import DOCKER, NETWORK, OVN, NetworkOptions
from ovn_integrate.core.policy import isolation
from ovn_integrate.core.policy.groups import Groups
from ovn_integrate.core.way_out import routers
from ovn_integrate.errors import Conflict, Error, Invalid, NetworkNotFound, NotPermitted

log = logging.getLogger(__name__)

_UNDO = 5.0  # seconds
_SUBNETS_AGE = 5.0  # seconds for which nobody asks again for what is said of a network's subnets


class _Known(NamedTuple):
    network: Network
    asked: float
    subnets_asked: float


class Networks:
    """Docker networks by their NetworkID. Holds only what it can read again from Neutron.

    :ivar groups: those of the logical networks.
    """

    def __init__(self) -> None:
        self.groups = Groups()
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def get(self, client: Client, network_id: str) -> Network:
        """The logical network that a Docker network is on, from memory if it is there.

        :raises NetworkNotFound: there is none.
        """
        known = self._known.get(network_id)
        return known.network if known is not None else self.look(client, network_id)

    def recent(self, client: Client, network_id: str) -> Network:
        """The same, as it was at most ``closing.AGE`` seconds ago, and its subnets `_SUBNETS_AGE`.

        :raises NetworkNotFound: there is none.
        """
        known, now = self._known.get(network_id), time.monotonic()
        if known is not None and now - known.asked < isolation.AGE:
            return known.network
        young = known is not None and now - known.subnets_asked < _SUBNETS_AGE
        return self.look(client, network_id, known if young else None)

    def look(self, client: Client, network_id: str, known: _Known | None = None) -> Network:
        """The same, asked of Neutron anew.

        Without a tag it is the one whose name is the NetworkID: that is how a network is given to
        Docker by hand, after ``docker network create --ipam-driver null``.

        :param known: whose subnets are taken for known, if it still has just these.
        :raises NetworkNotFound: there is none.
        """
        asked = since = time.monotonic()
        found = lookup.tagged(client, network_id) or lookup.named(client, network_id)
        if found is None:
            self.forget(network_id)
            raise NetworkNotFound(
                f"network {network_id[:12]}",
                "has no logical network",
                f"make one of that name: neutron net-create {network_id}, and a subnet on it; "
                "or remove the Docker network and make it with -o ovn.network=NAME",
            )
        if known and {one.id for one in known.network.subnets} == set(found["subnets"]):
            subnets, since = known.network.subnets, known.subnets_asked
        else:
            subnets = lookup.subnets_of(client, found["id"])
        network = lookup.network_of(found, subnets, network_id)
        with self._lock:
            self._known[network_id] = _Known(network, asked, since)
        return network

    def forget(self, network_id: str) -> None:
        with self._lock:
            self._known.pop(network_id, None)

    def adopt(
        self,
        client: Client,
        network_id: str,
        options: NetworkOptions,
        pools: Sequence[Pool],
        place: Place,
    ) -> None:
        """Put a Docker network on the logical network that its options name.

        :raises NetworkNotFound: it does not exist.
        :raises Conflict: several have that name, or the Docker network is on another.
        :raises Invalid: a pool is not one of its subnets.
        """
        found = lookup.to_adopt(client, str(options.network))
        held = lookup.tagged(client, network_id)
        if held is not None and held["id"] != found["id"]:
            raise Conflict(f"network {network_id[:12]}", f"is on {held['name']} already")
        _refuse_other_pools(found, lookup.subnets_of(client, found["id"]), pools)
        client.tag("networks", found["id"], tags.at(network_id, place.host))
        with self._taken_off(client, found["id"], network_id, place.host):
            _set_aside(client, found["id"], network_id, pools, place, made=False)
            self._hold(client, found["id"], network_id, options)
        self.look(client, network_id)

    def make(
        self,
        client: Client,
        network_id: str,
        options: NetworkOptions,
        pools: Sequence[Pool],
        place: Place,
    ) -> None:
        """Make a logical network for a Docker network: all of it, or nothing.

        What an earlier call made of it is completed. Where the pools are this driver's own and a
        Docker network of this host has them already, it is that one's logical network.

        :raises Conflict: the Docker network has one with other subnets, or has adopted one.
        """
        found = lookup.tagged(client, network_id) or lookup.named(client, network_id)
        shared = lookup.shared(client, place.host, pools) if place.own_pools else None
        if found is not None and found["name"] != network_id and found["id"] != shared:
            raise Conflict(f"network {network_id[:12]}", f"is on {found['name']} already")
        if found is None and shared is not None:
            found = client.show("networks", shared)
        if found is None:
            # By its description it is known for this host's until it has its tags.
            mark = {"name": network_id, "description": tags.at(network_id, place.host)}
            with _undone(client, client.create("networks", **mark)) as made:
                self._fill(client, made, network_id, options, pools, place)
        else:
            self._fill(client, found, network_id, options, pools, place)
        self.look(client, network_id)

    def release(self, client: Client, network_id: str, host: str) -> None:
        """Take a Docker network off its logical network, which goes if it was made for Docker
        and no other Docker network is on it. One of a swarm goes off it with its last host.

        :raises NetworkInUse: it still has ports.
        """
        self.forget(network_id)
        found = lookup.tagged(client, network_id)
        if found is not None:
            self.take_off(client, found, network_id, host)

    def free(self, client: Client, network_id: str) -> None:
        """Take a network off its swarm, which has no task on it any more. Hosts that still have
        endpoints on it leave it with the last; of the others nothing more is heard.
        """
        found = lookup.tagged(client, network_id) or lookup.placed(client, network_id, tags.SWARM)
        if found is None:
            return
        ports = client.query("ports", network_id=found["id"], device_owner=ENDPOINTS)
        stay = {tags.at(network_id, host) for host in (tags.SWARM, *map(host_of, ports))}
        for tag in tags.places(found["tags"], network_id):
            if tag not in stay:
                _untag(client, found["id"], tag)
        self.forget(network_id)
        with suppress(NetworkNotFound):
            left = client.show("networks", found["id"])
            self.take_off(client, left, network_id, tags.SWARM)

    def take_off(self, client: Client, found: Resource, network_id: str, host: str) -> None:
        """The same as :meth:`release` for a logical network that was found already, of which an
        id's beginning is known, as :func:`tags.short` gives it."""
        if tags.is_of_swarm(network_id) and _others_stay(client, found, network_id, host):
            return
        reserved_addresses.let_go(client, found["id"], network_id)
        if tags.gateway(found["tags"], network_id) == OVN:
            routers.disconnect(client, network_id)
        for tag in tags.belonging(found["tags"], network_id):
            _untag(client, found["id"], tag)
        self.vacate(client, found)

    def vacate(self, client: Client, network: Resource) -> None:
        """End a logical network that no Docker network is on, see ``teardown``."""
        teardown.vacate(client, self.groups, network)

    def _fill(
        self,
        client: Client,
        network: Resource,
        network_id: str,
        options: NetworkOptions,
        pools: Sequence[Pool],
        place: Place,
    ) -> None:
        have = {one.cidr for one in lookup.subnets_of(client, network["id"])}
        foreign = have - {pool.cidr for pool in pools}
        if foreign:
            raise Conflict(
                f"network {network_id[:12]}",
                f"exists with other subnets: {_listed(foreign)}",
                "docker network rm it first",
            )
        # Before the rest: what is left of a call that was cut short is known by these.
        client.tag("networks", network["id"], tags.at(network_id, place.host))
        client.tag("networks", network["id"], tags.MADE)
        for pool in pools:
            if pool.cidr not in have:
                client.create("subnets", **_subnet_body(network["id"], pool))
        with self._taken_off(client, network["id"], network_id, place.host):
            _set_aside(client, network["id"], network_id, pools, place, made=True)
            self._hold(client, network["id"], network_id, options)

    def _hold(self, client: Client, id: str, network_id: str, options: NetworkOptions) -> None:
        if options.policy is not None:
            isolation.close(client, self.groups, id, network_id, options.policy)
        if options.dns is not None:
            reserved_addresses.answer(client, id, network_id, options.dns)
        if options.mtu is not None:
            client.tag("networks", id, tags.with_mtu(network_id, options.mtu))
        if options.gateway != DOCKER:
            client.tag("networks", id, tags.with_gateway(network_id, options.gateway))
        # Last, as this one is what the network is found by.
        client.tag("networks", id, tags.of(network_id))

    @contextmanager
    def _taken_off(self, client: Client, id: str, network_id: str, host: str) -> Iterator[None]:
        """Take a Docker network off a logical network again when what follows fails."""
        try:
            yield
        except Error:
            try:
                brief = client.within(_UNDO)
                self.take_off(brief, brief.show("networks", id), network_id, host)
            except Error as error:
                log.warning("left behind: %s", error)
            raise


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
                f"docker network create {flags} ..., or --ipam-driver openvswitch --ipam-opt "
                f"{NETWORK}={network['name']}",
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


def _set_aside(
    client: Client, id: str, network_id: str, pools: Sequence[Pool], place: Place, *, made: bool
) -> None:
    """Set aside what a Docker network with pools of this driver's names beside its containers."""
    if not place.own_pools:
        return
    for subnet in client.query("subnets", network_id=id):
        cidr = ip_network(subnet["cidr"])
        named = {one for pool in pools if pool.cidr == cidr for one in (pool.gateway, *pool.aux)}
        reserved_addresses.hold(client, subnet, network_id, {str(one) for one in named if one})
    client.tag("networks", id, tags.with_pool(network_id, place.host, made=made))


def _subnet_body(id: str, pool: Pool) -> dict[str, Any]:
    return {
        "network_id": id,
        "ip_version": pool.cidr.version,
        "cidr": str(pool.cidr),
        "gateway_ip": str(pool.gateway) if pool.gateway else None,
        "enable_dhcp": False,
    }


def _others_stay(client: Client, found: Resource, network_id: str, host: str) -> bool:
    """Take one host off a swarm's network; whether another still has it.

    The last one stays written down until all the rest is gone, as with other networks.
    """
    own = tags.of_host(found["tags"], network_id, host)
    if set(tags.places(found["tags"], network_id)) <= set(own):
        return False
    for tag in own:
        client.untag("networks", found["id"], tag)
    try:
        left = client.show("networks", found["id"])["tags"]
    except NetworkNotFound:
        return False
    return bool(tags.places(left, network_id))


def _untag(client: Client, id: str, tag: str) -> None:
    """Take a tag off; one that another host has put there stays."""
    try:
        client.untag("networks", id, tag)
    except NotPermitted as error:
        log.debug("tag %s of network %s stays: %s", tag, id, error)


def _listed(cidrs: Iterable[Network4or6]) -> str:
    return ", ".join(sorted(str(cidr) for cidr in cidrs))
