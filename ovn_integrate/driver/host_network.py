"""Putting a logical network on this host: the Docker network by which its containers get onto it.

Made with all that the driver wants to be told: the logical network, its subnets, and its addresses
from the same place for all hosts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ovn_integrate.driver import engine, tags
from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.driver.options import NETWORK
from ovn_integrate.errors import Conflict, NetworkInUse, NotFound

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
    if docker_name in engine.run("network", "ls", "--format", "{{.Name}}").split():
        raise Conflict(
            f"docker network {docker_name}", "exists and is another", "give this one --as NAME"
        )
    words = ["--internal"] if internal else []
    for option in (f"{NETWORK}={network['id']}", *options):
        words += ["--opt", option]
    words += _ipam(network, client.query("subnets", network_id=network["id"]))
    engine.run("network", "create", "--driver", DRIVER, *words, docker_name)
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
    engine.run("network", "rm", found["Name"])
    return True


def get(network: Resource) -> dict[str, Any]:
    """This host's Docker network on a logical network, as ``docker network inspect`` has it.

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
    words = ("network", "ls", "--no-trunc", "--filter", f"driver={DRIVER}", "--quiet")
    for one in engine.run(*words).split():
        if tags.of(one) in network["tags"] or one == network["name"]:
            found: dict[str, Any] = json.loads(engine.run("network", "inspect", one))[0]
            return found
    return None


def _ipam(network: Resource, subnets: Sequence[Resource]) -> list[str]:
    if not subnets:
        return ["--ipam-driver", "null"]
    words = ["--ipam-driver", DRIVER, "--ipam-opt", f"{NETWORK}={network['id']}"]
    if any(subnet["ip_version"] == 6 for subnet in subnets):
        words.append("--ipv6")
    for subnet in subnets:
        words += ["--subnet", subnet["cidr"]]
    return words
