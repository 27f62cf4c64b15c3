"""Who may do what: a table of acts, and what becomes of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from ovn_integrate.driver import groups, owners, routers, tags
from ovn_integrate.host import gateway
from ovn_integrate.ipam import permit
from ovn_integrate.ipam.bodies import RESOURCES
from ovn_integrate.ipam.l3 import FloatingIp, Router
from ovn_integrate.ipam.model import Network, Port, Subnet
from ovn_integrate.ipam.permit import (
    CHASSIS,
    CONNECT,
    CREATE,
    DELETE,
    DISCONNECT,
    TAG,
    UPDATE,
    Act,
    Identity,
)
from ovn_integrate.ipam.security_model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.subnetpool_model import SubnetPool

ME, OTHER, ID = "chassis-1", "chassis-2", "ab" * 32
NET = Network(id="n")
HELD = replace(NET, tags=(tags.MADE, tags.of(ID), tags.at(ID, OTHER)))
EXTERNAL = Network(id="x", external=True)
PORT = Port(id="p", network_id="n", mac_address="02:00:00:00:00:01")
MINE, THEIRS = replace(PORT, host_id=ME), replace(PORT, host_id=OTHER)
BELOW, BELOW_OTHER = ({"parent_name": "v", owners.HOST: host} for host in (ME, OTHER))
OF_VM, OF_OTHER_VM = (replace(PORT, profile=json.dumps(one)) for one in (BELOW, BELOW_OTHER))
FAR_END = replace(THEIRS, device_owner=owners.TESTED)
RESERVED = replace(THEIRS, device_owner=owners.RESERVED)
OF_ROUTER = replace(PORT, device_owner="network:router_gateway")
GROUP = SecurityGroup(id="g", description="Docker: every container of network n")
OPENS = replace(GROUP, name="tcp/80")
FOREIGN = SecurityGroup(id="f", description="mine")
ROUTER = Router(id="r", name="docker-n")
FIP = FloatingIp(
    id="a",
    mac_address="02:00:00:00:00:02",
    floating_network_id="x",
    floating_ip_address="100.64.0.2",
    port_id="p",
    router_id="r",
)


def things(*more: Any) -> permit.Look:
    table = {(type(one), one.id): one for one in (NET, EXTERNAL, GROUP, FOREIGN, ROUTER, *more)}
    return lambda kind, id: table.get((kind, id))


def subnet(network_id: str) -> Subnet:
    return Subnet(id="s", network_id=network_id, cidr=ip_network("10.0.0.0/24"))


IN, OUT = subnet("n"), subnet("x")

ALLOWED: list[tuple[str, type, Mapping[str, Any], Any, tuple[Any, ...]]] = [
    (CREATE, Port, {"host_id": ME}, None, ()),
    (CREATE, Port, {"device_owner": owners.SET_ASIDE}, None, ()),
    (CREATE, Port, {"host_id": "", "binding:profile": BELOW}, None, ()),
    (UPDATE, Port, {"binding:profile": {}}, OF_VM, ()),
    (UPDATE, Port, {"binding:profile": BELOW}, PORT, ()),
    (UPDATE, Port, {"security_groups": ("a",)}, OF_OTHER_VM, ()),
    (DELETE, Port, {}, OF_VM, ()),
    (TAG, Port, {}, OF_VM, ()),
    (CREATE, Port, {"device_owner": owners.TESTED, "host_id": OTHER}, None, ()),
    (UPDATE, Port, {"name": "far"}, FAR_END, ()),
    (DELETE, Port, {}, FAR_END, ()),
    (UPDATE, Port, {"security_groups": ("a",)}, replace(THEIRS, security_groups=("g",)), (OPENS,)),
    (UPDATE, Port, {"name": "a", "host_id": ""}, MINE, ()),
    (UPDATE, Port, {"host_id": ME, "device_owner": owners.TAKEN}, PORT, ()),
    (UPDATE, Port, {"mac_address": "02:00:00:00:00:02"}, PORT, ()),
    (UPDATE, Port, {"host_id": ME}, OF_ROUTER, ()),
    (UPDATE, Port, {"security_groups": ("a", "b")}, replace(THEIRS, security_groups=("a",)), ()),
    (DELETE, Port, {}, MINE, ()),
    (DELETE, Port, {}, PORT, ()),
    (DELETE, Port, {}, RESERVED, ()),
    (TAG, Port, {}, MINE, ()),
    (TAG, Port, {}, PORT, ()),
    (CREATE, Network, {"name": ID}, None, ()),
    (CREATE, Network, {"external": True, "physical_network": "ovn-gw"}, None, ()),
    (TAG, Network, {}, HELD, ()),
    (DELETE, Network, {}, NET, ()),
    (DELETE, Network, {}, replace(NET, tags=(tags.MADE, *tags.GROUPED)), ()),
    (DELETE, Network, {}, replace(NET, tags=(tags.of(ID), tags.at(ID, ME))), ()),
    (DELETE, Network, {}, replace(NET, tags=(tags.at("c" * 25, tags.SWARM),)), ()),
    (CREATE, Subnet, {}, None, ()),
    (DELETE, Subnet, {}, OUT, ()),
    (CREATE, SecurityGroup, {"description": "Docker: group web of network n"}, None, ()),
    (TAG, SecurityGroup, {}, GROUP, ()),
    (DELETE, SecurityGroup, {}, GROUP, ()),
    (DELETE, SecurityGroup, {}, replace(FOREIGN, tags=(tags.network("n"),)), ()),
    (CREATE, SecurityRule, {"security_group_id": "g"}, None, ()),
    (CREATE, Router, {"name": "docker-n"}, None, ()),
    (TAG, Router, {}, ROUTER, ()),
    (UPDATE, Router, {"external_gateway_info": None}, ROUTER, ()),
    (DELETE, Router, {}, ROUTER, ()),
    (CONNECT, Router, {"subnet_id": "s"}, ROUTER, (IN,)),
    (DISCONNECT, Router, {}, ROUTER, ()),
    (CREATE, FloatingIp, {"port_id": "p"}, None, (MINE,)),
    (DELETE, FloatingIp, {}, FIP, (MINE,)),
    (DELETE, FloatingIp, {}, FIP, (THEIRS,)),
    (DELETE, FloatingIp, {}, FIP, ()),
]

REFUSED: list[tuple[str, type, Mapping[str, Any], Any, tuple[Any, ...], str]] = [
    (CREATE, Port, {"host_id": OTHER}, None, (), "not to chassis-2"),
    (CREATE, Port, {"device_owner": "network:router_gateway"}, None, (), "is for routers"),
    (CREATE, Port, {"binding:profile": BELOW_OTHER}, None, (), "not to chassis-2"),
    (UPDATE, Port, {"binding:profile": BELOW_OTHER}, PORT, (), "not to chassis-2"),
    (UPDATE, Port, {"binding:profile": {}}, OF_OTHER_VM, (), "is bound to chassis-2"),
    (DELETE, Port, {}, OF_OTHER_VM, (), "is bound to chassis-2"),
    (TAG, Port, {}, OF_OTHER_VM, (), "is bound to chassis-2"),
    (DELETE, Port, {}, replace(OF_VM, host_id=OTHER), (), "is bound to chassis-2"),
    (UPDATE, Port, {"host_id": OTHER}, PORT, (), "not to chassis-2"),
    (UPDATE, Port, {"host_id": OTHER}, MINE, (), "not to chassis-2"),
    (UPDATE, Port, {"host_id": ME}, THEIRS, (), "is bound to chassis-2"),
    (UPDATE, Port, {"name": "a"}, THEIRS, (), "is bound to chassis-2"),
    (UPDATE, Port, {"device_owner": "network:dhcp"}, MINE, (), "is for routers"),
    (UPDATE, Port, {"host_id": ME, "fixed_ips": ()}, OF_ROUTER, (), "is a router's"),
    (UPDATE, Port, {"security_groups": ()}, replace(THEIRS, security_groups=("a",)), (), "bound"),
    (UPDATE, Port, {"security_groups": (), "name": ""}, THEIRS, (), "is bound"),
    (UPDATE, Port, {"security_groups": ()}, replace(THEIRS, security_groups=("g",)), (GROUP,), "b"),
    (UPDATE, Port, {"host_id": OTHER, "device_owner": owners.TESTED}, MINE, (), "not to chassis-2"),
    (UPDATE, Port, {"device_owner": ""}, FAR_END, (), "is bound to chassis-2"),
    (DELETE, Port, {}, THEIRS, (), "is bound to chassis-2"),
    (DELETE, Port, {}, RESERVED, (HELD,), "is bound to chassis-2"),
    (TAG, Port, {}, THEIRS, (), "is bound to chassis-2"),
    (CREATE, Network, {"external": True}, None, (), "for an operator"),
    (CREATE, Network, {"network_type": "flat", "physical_network": "lan"}, None, (), "operator"),
    (CREATE, Network, {"network_type": "vlan"}, None, (), "for an operator"),
    (UPDATE, Router, {"name": "docker-m"}, ROUTER, (), "only the way out"),
    (UPDATE, Router, {"external_gateway_info": None}, Router(id="q", name="q"), (), "none of"),
    (UPDATE, Network, {"name": "a"}, NET, (), "only an operator may"),
    (DELETE, Network, {}, HELD, (), "another host"),
    (DELETE, Network, {}, replace(NET, tags=(tags.of(ID),)), (), "another host"),
    (UPDATE, Subnet, {}, IN, (), "only an operator may"),
    (DELETE, Subnet, {}, IN, (), "is not external"),
    (CREATE, SubnetPool, {}, None, (), "only an operator may"),
    (CREATE, SecurityGroup, {"description": ""}, None, (), "one of a Docker network"),
    (UPDATE, SecurityGroup, {}, GROUP, (), "only an operator may"),
    (TAG, SecurityGroup, {}, FOREIGN, (), "none of a Docker network"),
    (DELETE, SecurityGroup, {}, FOREIGN, (), "none of a Docker network"),
    (CREATE, SecurityRule, {"security_group_id": "f"}, None, (), "none of a Docker network"),
    (DELETE, SecurityRule, {}, None, (), "only an operator may"),
    (CREATE, Router, {"name": "a"}, None, (), "is to be named docker-"),
    (DELETE, Router, {}, Router(id="q", name="mine"), (), "none of Docker's"),
    (CONNECT, Router, {"subnet_id": "s"}, ROUTER, (OUT,), "of another network"),
    (CREATE, FloatingIp, {"port_id": "p"}, None, (THEIRS,), "none of its own"),
    (CREATE, FloatingIp, {}, None, (), "none of its own"),
    (UPDATE, FloatingIp, {"port_id": None}, FIP, (MINE,), "only an operator may"),
    (DELETE, FloatingIp, {}, FIP, (THEIRS, replace(ROUTER, tags=(tags.of(ID),))), "is bound"),
]


@pytest.mark.parametrize(("what", "kind", "wanted", "current", "more"), ALLOWED)
def test_what_a_chassis_may(
    what: str, kind: type, wanted: Mapping[str, Any], current: Any, more: tuple[Any, ...]
) -> None:
    act = Act(what, kind, wanted, current)
    assert permit.refusal(Identity(ME, CHASSIS), act, things(*more)) is None


@pytest.mark.parametrize(("what", "kind", "wanted", "current", "more", "why"), REFUSED)
def test_what_a_chassis_may_not(
    what: str, kind: type, wanted: Mapping[str, Any], current: Any, more: tuple[Any, ...], why: str
) -> None:
    act = Act(what, kind, wanted, current)
    said = permit.refusal(Identity(ME, CHASSIS), act, things(*more))
    assert said is not None
    assert said.startswith("chassis chassis-1: ")
    assert why in said
    for role in (permit.OPERATOR, permit.CENTRAL):
        assert permit.refusal(Identity("x", role), act, things(*more)) is None


@pytest.mark.parametrize("role", [permit.READER, "", "Chassis"])
@pytest.mark.parametrize("what", [CREATE, UPDATE, DELETE, TAG, CONNECT, DISCONNECT])
def test_others_may_only_read(role: str, what: str) -> None:
    for resource in RESOURCES.values():
        act = Act(what, resource.kind, {}, MINE)
        assert permit.refusal(Identity(ME, role), act, things()) == f"{role} {ME} may only read"


def test_the_words_are_those_of_the_driver() -> None:
    assert permit.RESERVED == owners.RESERVED
    assert (permit.MADE, permit.POLICY, permit.SWARM) == (tags.MADE, tags.POLICY, tags.SWARM)
    assert gateway.PHYSICAL_NETWORK == permit.PHYSICAL_NETWORK
    assert routers._name("n") == "docker-n"
    assert tags.network("n") == "docker:network:n"
    assert groups.__name__.endswith("groups")
