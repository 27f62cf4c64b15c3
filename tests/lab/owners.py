"""Whose is what: all that endpoints leave on hosts and in Northbound, against what Docker knows."""

from __future__ import annotations

import json
from typing import Any

from .cluster import Cluster
from .host import Host

ENDPOINT = "ovn-integrate:endpoint"


def known(host: Host) -> set[str]:
    """The endpoints that a host's Docker knows on networks of this driver."""
    ids = host.docker("network", "ls", "-q", "--filter", "driver=openvswitch").split()
    inspected = json.loads(host.docker("network", "inspect", *ids)) if ids else []
    return {
        endpoint["EndpointID"]
        for network in inspected
        for endpoint in network["Containers"].values()
    }


def chassis(host: Host) -> str:
    """The id of a host's chassis."""
    said = host.run("ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids:system-id").stdout
    return str(json.loads(said))


def northbound(cluster: Cluster, host: Host) -> set[str]:
    """The endpoints that have a logical port bound to a host."""
    return northbound_of(cluster, chassis(host))


def northbound_of(cluster: Cluster, chassis: str) -> set[str]:
    """The endpoints that have a logical port bound to a chassis."""
    rows = _rows(
        cluster.nbctl("-f", "json", "--columns=external_ids", "list", "Logical_Switch_Port")
    )
    return {
        keys["neutron:device_id"] for keys in rows if keys.get("ovn-integrate:host_id") == chassis
    }


def bridge(host: Host) -> set[str]:
    """The endpoints that have a port on a host's integration bridge."""
    rows = _rows(
        host.run("ovs-vsctl", "-f", "json", "--columns=external_ids", "list", "Interface").stdout
    )
    return {keys[ENDPOINT] for keys in rows if ENDPOINT in keys}


def links(host: Host) -> set[str]:
    """The names of endpoints' links on a host."""
    shown = json.loads(host.run("ip", "-json", "link").stdout)
    names = {link["ifname"] for link in shown}
    return {name for name in names if name[:2] in ("ve", "vc") and name[:4] != "veth"}


def ownerless(cluster: Cluster) -> list[str]:
    """What is there and has no living endpoint, and what a living endpoint lacks."""
    wrong = []
    for host in cluster.hosts:
        alive = known(host)
        for what, found, wanted in (
            ("in Northbound", northbound(cluster, host), alive),
            ("on br-int", bridge(host), alive),
            ("links", links(host), {f"ve{one[:13]}" for one in alive}),
        ):
            wrong += [f"{host.name}: {what}: {one}" for one in sorted(found ^ wanted)]
    return wrong


def _rows(text: str) -> list[dict[str, Any]]:
    return [dict(keys[1]) for (keys,) in json.loads(text)["data"]]
