"""Logical networks and logical ports by the names that people give them.

A port of a network is named ``PORT.NETWORK``, as ``docker service publish`` had it. What is asked
for and is so already is no error.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import host_of
from ovn_integrate.core.policy.groups import Groups
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    NetworkInUse,
    NetworkNotFound,
    PortNotFound,
)

_NAMED = 5  # ports that an error names


def parse_cidr(text: str) -> str:
    """A subnet in its usual spelling.

    :raises Invalid: it is none.
    """
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise Invalid(f"subnet {text!r}", "is no CIDR", "give it like 192.168.1.0/24") from None


def create_network(
    client: Client, name: str, cidrs: Sequence[str], gateway: str | None
) -> tuple[Resource, bool]:
    """Have a network of that name with these subnets; the network, and whether it was made.

    :raises Conflict: there is one of that name with other subnets.
    """
    if not name:
        raise Invalid("network name", "is empty")
    existing = client.query("networks", name=name)
    if existing:
        return _same_network(client, name, cidrs), False
    network = client.create("networks", name=name)
    try:
        for cidr in cidrs:
            version = ipaddress.ip_network(cidr).version
            more = {"gateway_ip": gateway} if _belongs(gateway, version) else {}
            client.create(
                "subnets", network_id=network["id"], cidr=cidr, ip_version=version, **more
            )
    except Error:
        client.delete("networks", network["id"])
        raise
    return client.show("networks", network["id"]), True


def _place(cidr: str) -> tuple[int, int]:
    """Where a subnet stands among others: servers list them in any order."""
    block = ipaddress.ip_network(cidr)
    return block.version, int(block.network_address)


def list_networks(client: Client) -> list[dict[str, Any]]:
    """Every network with its subnets."""
    cidrs: dict[str, list[str]] = {}
    for subnet in client.query("subnets"):
        cidrs.setdefault(subnet["network_id"], []).append(subnet["cidr"])
    return [
        {
            "name": one["name"],
            "id": one["id"],
            "subnets": sorted(cidrs.get(one["id"], []), key=_place),
        }
        for one in sorted(client.query("networks"), key=lambda one: str(one["name"]))
    ]


def show_network(client: Client, name: str) -> dict[str, Any]:
    """One network with its subnets and ports.

    :raises NetworkNotFound: there is none.
    """
    network = client.find("networks", name)
    subnets = client.query("subnets", network_id=network["id"])
    return {
        "name": network["name"],
        "id": network["id"],
        "subnets": [f"{one['cidr']} gateway {one['gateway_ip']}" for one in subnets],
        "mtu": network.get("mtu"),
        "ports": [port["name"] or port["id"] for port in _ports(client, network["id"])],
    }


def delete_network(client: Client, name: str) -> bool:
    """Delete a network, with the groups that Docker made on it; False when there is none.

    :raises NetworkInUse: it has ports, which are named.
    """
    try:
        network = client.find("networks", name)
    except NetworkNotFound:
        return False
    try:
        deleted = client.delete("networks", network["id"])
        if tags.POLICY in network.get("tags", ()):
            Groups().remove(client, network["id"])
        return deleted
    except NetworkInUse as error:
        ports = [port["name"] or port["id"] for port in _ports(client, network["id"])]
        if not ports:
            raise
        more = f" and {len(ports) - _NAMED} more" if len(ports) > _NAMED else ""
        raise NetworkInUse(
            f"network {name}",
            f"has ports: {', '.join(ports[:_NAMED])}{more}",
            "remove their containers, or ovn-integrate port delete PORT." + name,
        ) from error


def create_port(
    client: Client, name: str, address: str | None, mac: str | None
) -> tuple[dict[str, Any], bool]:
    """Have a port ``PORT.NETWORK``; the port, and whether it was made.

    :param address: the IP address that it shall have; the server chooses when it is None.
    :raises Conflict: it exists with another address, or the address is taken.
    """
    port_name, network = _split(client, name)
    existing = _named(client, port_name, network)
    if existing:
        if address is not None and address not in _addresses(existing):
            has = ", ".join(_addresses(existing))
            raise Conflict(f"port {name}", f"exists with {has}", "delete it first")
        return describe_port(existing, network["name"]), False
    wish: dict[str, Any] = {"name": port_name, "network_id": network["id"]}
    if address is not None:
        wish["fixed_ips"] = [{"ip_address": address}]
    if mac is not None:
        wish["mac_address"] = mac
    return describe_port(client.create("ports", **wish), network["name"]), True


def list_ports(client: Client, network: str | None) -> list[dict[str, Any]]:
    """The ports of a network, or all."""
    names = {one["id"]: one["name"] for one in client.query("networks")}
    if network is None:
        ports = client.query("ports")
    else:
        ports = _ports(client, client.find("networks", network)["id"])
    rows = [describe_port(port, names.get(port["network_id"], "")) for port in ports]
    return sorted(rows, key=lambda row: (row["network"], row["name"]))


def find_port(client: Client, name: str) -> tuple[Resource, Resource]:
    """The port ``PORT.NETWORK`` and its network.

    :raises PortNotFound: there is none.
    """
    port_name, network = _split(client, name)
    port = _named(client, port_name, network)
    if port is None:
        raise PortNotFound(f"port {name}", "does not exist", f"ovn-integrate port create {name}")
    return port, network


def delete_port(client: Client, name: str) -> bool:
    """Delete a port; False when there is none.

    :raises Conflict: a container has it.
    """
    try:
        port, _ = find_port(client, name)
    except (PortNotFound, NetworkNotFound):
        return False
    if port["device_id"]:
        hint = f"ovn-integrate port detach CONTAINER {name}"
        raise Conflict(f"port {name}", "is attached to a container", hint)
    return client.delete("ports", port["id"])


def describe_port(port: Resource, network: str) -> dict[str, Any]:
    """A port in a form to show."""
    return {
        "name": port["name"],
        "network": network,
        "addresses": _addresses(port),
        "mac": port["mac_address"],
        "status": port["status"],
        "host": host_of(port),
        "id": port["id"],
    }


def _same_network(client: Client, name: str, cidrs: Sequence[str]) -> Resource:
    network = client.find("networks", name)
    have = {one["cidr"] for one in client.query("subnets", network_id=network["id"])}
    if not set(cidrs) <= have:
        said = ", ".join(sorted(have)) or "none"
        raise Conflict(f"network {name}", f"exists with other subnets: {said}", "take another name")
    return network


def _belongs(gateway: str | None, version: int) -> bool:
    try:
        return gateway is not None and ipaddress.ip_address(gateway).version == version
    except ValueError:
        raise Invalid(f"gateway {gateway!r}", "is no IP address") from None


def _split(client: Client, name: str) -> tuple[str, Resource]:
    port, dot, network = name.partition(".")
    if not (port and dot and network):
        raise Invalid(f"port {name!r}", "is no PORT.NETWORK", "for example db.foo")
    return port, client.find("networks", network)


def _named(client: Client, name: str, network: Resource) -> Resource | None:
    found = client.query("ports", name=name, network_id=network["id"])
    if len(found) > 1:
        ids = ", ".join(one["id"] for one in found)
        raise Conflict(f"port {name}.{network['name']}", f"several have this name: {ids}")
    return found[0] if found else None


def _ports(client: Client, network_id: str) -> list[Resource]:
    return client.query("ports", network_id=network_id)


def _addresses(port: Resource) -> list[str]:
    return [one["ip_address"] for one in port["fixed_ips"]]
