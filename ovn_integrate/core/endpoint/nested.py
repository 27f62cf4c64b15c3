"""Endpoints of a VM on a chassis, each a port below the VM's own (ovn-architecture(7), "Life Cycle
of a Container Interface Inside a VM").

Its link is on the bridge that has the VM's NIC, in a VLAN by which the chassis tells it from the
VM's other containers. In Neutron's words the port has ``binding:profile`` = ``{"parent_name": …,
"tag": …}``. Our own IPAM server leaves the choice of the tag to OVN and tells it; a real Neutron
hands on whatever it is given, so there the tag is chosen here. Nothing of the chassis' own
databases is in reach of a VM: whether OVN serves a port is asked of Neutron.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import HOST
from ovn_integrate.core.endpoint.endpoint_request import Binding, Identity
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.network import options
from ovn_integrate.core.network.model import Network
from ovn_integrate.core.network.options import NetworkOptions
from ovn_integrate.errors import Conflict, Invalid, NotConfigured, NotFound, PortNotFound, Unhealthy
from ovn_integrate.host import nested

log = logging.getLogger(__name__)

_CHOOSES = "nested-port-tag"
"""The extension of a server that leaves the choice of a tag to OVN and tells it."""

_VLANS = range(1, 4095)  # IEEE 802.1Q

_TAG_WAIT = 10.0
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.25
_LAST_ANSWER = 5.0
_AGE = 5.0  # for which the NICs are remembered; all in seconds


class Underlay:
    """In a VM. Any thread may use it."""

    early = False  # the VLAN is OVN's choice

    def __init__(self, links: Links) -> None:
        self._links = links
        self._nics: tuple[str, list[str], float] = ("", [], 0.0)
        self._chooses: tuple[object, bool] = (None, False)  # of which server

    def check(self, client: Client) -> None:
        """
        :raises NotConfigured: the bridge has no NIC, or the VM's own port is not to be found.
        :raises PortNotFound: the VM's own port, as it was given, does not exist.
        """
        self._uplinks()
        vif = self._vif_id(client)
        try:
            client.show("ports", vif)
        except NotFound:
            raise PortNotFound(
                f"port {vif} of this VM", "does not exist", "set OS_VIF_ID or --vif-id"
            ) from None

    def refuse(self, asked: NetworkOptions) -> None:
        if asked.gateway == options.OVN:
            raise Invalid(
                f"option {options.GATEWAY}={asked.gateway}",
                "is not for a VM: OVN's way out is on the chassis, of which a VM has no part",
                f"{options.GATEWAY}={options.DOCKER} goes out by the VM itself",
            )

    def mtu(self, network: Network | None = None) -> int:
        passes = nested.mtu(self._uplinks())
        if network is None or network.tunnel_mtu is None:
            return passes
        return min(passes, network.tunnel_mtu)

    def filters(self, host: str) -> dict[str, Any]:
        # Neutron cannot search for what is in a profile.
        return {}

    def binding(self, client: Client, endpoint_id: str, host: str) -> Binding:
        vif = self._vif_id(client)
        profile = {"parent_name": vif, HOST: host}
        if self._is_chosen(client):
            # OVN looks for it wherever the VM is.
            return Binding("", {**profile, "tag": 0})
        # A real Neutron makes ACTIVE only what is bound.
        chassis = client.show("ports", vif).get("binding:host_id") or ""
        return Binding(chassis, {**profile, "tag": self._free_tag(client, vif)})

    def settle(self, client: Client, port: Resource) -> Resource:
        if not self._is_chosen(client):
            return self._alone(client, port)
        found = _poll(client, port["id"], _tag, _TAG_WAIT)
        if not _tag(found):
            raise Unhealthy(
                f"port {port['id']}",
                f"OVN chose no VLAN tag within {_TAG_WAIT:g} s",
                "does ovn-northd run? ovn-integrate central status, on the central host",
            )
        return found

    def tag(self, port: Resource) -> int | None:
        return _tag(port)

    def wait_ready(self, connect: Callable[[], Client], who: Identity, seconds: float) -> None:
        attached = self._links.attached(who.endpoint_id)
        if attached is None:
            raise Unhealthy(str(who), "its port is not on the bridge any more", "start it again")
        client = connect().within(seconds + _LAST_ANSWER)
        port = _poll(client, attached.port, _is_active, seconds)
        if not _is_active(port):
            raise Unhealthy(
                str(who),
                f"not ready after {seconds:g} s: Neutron says {port['status']} of its port "
                f"{port['id']}, below {port['binding:profile'].get('parent_name')}",
                "is the VM's own port bound? ovn-integrate status, on the VM's host",
            )

    def told_ready(self, installed: bool) -> dict[str, str]:
        return {}

    def _uplinks(self) -> list[str]:
        """:raises NotConfigured: the bridge has no NIC."""
        bridge = self._links.settings().endpoint_bridge
        known, nics, until = self._nics
        if known != bridge or time.monotonic() > until:
            with self._links.session(nested.TABLES) as session:
                nics = nested.nics(session, bridge)
            self._nics = (bridge, nics, time.monotonic() + _AGE)
        if not nics:
            raise NotConfigured(
                f"bridge {bridge}", "has no NIC", "ovn-integrate nics-to-bridge NIC"
            )
        return nics

    def _vif_id(self, client: Client) -> str:
        """The VM's own port: as it was given, else the one that has the MAC address of its NIC.

        :raises NotConfigured: none has.
        :raises Conflict: several have.
        """
        given = self._links.settings().vif_id
        if given:
            return given
        macs = sorted(nested.macs(self._uplinks()))
        found = client.query("ports", mac_address=macs)
        said = f"MAC address {' or '.join(macs)}"
        if not found:
            raise NotConfigured(
                "this VM's own port", f"Neutron has none with {said}", "set OS_VIF_ID or --vif-id"
            )
        if len(found) > 1:
            ids = ", ".join(one["id"] for one in found)
            raise Conflict("this VM's own port", f"several have {said}: {ids}", "give --vif-id")
        return str(found[0]["id"])

    def _is_chosen(self, client: Client) -> bool:
        """Whether this server's OVN chooses tags, and it tells them."""
        known, chooses = self._chooses
        if known != client.urls:
            chooses = client.has_extension(_CHOOSES)
            self._chooses = (client.urls, chooses)
        return chooses

    def _alone(self, client: Client, port: Resource) -> Resource:
        """The port with a tag that no other below the same parent has.

        Neutron takes one twice. Each who makes a port looks at the others after that: of two who
        took the same, one at least sees the other, and takes another one.
        """
        vif = port["binding:profile"]["parent_name"]
        while True:
            others = _children(client, vif, port["id"])
            if _tag(port) and _tag(port) not in others:
                return port
            log.info("port %s: tag %s is another's", port["id"], _tag(port))
            profile = {**port["binding:profile"], "tag": self._free_tag(client, vif)}
            port = client.update("ports", port["id"], **{"binding:profile": profile})

    def _free_tag(self, client: Client, vif: str) -> int:
        """
        :raises Conflict: there is none.
        """
        taken = _children(client, vif) | self._links.tags()
        free = [tag for tag in _VLANS if tag not in taken]
        if not free:
            raise Conflict(f"port {vif} of this VM", "all VLAN tags below it are taken")
        # Any, as others choose at the same moment.
        return random.choice(free)


def _children(client: Client, vif: str, but: str = "") -> set[int]:
    """The tags of the ports below one."""
    ports = client.query("ports", fields=["id", "binding:profile"])
    profiles = (one.get("binding:profile") or {} for one in ports if one["id"] != but)
    return {int(one["tag"]) for one in profiles if one.get("parent_name") == vif}


def _tag(port: Resource) -> int:
    return int(port["binding:profile"].get("tag") or 0)


def _is_active(port: Resource) -> bool:
    return bool(port["status"] == "ACTIVE")


def _poll(client: Client, id: str, done: Callable[[Resource], Any], seconds: float) -> Resource:
    """A port when it is as wanted, or as it is after some seconds.

    :raises PortNotFound: it is gone.
    """
    deadline = time.monotonic() + seconds
    pause, wait = threading.Event(), _FIRST_LOOK
    while True:
        port = client.show("ports", id)
        if done(port) or time.monotonic() + wait > deadline:
            return port
        pause.wait(wait)
        wait = min(2 * wait, _LAST_LOOK)
