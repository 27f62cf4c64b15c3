"""The things of the world: of each kind one for each relation that somebody may have to it.

A name is ``MAKER.WHAT``: ``operator``, ``b`` (another chassis), ``vm`` (a VM on chassis A), ``a``
(whose rights are tried), ``old`` (what an older version, or a Neutron, left without an owner),
``shared`` (made by B for a Docker network that A is on too), ``left`` (the same, and B has gone),
``adopted`` (an operator's, on which both have a Docker network).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from tests.functional.matrix.world import OPERATOR, VM, A, Asker, B, World

DOCKER_A, DOCKER_B, DOCKER_SHARED = "a" * 64, "b" * 64, "c" * 64
"""Ids of Docker networks: of A alone, of B alone, of both."""

FACTS = ("ovn-integrate:owner", "ovn-integrate:marks", "ovn-integrate:pinned")
"""The keys of rows in which the server writes whose a thing is."""

RESERVED, SET_ASIDE, MADE, LOCK = (
    *("docker:address", "docker:reserved", "docker:endpoint"),
    "docker:lock",
)
INTERFACE, GATEWAY = "network:router_interface", "network:router_gateway"
_HOST = "ovn-integrate.host"
_PLACES = iter(range(1, 250))


def digest(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:12]


def tag(docker: str) -> str:
    return f"docker:{docker[:32]}"


def at(docker: str, host: str) -> str:
    return f"{tag(docker)}:at={digest(host)}"


def fill(world: World) -> None:
    """Make them all."""
    operator, a, b = (world.asker(name) for name in (OPERATOR, A, B))
    _pool(world)
    _ports_of_operator(world, _network(world, operator, "operator"))
    _network(world, operator, "operator-empty", cidr=None)
    _outside(world)
    for maker, name, docker in ((a, "a", DOCKER_A), (b, "b", DOCKER_B)):
        network = _docker_network(world, maker, name, docker, (maker.name,))
        _endpoints(world, maker, name, network, docker)
    _shared(world)
    _adopted(world)
    _left(world)
    _router_of_docker(world, a, "a", DOCKER_A)
    _router_of_docker(world, b, "b", DOCKER_B)
    _router_of_docker(world, b, "shared", DOCKER_SHARED)
    a.does("PUT", f"/v2.0/routers/{world.id('shared.router')}/tags/{tag(DOCKER_SHARED)}")
    _floating(world, a, "a", "a.port", "a.router")
    _floating(world, b, "b", "b.port", "b.router")
    _floating(world, b, "shared", "shared.b-port", "shared.router")
    _old(world)
    for name, (collection, body) in list(world.things.items()):
        single = _single(collection)
        path = f"/v2.0/{collection}/{body['id']}"
        if collection == "port_forwardings":
            path = f"/v2.0/floatingips/{body['floatingip_id']}/port_forwardings/{body['id']}"
        answer = world.asker(OPERATOR).does("GET", path)[single]
        world.things[name] = collection, {**body, **answer}


def _single(collection: str) -> str:
    return collection.removesuffix("s").replace("-", "_")


def _add(world: World, name: str, collection: str, body: dict[str, Any]) -> dict[str, Any]:
    assert name not in world.things
    world.things[name] = collection, body
    return body


def _subnet(world: World, maker: Asker, name: str, network: Any, cidr: str | None) -> Any:
    number = next(_PLACES)
    wanted = {"cidr": cidr or f"10.{number}.0.0/24", "gateway_ip": f"10.{number}.0.1"}
    made = maker.made("subnet", network_id=network["id"], ip_version=4, **wanted)
    return _add(world, f"{name}.subnet", "subnets", made)


def _network(world: World, maker: Asker, name: str, cidr: str | None = "", **more: Any) -> Any:
    made = _add(world, f"{name}.network", "networks", maker.made("network", name=name, **more))
    if cidr is not None:
        _subnet(world, maker, name, made, cidr)
    return made


def _pool(world: World) -> None:
    made = world.asker(OPERATOR).made("subnetpool", name="p", prefixes=["10.250.0.0/16"])
    _add(world, "operator.pool", "subnetpools", made)


def _ports_of_operator(world: World, network: Any) -> None:
    operator = world.asker(OPERATOR)
    group = operator.made("security_group", name="theirs")
    _add(world, "operator.group", "security-groups", group)
    rule = operator.made(
        "security_group_rule", security_group_id=group["id"], direction="ingress", protocol="tcp"
    )
    _add(world, "operator.rule", "security-group-rules", rule)
    ports: dict[str, dict[str, Any]] = {
        "port": {"dns_name": "db"},
        "port-grouped": {"security_groups": [group["id"]]},
        "port-at-a": {"binding:host_id": A},
        "port-at-b": {"binding:host_id": B},
        "port-at-vm": {"binding:host_id": VM},
        "port-dhcp": {"device_owner": "network:dhcp"},
        "port-in-use": {"device_id": str(uuid.uuid4()), "device_owner": "compute:nova"},
        "port-aside": {"device_owner": SET_ASIDE},
        "port-reserved": {"device_owner": RESERVED},
    }
    for name, more in ports.items():
        made = operator.made("port", network_id=network["id"], name=name, **more)
        _add(world, f"operator.{name}", "ports", made)


def _outside(world: World) -> None:
    """The operator's router with its way out, and what hangs on it."""
    operator = world.asker(OPERATOR)
    provider: dict[str, Any] = {
        "provider:network_type": "flat",
        "provider:physical_network": "lan",
        "router:external": True,
    }
    outer = _network(world, operator, "operator-outer", **provider)
    router = operator.made(
        "router", name="theirs", external_gateway_info={"network_id": outer["id"]}
    )
    _add(world, "operator.router", "routers", router)
    path = f"/v2.0/routers/{router['id']}"
    inside = {"subnet_id": world.id("operator.subnet")}
    operator.does("PUT", f"{path}/add_router_interface", inside)
    _routers_ports(world, "operator", router)
    _add(world, "operator.router-bare", "routers", operator.made("router", name="bare"))
    attributes = {"floating_network_id": outer["id"]}
    free = operator.made("floatingip", **attributes)
    _add(world, "operator.floatingip-free", "floatingips", free)
    used = operator.made("floatingip", port_id=world.id("operator.port"), **attributes)
    _add(world, "operator.floatingip", "floatingips", used)
    at_a = operator.made("floatingip", port_id=world.id("operator.port-at-a"), **attributes)
    _add(world, "operator.floatingip-at-a", "floatingips", at_a)
    forwarding = operator.made("floatingip", **attributes)
    _add(world, "operator.floatingip-forwarding", "floatingips", forwarding)
    port = world.things["operator.port-grouped"][1]
    body = {
        "protocol": "tcp",
        "internal_ip_address": port["fixed_ips"][0]["ip_address"],
        "internal_port_id": port["id"],
        "internal_port": 80,
        "external_port": 8080,
    }
    path = f"/v2.0/floatingips/{forwarding['id']}/port_forwardings"
    made = operator.does("POST", path, {"port_forwarding": body})["port_forwarding"]
    made["floatingip_id"] = forwarding["id"]
    _add(world, "operator.forwarding", "port_forwardings", made)


