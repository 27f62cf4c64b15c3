"""The two ends of a way through OVN, by what people call them: containers, names, addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS
from ovn_integrate.core.attachment import logical
from ovn_integrate.errors import CommandFailed, Conflict, Error, NotFound

_PATIENCE = 5.0  # seconds for the engine's answer


@dataclass(frozen=True)
class Ends:
    """:ivar port: the source's Neutron port.
    :ivar next_mac: of what the source sends the packet to: the target, or its gateway.
    """

    source: str
    target: str
    port: Resource
    source_ip: str
    target_ip: str
    next_mac: str
    names: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> int:
        return ipaddress.ip_address(self.target_ip).version

    def called(self, id: str) -> str:
        """What people call the port, or the Docker network, of an id; empty for others."""
        return self.names.get(id, "")


def find(client: Client, source: str, target: str) -> Ends:
    """The ends of the way from a container to another, or to an IP address.

    :param source: a container of this host, or of any host by its name in OVN, the port's name as
        ``PORT.NETWORK``, or its id.
    :param target: the same, or an IP address.
    :raises NotFound: there is no such thing.
    :raises Conflict: OVN has no way between the two.
    """
    ports = _ports(client, source)
    named = _docker_networks() | {port["id"]: source for port in ports}
    if not _is_address(target):
        others = _ports(client, target)
        named |= {port["id"]: target for port in others}
        for port in ports:
            for other in others:
                if port["network_id"] == other["network_id"]:
                    mine, theirs = _same_family(port, other)
                    mac = other["mac_address"]
                    return Ends(source, target, port, mine, theirs, mac, named)
        return _routed(client, source, target, ports, _ips(others[0])[0], named)
    return _routed(client, source, target, ports, target, named)


def _routed(
    client: Client,
    source: str,
    target: str,
    ports: Sequence[Resource],
    ip: str,
    named: dict[str, str],
) -> Ends:
    """To an address: of the source's own network, or else by its gateway."""
    address = ipaddress.ip_address(ip)
    ways: list[tuple[Resource, str, str]] = []
    for port in ports:
        mine = [one for one in _ips(port) if ipaddress.ip_address(one).version == address.version]
        if not mine:
            continue
        subnets = client.query("subnets", network_id=port["network_id"])
        inside = [one for one in subnets if address in ipaddress.ip_network(one["cidr"])]
        gateways = [str(one["gateway_ip"] or "") for one in subnets]
        hop = ip if inside else next((g for g in gateways if _family(g) == address.version), "")
        holder = _holder(client, port["network_id"], hop) if hop else None
        if holder is not None:
            ways.append((port, mine[0], holder["mac_address"]))
            if inside:
                return Ends(source, target, port, mine[0], ip, holder["mac_address"], named)
        elif inside:
            raise NotFound(
                f"address {ip}", "no port of its network has it", "ovn-integrate port list"
            )
    if not ways:
        networks = ", ".join(client.show("networks", one["network_id"])["name"] for one in ports)
        raise Conflict(
            f"{source} to {target}",
            f"OVN has no way: network {networks} has no router, and goes out by Docker's bridge",
            "docker network create -o ovn.gateway=ovn, or a network that both are on",
        )
    port, mine_ip, mac = ways[0]
    return Ends(source, target, port, mine_ip, ip, mac, named)


def _ports(client: Client, name: str) -> list[Resource]:
    """The ports of a container, or of whatever has this name.

    :raises NotFound: nothing has.
    """
    found = _of_container(client, name) or _by_name(client, name)
    if not found:
        raise NotFound(
            name,
            "is no container of this host with a port in OVN, and no name or port that OVN knows",
            "ovn-integrate port list",
        )
    return [port for port in found if port["fixed_ips"]]


def _docker_networks() -> dict[str, str]:
    """The names of this host's Docker networks by their ids: logical networks are called by these
    where nobody named them."""
    try:
        return {one["Id"]: one["Name"] for one in dockerd.get("/networks", timeout=_PATIENCE)}
    except CommandFailed:
        return {}


def _of_container(client: Client, name: str) -> list[Resource]:
    try:
        inspected = dockerd.get(f"/containers/{quote(name, safe='')}/json", timeout=_PATIENCE)
    except (NotFound, CommandFailed):
        return []  # another host's, or there is no engine here
    networks = inspected["NetworkSettings"]["Networks"].values()
    endpoints = [one["EndpointID"] for one in networks if one.get("EndpointID")]
    if not endpoints:
        raise Conflict(f"container {name}", "does not run", f"docker start {name}")
    return client.query("ports", device_id=endpoints, device_owner=ENDPOINTS)


def _by_name(client: Client, name: str) -> list[Resource]:
    lower = name.lower()
    # No filter: not every Neutron has one for it.
    named = [one for one in client.query("ports") if one.get("dns_name") == lower]
    if named:
        return named
    for one in ({"tags": tags.alias(lower)}, {"name": name}, {"id": name}):
        found = client.query("ports", **one)
        if found:
            return found
    try:
        return [logical.find_port(client, name)[0]] if "." in name else []
    except Error:
        return []


def _same_family(one: Resource, other: Resource) -> tuple[str, str]:
    for mine in _ips(one):
        for theirs in _ips(other):
            if _family(mine) == _family(theirs):
                return mine, theirs
    raise Conflict(f"port {one['id']}", f"has no address of the kind that {other['id']} has")


def _holder(client: Client, network_id: str, ip: str) -> Resource | None:
    found = client.query("ports", network_id=network_id, fixed_ips=f"ip_address={ip}")
    return found[0] if found else None


def _ips(port: Resource) -> list[str]:
    return [fixed["ip_address"] for fixed in port["fixed_ips"]]


def _family(ip: str) -> int:
    return ipaddress.ip_address(ip).version if ip else 0


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
