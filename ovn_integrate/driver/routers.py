"""The router of a logical network, and the addresses that its ports have outside of OVN.

One router for a logical network, whatever hosts it is on, in Neutron's words: its gateway is on an
external network that every host has to itself (``host/gateway.py``), and each port has a floating
IP, which OVN translates on the chassis of that port. So every container goes out by its own host.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface

from ovn_integrate.driver import tags
from ovn_integrate.driver.model import Network, Subnet
from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    IpAddressAlreadyAllocated,
    NetworkInUse,
    NotFound,
)
from ovn_integrate.host import gateway

log = logging.getLogger(__name__)

NAME = "docker-gateway"
"""Of the external network. One that exists is used as it is, with whatever addresses it has."""

_CIDR = "100.64.0.0/16"  # of the space that is shared behind a carrier's NAT (RFC 6598)
_FIRST = "100.64.0.1"
_INTERFACE = "network:router_interface"
_GATEWAY = "network:router_gateway"


@dataclass(frozen=True)
class External:
    """The external network: ``gateway`` is the address that each host has there."""

    id: str
    gateway: IPv4Interface


def connect(client: Client, network_id: str, network: Network, chassis: str) -> External:
    """Have a router for the logical network that a Docker network is on, and its way out.

    :param chassis: where what has no floating IP goes out, if the router is new.
    :raises Invalid: the logical network has no IPv4 subnet with a gateway.
    :raises IpAddressAlreadyAllocated: its gateway's address is a port's or another router's.
    """
    subnets = [one for one in network.subnets if one.gateway is not None]
    if not any(one.cidr.version == 4 for one in subnets):
        raise Invalid(
            f"logical network {network.name}", "has no IPv4 subnet with a gateway to go out by"
        )
    try:
        return _connect(client, network_id, network, subnets, chassis)
    except (NotFound, IpAddressAlreadyAllocated):
        # Another host took the router or the external network along with its last one, or was
        # faster to make a router.
        return _connect(client, network_id, network, subnets, chassis)


def _connect(
    client: Client, network_id: str, network: Network, subnets: Sequence[Subnet], chassis: str
) -> External:
    external = _external(client)
    name = f"docker-{network.id}"
    found = client.query("routers", name=name)
    router = found[0] if found else _router(client, name, external, chassis)
    # Before the rest, so that it does not go with the last network of another host.
    client.tag("routers", router["id"], tags.of(network_id))
    try:
        _attach(client, router, subnets)
    except Error:
        if not found:
            _dismantle(client, router["id"])
        raise
    return external


def disconnect(client: Client, network_id: str) -> None:
    """Take a Docker network off its router, which goes with the last one on it."""
    for router in _tagged(client, network_id):
        client.untag("routers", router["id"], tags.of(network_id))
        try:
            left = client.show("routers", router["id"])["tags"]
        except NotFound:
            continue
        if tags.MADE in left and not tags.holders(left):
            _dismantle(client, router["id"])


def give_address(client: Client, port_id: str) -> None:
    """Have a floating IP for a port; one that it has is kept."""
    if not floating(client, port_id):
        id = _external(client).id
        client.create("floatingips", floating_network_id=id, port_id=port_id, description=tags.MADE)


def release_address(client: Client, port_id: str) -> None:
    """Delete the floating IP that was made for a port, if there is one."""
    for one in floating(client, port_id):
        if one["description"] == tags.MADE:
            client.delete("floatingips", one["id"])


def owns(port: Resource) -> bool:
    """Whether a port is a router's."""
    return port["device_owner"] in (_INTERFACE, _GATEWAY)


def floating(client: Client, port_id: str) -> list[Resource]:
    """The floating IPs of a port."""
    return client.query("floatingips", port_id=port_id)


def _external(client: Client) -> External:
    network = _named(client) or _made(client)
    subnets = _subnets(client, network) or _filled(client, network)
    for subnet in subnets:
        if subnet["gateway_ip"]:
            length = subnet["cidr"].partition("/")[2]
            return External(network["id"], IPv4Interface(f"{subnet['gateway_ip']}/{length}"))
    raise Invalid(f"external network {NAME}", "has no IPv4 subnet with a gateway")


def _subnets(client: Client, network: Resource) -> list[Resource]:
    return client.query("subnets", network_id=network["id"], ip_version="4")


def _filled(client: Client, network: Resource) -> list[Resource]:
    try:
        client.create(
            "subnets",
            network_id=network["id"],
            ip_version=4,
            cidr=_CIDR,
            gateway_ip=_FIRST,
            enable_dhcp=False,
        )
    except Invalid:
        # It overlaps: another host has made it meanwhile.
        log.debug("%s has a subnet already", NAME)
    return _subnets(client, network)


def _named(client: Client) -> Resource | None:
    found = client.query("networks", name=NAME)
    return next((one for one in found if one["router:external"]), None)


def _made(client: Client) -> Resource:
    provider = {
        "provider:network_type": "flat",
        "provider:physical_network": gateway.PHYSICAL_NETWORK,
    }
    try:
        network = client.create("networks", name=NAME, **{"router:external": True}, **provider)
    except Conflict:
        # A physical network has one flat network at most: another host was faster.
        other = _named(client)
        if other is None:
            raise
        return other
    client.tag("networks", network["id"], tags.MADE)
    return network


def _router(client: Client, name: str, external: External, chassis: str) -> Resource:
    router = client.create("routers", name=name, external_gateway_info={"network_id": external.id})
    client.tag("routers", router["id"], tags.MADE)
    for port in client.query("ports", device_id=router["id"], device_owner=_GATEWAY):
        client.update("ports", port["id"], **{"binding:host_id": chassis})
    return router


def _attach(client: Client, router: Resource, subnets: Sequence[Subnet]) -> None:
    have = _attached(client, router)
    for subnet in subnets:
        if subnet.id in have:
            continue
        try:
            client.act("routers", router["id"], "add_router_interface", subnet_id=subnet.id)
        except Error:
            # Another host may do the same at this moment.
            if subnet.id not in _attached(client, router):
                raise


def _attached(client: Client, router: Resource) -> set[str]:
    ports = client.query("ports", device_id=router["id"], device_owner=_INTERFACE)
    return {fixed["subnet_id"] for port in ports for fixed in port["fixed_ips"]}


def _dismantle(client: Client, id: str) -> None:
    for one in client.query("floatingips", router_id=id, description=tags.MADE):
        client.delete("floatingips", one["id"])  # of endpoints that nobody ended
    for port in client.query("ports", device_id=id, device_owner=_INTERFACE):
        client.act("routers", id, "remove_router_interface", port_id=port["id"])
    client.delete("routers", id)
    outside = _named(client)
    if outside is not None and tags.MADE in outside["tags"]:
        try:
            client.delete("networks", outside["id"])
        except NetworkInUse:
            log.debug("%s has other routers", NAME)


def _tagged(client: Client, network_id: str) -> list[Resource]:
    try:
        return client.query("routers", tags=tags.of(network_id))
    except NotFound:
        return []  # a Neutron without routers
