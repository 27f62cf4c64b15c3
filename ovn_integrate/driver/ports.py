"""The Neutron port of an endpoint: made for it, or taken where the user names one.

Its ``device_id`` is the EndpointID: that is all there is to find it by again. Its ``device_owner``
tells what becomes of it when the endpoint goes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Any

from ovn_integrate.driver import routers
from ovn_integrate.driver.networks import Network, Networks
from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.driver.options import GATEWAY, OVN
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    IpAddressAlreadyAllocated,
    MacAddressInUse,
    NotFound,
    PortNotFound,
    ServiceFailed,
)

log = logging.getLogger(__name__)

Interface4or6 = IPv4Interface | IPv6Interface

MADE = "docker:endpoint"
"""Owner of a port that goes with its endpoint."""

TAKEN = "docker:port"
"""Owner of a port that was there before its endpoint and stays when that goes."""

UNDO = 5.0
"""Seconds for undoing."""


@dataclass(frozen=True)
class Identity:
    """The two ids by which Docker names an endpoint."""

    network_id: str
    endpoint_id: str

    def __str__(self) -> str:
        return f"endpoint {self.endpoint_id[:12]}"


@dataclass(frozen=True)
class Addresses:
    """What an interface has, or is wanted to have: None is not set."""

    ipv4: IPv4Interface | None = None
    ipv6: IPv6Interface | None = None
    mac: str | None = None

    @property
    def ips(self) -> list[Interface4or6]:
        return [one for one in (self.ipv4, self.ipv6) if one is not None]

    def refuse_other(self, has: Addresses, subject: str) -> None:
        """:raises Conflict: something that is set here is different there."""
        for asked, got in zip(self._words(), has._words(), strict=True):
            if asked is not None and asked != got:
                raise Conflict(subject, f"has {got or 'no address'} instead of {asked}")

    def _words(self) -> tuple[str | None, ...]:
        ips = [str(one) if one else None for one in (self.ipv4, self.ipv6)]
        return (*ips, self.mac)


@dataclass(frozen=True)
class Wish:
    """What Docker asks for an endpoint.

    :param host: this chassis, where the port is bound.
    :param port: id or name of the port to take; None to have one made.
    """

    who: Identity
    addresses: Addresses
    host: str
    port: str | None = None


class Ports:
    """Makes, takes and lets go of ports.

    :param yields: makes a port that has a wanted address give way, if it was left behind on this
        host; False if it is alive.
    """

    def __init__(
        self, networks: Networks, yields: Callable[[Client, Resource, Wish], bool]
    ) -> None:
        self._networks = networks
        self._yields = yields

    def get(self, client: Client, wish: Wish) -> tuple[Resource, Addresses]:
        """Have the port for an endpoint; the one of an earlier call if there is one.

        :raises IpAddressAlreadyAllocated: another port has the address.
        :raises PortNotFound: the port to be taken does not exist.
        :raises Conflict: it is another container's, or has other addresses than are wanted.
        """
        network = self._networks.get(client, wish.who.network_id)
        try:
            port = self._get(client, network, wish)
        except (NotFound, Invalid):
            # What is remembered of the network may be out of date.
            network = self._networks.look(client, wish.who.network_id)
            port = self._get(client, network, wish)
        return port, addresses_of(port, network)

    def let_go(self, client: Client, port: Resource) -> None:
        """Delete a port that was made, unbind one that was taken. It may be gone."""
        if port.get("binding:profile", {}).get(GATEWAY) == OVN:
            routers.release_address(client, port["id"])
        if port["device_owner"] != TAKEN:
            client.delete("ports", port["id"])
            return
        free = {"device_id": "", "device_owner": "", "binding:host_id": "", "binding:profile": {}}
        try:
            client.update("ports", port["id"], **free)
        except PortNotFound:
            log.info("port %s was deleted while an endpoint had it", port["id"])

    def let_go_of(self, client: Client, endpoint_id: str) -> None:
        """The same for all that an endpoint has."""
        for port in self.of(client, endpoint_id):
            self.let_go(client, port)

    def of(self, client: Client, endpoint_id: str) -> list[Resource]:
        """The ports of an endpoint: one, or none."""
        return client.query("ports", device_id=endpoint_id, device_owner=[MADE, TAKEN])

    def _get(self, client: Client, network: Network, wish: Wish) -> Resource:
        if wish.port is not None:
            return self._take(client, network, wish, wish.port)
        if not wish.addresses.ips:
            # With an address, a port of an earlier call is in the way, and found so.
            old = self.of(client, wish.who.endpoint_id)
            if old:
                return old[0]
        attributes = _attributes(network, wish)
        try:
            return self._make(client, wish, attributes)
        except (IpAddressAlreadyAllocated, MacAddressInUse) as error:
            own = self._clear_way(client, network, wish, error)
        return own if own is not None else self._make(client, wish, attributes)

    def _make(self, client: Client, wish: Wish, attributes: Mapping[str, Any]) -> Resource:
        try:
            return client.create("ports", **attributes)
        except ServiceFailed:
            # It may have been made all the same.
            with undoing("a port"):
                self.let_go_of(client.within(UNDO), wish.who.endpoint_id)
            raise

    def _take(self, client: Client, network: Network, wish: Wish, name: str) -> Resource:
        port = _find(client, network, name)
        subject = f"port {port['name'] or port['id']}"
        other = port["device_id"] not in ("", wish.who.endpoint_id)
        if other and not self._yields(client, port, wish):
            raise Conflict(subject, f"is attached on host {port.get('binding:host_id')}")
        wish.addresses.refuse_other(addresses_of(port, network), subject)
        return client.update("ports", port["id"], **_binding(network, wish, TAKEN))

    def _clear_way(
        self, client: Client, network: Network, wish: Wish, error: Error
    ) -> Resource | None:
        """Deal with the ports that have what is wanted.

        Returns the endpoint's own, from an earlier call; or None when the ones in the way were left
        behind by a Docker engine or a host that died, and gave way.

        :raises Error: a port that is alive is in the way.
        """
        for port in _holders(client, network, wish.addresses):
            if port["device_id"] == wish.who.endpoint_id:
                return port
            if not self._yields(client, port, wish):
                raise type(error)(
                    f"address {_held(port, wish.addresses)}",
                    f"port {port['name'] or port['id']} on host "
                    f"{port.get('binding:host_id') or '(none)'} has it",
                    "give each host its own part of the subnet: docker network create --ip-range",
                )
        return None


def addresses_of(port: Resource, network: Network) -> Addresses:
    """The first address of each family that a port has, as Docker takes no more, and its MAC."""
    found: dict[str, Any] = {"mac": port["mac_address"].lower()}
    for fixed in port["fixed_ips"]:
        address = ip_address(fixed["ip_address"])
        subnet = network.subnet_of(address)
        length = subnet.cidr.prefixlen if subnet else address.max_prefixlen
        found.setdefault(f"ipv{address.version}", ip_interface(f"{address}/{length}"))
    return Addresses(**found)


@contextmanager
def undoing(what: str) -> Iterator[None]:
    """What cannot be undone goes to the log, as it must not hide the reason for undoing."""
    try:
        yield
    except Error as error:
        log.warning("%s may be left behind: %s", what, error)


def _attributes(network: Network, wish: Wish) -> dict[str, Any]:
    wanted = wish.addresses
    attributes: dict[str, Any] = {
        "network_id": network.id,
        "name": wish.who.endpoint_id[:12],
        "admin_state_up": True,
        **_binding(network, wish, MADE),
    }
    if wanted.ips:
        attributes["fixed_ips"] = [_fixed(network, one) for one in wanted.ips]
    elif not network.subnets:
        raise Invalid(
            f"logical network {network.name}",
            "has no subnet to take an address from",
            f"neutron subnet-create {network.name} CIDR",
        )
    if wanted.mac:
        attributes["mac_address"] = wanted.mac
    return attributes


def _binding(network: Network, wish: Wish, owner: str) -> dict[str, Any]:
    # That it has an address outside is told by the port itself, to who finds it left behind.
    outside = {GATEWAY: OVN} if network.gateway == OVN else {}
    return {
        "device_id": wish.who.endpoint_id,
        "device_owner": owner,
        "binding:host_id": wish.host,
        # Becomes options:iface-id-ver of the logical port: only this endpoint's link may bind it.
        "binding:profile": {"ovn.iface_id_ver": wish.who.endpoint_id, **outside},
    }


def _fixed(network: Network, wanted: Interface4or6) -> dict[str, str]:
    subnet = network.subnet_of(wanted.ip)
    if subnet is None:
        have = ", ".join(str(one.cidr) for one in network.subnets) or "none"
        raise Invalid(
            f"address {wanted.ip}", f"is in no subnet of logical network {network.name} ({have})"
        )
    return {"subnet_id": subnet.id, "ip_address": str(wanted.ip)}


def _find(client: Client, network: Network, name: str) -> Resource:
    for attribute in ("id", "name"):
        found = client.query("ports", **{"network_id": network.id, attribute: name})
        if len(found) > 1:
            raise Conflict(f"port {name}", "several have this name", "give the id")
        if found:
            return found[0]
    raise PortNotFound(
        f"port {name}",
        f"is not on logical network {network.name}",
        f"ovn-integrate port create {name}.{network.name}",
    )


def _holders(client: Client, network: Network, wanted: Addresses) -> list[Resource]:
    found: dict[str, Resource] = {}
    filters = [{"fixed_ips": f"ip_address={one.ip}"} for one in wanted.ips]
    if wanted.mac:
        filters.append({"mac_address": wanted.mac})
    for one in filters:
        for port in client.query("ports", network_id=network.id, **one):
            found[port["id"]] = port
    return list(found.values())


def _held(port: Resource, wanted: Addresses) -> str:
    has = {fixed["ip_address"] for fixed in port["fixed_ips"]}
    taken = [str(one.ip) for one in wanted.ips if str(one.ip) in has]
    return ", ".join(taken) or str(wanted.mac)
