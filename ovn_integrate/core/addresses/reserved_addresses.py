"""The gateways and auxiliary addresses of Docker networks, and those of OVN's DNS on them, which no
endpoint may get.

Each is a Neutron port that no host has, with one tag for each Docker network that named it, as on
the logical network itself: several hosts name the same ones, and the port goes with the last. The
gateway that the subnet has in Neutron needs none, as Neutron never chooses it.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS, RESERVED, SET_ASIDE, host_of
from ovn_integrate.core.network.options import DNS, Address4or6
from ovn_integrate.errors import (
    Conflict,
    Invalid,
    IpAddressAlreadyAllocated,
    NotFound,
    NotPermitted,
    PortNotFound,
)

_TRIES = 3


def hold(client: Client, subnet: Resource, network_id: str, addresses: set[str]) -> None:
    """Have these addresses of a subnet set aside for a Docker network.

    :raises Conflict: an endpoint has one of them.
    """
    cidr = ip_network(subnet["cidr"])
    never = {subnet["gateway_ip"]}
    if cidr.num_addresses > 2:
        never |= {str(cidr[0]), str(cidr[-1])}
    for address in sorted(addresses - never):
        _hold(client, subnet, network_id, str(ip_address(address)))


def answer(client: Client, id: str, network_id: str, address: Address4or6) -> None:
    """Have an address of a logical network set aside at which OVN answers ARP requests, and so gets
    the questions for names that are sent there.

    :param id: of the logical network.
    :raises Invalid: it is in none of its subnets.
    :raises Conflict: an endpoint has it.
    """
    for subnet in client.query("subnets", network_id=id):
        if address in ip_network(subnet["cidr"]):
            hold(client, subnet, network_id, {str(address)})
            return
    raise Invalid(f"option {DNS}={address}", "is in no subnet of the network")


def let_go(client: Client, id: str, network_id: str | None = None) -> None:
    """Let go of all that a Docker network had set aside on a logical network, and of what nobody
    has: a process that died had just made it, or had just let go of it.

    :param id: of the logical network.
    :param network_id: None for what nobody has alone.
    """
    own = tags.of(network_id) if network_id is not None else ""
    for port in client.query("ports", network_id=id, device_owner=SET_ASIDE):
        if own in port["tags"]:
            with suppress(NotPermitted):  # of one Docker network with another host's
                client.untag("ports", port["id"], own)
        elif tags.holders(port["tags"]):
            continue
        try:
            left = client.show("ports", port["id"])["tags"]
        except PortNotFound:
            continue
        if not tags.holders(left):
            with suppress(NotPermitted):  # its maker ends it
                client.delete("ports", port["id"])


def _hold(client: Client, subnet: Resource, network_id: str, address: str) -> None:
    for _ in range(_TRIES):
        try:
            port = _port(client, subnet, address)
            if port is not None:
                client.tag("ports", port["id"], tags.of(network_id))
            return
        except NotFound:
            continue  # the last of the others let go of it meanwhile
    raise Conflict(f"address {address}", "comes and goes", "try again")


def _port(client: Client, subnet: Resource, address: str) -> Resource | None:
    """The port that sets an address aside; None when something else has it for good."""
    fixed = {"subnet_id": subnet["id"], "ip_address": address}
    try:
        return client.create(
            "ports",
            network_id=subnet["network_id"],
            name=f"reserved-{address}",
            device_owner=SET_ASIDE,
            fixed_ips=[fixed],
        )
    except IpAddressAlreadyAllocated as error:
        found = client.query(
            "ports", network_id=subnet["network_id"], fixed_ips=f"ip_address={address}"
        )
        if not found:
            raise PortNotFound(f"address {address}", "is free again") from error
        port = found[0]
        if port["device_owner"] in (*ENDPOINTS, RESERVED):
            raise IpAddressAlreadyAllocated(
                f"address {address}",
                f"port {port['name'] or port['id']} on host {host_of(port)} has it",
                "give another --gateway or --aux-address, or leave it out",
            ) from error
        return port if port["device_owner"] == SET_ASIDE else None
