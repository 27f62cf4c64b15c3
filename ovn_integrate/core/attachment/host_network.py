"""Putting a logical network on this host: the Docker network by which its containers get onto it.

Made with all that the driver wants to be told: the logical network, its subnets, and its addresses
from the same place for all hosts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.core.network.options import NETWORK
from ovn_integrate.errors import Conflict, Invalid, NetworkInUse, NotFound

DRIVER = "openvswitch"


def attach(
    client: Client, name: str, docker_name: str, options: Sequence[str], *, internal: bool
) -> bool:
    """Have a Docker network on a logical network; False when there is one.

    :param docker_name: what Docker shall call it.
    :param options: more for the driver, each ``KEY=VALUE``.
    :raises Conflict: Docker has another network of that name.
    """
    network = client.find("networks", name)
    if here(network) is not None:
        return False
    if docker_name in [one["Name"] for one in dockerd.get("/networks")]:
        raise Conflict(
            f"docker network {docker_name}", "exists and is another", "give this one --as NAME"
        )
    subnets = client.query("subnets", network_id=network["id"])
    versions = {subnet["ip_version"] for subnet in subnets}
    dockerd.post(
        "/networks/create",
        {
            "Name": docker_name,
            # Engines before 25 make a second one of that name without it.
            "CheckDuplicate": True,
            "Driver": DRIVER,
            "Internal": internal,
            # Engines before 28 know no network without IPv4, and pass this over.
            "EnableIPv4": 4 in versions or not versions,
            "EnableIPv6": 6 in versions,
            "IPAM": _ipam(network, subnets),
            "Options": {NETWORK: network["id"], **dict(map(_option, options))},
        },
    )
    return True


def detach(client: Client, name: str) -> bool:
    """Remove this host's Docker network on a logical network; False when there is none.

    :raises NetworkInUse: containers are on it.
    """
    network = client.find("networks", name)
    found = here(network)
    if found is None:
        return False
    containers = [one["Name"] for one in (found.get("Containers") or {}).values()]
    if containers:
        raise NetworkInUse(
            f"docker network {found['Name']}",
            f"has containers: {', '.join(sorted(containers))}",
            f"docker network disconnect {found['Name']} CONTAINER",
        )
    dockerd.delete(f"/networks/{found['Id']}")
    return True


def get(network: Resource) -> dict[str, Any]:
    """This host's Docker network on a logical network, as ``GET /networks/ID`` has it.

    :raises NotFound: there is none.
    """
    found = here(network)
    if found is None:
        name = network["name"]
        raise NotFound(
            f"network {name}",
            "has no Docker network on this host",
            f"ovn-integrate network attach {name}",
        )
    return found


def here(network: Resource) -> dict[str, Any] | None:
    """The same, or None."""
    for one in dockerd.get("/networks", filters={"driver": [DRIVER]}):
        if tags.of(one["Id"]) in network["tags"] or one["Id"] == network["name"]:
            found: dict[str, Any] = dockerd.get(f"/networks/{one['Id']}")
            return found
    return None


def _ipam(network: Resource, subnets: Sequence[Resource]) -> dict[str, Any]:
    if not subnets:
        return {"Driver": "null"}
    return {
        "Driver": DRIVER,
        "Options": {NETWORK: network["id"]},
        "Config": [{"Subnet": subnet["cidr"]} for subnet in subnets],
    }


def _option(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise Invalid(f"option {text!r}", "is no KEY=VALUE")
    return key, value
