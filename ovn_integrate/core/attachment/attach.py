"""Giving a container a logical port of its own, by way of the host's Docker engine.

Docker hands ``ovn.port`` to the driver's CreateEndpoint, which takes that port instead of making
one, so that the port keeps its addresses from one container to the next.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import host_of
from ovn_integrate.core.attachment import host_network
from ovn_integrate.core.attachment.logical import find_port
from ovn_integrate.core.network.options import PORT
from ovn_integrate.errors import CommandFailed, Conflict, NotFound

_NO_SUBNET = "user configured subnets"  # in moby daemon/container_operations.go


def attach(client: Client, container: str, name: str) -> bool:
    """Attach a container to the port ``PORT.NETWORK``; False when it has it already.

    :raises Conflict: another container has the port, or this one has another port there.
    :raises NotFound: no such container here, or no Docker network for this logical network.
    """
    port, network = find_port(client, name)
    docker_network = host_network.get(network)
    endpoint = _endpoint(container, docker_network["Name"])
    if endpoint and endpoint == port["device_id"]:
        return False
    if endpoint:
        where = f"docker network {docker_network['Name']}"
        hint = f"docker network disconnect {docker_network['Name']} {container}"
        raise Conflict(f"container {container}", f"has another port on {where}", hint)
    if port["device_id"]:
        raise Conflict(f"port {name}", f"is attached on host {host_of(port)}")
    settings = {
        "DriverOpts": {PORT: port["id"]},
        "IPAMConfig": _addresses(docker_network, port),
    }
    try:
        dockerd.post(
            f"/networks/{docker_network['Id']}/connect",
            {"Container": container, "EndpointConfig": settings},
        )
    except CommandFailed as error:
        if _NO_SUBNET not in error.what:
            raise
        cidrs = [one["cidr"] for one in client.query("subnets", network_id=network["id"])]
        raise Conflict(
            f"docker network {docker_network['Name']}",
            "takes no address, as it was made without --subnet",
            f"make it anew with {' '.join(f'--subnet {cidr}' for cidr in cidrs)}",
        ) from error
    return True


def detach(client: Client, container: str, name: str) -> bool:
    """Detach a container from the port ``PORT.NETWORK``, which stays; False when it has it not."""
    port, network = find_port(client, name)
    docker_network = host_network.get(network)
    endpoint = _endpoint(container, docker_network["Name"])
    if not endpoint or endpoint != port["device_id"]:
        return False
    dockerd.post(f"/networks/{docker_network['Id']}/disconnect", {"Container": container})
    return True


def _endpoint(container: str, docker_network: str) -> str:
    """The id of a container's endpoint on a Docker network; empty when it has none."""
    try:
        inspected = dockerd.get(f"/containers/{quote(container, safe='')}/json")
    except NotFound as error:
        raise NotFound(f"container {container}", "is not on this host", error.what) from None
    endpoint = inspected["NetworkSettings"]["Networks"].get(docker_network) or {}
    return str(endpoint.get("EndpointID") or "")


def _addresses(docker_network: dict[str, Any], port: Resource) -> dict[str, str]:
    # Docker's own IPAM must be told the address, or it would choose another; without an IPAM the
    # driver's answer decides.
    if docker_network["IPAM"]["Driver"] == "null":
        return {}
    found = [fixed["ip_address"] for fixed in port["fixed_ips"]]
    return {"IPv6Address" if ":" in one else "IPv4Address": one for one in found}
