"""What differs between a chassis and a VM on one, for the endpoints that are there.

On a chassis ovn-controller binds an endpoint's port by what its link on the integration bridge
says; that is the overlay mode. The other one is in :mod:`ovn_integrate.core.endpoint.nested`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.core.endpoint.endpoint_request import Binding, Identity
from ovn_integrate.core.endpoint.nested import Underlay
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.network.model import Network
from ovn_integrate.core.network.options import NetworkOptions
from ovn_integrate.errors import Unhealthy

Connect = Callable[[], Client]


class Mode(Protocol):
    """How endpoints are connected.

    :ivar early: whether a link can be made with no more known of its port than its id and MAC.
    """

    early: bool

    def check(self, client: Client) -> None:
        """Return if endpoints could be made now, as far as the links do not tell.

        :raises Error: what is missing.
        """

    def refuse(self, asked: NetworkOptions) -> None:
        """:raises Invalid: an option of a network is impossible here."""

    def mtu(self, network: Network | None = None) -> int:
        """The largest packet, in bytes, that endpoints may send.

        :param network: None where it is not known yet.
        """

    def filters(self, host: str) -> dict[str, Any]:
        """What narrows a search in Neutron to the ports of a host, of which it may find more."""

    def binding(self, client: Client, endpoint_id: str, host: str) -> Binding:
        """Where the port of an endpoint is to be bound."""

    def settle(self, client: Client, port: Resource) -> Resource:
        """The port when all is known that its link needs.

        :raises Unhealthy: OVN does not say.
        """

    def tag(self, port: Resource) -> int | None:
        """The VLAN of a settled port's link; None for none."""

    def wait_ready(self, connect: Connect, who: Identity, seconds: float) -> None:
        """Return when OVN serves an endpoint whose link is there.

        :param connect: makes the client, where one is needed.
        :raises Unhealthy: it does not in time.
        """

    def told_ready(self, installed: bool) -> dict[str, str]:
        """What the host's own database tells of an endpoint being ready, nothing if it does not.

        :param installed: whether ovn-controller says so there.
        """


class Overlay:
    """On a chassis."""

    early = True

    def __init__(self, links: Links) -> None:
        self._links = links

    def check(self, client: Client) -> None:
        pass

    def refuse(self, asked: NetworkOptions) -> None:
        pass

    def mtu(self, network: Network | None = None) -> int:
        return self._links.mtu()

    def filters(self, host: str) -> dict[str, Any]:
        return {"binding:host_id": host}

    def binding(self, client: Client, endpoint_id: str, host: str) -> Binding:
        # Becomes options:iface-id-ver of the logical port: only this endpoint's link may bind it.
        return Binding(host, {"ovn.iface_id_ver": endpoint_id})

    def settle(self, client: Client, port: Resource) -> Resource:
        return port

    def tag(self, port: Resource) -> int | None:
        return None

    def wait_ready(self, connect: Connect, who: Identity, seconds: float) -> None:
        if not self._links.wait_installed(who.endpoint_id, seconds):
            missing = self._links.missing(who.endpoint_id)
            raise Unhealthy(
                str(who),
                f"not ready after {seconds:g} s: {missing}",
                "ovn-integrate controller status",
            )

    def told_ready(self, installed: bool) -> dict[str, str]:
        return {"ready": "true" if installed else "false"}


class Modes:
    """The mode that the host's settings say; they may change while this program runs."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self._overlay = Overlay(links)
        self._underlay = Underlay(links)

    def now(self) -> Mode:
        return self._underlay if self._links.settings().nested else self._overlay
