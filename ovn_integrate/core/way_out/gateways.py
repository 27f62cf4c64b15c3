"""A Docker network's way out through OVN, as far as this host is concerned: its bridge, the ports
that are published on it, and the rules of the packet filter. What it knows it reads from the host
each time.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing

from ovn_integrate import faultpoint, netlink
from ovn_integrate.core.link import veth as names
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.network.options import PublishedPort
from ovn_integrate.core.way_out.routers import External
from ovn_integrate.errors import Conflict, NotFound
from ovn_integrate.host import gateway, packet_filter
from ovn_integrate.host.packet_filter import published, tables
from ovn_integrate.host.packet_filter.published import ENDPOINT, RECORD, RECORDED, Published
from ovn_integrate.host.packet_filter.tables import Tables
from ovn_integrate.host.packet_filter.wanted import Wanted
from ovn_integrate.ovsdb import Change

log = logging.getLogger(__name__)

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_SHOWN = 5.0  # seconds
_SHORT = 12  # of an id


class Gateways:
    """The bridge to the host, the published ports and the host's rules. Any thread may use it.

    What is published stands with the endpoint's Interface before there is a rule of it, and stands
    there no more before the rule goes: whoever dies in between is made up for by the next look.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        # Reading what is published and adding to it are two steps, and so are those of the bridge.
        self._lock = threading.Lock()

    def create(self, network_id: str, external: External) -> None:
        """Have the way out for a Docker network."""
        with self._lock:
            with self._links.session(gateway.TABLES) as session:
                gateway.create(session, network_id, external.gateway, self._links.mtu())
            self._await(network_id, present=True)

    def delete(self, network_id: str) -> None:
        """Take a Docker network off it; with the last one all of it goes."""
        if network_id not in self.users():
            return
        with self._lock:
            with self._links.session(gateway.TABLES) as session:
                gateway.delete(session, network_id)
            self._await(network_id, present=False)

    def delete_of(self, beginning: str) -> None:
        """The same for a Docker network of which the beginning of the id is known."""
        for user in self.users():
            if user.startswith(beginning):
                self.delete(user)

    def users(self) -> list[str]:
        """The Docker networks that have their way out by it."""
        found = self._links.bridge(gateway.NAME)
        return sorted(gateway.users(found[1])) if found is not None else []

    def restore(self) -> set[str]:
        """Restores what the kernel lost when the host or its Open vSwitch restarted, and the rules
        of the host that somebody removed.

        :returns: the Docker networks whose way out Open vSwitch knows of.
        """
        with self._lock:
            self._adopt()
            datapath, ids = self._links.bridge(gateway.NAME) or ("", {})
            users = gateway.users(ids)
            if not users and not tables.installed():
                return set()  # `doctor` says so
            mended = self._mend()
            if mended:
                log.warning("rules of the packet filter were mended: %s", "; ".join(mended))
            if users:
                gateway.restore(users, userspace=datapath == "netdev")
        return set(users)

    def state(self) -> object:
        """What the rules are made of, as the host's database has it; to be compared."""
        return self._links.bridge(gateway.NAME), self._recorded(), self._links.settings()

    def publish(self, endpoint_id: str, ports: Iterable[PublishedPort], target: str) -> None:
        """Publish an endpoint's ports, all or none; those of an earlier call go.

        :param target: the endpoint's address outside of OVN.
        :raises Conflict: a port is in use on this host.
        """
        with self._lock:
            self._adopt()
            # A port that is its own already must not be taken for another process'.
            self._revoke(endpoint_id)
            wanted: list[Published] = []
            for port in ports:
                wanted.append(self._placed(endpoint_id, port, target, wanted))
            try:
                self._write({endpoint_id: wanted})
                self._mend()
            except Exception:
                self._revoke(endpoint_id)
                raise

    def revoke(self, endpoint_id: str) -> None:
        """Publish an endpoint's ports no more."""
        if self._links.bridge(gateway.NAME) is not None:
            with self._lock:
                self._adopt()
                self._revoke(endpoint_id)

    def publishing(self) -> list[str]:
        """The endpoints of which ports are published on this host."""
        if self._links.bridge(gateway.NAME) is None:
            return []
        with self._lock:
            led = {one.endpoint_id for one in packet_filter.led()}
            return sorted(led | set(self._recorded()))

    def _placed(
        self, endpoint_id: str, port: PublishedPort, target: str, before: Sequence[Published]
    ) -> Published:
        trouble = ""
        for number in port.host_ports:
            wanted = Published(endpoint_id, port.protocol, port.host_ip, number, target, port.port)
            trouble = self._holder(wanted, before)
            if not trouble:
                return wanted
        raise Conflict(
            f"port {port.host_ports[0]}/{port.protocol}",
            f"is in use by {trouble}",
            "publish another one",
        )

    def _holder(self, wanted: Published, before: Sequence[Published]) -> str:
        """Who has a host's port already; empty when nobody has.

        :param before: what is to be published together with it.
        """
        others = [one for some in self._recorded().values() for one in some]
        for other in (*before, *others):
            if not other.collides(wanted):
                continue
            if other in before or netlink.exists(names.outer(other.endpoint_id)):
                return f"endpoint {other.endpoint_id[:_SHORT]}"
            self._revoke(other.endpoint_id)  # left behind by an engine that died
        return "a process of this host" if _bound(wanted) else ""

    def _revoke(self, endpoint_id: str) -> None:
        recorded = endpoint_id in self._recorded()
        if recorded:
            self._write({endpoint_id: []})
        # Of one whose Interface is gone the rules may still be there.
        if recorded or any(one.endpoint_id == endpoint_id for one in packet_filter.led()):
            self._mend()

    def _mend(self) -> list[str]:
        pump = self._links.open()

        def wanted(now: Tables) -> Wanted:
            with pump.lock:
                return gateway.wanted(pump.session, now)

        return packet_filter.mend(wanted)

    def _recorded(self) -> dict[str, list[Published]]:
        """What is published, by endpoint."""
        pump = self._links.open()
        with pump.lock:
            rows = [dict(row.external_ids) for row in pump.session.rows("Interface")]
        found = {ids.get(ENDPOINT, ""): published.of(ids) for ids in rows}
        return {endpoint_id: some for endpoint_id, some in found.items() if some}

    def _write(self, ports: Mapping[str, Sequence[Published]], *, adopt: bool = False) -> None:
        """Record what is published of endpoints.

        :param adopt: record that it is recorded, and leave out those without an Interface.
        :raises NotFound: an endpoint has no Interface.
        """

        def change(draft: Change) -> None:
            missing = {one for one, some in ports.items() if some}
            for row in draft.rows("Interface"):
                endpoint_id = row.external_ids.get(ENDPOINT)
                if endpoint_id in ports:
                    missing.discard(endpoint_id)
                    keys = {RECORD: published.record(ports[endpoint_id])}
                    draft.set_keys(row, "external_ids", keys)
            bridge = draft.find("Bridge", name=gateway.NAME)
            if adopt and bridge is not None:
                draft.set_keys(bridge, "external_ids", {RECORDED: "true"})
            if missing and not adopt:
                short = missing.pop()[:_SHORT]
                raise NotFound(f"endpoint {short}", "has no port on the integration bridge")

        faultpoint.reach("before published ports")
        comment = " ".join(("publish", *(one[:_SHORT] for one in ports)))
        self._links.open().transact(change, comment)
        faultpoint.reach("after published ports")

    def _adopt(self) -> None:
        """Record what rules publish that are of a version which kept no other record."""
        found = self._links.bridge(gateway.NAME)
        if found is None or RECORDED in found[1]:
            return
        led: dict[str, list[Published]] = {}
        for one in packet_filter.led():
            led.setdefault(one.endpoint_id, []).append(one)
        self._write(led, adopt=True)

    def _await(self, network_id: str, *, present: bool) -> None:
        """Return when the replica shows what another session has changed; else the next look
        would take the rules of it for wrong."""
        pump = self._links.open()

        def shown() -> bool:
            row = pump.session.find("Bridge", name=gateway.NAME)
            used = gateway.users(row.external_ids) if row is not None else {}
            return (network_id in used) is present

        pump.wait_until(shown, timeout=_SHOWN)


def _bound(wanted: Published) -> bool:
    kind = _KINDS.get(wanted.protocol)
    if kind is None:
        return False
    with closing(socket.socket(socket.AF_INET, kind)) as probe:
        if kind == socket.SOCK_STREAM:
            # Connections that have just ended are in nobody's way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((wanted.address or "", wanted.port))
        except OSError:
            return True
    return False
