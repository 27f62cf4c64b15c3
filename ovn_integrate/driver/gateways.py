"""A Docker network's way out through OVN, as far as this host is concerned: its bridge, and the
ports that are published on it. What it knows it reads from the host each time.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import closing

from ovn_integrate import netlink
from ovn_integrate.driver import veth as names
from ovn_integrate.driver.links import Links
from ovn_integrate.driver.options import PublishedPort
from ovn_integrate.driver.routers import External
from ovn_integrate.errors import Conflict
from ovn_integrate.host import gateway, packet_filter
from ovn_integrate.host.packet_filter import Published

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


class Gateways:
    """The bridge to the host, and the published ports. Any thread may use it."""

    def __init__(self, links: Links) -> None:
        self._links = links
        # Reading the rules and adding one are two steps, and so are those of the bridge.
        self._lock = threading.Lock()

    def create(self, network_id: str, external: External) -> None:
        """Have the way out for a Docker network."""
        with self._lock, self._links.session(gateway.TABLES) as session:
            gateway.create(session, network_id, external.gateway, self._links.mtu())

    def delete(self, network_id: str) -> None:
        """Take a Docker network off it; with the last one all of it goes."""
        if network_id not in self.users():
            return
        with self._lock, self._links.session(gateway.TABLES) as session:
            gateway.delete(session, network_id)

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
        """Have what the kernel forgot when the host, or its Open vSwitch, was started anew.

        :returns: the Docker networks whose way out Open vSwitch knows of.
        """
        with self._lock:
            datapath, ids = self._links.bridge(gateway.NAME) or ("", {})
            users = gateway.users(ids)
            if users:
                gateway.restore(users, userspace=datapath == "netdev")
        return set(users)

    def publish(self, endpoint_id: str, ports: Iterable[PublishedPort], target: str) -> None:
        """Publish an endpoint's ports, all or none; those of an earlier call go.

        :param target: the endpoint's address outside of OVN.
        :raises Conflict: a port is in use on this host.
        """
        with self._lock:
            packet_filter.revoke(endpoint_id)
            try:
                for port in ports:
                    packet_filter.publish(self._placed(endpoint_id, port, target))
            except Exception:
                packet_filter.revoke(endpoint_id)
                raise

    def revoke(self, endpoint_id: str) -> None:
        """Publish an endpoint's ports no more."""
        if self._links.bridge(gateway.NAME) is not None:
            with self._lock:
                packet_filter.revoke(endpoint_id)

    def publishing(self) -> list[str]:
        """The endpoints of which ports are published on this host."""
        if self._links.bridge(gateway.NAME) is None:
            return []
        with self._lock:
            return sorted({one.endpoint_id for one in packet_filter.published()})

    def _placed(self, endpoint_id: str, port: PublishedPort, target: str) -> Published:
        trouble = ""
        for number in port.host_ports:
            wanted = Published(endpoint_id, port.protocol, port.host_ip, number, target, port.port)
            trouble = _holder(wanted)
            if not trouble:
                return wanted
        raise Conflict(
            f"port {port.host_ports[0]}/{port.protocol}",
            f"is in use by {trouble}",
            "publish another one",
        )


def _holder(wanted: Published) -> str:
    """Who has a host's port already; empty when nobody has."""
    for other in packet_filter.published():
        if not other.collides(wanted):
            continue
        if netlink.exists(names.outer(other.endpoint_id)):
            return f"endpoint {other.endpoint_id[:12]}"
        packet_filter.revoke(other.endpoint_id)  # left behind by an engine that died
    return "a process of this host" if _bound(wanted) else ""


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
