"""An endpoint: a Neutron port, and the link on this host that is bound to it.

Both are made at CreateEndpoint already, so that OVN binds the port while Docker builds the
sandbox.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from ovn_integrate import netlink, openflow, paths
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import MADE, TAKEN, host_of
from ovn_integrate.core.addresses.reservation_cache import ReservationCache
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.endpoint.endpoint_request import Addresses, Identity, Wish
from ovn_integrate.core.endpoint.mode import Connect, Mode
from ovn_integrate.core.endpoint.ports import UNDO, Ports, addresses_of, undoing, usual_mac
from ovn_integrate.core.link import gratuitous_arp
from ovn_integrate.core.link import veth as names
from ovn_integrate.core.link.links import Link, Links
from ovn_integrate.core.link.prefetch import Prefetch
from ovn_integrate.core.network.model import Network
from ovn_integrate.core.network.options import OVN, PublishedPort
from ovn_integrate.core.way_out import routers
from ovn_integrate.errors import CommandFailed, PortNotFound

log = logging.getLogger(__name__)

_ANNOUNCEMENT = 2.0  # seconds
_TURN = 15.0  # seconds to wait for another call about the same endpoint


class Endpoints:
    """The endpoints of this host. Any thread may use it.

    :param mode: how they are connected at this moment.
    :param revoke: takes the published ports of an endpoint away that gives way to another.
    :param ready_timeout: seconds that :meth:`join` waits for OVN; 0 for not at all.
    """

    def __init__(
        self,
        links: Links,
        mode: Callable[[], Mode],
        networks: Networks,
        cache: ReservationCache,
        revoke: Callable[[str], None],
        *,
        ready_timeout: float,
    ) -> None:
        self._links = links
        self._mode = mode
        self._revoke = revoke
        self._networks = networks
        self._ports = Ports(networks, cache, self.free_dead)
        self._ready_timeout = ready_timeout
        self._turns = _Turns()
        # To spare a question at DeleteEndpoint; Neutron knows it as well.
        self._known: dict[str, Resource] = {}

    def create(self, client: Client, wish: Wish) -> Addresses:
        """Have the port and the link, all or nothing, and return what the interface has.

        :raises Conflict: an address is another port's, or the endpoint exists with others.
        :raises Error: of any of its parts; nothing is left then.
        """
        with self._turns.of(wish.who.endpoint_id):
            again = self._again(client, wish)
            return again if again is not None else self._create(client, wish)

    def join(self, connect: Connect, who: Identity) -> str:
        """Return the name of the link that goes into the container, when OVN serves it.

        :param connect: makes the client, which is needed only where the link has to be made anew.
        :raises PortNotFound: there is no such endpoint.
        :raises Unhealthy: OVN is not ready in time; what this call made is gone again.
        """
        with self._turns.of(who.endpoint_id), ExitStack() as undo:
            if not self._links.complete(who.endpoint_id):
                undo.callback(self._drop_link, who)
                self._make_link(connect(), who)
            if self._ready_timeout > 0:
                self._mode().wait_ready(connect, who, self._ready_timeout)
                self._announce(connect, who)
            undo.pop_all()
        return names.inner(who.endpoint_id)

    def close(self, client: Client, who: Identity) -> None:
        """Have an endpoint among those of a closed network, which may have been open when it was
        made.

        :raises PortNotFound: there is no such endpoint.
        """
        with self._turns.of(who.endpoint_id):
            port = self._networks.groups.enter(client, self.port(client, who))
            self._known[who.endpoint_id] = port

    def let_in(self, client: Client, who: Identity, ports: Sequence[PublishedPort]) -> Resource:
        """Have what is published of an endpoint let in to it; its port as it is then.

        :raises PortNotFound: there is no such endpoint.
        """
        with self._turns.of(who.endpoint_id):
            port = self.port(client, who)
            if not self._networks.get(client, who.network_id).closed:
                port = self._networks.groups.let_in(client, port, ports)
                self._known[who.endpoint_id] = port
        return port

    def leave(self, who: Identity) -> None:
        """Take the link away, if there is one."""
        with self._turns.of(who.endpoint_id):
            self._links.detach(who.endpoint_id)

    def delete(self, connect: Connect, who: Identity) -> None:
        """Take the link away and let go of the port, as far as they exist."""
        with self._turns.of(who.endpoint_id), ExitStack() as also:
            # Docker forgets the endpoint whatever fails, and gives its addresses away.
            also.callback(self._let_go, connect, who)
            self._links.detach(who.endpoint_id)

    def free_dead(self, client: Client, port: Resource, host: str) -> bool:
        """Whether a port's endpoint is dead on this host; if so the port is free or gone now.

        After a crash of Docker or of the host nobody says that the endpoints ended, and their
        addresses are asked for again.
        """
        endpoint_id = port["device_id"]
        if (
            port["device_owner"] not in (MADE, TAKEN)
            or host_of(port) != host
            or self._turns.taken(endpoint_id)
            or self._in_use(endpoint_id)
        ):
            return False
        log.warning("port %s of a dead endpoint is freed", port["id"])
        self._revoke(endpoint_id)
        self._links.detach(endpoint_id)
        self._ports.let_go(client, port)
        self._known.pop(endpoint_id, None)
        return True

    def port(self, client: Client, who: Identity) -> Resource:
        """The port of an endpoint.

        :raises PortNotFound: there is no such endpoint.
        """
        known = self._known.get(who.endpoint_id)
        found = [known] if known is not None else self._ports.of(client, who.endpoint_id)
        if not found:
            raise PortNotFound(str(who), "has no port", "was it deleted in Neutron?")
        return found[0]

    def info(self, who: Identity) -> dict[str, str]:
        """What the replica says of an endpoint, empty if nothing."""
        attached = self._links.attached(who.endpoint_id)
        if attached is None:
            return {}
        return {
            "mac_address": attached.mac,
            "port": attached.port,
            "veth_outside": attached.name,
            **self._mode().told_ready(attached.installed),
        }

    def _create(self, client: Client, wish: Wish) -> Addresses:
        who = wish.who
        network = self._networks.get(client, who.network_id)
        with ExitStack() as undo:
            undo.callback(self._drop_link, who)
            start = self._prefetch(wish, self._mtu(network))
            port, addresses = self._ports.get(client.meanwhile(start.take), wish)
            undo.callback(self._drop_port, client, port)
            port = self._mode().settle(client, port)
            if network.gateway == OVN:
                routers.give_address(client, port)
            start.finish(self._link(who, port))
            undo.pop_all()
        self._known[who.endpoint_id] = port
        return addresses

    def _prefetch(self, wish: Wish, mtu: int) -> Prefetch:
        who, addresses = wish.who, wish.addresses
        pair = self._links.prepare(who.endpoint_id, addresses.mac, mtu)
        mac = addresses.mac or usual_mac(addresses)
        link = None
        if mac is not None and wish.port is None and self._mode().early:
            link = partial(Link, who.network_id, who.endpoint_id, mac=mac)
        return Prefetch(pair, self._links.attach, link)

    def _again(self, client: Client, wish: Wish) -> Addresses | None:
        """The answer of an earlier call, if there was one and the question is the same."""
        attached = self._links.attached(wish.who.endpoint_id)
        if attached is None:
            return None
        try:
            port = client.show("ports", attached.port)
        except PortNotFound:
            self._links.detach(wish.who.endpoint_id)
            return None
        has = addresses_of(port, self._networks.get(client, wish.who.network_id))
        wish.addresses.refuse_other(has, str(wish.who))
        return has

    def _make_link(self, client: Client, who: Identity) -> None:
        port = self.port(client, who)
        network = self._networks.get(client, who.network_id)
        self._links.prepare(who.endpoint_id, port["mac_address"], self._mtu(network)).finish()
        self._links.attach(self._link(who, self._mode().settle(client, port)))

    def _announce(self, connect: Connect, who: Identity) -> None:
        attached = self._links.attached(who.endpoint_id)
        if attached is None or attached.ofport is None or attached.ofport < 0:
            return
        client = connect()
        has = addresses_of(self.port(client, who), self._networks.get(client, who.network_id))
        if not has.ipv6 and has.mac == usual_mac(has):
            return  # whoever had the address before had this MAC too
        frames = gratuitous_arp.frames(attached.mac, [one.ip for one in has.ips])
        management = paths.management(self._links.settings().endpoint_bridge)
        try:
            openflow.inject(management, attached.ofport, frames, _ANNOUNCEMENT)
        except CommandFailed as error:
            log.warning("%s is not announced to its neighbours: %s", who, error)

    def _let_go(self, connect: Connect, who: Identity) -> None:
        known = self._known.pop(who.endpoint_id, None)
        if known is not None:
            self._ports.let_go(connect(), known)
        else:
            self._ports.let_go_of(connect(), who.endpoint_id)

    def _in_use(self, endpoint_id: str) -> bool:
        """Whether a link of an endpoint is in a container, or on its way there.

        Both ends are here between CreateEndpoint and Join, which this process knows of; and after
        a driver that was killed in the middle of a call, or was not there when Docker gave the
        link back.
        """
        if not netlink.exists(names.outer(endpoint_id)):
            return False
        return endpoint_id in self._known or not netlink.exists(names.inner(endpoint_id))

    def _link(self, who: Identity, port: Resource) -> Link:
        tag = self._mode().tag(port)
        return Link(who.network_id, who.endpoint_id, port["id"], port["mac_address"], tag)

    def _mtu(self, network: Network) -> int:
        passes = self._mode().mtu(network)
        return min(passes, network.mtu) if network.mtu else passes

    def _drop_link(self, who: Identity) -> None:
        with undoing("a link"):
            self._links.detach(who.endpoint_id)

    def _drop_port(self, client: Client, port: Resource) -> None:
        with undoing("a port"):
            self._ports.let_go(client.within(UNDO), port)


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class _Turns:
    """One call at a time for each endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turns: dict[str, _Turn] = {}

    def taken(self, endpoint_id: str) -> bool:
        """Whether a call about an endpoint runs."""
        with self._lock:
            return endpoint_id in self._turns

    @contextmanager
    def of(self, endpoint_id: str) -> Iterator[None]:
        """Wait for the turn of a call about an endpoint, and have it.

        :raises CommandFailed: another call does not end.
        """
        with self._lock:
            turn = self._turns.setdefault(endpoint_id, _Turn())
            turn.users += 1
        try:
            if not turn.lock.acquire(timeout=_TURN):
                raise CommandFailed(f"endpoint {endpoint_id[:12]}", "another call still runs")
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            with self._lock:
                turn.users -= 1
                if not turn.users:
                    del self._turns[endpoint_id]