def _routers_ports(world: World, name: str, router: Any) -> None:
    found = world.asker(OPERATOR).does("GET", f"/v2.0/ports?device_id={router['id']}")["ports"]
    for port in found:
        what = "interface" if port["device_owner"] == INTERFACE else "gateway"
        _add(world, f"{name}.{what}", "ports", port)


def _docker_network(
    world: World, maker: Asker, name: str, docker: str, hosts: tuple[str, ...]
) -> Any:
    """A network as the driver makes it, in the same steps."""
    made = _add(
        world,
        f"{name}.network",
        "networks",
        maker.made("network", name=docker, description=at(docker, maker.name)),
    )
    path = f"/v2.0/networks/{made['id']}/tags"
    maker.does("PUT", f"{path}/{at(docker, maker.name)}")
    maker.does("PUT", f"{path}/docker:made")
    number = next(_PLACES)
    subnet = maker.made(
        "subnet",
        network_id=made["id"],
        ip_version=4,
        cidr=f"10.{number}.0.0/24",
        gateway_ip=f"10.{number}.0.1",
        enable_dhcp=False,
    )
    _add(world, f"{name}.subnet", "subnets", subnet)
    maker.does("PUT", f"{path}/{tag(docker)}")
    for host in hosts:
        world.asker(host).does("PUT", f"{path}/{at(docker, host)}")
    return made


