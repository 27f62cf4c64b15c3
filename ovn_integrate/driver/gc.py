"""Finding and removing what no living endpoint of this host owns.

Docker tells nobody of endpoints that ended with a crash of the engine or of the host, and forgets
those that it could not tell of because the driver was down. What it knows is alive; what stands in
Neutron for this host, on the integration bridge or among the links, and is unknown to it, is not.

**What is being made is unknown to Docker, too**: it writes an endpoint down after CreateEndpoint
has been answered. So a thing goes only if it was without an owner in two looks, some seconds
apart, each of which read in this order: the things, then the ids that calls in flight are about,
then Docker. Whatever a look has seen was made by a call that began before; either it still runs,
and is among those in flight, or it was answered, which Docker has written down by the second look
at the latest.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovn_integrate import netlink, paths, servers
from ovn_integrate.driver import engine, keystone, lock, routers, tags, vacancy
from ovn_integrate.driver import links as names
from ovn_integrate.driver.calls import PATH
from ovn_integrate.driver.engine import Known
from ovn_integrate.driver.gateways import Gateways
from ovn_integrate.driver.links import Attached, Links
from ovn_integrate.driver.networks import Networks
from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.driver.notes import Notes
from ovn_integrate.driver.owners import ENDPOINTS, RESERVED, SET_ASIDE, TAKEN
from ovn_integrate.driver.ports import Ports
from ovn_integrate.errors import Conflict, Error
from ovn_integrate.host import settings

log = logging.getLogger(__name__)

_LINK = re.compile(rf"v[ec][0-9a-f]{{{netlink.NAME_MAX - 2}}}")

PAUSE = 3.0
"""Seconds between two looks: what Docker takes to write down what it was answered, amply."""

_ORPHANED = 20.0

PORT, BRIDGE_PORT, LINK, NETWORK = "port", "OVS port", "link", "network"
PUBLISHED, ROUTER = "published ports", "router"

# Ports on a logical network that go with it.
_GO_WITH_IT = (RESERVED, SET_ASIDE, lock.OWNER)


@dataclass(frozen=True)
class Inventory:
    """What there is on this host, and for it in Neutron.

    :param ports: Neutron's, of this host and of Docker.
    :param locks: those of processes that were killed on this host.
    :param attached: OVS Interfaces that carry an EndpointID.
    :param links: names of veth links that may be ours.
    :param networks: Neutron's, of which some have tags of Docker networks.
    :param gateways: of Neutron's subnets.
    :param published: the endpoints of which ports are published on this host.
    :param routers: those made for Docker networks of which none is left.
    """

    host: str
    ports: Sequence[Resource] = ()
    locks: Sequence[Resource] = ()
    attached: Sequence[Attached] = ()
    links: Sequence[str] = ()
    networks: Sequence[Resource] = ()
    gateways: frozenset[str] = frozenset()
    published: Sequence[str] = ()
    routers: Sequence[Resource] = ()


@dataclass(frozen=True)
class Stray:
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


def strays(have: Inventory, known: Known, in_flight: Iterable[str]) -> Iterator[Stray]:
    """What has no owner, in the order in which to remove it.

    :param in_flight: ids of networks and endpoints that calls are about.
    """
    calls = frozenset(in_flight)
    alive = known.endpoints | calls
    reserved = known.addresses | have.gateways
    unknown = "Docker does not know its endpoint"
    for one in have.attached:
        if one.endpoint_id not in alive:
            yield Stray(BRIDGE_PORT, one.name, one.endpoint_id, unknown)
    gone_with_it = {one.name for one in have.attached}
    used = {names.outer(endpoint) for endpoint in alive}
    # The outer ends first, which take the inner ones with them.
    for link in sorted(filter(_LINK.fullmatch, have.links), reverse=True):
        outer = names.outer(link[2:])
        if outer not in used | gone_with_it:
            gone_with_it.add(outer)
            yield Stray(LINK, link, link[2:], unknown)
    for port in have.ports:
        # An address is reserved before Docker says for which endpoint.
        held = port["device_owner"] == RESERVED and (calls or _addresses(port) & reserved)
        if port["device_id"] not in alive and not held:
            yield Stray(PORT, port["id"], port["device_id"], unknown)
    for port in have.locks:
        yield Stray(PORT, port["id"], port["device_id"], "the process that locked with it is dead")
    for endpoint in have.published:
        if endpoint not in alive:
            yield Stray(PUBLISHED, endpoint, endpoint, unknown)
    for router in have.routers:  # which are on networks, and are locked by them
        yield Stray(ROUTER, router["id"], "", "no Docker network is on it any more")
    yield from _stray_networks(have, known, calls)


class Collector:
    """Collects what has no owner on this host. No call of Docker may wait for it.

    :param connect: makes a client of Neutron.
    :param in_flight: the ids that calls in flight are about.
    :param pause: waits between two looks.
    :param ask: asks Docker.
    """

    def __init__(
        self,
        links: Links,
        networks: Networks,
        *,
        connect: Callable[[], Client],
        in_flight: Callable[[], Iterable[str]],
        pause: Callable[[], object],
        ask: Callable[[], Known],
    ) -> None:
        self._links = links
        self._networks = networks
        self._gateways = Gateways(links)
        self._ports = Ports(networks, Notes(), lambda *_: False)
        self._connect = connect
        self._in_flight = in_flight
        self._pause = pause
        self._ask = ask

    def find(self) -> list[Stray]:
        """What has no owner, in the order in which to remove it.

        :raises CommandFailed: Docker does not answer, so that nothing can be told.
        """
        first = set(self._look())
        if not first:
            return []
        self._pause()
        return [one for one in self._look() if one in first]

    def remove(self, found: Iterable[Stray]) -> Iterator[tuple[Stray, bool]]:
        """Remove what is surely without an owner; yields each with whether it is gone now."""
        for stray in found:
            gone = False
            if stray.sure:
                try:
                    gone = self._remove(stray)
                except Error as error:
                    log.warning("%s %s stays for now: %s", stray.kind, stray.name, error)
            yield stray, gone

    def _look(self) -> list[Stray]:
        have = self._inventory()
        calls = frozenset(self._in_flight())
        return list(strays(have, self._ask(), calls))

    def _inventory(self) -> Inventory:
        now = self._links.settings()
        settings.require(now, settings.IPAM, settings.SYSTEM_ID)
        host = str(now.system_id)
        client = self._connect()
        asked: Mapping[str, Any] = {"binding:host_id": host, "device_owner": [*ENDPOINTS, RESERVED]}
        # Not every Neutron knows this filter for everyone, and others' ports must never go.
        ports = [one for one in client.query("ports", **asked) if _at(one) == host]
        # Whoever was about to let go of one that stays may have died over it. Where this attribute
        # is missing it is hidden from us, and the port may be anybody's.
        taken = client.query("ports", device_owner=TAKEN)
        ports += [one for one in taken if one.get("binding:host_id", host) in (None, "")]
        return Inventory(
            host,
            ports,
            list(filter(lock.is_dead, client.query("ports", device_owner=lock.OWNER))),
            self._links.all_attached(),
            netlink.veths(),
            client.query("networks"),
            frozenset(one["gateway_ip"] or "" for one in client.query("subnets")),
            self._gateways.publishing(),
            routers.left(client),
        )

    def _remove(self, stray: Stray) -> bool:
        if stray.kind == BRIDGE_PORT:
            self._links.detach(stray.owner)
        elif stray.kind == LINK:
            netlink.delete_link(stray.name)
        elif stray.kind == PORT:
            self._remove_port(stray)
        elif stray.kind == PUBLISHED:
            self._gateways.revoke(stray.owner)
        elif stray.kind == ROUTER:
            self._remove_router(stray)
        else:
            return self._take_off(stray)
        return True

    def _remove_port(self, stray: Stray) -> None:
        client = self._connect()
        # Read again: a port that stays may have been taken for another endpoint since.
        for port in client.query("ports", id=stray.name, device_id=stray.owner):
            self._ports.let_go(client, port)

    def _remove_router(self, stray: Stray) -> None:
        client = self._connect()
        for router in routers.left(client, id=stray.name):
            routers.dismantle(client, router)

    def _take_off(self, stray: Stray) -> bool:
        client = self._connect()
        host = str(self._links.settings().system_id)
        network = client.show("networks", stray.name)
        ports = client.query("ports", network_id=network["id"])
        if tags.is_of_swarm(stray.owner):
            ports = [one for one in ports if _at(one) == host]
        if tags.MADE in network["tags"] and not all(map(_goes_along, ports)):
            log.warning("network %s of a removed Docker network has ports", network["id"])
            return False
        if not stray.owner:
            self._networks.vacate(client, network)
            return True
        self._gateways.delete_of(stray.owner)
        self._networks.take_off(client, network, stray.owner, host)
        return True


@contextmanager
def on_this_host(remote: str, timeout: float) -> Iterator[Collector]:
    """A collector beside the driver that serves, or does not serve, on this host.

    :param remote: of the host's database.
    :param timeout: seconds for each question, to whomever.
    """
    links = Links(remote, timeout)
    calls = _CallsOfTheDriver()
    try:
        now = links.settings()
        settings.require(now, settings.IPAM)
        client = Client(now.ipam_urls, timeout=timeout, access=keystone.access())
        yield Collector(
            links,
            Networks(),
            connect=lambda: client,
            in_flight=calls.ids,
            pause=calls.pause,
            ask=lambda: engine.ask(timeout),
        )
    finally:
        links.close()


class _CallsOfTheDriver:
    """The calls that are in flight in the process that serves, asked on its socket."""

    def __init__(self) -> None:
        self._serves = False

    def ids(self) -> list[str]:
        """
        :raises CommandFailed: the driver serves, but does not answer.
        :raises Conflict: it serves another engine than the one that is to be asked.
        """
        answer = servers.fetch(f"unix:{paths.plugin_socket()}", PATH)
        self._serves = answer is not None
        if answer is None:
            return []
        mine = paths.docker_socket().resolve()
        if Path(answer["docker"]).resolve() != mine:
            raise Conflict(
                f"Docker engine on {mine}",
                f"is not the one that the driver serves, on {answer['docker']}",
                f"--docker-host unix://{answer['docker']}",
            )
        return list(answer["ids"])

    def pause(self) -> None:
        # A worker whose master was killed is out of reach, and may still answer a call.
        threading.Event().wait(PAUSE if self._serves else _ORPHANED)


def _stray_networks(have: Inventory, known: Known, calls: frozenset[str]) -> Iterator[Stray]:
    alive = {tags.short(one) for one in known.networks | calls}
    for network in have.networks:
        if vacancy.is_left(network):
            yield Stray(NETWORK, network["id"], "", "no Docker network is on it any more")
        if vacancy.is_begun(network, have.host):
            begun = tags.held_by(network["description"])
            if begun not in alive:
                yield Stray(NETWORK, network["id"], begun, "Docker does not know its network")
        for id in tags.held_at(network["tags"], have.host):
            if id not in alive:
                yield Stray(NETWORK, network["id"], id, "Docker does not know its network")
        for id in tags.held_somewhere(network["tags"]):
            if id not in alive:
                why = "Docker does not know its network here, another host's may"
                yield Stray(NETWORK, network["id"], id, why, sure=False)


def _addresses(port: Resource) -> frozenset[str]:
    return frozenset(fixed["ip_address"] for fixed in port["fixed_ips"])


def _at(port: Resource) -> str:
    """The chassis that a port is bound to; empty if it is not."""
    return str(port.get("binding:host_id") or "")


def _goes_along(port: Resource) -> bool:
    """Whether a port goes with its logical network: those of its router do, too."""
    return port["device_owner"] in _GO_WITH_IT or routers.owns(port)
