"""Which things have no owner: pure, out of what there is and what Docker knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from ovn_integrate import netlink
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.clients.neutron.client import Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import RESERVED
from ovn_integrate.core.attachment import teardown
from ovn_integrate.core.link import veth as names
from ovn_integrate.core.link.links import Attached
from ovn_integrate.core.probe import probe

_LINK = re.compile(rf"v[ec][0-9a-f]{{{netlink.NAME_MAX - 2}}}")

PORT, BRIDGE_PORT, LINK, NETWORK = "port", "OVS port", "link", "network"
TEST_PORT, TEST_NETWORK = "test's OVS port", "test's network"
PUBLISHED, ROUTER, WAY_OUT = "published ports", "router", "way out"

_FORGOTTEN = "Docker does not know its network"


@dataclass(frozen=True)
class Inventory:
    """What there is on this host, and for it in Neutron.

    :param ports: Neutron's, of this host and of Docker.
    :param locks: those of processes that were killed on this host.
    :param attached: OVS Interfaces that carry an EndpointID.
    :param links: names of veth links that may be ours.
    :param networks: Neutron's, of which some have tags of Docker networks.
    :param gateways: of Neutron's subnets.
    :param test_ports: OVS ports of tests whose process is gone.
    :param published: the endpoints of which ports are published on this host.
    :param routers: those made for Docker networks of which none is left.
    :param led_out: the Docker networks for which this host has a way out through OVN.
    """

    host: str
    ports: Sequence[Resource] = ()
    locks: Sequence[Resource] = ()
    attached: Sequence[Attached] = ()
    links: Sequence[str] = ()
    networks: Sequence[Resource] = ()
    gateways: frozenset[str] = frozenset()
    test_ports: Sequence[str] = ()
    published: Sequence[str] = ()
    routers: Sequence[Resource] = ()
    led_out: Sequence[str] = ()


@dataclass(frozen=True)
class Orphan:
    """A thing without an owner.

    :param kind: ``port``, ``OVS port``, ``link``, ``network`` …
    :param owner: the id, or the beginning of it, of the endpoint or Docker network that it was for;
        empty where that is not known any more.
    :param sure: whether it can be told from here that nobody needs it.
    """

    kind: str
    name: str
    owner: str
    why: str
    sure: bool = True


def orphans(have: Inventory, known: Known, in_flight: Iterable[str]) -> Iterator[Orphan]:
    """What has no owner, in the order in which to remove it.

    :param in_flight: ids of networks and endpoints that calls are about.
    """
    calls = frozenset(in_flight)
    alive = known.endpoints | calls
    reserved = known.addresses | have.gateways
    unknown = "Docker does not know its endpoint"
    for one in have.attached:
        if one.endpoint_id not in alive:
            yield Orphan(BRIDGE_PORT, one.name, one.endpoint_id, unknown)
    gone_with_it = {one.name for one in have.attached}
    used = {names.outer(endpoint) for endpoint in alive}
    # The outer ends first, which take the inner ones with them.
    for link in sorted(filter(_LINK.fullmatch, have.links), reverse=True):
        outer = names.outer(link[2:])
        if outer not in used | gone_with_it:
            gone_with_it.add(outer)
            yield Orphan(LINK, link, link[2:], unknown)
    for port in have.ports:
        # An address is reserved before Docker says for which endpoint.
        held = port["device_owner"] == RESERVED and (calls or _addresses(port) & reserved)
        if port["device_id"] not in alive and not held:
            yield Orphan(PORT, port["id"], port["device_id"], unknown)
    for port in have.locks:
        yield Orphan(PORT, port["id"], port["device_id"], "the process that locked with it is dead")
    for endpoint in have.published:
        if endpoint not in alive:
            yield Orphan(PUBLISHED, endpoint, endpoint, unknown)
    for router in have.routers:  # which are on networks, and are locked by them
        yield Orphan(ROUTER, router["id"], "", "no Docker network is on it any more")
    on_docker = {tags.short(one) for one in known.networks | calls}
    networks = list(_orphan_networks(have, on_docker))
    yield from networks
    # A way out goes with its network, if that is still there.
    told = {one.owner for one in networks if one.sure}
    for network_id in have.led_out:
        if tags.short(network_id) not in on_docker | told:
            yield Orphan(WAY_OUT, network_id, network_id, _FORGOTTEN)
    killed = "the test that it was for was killed"
    for name in have.test_ports:
        yield Orphan(TEST_PORT, name, "", killed)
    for network in probe.left_behind(have.networks, have.links, have.host):
        yield Orphan(TEST_NETWORK, network["id"], "", killed)


def _orphan_networks(have: Inventory, alive: Set[str]) -> Iterator[Orphan]:
    """:param alive: of Docker's networks, as much of the ids as tags keep."""
    for network in have.networks:
        if teardown.is_left(network):
            yield Orphan(NETWORK, network["id"], "", "no Docker network is on it any more")
        if teardown.is_begun(network, have.host):
            begun = tags.held_by(network["description"])
            if begun not in alive:
                yield Orphan(NETWORK, network["id"], begun, _FORGOTTEN)
        for id in tags.held_at(network["tags"], have.host):
            if id not in alive:
                yield Orphan(NETWORK, network["id"], id, _FORGOTTEN)
        elsewhere = tags.held_somewhere(network["tags"])
        if teardown.is_begun(network, tags.SWARM):
            elsewhere = [tags.held_by(network["description"])]
        for id in elsewhere:
            if id not in alive:
                why = "Docker does not know its network here, another host's may"
                yield Orphan(NETWORK, network["id"], id, why, sure=False)


def _addresses(port: Resource) -> frozenset[str]:
    return frozenset(fixed["ip_address"] for fixed in port["fixed_ips"])