def _endpoints(world: World, maker: Asker, name: str, network: Any, docker: str) -> None:
    """What the driver makes on a network: endpoints, reservations, what is set aside, groups."""
    host = maker.name
    described = f"Docker: every container of network {network['id']}"
    group = maker.made("security_group", name="*", description=described)
    _add(world, f"{name}.group", "security-groups", group)
    tagged = f"/v2.0/security-groups/{group['id']}/tags/docker:network:{network['id']}"
    maker.does("PUT", tagged)
    rule = maker.made(
        "security_group_rule", security_group_id=group["id"], direction="ingress", protocol="udp"
    )
    _add(world, f"{name}.rule", "security-group-rules", rule)
    endpoint = {"device_owner": MADE, "binding:host_id": host}
    ports: dict[str, dict[str, Any]] = {
        "port": {**endpoint, "device_id": f"{name}1" * 20, "dns_name": f"web-{name}"},
        "port-grouped": {
            **endpoint,
            "device_id": f"{name}2" * 20,
            "security_groups": [group["id"]],
        },
        "reservation": {"device_owner": RESERVED, "binding:host_id": host},
        "unbound": {"name": "later"},
        "aside": {"device_owner": SET_ASIDE, "name": "reserved-x"},
        "lock": {"device_owner": LOCK, "fixed_ips": [], "mac_address": "02:6c:6f:63:6b:00"},
    }
    for what, more in ports.items():
        made = maker.made("port", network_id=network["id"], **more)
        _add(world, f"{name}.{what}", "ports", made)
        if what == "aside":
            maker.does("PUT", f"/v2.0/ports/{made['id']}/tags/{tag(docker)}")
        if what == "port":
            maker.does("PUT", f"/v2.0/ports/{made['id']}/tags/alias:api-{name}")


def _shared(world: World) -> None:
    """A network of Docker that B made and A is on as well, as in one global scope, or a swarm."""
    a, b = world.asker(A), world.asker(B)
    network = _docker_network(world, b, "shared", DOCKER_SHARED, (A, B))
    _endpoints(world, b, "shared-b", network, DOCKER_SHARED)
    for name, asker in (("shared.a", a), ("shared.vm", world.asker(VM))):
        endpoint = {"device_owner": MADE, "binding:host_id": asker.name}
        mine = asker.made("port", network_id=network["id"], device_id=name * 8, **endpoint)
        _add(world, f"{name}-port", "ports", mine)
    for old, new in (("port", "b-port"), ("group", "group"), ("rule", "rule")):
        world.things[f"shared.{new}"] = world.things.pop(f"shared-b.{old}")
    for what in ("port-grouped", "reservation", "unbound", "aside", "lock"):
        world.things[f"shared.b-{what}"] = world.things.pop(f"shared-b.{what}")
    below = {
        "device_owner": MADE,
        "device_id": "shared3" * 8,
        "binding:profile": {
            "parent_name": world.id("operator.port-at-vm"),
            "tag": 7,
            _HOST: VM,
        },
    }
    vms = world.asker(VM).made("port", network_id=network["id"], **below)
    _add(world, "shared.vm-below", "ports", vms)


def _adopted(world: World) -> None:
    """An operator's network that both have a Docker network on."""
    operator = world.asker(OPERATOR)
    network = _network(world, operator, "adopted")
    docker = "d" * 64
    path = f"/v2.0/networks/{network['id']}/tags"
    for asker in (world.asker(A), world.asker(B)):
        asker.does("PUT", f"{path}/{at(docker, asker.name)}")
        asker.does("PUT", f"{path}/{tag(docker)}")
        endpoint = {"device_owner": MADE, "binding:host_id": asker.name}
        made = asker.made("port", network_id=network["id"], device_id=asker.name * 8, **endpoint)
        _add(world, f"adopted.{asker.name[-1]}-port", "ports", made)
    made = operator.made("port", network_id=network["id"], name="theirs")
    _add(world, "adopted.operator-port", "ports", made)


def _left(world: World) -> None:
    """What B made and has left: A has its Docker network there still."""
    b = world.asker(B)
    docker = "e" * 64
    network = _docker_network(world, b, "left", docker, (A, B))
    b.does("DELETE", f"/v2.0/networks/{network['id']}/tags/{at(docker, B)}")
    docker = "f" * 64
    network = _docker_network(world, b, "left-all", docker, (B,))
    for gone in (tag(docker), at(docker, B)):
        b.does("DELETE", f"/v2.0/networks/{network['id']}/tags/{gone}")


