"""The router of a logical network, and the addresses that its ports have outside of OVN.

One router for a logical network, whatever hosts it is on, in Neutron's words: its gateway is on an
external network that every host has to itself (``host/gateway.py``), and each port has a floating
IP, which OVN translates on the chassis of that port. So every container goes out by its own host.

On the external network each router has a subnet of its own: what goes from one to another passes
the host's packet filter, as between two of Docker's own networks.

A router is made before the rest of it and goes after the rest, and its tags or its description say
from the first moment on what it is: what a process left half-way that died is completed, or taken
away, by who comes next. One at a time, under the logical network's lock.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags, way_out
from ovn_integrate.core.network.lock import locked
from ovn_integrate.core.network.model import Network, Subnet
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    NotFound,
    NotPermitted,
    RouterNotFound,
    SubnetInUse,
)

log = logging.getLogger(__name__)

NAME = "docker-gateway"
"""Of the external network."""

_TRIES = 20
_INTERFACE = "network:router_interface"
_GATEWAY = "network:router_gateway"


@dataclass(frozen=True)
class External:
    """Where a router is on the external network: the address that each host has there."""

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
    with _alone(client, network.id):
        try:
            return _connect(client, network_id, network, subnets, chassis)
        except NotFound:
            # Another router, which was the last, took the external network along.
            return _connect(client, network_id, network, subnets, chassis)


def disconnect(client: Client, network_id: str) -> None:
    """Take a Docker network off its router, which goes with the last one on it."""
    for router in _tagged(client, network_id):
        # What is another host's, that one ends.
        with _alone(client, network_of(router)), suppress(NotPermitted):
            client.untag("routers", router["id"], tags.of(network_id))
            _dismantle_left(client, router["id"])


def left(client: Client, **filters: str) -> list[Resource]:
    """The routers that were made for Docker networks of which none is left."""
    try:
        return [one for one in client.query("routers", **filters) if _is_left(one)]
    except NotFound:
        return []  # a Neutron without routers


def dismantle(client: Client, router: Resource) -> None:
    """Take away a router that was left, unless some Docker network is on it by now."""
    with _alone(client, network_of(router)):
        _dismantle_left(client, router["id"])


def dismantle_of(client: Client, id: str) -> None:
    """The same for that of a logical network, if there is one."""
    for router in left(client, name=_name(id)):
        with suppress(NotPermitted):
            dismantle(client, router)


def give_address(client: Client, port: Resource) -> str:
    """Have a floating IP for a port, and return it; one that it has is kept.

    :raises RouterNotFound: its network has no router.
    """
    for one in floating(client, port["id"]):
        return str(one["floating_ip_address"])
    found = client.query("routers", name=_name(port["network_id"]))
    if not found:
        raise RouterNotFound(
            f"logical network {port['network_id']}", "has no router", "make the network anew"
        )
    outside = found[0]["external_gateway_info"]
    made = client.create(
        "floatingips",
        floating_network_id=outside["network_id"],
        subnet_id=outside["external_fixed_ips"][0]["subnet_id"],
        port_id=port["id"],
        description=tags.MADE,
    )
    return str(made["floating_ip_address"])


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


def _name(id: str) -> str:
    """The name of what is made for a logical network."""
    return way_out.ROUTER + id


def _connect(
    client: Client, network_id: str, network: Network, subnets: Sequence[Subnet], chassis: str
) -> External:
    found = client.query("routers", name=_name(network.id))
    router = found[0] if found else _made(client, network)
    # Before the rest, so that it does not go with the last network of another host.
    client.tag("routers", router["id"], tags.of(network_id))
    try:
        if not router["external_gateway_info"]:
            router = _led_out(client, network, router)
        _bind(client, router, chassis)
        _attach(client, router, subnets)
    except Error:
        if not found:
            _dismantle(client, router)
        raise
    (fixed,) = router["external_gateway_info"]["external_fixed_ips"]
    outside = client.show("subnets", fixed["subnet_id"])
    length = IPv4Network(outside["cidr"]).prefixlen
    return External(IPv4Interface(f"{outside['gateway_ip']}/{length}"))


def _made(client: Client, network: Network) -> Resource:
    router = client.create("routers", name=_name(network.id), description=tags.MADE)
    client.tag("routers", router["id"], tags.MADE)
    return router


def _led_out(client: Client, network: Network, router: Resource) -> Resource:
    """Give a router its way out, on a subnet of its own."""
    external = _external(client)
    for begun in client.query("subnets", network_id=external["id"], name=_name(network.id)):
        with suppress(NotPermitted):  # another host began it
            return _led_out_by(client, router, external, begun)
    return _led_out_by(client, router, external, _carved(client, external, _name(network.id)))


def _led_out_by(client: Client, router: Resource, external: Resource, subnet: Resource) -> Resource:
    outside = {"network_id": external["id"], "external_fixed_ips": [{"subnet_id": subnet["id"]}]}
    return client.update("routers", router["id"], external_gateway_info=outside)


def _bind(client: Client, router: Resource, chassis: str) -> None:
    for port in client.query("ports", device_id=router["id"], device_owner=_GATEWAY):
        if not port.get("binding:host_id"):
            with suppress(NotPermitted):  # another host has just done it
                client.update("ports", port["id"], **{"binding:host_id": chassis})


def _external(client: Client) -> Resource:
    provider = {
        "provider:network_type": "flat",
        "provider:physical_network": way_out.PHYSICAL_NETWORK,
    }
    found = _named(client)
    if found is not None:
        return found
    try:
        outside = {"router:external": True, "description": tags.MADE}
        network = client.create("networks", name=NAME, **outside, **provider)
    except Conflict:
        # A physical network has one flat network at most: another host was faster.
        other = _named(client)
        if other is None:
            raise
        return other
    client.tag("networks", network["id"], tags.MADE)
    return network


def _named(client: Client) -> Resource | None:
    found = client.query("networks", name=NAME)
    return next((one for one in found if one["router:external"]), None)


def _carved(client: Client, external: Resource, name: str) -> Resource:
    """A subnet of the block that no other router has."""
    for _ in range(_TRIES):
        known = client.query("subnets", network_id=external["id"])
        taken = [IPv4Network(one["cidr"]) for one in known if one["ip_version"] == 4]
        parts = IPv4Network(way_out.BLOCK).subnets(new_prefix=way_out.LENGTH)
        cidr = next((one for one in parts if not any(map(one.overlaps, taken))), None)
        if cidr is None:
            break
        try:
            return client.create(
                "subnets",
                network_id=external["id"],
                name=name,
                ip_version=4,
                cidr=str(cidr),
                gateway_ip=str(cidr[1]),
                enable_dhcp=False,
            )
        except Invalid:
            log.debug("another host took %s meanwhile", cidr)
    raise Conflict(f"external network {NAME}", f"has no part of {way_out.BLOCK} left")


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


def _dismantle(client: Client, router: Resource) -> None:
    """Take a router away: first what hangs on it, and itself last."""
    id = router["id"]
    for one in client.query("floatingips", router_id=id, description=tags.MADE):
        client.delete("floatingips", one["id"])  # of endpoints that nobody ended
    for port in client.query("ports", device_id=id, device_owner=_INTERFACE):
        client.act("routers", id, "remove_router_interface", port_id=port["id"])
    if router["external_gateway_info"]:
        client.update("routers", id, external_gateway_info=None)
    external = _named(client)
    if external is not None:
        _give_back(client, external, router["name"])
        _drop_external(client, external["id"])
    client.delete("routers", id)


def _give_back(client: Client, external: Resource, name: str) -> None:
    """Delete the subnet that was made for a router."""
    for subnet in client.query("subnets", network_id=external["id"], name=name):
        try:
            client.delete("subnets", subnet["id"])
        except (SubnetInUse, NotPermitted) as error:
            log.warning("subnet %s stays: %s", subnet["id"], error)


def _dismantle_left(client: Client, id: str) -> None:
    try:
        router = client.show("routers", id)
    except NotFound:
        return
    if _is_left(router):
        _dismantle(client, router)


def _is_left(router: Resource) -> bool:
    made = tags.MADE in (router.get("description"), *router["tags"])
    return made and not tags.holders(router["tags"])


def network_of(router: Resource) -> str:
    """The logical network that a router was made for, which is in its name."""
    return str(router["name"]).removeprefix(_name(""))


@contextmanager
def _alone(client: Client, id: str) -> Iterator[None]:
    """Be the only one at a logical network's router. A network that is gone has no others."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(client, id))
        except NotFound:
            log.info("network %s is gone already", id)
        yield


def _drop_external(client: Client, id: str) -> None:
    """Delete the external network if it was made here and nothing is on it."""
    try:
        network = client.show("networks", id)
        made = tags.MADE in (network.get("description"), *network["tags"])
        if made and not network["subnets"]:
            client.delete("networks", id)
    except (NotFound, Conflict, NotPermitted) as error:
        log.debug("%s stays, or went: %s", NAME, error)


def _tagged(client: Client, network_id: str) -> list[Resource]:
    try:
        return client.query("routers", tags=tags.of(network_id))
    except NotFound:
        return []  # a Neutron without routers
