"""Finding logical networks in Neutron, by what Docker knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.core.network.model import Network, Network4or6, Pool, Subnet
from ovn_integrate.core.network.options import DOCKER
from ovn_integrate.errors import Conflict, NetworkNotFound


def tagged(client: Client, network_id: str) -> Resource | None:
    """The logical network that has the tag of a Docker network; None if there is none."""
    return next(iter(client.query("networks", tags=tags.of(network_id))), None)


def placed(client: Client, network_id: str, host: str) -> Resource | None:
    """The same that has the tag of a Docker network on a host: the first that it gets, and the last
    that it loses."""
    return next(iter(client.query("networks", tags=tags.at(network_id, host))), None)


def named(client: Client, network_id: str) -> Resource | None:
    """The same whose name is the NetworkID.

    :raises Conflict: several have it.
    """
    found = client.query("networks", name=network_id)
    if len(found) > 1:
        raise Conflict(
            f"network {network_id[:12]}", "several logical networks have the name of its id"
        )
    return found[0] if found else None


def with_pool(
    client: Client, host: str, cidr: Network4or6, *, made: bool | None = None
) -> list[tuple[Resource, Resource]]:
    """The logical networks that Docker networks of a host are on with that pool as this driver's
    own, each with its subnet: those that were made for it, or if there are none, those adopted.

    :param made: to have only those made (or those adopted).
    """
    subnets = {one["network_id"]: one for one in client.query("subnets", cidr=str(cidr))}
    networks = [one for one in client.query("networks") if one["id"] in subnets]
    for kind in (True, False) if made is None else (made,):
        found = [one for one in networks if tags.has_pool(one["tags"], host, made=kind)]
        if found:
            return [(one, subnets[one["id"]]) for one in found]
    return []


def shared(client: Client, host: str, pools: Sequence[Pool]) -> str | None:
    """The logical network that was made for one of the pools, if there is one.

    :raises Conflict: there are several.
    """
    found = {
        network["id"]: network
        for pool in pools
        for network, _ in with_pool(client, host, pool.cidr, made=True)
    }
    if len(found) > 1:
        names = ", ".join(one["name"] for one in found.values())
        raise Conflict("subnets", f"are on several logical networks: {names}", "give other ones")
    return next(iter(found), None)


def to_adopt(client: Client, name: str) -> Resource:
    """The logical network of a name or id.

    :raises NetworkNotFound: there is none.
    """
    try:
        return client.find("networks", name)
    except NetworkNotFound as error:
        raise NetworkNotFound(
            f"logical network {name}",
            "does not exist",
            f"ovn-integrate network create {name} --subnet CIDR",
        ) from error


def subnets_of(client: Client, id: str) -> tuple[Subnet, ...]:
    """The subnets of a logical network."""
    found = client.query("subnets", network_id=id)
    return tuple(
        Subnet(
            one["id"],
            ip_network(one["cidr"]),
            ip_address(one["gateway_ip"]) if one["gateway_ip"] else None,
            tuple((route["destination"], route["nexthop"]) for route in one["host_routes"]),
        )
        for one in found
    )


def network_of(found: Resource, subnets: tuple[Subnet, ...], network_id: str) -> Network:
    """A logical network, as a Docker network sees it."""
    said = found.get("tags", ())
    return Network(
        found["id"],
        found["name"],
        subnets,
        tags.mtu(said, network_id),
        closed=tags.POLICY in said,
        gateway=tags.gateway(said, network_id) or DOCKER,
        tunnel_mtu=found.get("mtu"),
    )


def logical(client: Client, id: str) -> Network:
    """A logical network as endpoints see it that are of no Docker network.

    :raises NetworkNotFound: there is none.
    """
    return network_of(client.show("networks", id), subnets_of(client, id), "")
