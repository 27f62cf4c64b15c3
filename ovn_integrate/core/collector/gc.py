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
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ovn_integrate import faultpoint, netlink, paths, servers
from ovn_integrate.clients.docker import engine
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.clients.neutron import keystone
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import (
    ENDPOINTS,
    LOCK,
    RESERVED,
    SET_ASIDE,
    TAKEN,
    host_of,
)
from ovn_integrate.core.addresses.reservation_cache import ReservationCache
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.collector.in_flight import PATH
from ovn_integrate.core.collector.orphans import (
    BRIDGE_PORT,
    LINK,
    PORT,
    PUBLISHED,
    ROUTER,
    TEST_NETWORK,
    TEST_PORT,
    WAY_OUT,
    Inventory,
    Orphan,
    orphans,
)
from ovn_integrate.core.endpoint.mode import Mode, Modes
from ovn_integrate.core.endpoint.ports import Ports
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.network import lock
from ovn_integrate.core.probe import probe
from ovn_integrate.core.way_out import routers
from ovn_integrate.core.way_out.gateways import Gateways
from ovn_integrate.errors import Conflict, Error
from ovn_integrate.host import settings

log = logging.getLogger(__name__)

PAUSE = 3.0
"""Seconds between two looks: what Docker takes to write down what it was answered, amply."""

_ORPHANED = 20.0

# Ports on a logical network that go with it.
_GO_WITH_IT = (RESERVED, SET_ASIDE, LOCK)


class Collector:
    """Collects what has no owner on this host. No call of Docker may wait for it.

    :param mode: how endpoints are connected at this moment.
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
        mode: Callable[[], Mode],
        connect: Callable[[], Client],
        in_flight: Callable[[], Iterable[str]],
        pause: Callable[[], object],
        ask: Callable[[], Known],
    ) -> None:
        self._links = links
        self._networks = networks
        self._gateways = Gateways(links)
        self._ports = Ports(networks, ReservationCache(), lambda *_: False)
        self._mode = mode
        self._connect = connect
        self._in_flight = in_flight
        self._pause = pause
        self._ask = ask

    def find(self) -> list[Orphan]:
        """What has no owner, in the order in which to remove it.

        :raises CommandFailed: Docker does not answer, so that nothing can be told.
        """
        first = set(self._look())
        if not first:
            return []
        self._pause()
        return [one for one in self._look() if one in first]

    def remove(self, found: Iterable[Orphan]) -> Iterator[tuple[Orphan, bool]]:
        """Remove what is surely without an owner; yields each with whether it is gone now."""
        for orphan in found:
            gone = False
            if orphan.sure:
                try:
                    gone = self._remove(orphan)
                except Error as error:
                    log.warning("%s %s stays for now: %s", orphan.kind, orphan.name, error)
            yield orphan, gone

    def _look(self) -> list[Orphan]:
        have = self._inventory()
        calls = frozenset(self._in_flight())
        return list(orphans(have, self._ask(), calls))

    def _inventory(self) -> Inventory:
        now = self._links.settings()
        settings.require(now, settings.IPAM, settings.SYSTEM_ID)
        host = str(now.system_id)
        client = self._connect()
        asked: Mapping[str, Any] = {
            **self._mode().filters(host),
            "device_owner": [*ENDPOINTS, RESERVED],
        }
        networks = client.query("networks")
        # Not every Neutron knows this filter for everyone, and others' ports must never go.
        ports = [one for one in client.query("ports", **asked) if host_of(one) == host]
        # Whoever was about to let go of one that stays may have died over it. Where this attribute
        # is missing it is hidden from us, and the port may be anybody's.
        taken = client.query("ports", device_owner=TAKEN)
        ports += [one for one in taken if one.get("binding:host_id", host) in (None, "")]
        return Inventory(
            host,
            ports,
            list(filter(lock.is_dead, client.query("ports", device_owner=LOCK))),
            self._links.all_attached(),
            netlink.veths(),
            networks,
            frozenset(one["gateway_ip"] or "" for one in client.query("subnets")),
            test_ports=probe.ports_left(self._links),
            published=self._gateways.publishing(),
            routers=routers.left(client),
            led_out=self._gateways.users(),
        )

    def _remove(self, orphan: Orphan) -> bool:
        if orphan.kind == BRIDGE_PORT:
            self._links.detach(orphan.owner)
        elif orphan.kind == LINK:
            faultpoint.reach("before deletion of a link")
            netlink.delete_link(orphan.name)
            faultpoint.reach("after deletion of a link")
        elif orphan.kind == PORT:
            self._remove_port(orphan)
        elif orphan.kind == TEST_PORT:
            probe.delete_port(self._links, orphan.name)
        elif orphan.kind == TEST_NETWORK:
            probe.delete_network(self._connect(), orphan.name)
        elif orphan.kind == PUBLISHED:
            self._gateways.revoke(orphan.owner)
        elif orphan.kind == WAY_OUT:
            self._gateways.delete(orphan.owner)
        elif orphan.kind == ROUTER:
            self._remove_router(orphan)
        else:
            return self._take_off(orphan)
        return True

    def _remove_port(self, orphan: Orphan) -> None:
        client = self._connect()
        # Read again: a port that stays may have been taken for another endpoint since.
        for port in client.query("ports", id=orphan.name, device_id=orphan.owner):
            self._ports.let_go(client, port)

    def _remove_router(self, orphan: Orphan) -> None:
        client = self._connect()
        for router in routers.left(client, id=orphan.name):
            routers.dismantle(client, router)

    def _take_off(self, orphan: Orphan) -> bool:
        client = self._connect()
        host = str(self._links.settings().system_id)
        network = client.show("networks", orphan.name)
        ports = client.query("ports", network_id=network["id"])
        if tags.is_of_swarm(orphan.owner):
            ports = [one for one in ports if host_of(one) == host]
        if tags.MADE in network["tags"] and not all(map(_goes_along, ports)):
            log.warning("network %s of a removed Docker network has ports", network["id"])
            return False
        if not orphan.owner:
            self._networks.vacate(client, network)
            return True
        self._gateways.delete_of(orphan.owner)
        self._networks.take_off(client, network, orphan.owner, host)
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
        client = Client(
            now.ipam_urls, timeout=timeout, access=keystone.access(), credentials=now.credentials
        )
        yield Collector(
            links,
            Networks(),
            mode=Modes(links).now,
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


def _goes_along(port: Resource) -> bool:
    """Whether a port goes with its logical network: those of its router do, too."""
    return port["device_owner"] in _GO_WITH_IT or routers.owns(port)
