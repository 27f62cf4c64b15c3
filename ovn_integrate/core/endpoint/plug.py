"""Plugging logical ports into containers that no network plugin connects.

Docker knows nothing of it: the container runs with ``--network none``, and its links are made from
outside. Which container has a port, and under which name, stands at the port in Neutron: its
``device_id`` is the container's id.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from ovn_integrate import netlink
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import LINK, PLUGGED, host_of
from ovn_integrate.core.endpoint.endpoint_request import Identity
from ovn_integrate.core.endpoint.mode import Modes
from ovn_integrate.core.endpoint.ports import undoing
from ovn_integrate.core.link import veth as names
from ovn_integrate.core.link.links import Link, Links
from ovn_integrate.core.network import lookup
from ovn_integrate.errors import Conflict, PortNotFound
from ovn_integrate.host import settings

# Not the driver's key, or it would collect what Docker does not know.
_OWNER = "ovn-integrate:plugged"


class Plugs:
    """The ports of this host's containers that were plugged by hand.

    :param connect: makes a client of Neutron.
    :param ready_timeout: seconds that OVN has to serve a port.
    """

    def __init__(self, links: Links, connect: Callable[[], Client], ready_timeout: float) -> None:
        self._links = links
        self._connect = connect
        self._mode = Modes(links).now
        self._ready_timeout = ready_timeout

    def check(self) -> None:
        """Return if ports could be plugged now.

        :raises Error: what is missing.
        """
        settings.require(self._links.settings(), settings.IPAM, settings.SYSTEM_ID)
        self._links.check()
        self._mode().check(self._connect())

    @property
    def host(self) -> str:
        return str(self._links.settings().system_id)

    def ports(self, container: str | None = None) -> list[Resource]:
        """The ports that this host's containers have.

        :param container: to have those of one alone.
        """
        more = {} if container is None else {"device_id": container}
        asked: dict[str, Any] = {**self._mode().filters(self.host), "device_owner": PLUGGED, **more}
        found = self._connect().query("ports", **asked)
        return sorted((one for one in found if host_of(one) == self.host), key=link_of)

    def plug(self, port: Resource, container: str, pid: int, link: str) -> None:
        """Have a port in a container that runs, all or nothing. A container that had it keeps its
        claim whatever fails.

        :param pid: of a process in the container.
        :param link: what the port's link is called there.
        :raises Conflict: another container got it at the same moment.
        :raises Unhealthy: OVN does not serve it in time.
        """
        with ExitStack() as undo:
            if port["device_id"] == container:
                undo.callback(self._drop_link, port)
            else:
                undo.callback(self._undo, port, container)
            claimed = self._claim(port, container, link)
            self._connect_to(claimed, pid, link)
            undo.pop_all()

    def wait_ready(self, port: Resource) -> None:
        """Return when OVN serves a port that was plugged.

        :raises Unhealthy: it does not in time.
        """
        self._mode().wait_ready(self._connect, _who(port), self._ready_timeout)

    def is_plugged(self, port: Resource, pid: int) -> bool:
        """Whether the link of a port is where it belongs."""
        return (
            self._links.attached(port["id"]) is not None
            and netlink.exists(names.outer(port["id"]))
            and netlink.has_link(pid, link_of(port))
        )

    def detach(self, port_id: str) -> None:
        """Take the link of a port away, if there is one. The container keeps its claim."""
        self._links.detach(port_id)

    def free(self, port: Resource) -> None:
        """Take a port out of its container, which may be gone."""
        self._links.detach(port["id"])
        free = {"device_id": "", "device_owner": "", "binding:host_id": "", "binding:profile": {}}
        try:
            self._connect().update("ports", port["id"], **free)
        except PortNotFound:
            return

    def _claim(self, port: Resource, container: str, link: str) -> Resource:
        client = self._connect()
        binding = self._mode().binding(client, port["id"], self.host)
        client.update(
            "ports",
            port["id"],
            device_id=container,
            device_owner=PLUGGED,
            **binding.attributes(**{LINK: link}),
        )
        claimed = self._mode().settle(client, client.show("ports", port["id"]))
        if claimed["device_id"] != container:
            raise Conflict(f"endpoint {port['id']}", "another container got it", "try again")
        return claimed

    def _connect_to(self, port: Resource, pid: int, link: str) -> None:
        id, mac = port["id"], port["mac_address"]
        network = lookup.logical(self._connect(), port["network_id"])
        self._links.detach(id)  # of an earlier life of the container
        self._links.prepare(id, mac, self._mode().mtu(network)).finish()
        self._links.attach(Link(network.id, id, id, mac, self._mode().tag(port)))
        subnets = {one.id: one.cidr.prefixlen for one in network.subnets}
        addresses = [
            ipaddress.ip_interface(f"{one['ip_address']}/{subnets[one['subnet_id']]}")
            for one in port["fixed_ips"]
        ]
        netlink.give(names.inner(id), pid, link, addresses)

    def _drop_link(self, port: Resource) -> None:
        with undoing("a port's link"):
            self.detach(port["id"])

    def _undo(self, port: Resource, container: str) -> None:
        with undoing("a port's link"):
            now = self._connect().show("ports", port["id"])
            if now["device_id"] == container:
                self.free(now)


def link_of(port: Resource) -> str:
    """What a plugged port's link is called in its container."""
    return str((port.get("binding:profile") or {}).get(LINK, ""))


@contextmanager
def on_this_host(
    remote: str, connect: Callable[[], Client], timeout: float, ready_timeout: float
) -> Iterator[Plugs]:
    """
    :param remote: of the host's database.
    :param timeout: seconds for each of its answers.
    """
    links = Links(remote, timeout, owner=_OWNER)
    try:
        yield Plugs(links, connect, ready_timeout)
    finally:
        links.close()


def _who(port: Resource) -> Identity:
    return Identity(port["network_id"], port["id"])