def _router_of_docker(world: World, maker: Asker, name: str, docker: str) -> None:
    """A router as the driver makes it, in the same steps."""
    outer = "gateway.network"
    if outer not in world.things:
        provider = {"provider:network_type": "flat", "provider:physical_network": "ovn-gw"}
        made = maker.made(
            "network",
            name="docker-gateway",
            description="docker:made",
            **provider,
            **{"router:external": True},
        )
        _add(world, outer, "networks", made)
        maker.does("PUT", f"/v2.0/networks/{made['id']}/tags/docker:made")
    network = world.things[f"{name}.network"][1]
    called = f"docker-{network['id']}"
    router = maker.made("router", name=called, description="docker:made")
    _add(world, f"{name}.router", "routers", router)
    path = f"/v2.0/routers/{router['id']}"
    maker.does("PUT", f"{path}/tags/docker:made")
    maker.does("PUT", f"{path}/tags/{tag(docker)}")
    number = next(_PLACES)
    subnet = maker.made(
        "subnet",
        network_id=world.id(outer),
        name=called,
        ip_version=4,
        cidr=f"100.64.{number}.0/24",
        gateway_ip=f"100.64.{number}.1",
        enable_dhcp=False,
    )
    _add(world, f"{name}.outer-subnet", "subnets", subnet)
    outside = {"network_id": world.id(outer), "external_fixed_ips": [{"subnet_id": subnet["id"]}]}
    maker.does("PUT", path, {"router": {"external_gateway_info": outside}})
    maker.does("PUT", f"{path}/add_router_interface", {"subnet_id": world.id(f"{name}.subnet")})
    _routers_ports(world, name, router)
    if name != "a":  # that A may
        gateway = world.id(f"{name}.gateway")
        maker.does("PUT", f"/v2.0/ports/{gateway}", {"port": {"binding:host_id": maker.name}})


def _floating(world: World, maker: Asker, name: str, port: str, router: str) -> None:
    made = maker.made(
        "floatingip",
        floating_network_id=world.id("gateway.network"),
        subnet_id=world.id(f"{router.partition('.')[0]}.outer-subnet"),
        port_id=world.id(port),
        description="docker:made",
    )
    _add(world, f"{name}.floatingip", "floatingips", made)


def _old(world: World) -> None:
    """Rows as an older version left them, or a Neutron: nobody's name stands in them."""
    operator = world.asker(OPERATOR)
    network = _network(world, operator, "old")
    made = operator.made("port", network_id=network["id"], name="neutrons", dns_name="olddb")
    _add(world, "old.port", "ports", made)
    at_b = operator.made("port", network_id=network["id"], **{"binding:host_id": B})
    _add(world, "old.port-at-b", "ports", at_b)
    group = operator.made("security_group", name="old")
    _add(world, "old.group", "security-groups", group)
    _add(world, "old.router", "routers", operator.made("router", name="old"))
    docker = "9" * 64
    network = operator.made("network", name=docker, description=at(docker, B))
    _add(world, "old-docker.network", "networks", network)
    path = f"/v2.0/networks/{network['id']}/tags"
    operator.does("PUT", path, {"tags": ["docker:made", tag(docker), at(docker, B)]})
    _subnet(world, operator, "old-docker", network, None)
    reserved = {"device_owner": RESERVED, "binding:host_id": B}
    made = operator.made("port", network_id=network["id"], **reserved)
    _add(world, "old-docker.reservation", "ports", made)
    router = operator.made("router", name=f"docker-{network['id']}", description="docker:made")
    _add(world, "old-docker.router", "routers", router)
    described = f"Docker: every container of network {network['id']}"
    group = operator.made("security_group", name="*", description=described)
    _add(world, "old-docker.group", "security-groups", group)
    _forget_owners(world)
    _age_locks(world)


def _age_locks(world: World) -> None:
    """Locks that were taken long ago: how old one is decides whether others may take it."""
    for name in world.names("ports"):
        if name.endswith("lock"):
            keys = ["map", [["ovn-integrate:created_at", "2020-01-01T00:00:00Z"]]]
            old = ["set", ["ovn-integrate:created_at"]]
            world.northbound.transact(
                {
                    "op": "mutate",
                    "table": "Logical_Switch_Port",
                    "where": [["name", "==", world.id(name)]],
                    "mutations": [
                        ["external_ids", "delete", old],
                        ["external_ids", "insert", keys],
                    ],
                }
            )
    world.catch_up()


def _forget_owners(world: World) -> None:
    ids = {body["id"] for name, (_, body) in world.things.items() if name.startswith("old")}
    for (table, row), columns in world.northbound.rows().items():
        keys = dict(columns.get("external_ids", ["map", []])[1])
        if keys.keys() & set(FACTS) and any(id in json.dumps(columns) for id in ids):
            world.northbound.transact(
                {
                    "op": "mutate",
                    "table": table,
                    "where": [["_uuid", "==", ["uuid", row]]],
                    "mutations": [["external_ids", "delete", ["set", list(FACTS)]]],
                }
            )
    world.catch_up()
