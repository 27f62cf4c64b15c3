"""What a chassis may of routers, their ways out, and floating IPs."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from ovn_integrate.contract.way_out import BLOCK, LENGTH, ROUTER
from ovn_integrate.ipam.permit.facts import BOUND, OPERATORS_WORD, OWN, Asking, is_way_out
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.resources.l3 import FloatingIp, Router
from ovn_integrate.ipam.resources.model import Port, Subnet
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding

ROUTED = "router:docker"
"""An operator's tag on a network: hosts may make a router for it, which is its gateway then."""


def of_body(asking: Asking) -> str | None:
    """What a body asks for that the thing does not show: addresses of choice outside."""
    wanted = asking.wanted
    for key in ("floating_ip_address", "fixed_ip_address"):
        if asking.kind is FloatingIp and wanted.get(key) is not None:
            return f"{key} is for an operator to choose"
    gateway = wanted.get("external_gateway_info") if asking.kind is Router else None
    for wish in (gateway.fixed_ips or ()) if gateway is not None else ():
        if wish.ip_address is not None:
            return "the address of a way out is for an operator to choose"
    return None


def carve(asking: Asking, subnet: Subnet) -> str | None:
    """A subnet outside for the router of a network that it is on."""
    block = isinstance(subnet.cidr, IPv4Network) and subnet.cidr.subnet_of(IPv4Network(BLOCK))
    if not block or subnet.cidr.prefixlen < LENGTH:
        return f"a router's subnet outside is a /{LENGTH} of {BLOCK}"
    id = subnet.name.removeprefix(ROUTER)
    if id == subnet.name or not asking.holds(asking.network(id)):
        return "a router's subnet outside is for a network that it is on, and named so"
    for other in asking.draft.subnets_of(subnet.network_id):
        if other.id != subnet.id and other.name == subnet.name and other.owner == asking.me:
            return "the router has a subnet outside already"
    return None


def create_router(asking: Asking, router: Router) -> str | None:
    network = asking.its_network(router)
    if network is None or not asking.holds(network):
        return "a router is for a network that it is on, and named docker-NETWORK"
    if network.physical_network is not None or network.external:
        return "the network has a way out of its own"
    if not ownership.of_chassis(network.owner) and ROUTED not in network.tags:
        return f"an operator allows a router for an operator's network by the tag {ROUTED}"
    for other in asking.draft.having(Router, "name", router.name):
        if other.id != router.id:
            return "the network has a router already"
    return None if router.gateway is None else lead_out(asking, None, router)


def connect(asking: Asking, router: Router) -> str | None:
    if asking.wanted.get("port_id") is not None:
        return "a router's interface is made by its subnet"
    subnet = asking.draft.get(Subnet, str(asking.wanted.get("subnet_id")))
    network = asking.its_network(router)
    if not asking.on_router(router):
        return "it is not on the router"
    if subnet is None:
        return None
    mine = network is not None and subnet.network_id == network.id
    return None if mine else "the subnet is of another network than the router"


def lead_out(asking: Asking, old: Any, new: Any) -> str | None:
    if not asking.on_router(new):
        return "it is not on the router"
    if new.gateway is None:
        return None if asking.ends(old) else "others go out by the router"
    if old is not None and old.gateway is not None:
        return "the router has a way out already"
    if not is_way_out(asking.network(new.gateway.network_id)):
        return "a router leads out by the network that is made for that"
    for fixed in new.gateway.fixed_ips:
        subnet = asking.draft.known(Subnet, fixed.subnet_id)
        if subnet is None or subnet.owner != asking.me:
            return "the subnet of a way out is another's"
    return None


def create_floating(asking: Asking, floating: FloatingIp) -> str | None:
    port = asking.draft.get(Port, str(floating.port_id or ""))
    router = asking.draft.get(Router, str(floating.router_id or ""))
    if port is None or asking.relation(port) not in (OWN, BOUND):
        return "the port is none of its own"
    if router is None or router.gateway is None or not asking.on_router(router):
        return "it is not on the router that leads out the port's network"
    for fixed in router.gateway.fixed_ips:
        subnet = asking.draft.get(Subnet, fixed.subnet_id)
        if subnet is not None and subnet.has(floating.floating_ip_address):
            return None
    return "the address is not of the router's own subnet outside"


def change_floating(asking: Asking, old: Any, new: Any) -> str | None:
    """It stands for no port any more, as its port goes."""
    gone = {one.id for one, left in asking.draft.plans if isinstance(one, Port) and left is None}
    if new.port_id is None and old.port_id in gone:
        return None
    forwarded = {
        one.floatingip_id
        for one, left in asking.draft.plans
        if isinstance(one, PortForwarding) and left is None
    }
    return None if new.port_id is None and new.id in forwarded else OPERATORS_WORD


def delete_router(asking: Asking, router: Router) -> str | None:
    return None if asking.ends(router) else "the router is another's, or others are on it"


def delete_floating(asking: Asking, floating: FloatingIp) -> str | None:
    router = asking.draft.known(Router, str(floating.router_id or ""))
    if floating.owner == asking.me:
        return None
    ours = ownership.of_chassis(floating.owner) and asking.ends(router)
    return None if ours else "the floating IP is another's"


def delete_forwarding(asking: Asking, forwarding: PortForwarding) -> str | None:
    """With the port that it leads to."""
    port = asking.draft.known(Port, forwarding.internal_port_id)
    mine = asking.kind is Port and port is not None and asking.relation(port) == OWN
    return None if mine else OPERATORS_WORD
