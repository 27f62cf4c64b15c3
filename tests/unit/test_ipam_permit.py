"""Who may do what, asked of the API as a chassis, an operator or a reader would ask."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from ovn_integrate.contract import device_owners, tags
from ovn_integrate.contract.way_out import PHYSICAL_NETWORK
from ovn_integrate.core.way_out import routers
from ovn_integrate.ipam.permit import chassis as permit_chassis
from ovn_integrate.ipam.permit import facts as permit_facts
from ovn_integrate.ipam.permit import l3 as permit_l3
from ovn_integrate.ipam.resources.model import Thing
from tests.asked import Asked, Bed

ID, OTHER_ID, SWARM_ID = "ab" * 32, "cd" * 32, "s" * 25


@pytest.fixture
def bed() -> Bed:
    return Bed()


@pytest.fixture
def net(bed: Bed) -> dict[str, Any]:
    """An operator's network."""
    return bed.network(bed.operator, name="net")


@pytest.fixture
def theirs(bed: Bed) -> dict[str, Any]:
    """A network that chassis-b made for Docker."""
    return bed.docker_network(bed.b, ID)


def port(asked: Asked, network: dict[str, Any], **more: Any) -> dict[str, Any]:
    return asked.make("ports", network_id=network["id"], **more)


def bound(asked: Asked, network: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A port of a container."""
    own = {"binding:host_id": asked.name, "device_owner": device_owners.MADE}
    return port(asked, network, **{**own, **more})


def at(address: str) -> dict[str, Any]:
    return {"fixed_ips": [{"ip_address": address}]}


def routed(bed: Bed, asked: Asked, network: dict[str, Any], docker_id: str) -> dict[str, Any]:
    """The router that a chassis makes for a network, as the driver does it."""
    bed.operator.tag(f"networks/{network['id']}", permit_l3.ROUTED)
    name = f"docker-{network['id']}"
    router = asked.make("routers", name=name, description=tags.MADE)
    path = f"routers/{router['id']}"
    for tag in (tags.MADE, tags.of(docker_id)):
        assert asked.tag(path, tag) == 201
    out = way_out(asked)
    number = len(asked.show("subnets"))
    carved = asked.make(
        "subnets",
        network_id=out["id"],
        name=name,
        ip_version=4,
        cidr=f"100.64.{16 * number}.0/20",
        enable_dhcp=False,
    )
    info = {"network_id": out["id"], "external_fixed_ips": [{"subnet_id": carved["id"]}]}
    assert asked.put(path, external_gateway_info=info) == 200
    (subnet,) = asked.show(f"networks/{network['id']}")["subnets"]
    assert asked.ask("PUT", f"{path}/add_router_interface", {"subnet_id": subnet})[0] == 200
    return asked.show(path)


def way_out(asked: Asked) -> dict[str, Any]:
    found = [one for one in asked.show("networks") if one["name"] == routers.NAME]
    if found:
        return dict(found[0])
    return asked.make(
        "networks",
        name=routers.NAME,
        description=tags.MADE,
        **{
            "router:external": True,
            "provider:network_type": "flat",
            "provider:physical_network": PHYSICAL_NETWORK,
        },
    )


# The owner.


def test_what_is_made_is_its_makers_and_no_body_says_otherwise(bed: Bed) -> None:
    net = bed.network(bed.a)
    made = bound(bed.a, net)
    (subnet,) = bed.a.show(f"networks/{net['id']}")["subnets"]
    group = bed.a.make("security-groups", name="g")
    for id in (net["id"], subnet, made["id"], group["id"]):
        assert bed.owner(id) == "chassis:chassis-a"
    for rule in group["security_group_rules"]:
        assert bed.owner(rule["id"]) == "chassis:chassis-a"
    for body in (net, made, group):
        assert not {"owner", "marks", "pinned"} & body.keys()
    for attribute in ("owner", "marks", "pinned", "ovn-integrate:owner"):
        status, _ = bed.operator.ask("PUT", f"ports/{made['id']}", {"port": {attribute: "x"}})
        assert status == 400
        body = {"port": {"network_id": net["id"], attribute: "x"}}
        assert bed.a.ask("POST", "ports", body)[0] == 400
    assert bed.operator.put(f"ports/{made['id']}", name="renamed") == 200
    assert bed.anybody.put(f"ports/{made['id']}", name="again") == 200
    assert bed.owner(made["id"]) == "chassis:chassis-a"
    assert bed.owner(bed.anybody.make("networks")["id"]) == ""


def test_a_router_with_its_ports_is_its_makers(bed: Bed, net: dict[str, Any]) -> None:
    bed.join(bed.a, net, ID)
    router = routed(bed, bed.a, net, ID)
    found = [one for one in bed.a.show("ports") if one["device_id"] == router["id"]]
    assert {one["device_owner"] for one in found} == {
        "network:router_gateway",
        "network:router_interface",
    }
    assert {bed.owner(one["id"]) for one in found} == {"chassis:chassis-a"}


def test_a_creation_that_is_sent_again_is_its_makers_alone(bed: Bed, net: dict[str, Any]) -> None:
    body = {"port": {"network_id": net["id"]}}
    key = {"Idempotency-Key": "k"}
    first = bed.b.ask("POST", "ports", body, **key)
    assert bed.b.ask("POST", "ports", body, **key) == first
    status, said = bed.a.ask("POST", "ports", body, **key)
    assert status == 403 or said["port"]["id"] != first[1]["port"]["id"]


# Every field is decided on.

DENIED: dict[str, set[str]] = {
    "Network": {"project_id", "shared", "port_security_enabled", "segmentation_id"},
    "Subnet": {
        *("project_id", "description", "tags", "ipv6_ra_mode", "ipv6_address_mode"),
        *("dns_nameservers", "host_routes", "service_types", "subnetpool_id"),
    },
    "Port": {"project_id", "description", "vnic_type", "pairs"},
    "SecurityGroup": {"project_id", "stateful"},
    "SecurityRule": {"name", "project_id", "description", "tags"},
    "Router": {"project_id", "admin_state_up"},
    "FloatingIp": {"name", "project_id", "tags"},
    "SubnetPool": {
        *("name", "project_id", "description", "tags", "prefixes", "min_prefixlen"),
        *("max_prefixlen", "default_prefixlen", "is_default", "shared", "default_quota"),
    },
    "PortForwarding": {
        *("name", "project_id", "description", "tags", "floatingip_id", "protocol"),
        *("internal_port_id", "internal_ip_address", "external", "internal"),
    },
}
"""What a chassis may not give to a new thing."""


@pytest.mark.parametrize("kind", Thing.__args__, ids=lambda kind: kind.__name__)
def test_each_field_of_each_kind_is_decided_on(kind: type) -> None:
    known = {one.name for one in fields(kind)} - permit_facts._SERVERS
    allowed = permit_chassis.CREATED[kind]
    assert not allowed & DENIED[kind.__name__]
    assert allowed | DENIED[kind.__name__] == known
    for relation in permit_chassis.CHANGED[kind].values():
        assert relation <= known


# Networks, and who is on them.


def test_a_chassis_changes_no_network_but_by_its_own_tags(bed: Bed, net: dict[str, Any]) -> None:
    path = f"networks/{net['id']}"
    for attributes in ({"name": "x"}, {"mtu": 1000}, {"shared": True}, {"admin_state_up": False}):
        assert bed.a.put(path, **attributes) == 403, attributes
    assert bed.a.put(path, name="net") == 200  # which it is
    for tag in (
        *("x", tags.MADE, tags.POLICY, tags.PUBLISHED, tags.of(ID), tags.with_mtu(ID, 68)),
        *(tags.at(ID, "chassis-b"), tags.with_pool(ID, "chassis-b", made=True)),
        *("docker:network:x", "docker:", "domain:io", "alias:x"),
    ):
        assert bed.a.tag(path, tag) == 403, tag
    assert bed.a.tag(path, tags.at(ID, "chassis-a")) == 201
    for tag in (tags.of(ID), tags.with_mtu(ID, 1000), tags.POLICY):
        assert bed.a.tag(path, tag) == 201, tag
    assert bed.a.tag(path, tags.of(OTHER_ID)) == 403
    bed.leave(bed.a, net, ID)
    assert bed.a.untag(path, tags.POLICY) == 204
    assert bed.operator.show(path)["tags"] == []
    assert bed.a.delete(path) == 403
    (subnet,) = bed.a.show(path)["subnets"]
    body = {"subnet": {"network_id": net["id"], "cidr": "10.9.0.0/24", "ip_version": 4}}
    assert bed.a.ask("POST", "subnets", body)[0] == 403
    assert bed.a.put(f"subnets/{subnet}", gateway_ip="10.0.0.9") == 403
    assert bed.a.delete(f"subnets/{subnet}") == 403


def test_tags_of_others_stay_by_whatever_verb(bed: Bed, theirs: dict[str, Any]) -> None:
    path = f"networks/{theirs['id']}"
    before = bed.b.show(path)["tags"]
    assert bed.a.ask("PUT", f"{path}/tags", {"tags": []})[0] == 403
    assert bed.a.ask("DELETE", f"{path}/tags")[0] == 403
    assert bed.a.ask("PUT", f"{path}/tags", {"tags": before[:1]})[0] == 403
    for tag in before:
        assert bed.a.untag(path, tag) == 403
    assert bed.a.ask("PUT", f"{path}/tags", {"tags": before})[0] == 200
    own = tags.at(OTHER_ID, "chassis-a")
    assert bed.a.ask("POST", f"{path}/tags", {"tags": [own]})[0] == 200
    assert bed.a.ask("POST", f"{path}/tags", {"tags": [own, "x"]})[0] == 403
    assert bed.b.show(path)["tags"] == [*before, own]
    assert bed.a.delete(path) == 403
    assert bed.b.delete(path) == 403  # chassis-a is on it
    assert bed.a.ask("PUT", f"{path}/tags", {"tags": before})[0] == 200


def test_a_docker_network_is_on_one_logical_network(bed: Bed, theirs: dict[str, Any]) -> None:
    """Its tags are what drivers find it by."""
    own = bed.network(bed.a)
    path = f"networks/{own['id']}"
    assert bed.a.tag(path, tags.at(ID, "chassis-a")) == 403
    assert bed.a.tag(path, tags.of(ID)) == 403
    body = {"network": {"name": "x", "tags": [tags.of(ID)]}}
    assert bed.a.ask("POST", "networks", body)[0] == 403
    assert bed.a.ask("POST", "networks", {"network": {"name": ID}})[0] == 403
    assert bed.b.delete(f"networks/{theirs['id']}") == 204


def test_the_last_one_on_a_network_ends_it(bed: Bed, theirs: dict[str, Any]) -> None:
    path = f"networks/{theirs['id']}"
    bed.join(bed.a, theirs, OTHER_ID)
    bed.leave(bed.b, theirs, ID)
    assert bed.owner(theirs["id"]) == "chassis:chassis-a"
    assert bed.b.delete(path) == 403
    bed.leave(bed.a, theirs, OTHER_ID)
    assert bed.a.delete(path) == 204


def test_one_docker_network_of_two_hosts(bed: Bed, theirs: dict[str, Any]) -> None:
    path = f"networks/{theirs['id']}"
    bed.join(bed.a, theirs, ID)
    assert bed.a.tag(path, tags.with_mtu(ID, 68)) == 403  # its maker's to say
    assert bed.a.untag(path, tags.at(ID, "chassis-b")) == 403
    assert bed.a.untag(path, tags.of(ID)) == 204
    assert tags.of(ID) in bed.b.show(path)["tags"]
    assert bed.a.untag(path, tags.of(ID)) == 403
    bed.leave(bed.b, theirs, ID)
    assert bed.owner(theirs["id"]) == "chassis:chassis-a"


def test_a_network_of_a_swarm(bed: Bed) -> None:
    """Its leader makes it, nodes come and go, another leader ends it."""
    made = bed.a.make("networks", name=SWARM_ID)
    path = f"networks/{made['id']}"
    swarm = tags.at(SWARM_ID, tags.SWARM)
    for tag in (swarm, tags.MADE, tags.of(SWARM_ID)):
        assert bed.a.tag(path, tag) == 201
    bed.a.make("subnets", network_id=made["id"], cidr="10.2.0.0/24", ip_version=4)
    bed.join(bed.b, made, SWARM_ID)
    there = bound(bed.b, made)
    assert bed.c.untag(path, tags.at(SWARM_ID, "chassis-b")) == 403
    assert bed.c.tag(path, swarm) == 201  # as a new leader does
    assert bed.c.untag(path, tags.at(SWARM_ID, "chassis-b")) == 403  # it has an endpoint there
    assert bed.b.delete(f"ports/{there['id']}") == 204
    assert bed.c.untag(path, tags.at(SWARM_ID, "chassis-b")) == 204
    bed.leave(bed.c, made, SWARM_ID)
    assert bed.operator.show(path)["tags"] == [tags.MADE]
    assert bed.c.delete(path) == 204


def test_a_name_of_anothers_network_is_not_taken(bed: Bed, net: dict[str, Any]) -> None:
    assert bed.a.ask("POST", "networks", {"network": {"name": "net"}})[0] == 403
    assert bed.operator.ask("POST", "networks", {"network": {"name": "net"}})[0] == 201


def test_a_description_by_which_another_host_would_act(bed: Bed) -> None:
    body = {"network": {"description": tags.at(ID, "chassis-b")}}
    assert bed.a.ask("POST", "networks", body)[0] == 403
    body = {"network": {"description": tags.at(ID, "chassis-a")}}
    assert bed.a.ask("POST", "networks", body)[0] == 201


@pytest.mark.parametrize(
    "attributes",
    [
        {"router:external": True},
        {"provider:network_type": "flat", "provider:physical_network": "lan"},
        {"shared": True},
        {"port_security_enabled": False},
        {"mtu": 9000},
        {"project_id": "x"},
        {"provider:segmentation_id": 7},
        {"tags": [tags.at(ID, "chassis-b")]},
    ],
    ids=str,
)
def test_networks_that_are_for_an_operator_to_make(bed: Bed, attributes: dict[str, Any]) -> None:
    assert bed.a.ask("POST", "networks", {"network": attributes})[0] == 403
    assert bed.operator.ask("POST", "networks", {"network": attributes})[0] == 201


# Ports.


@pytest.mark.parametrize(
    "attributes",
    [
        {"binding:host_id": "chassis-b"},
        {"binding:profile": {device_owners.HOST: "chassis-b"}},
        {"binding:profile": {"anything": 1}},
        {"port_security_enabled": False},
        {"allowed_address_pairs": [{"ip_address": "10.0.0.1"}]},
        {"project_id": "x"},
        {"description": "x"},
        {"tags": ["x"]},
        {"device_owner": "network:router_interface"},
        {"device_owner": "network:dhcp"},
        {"device_owner": "compute:nova"},
        {"device_owner": device_owners.TESTED, "binding:host_id": "chassis-b"},
        {"fixed_ips": [{"ip_address": "10.0.0.1"}]},
        {"fixed_ips": [{"ip_address": "10.0.0.53"}]},
        {"fixed_ips": [{"ip_address": "10.0.0.54"}]},
        {"mac_address": "ff:ff:ff:ff:ff:ff"},
        {"mac_address": "01:00:5e:00:00:01"},
        {"mac_address": "02:f1:0a:00:00:02"},
        {"mac_address": "02:6c:6f:63:6b:00"},
        {"device_owner": device_owners.SET_ASIDE, "binding:host_id": "chassis-a"},
    ],
    ids=str,
)
def test_ports_that_a_chassis_may_not_make(bed: Bed, attributes: dict[str, Any]) -> None:
    net = bed.operator.make("networks")
    bed.operator.make(
        "subnets",
        network_id=net["id"],
        cidr="10.0.0.0/24",
        ip_version=4,
        dns_nameservers=["10.0.0.53"],
        host_routes=[{"destination": "10.9.0.0/24", "nexthop": "10.0.0.54"}],
    )
    body = {"port": {"network_id": net["id"], **attributes}}
    assert bed.a.ask("POST", "ports", body)[0] == 403
    own = bound(bed.a, net)
    if "tags" in attributes:
        assert bed.a.tag(f"ports/{own['id']}", "x") == 403
    else:
        assert bed.a.put(f"ports/{own['id']}", **attributes) in (400, 403)


def test_anothers_port_is_anothers(bed: Bed, theirs: dict[str, Any]) -> None:
    bed.join(bed.a, theirs, OTHER_ID)
    reserved = port(
        bed.b, theirs, device_owner=device_owners.RESERVED, **{"binding:host_id": "chassis-b"}
    )
    unbound = port(bed.b, theirs)
    aside = port(bed.b, theirs, device_owner=device_owners.SET_ASIDE)
    for one in (reserved, unbound, aside):
        path = f"ports/{one['id']}"
        assert bed.a.put(path, **{"binding:host_id": "chassis-a"}) == 403
        assert bed.a.put(path, device_owner="", name="x") == 403
        assert bed.a.put(path, security_groups=[bed.a.make("security-groups")["id"]]) == 403
        assert bed.a.tag(path, "alias:x") == 403
        assert bed.a.delete(path) == 403
        assert bed.a.put(path, name=one["name"]) == 200


def test_an_operators_port_is_taken_and_given_back_as_it_was(bed: Bed, net: dict[str, Any]) -> None:
    group = bed.operator.make("security-groups")["id"]
    plain = port(bed.operator, net, name="db", security_groups=[group])
    path = f"ports/{plain['id']}"
    assert bed.a.put(path, **{"binding:host_id": "chassis-a"}) == 403  # for no container
    taken = {
        "device_id": "e",
        "device_owner": device_owners.TAKEN,
        "binding:host_id": "chassis-a",
        "binding:profile": {"ovn.iface_id_ver": "e"},
    }
    for more in (
        {"name": "x"},
        {"fixed_ips": [{"ip_address": "10.0.0.77"}]},
        {"mac_address": "02:42:00:00:00:01"},
        {"security_groups": []},
        {"dns_name": "x"},
        {"device_owner": device_owners.MADE},
        {"binding:host_id": "chassis-b"},
    ):
        assert bed.a.put(path, **{**taken, **more}) == 403, more
    profile = {"ovn.iface_id_ver": "e", "ovn-integrate.mac": plain["mac_address"]}
    mac = {"mac_address": "02:42:00:00:00:01", "binding:profile": profile}
    assert bed.a.put(path, **taken) == 200
    assert bed.a.put(path, **mac) == 200
    assert bed.b.put(path, device_owner="") == 403
    assert bed.b.put(path, **taken) == 403
    assert bed.a.delete(path) == 403
    free = {"device_id": "", "device_owner": "", "binding:host_id": "", "binding:profile": {}}
    assert bed.a.put(path, **free) == 403  # not with another MAC address
    assert bed.a.put(path, **{"binding:host_id": ""}) == 200
    assert bed.b.delete(path) == 403
    assert bed.a.put(path, **free, mac_address=plain["mac_address"]) == 200
    back = bed.operator.show(path)
    ignored = {"revision_number", "updated_at"}
    assert {key: back[key] for key in back.keys() - ignored} == {
        key: plain[key] for key in plain.keys() - ignored
    }


def test_a_port_that_no_container_has_is_left_as_it_is(bed: Bed, net: dict[str, Any]) -> None:
    own = bound(bed.a, net)
    plain = port(bed.operator, net)
    path = f"ports/{plain['id']}"
    for attributes in (
        {"binding:profile": {"parent_name": own["id"], "tag": 5}},
        {
            "mac_address": "02:42:00:00:00:01",
            "binding:profile": {"ovn-integrate.mac": plain["mac_address"]},
        },
    ):
        assert bed.a.put(path, **attributes) == 403
    assert bed.a.tag(path, "alias:x") == 403
    taken = {"device_id": "e", "device_owner": device_owners.TAKEN, "binding:host_id": "chassis-a"}
    assert bed.a.put(path, **taken) == 200
    assert bed.a.tag(path, "alias:x") == 201
    assert bed.a.put(path, **dict.fromkeys(taken, "")) == 403  # with a name that it gave
    assert bed.a.untag(path, "alias:x") == 204
    assert bed.a.put(path, **dict.fromkeys(taken, "")) == 200


def test_no_ports_on_external_networks(bed: Bed) -> None:
    outside = bed.network(bed.operator, "10.7.0.0/24", **{"router:external": True})
    assert bed.a.ask("POST", "ports", {"port": {"network_id": outside["id"]}})[0] == 403


def test_a_port_that_an_operator_bound_is_for_that_host(bed: Bed, net: dict[str, Any]) -> None:
    plain = port(bed.operator, net, **{"binding:host_id": "chassis-a"})
    path = f"ports/{plain['id']}"
    taken = {"device_id": "e", "device_owner": device_owners.TAKEN}
    assert bed.b.put(path, **taken, **{"binding:host_id": "chassis-b"}) == 403
    assert bed.a.put(path, **taken) == 200
    free = {"device_id": "", "device_owner": "", "binding:host_id": ""}
    assert bed.a.put(path, **free) == 200
    assert bed.operator.show(path)["binding:host_id"] == "chassis-a"
    revision = bed.operator.show(path)["revision_number"]
    assert bed.b.put(path, **{"binding:host_id": ""}) == 200  # and nothing happens
    assert bed.operator.show(path)["revision_number"] == revision
    assert bed.operator.put(path, **{"binding:host_id": ""}) == 200
    assert bed.b.put(path, **taken, **{"binding:host_id": "chassis-b"}) == 200


def test_a_port_with_the_address_of_the_gateway_is_an_operators_to_bind(
    bed: Bed, net: dict[str, Any]
) -> None:
    path = f"ports/{port(bed.operator, net, **at('10.0.0.1'))['id']}"
    taken = {
        "device_id": "e",
        "device_owner": device_owners.TAKEN,
        "binding:host_id": "chassis-a",
    }
    assert bed.a.put(path, **taken) == 403
    assert bed.operator.put(path, **{"binding:host_id": "chassis-a"}) == 200
    assert bed.a.put(path, **taken) == 200


def test_an_address_that_is_set_aside(bed: Bed, theirs: dict[str, Any]) -> None:
    """It is each one's who named it, and goes with the last."""
    bed.join(bed.a, theirs, OTHER_ID)
    aside = port(bed.b, theirs, device_owner=device_owners.SET_ASIDE, **at("10.1.0.9"))
    path = f"ports/{aside['id']}"
    assert bed.b.tag(path, tags.of(ID)) == 201
    assert bed.a.tag(path, tags.of(ID)) == 403
    assert bed.c.tag(path, tags.of(ID)) == 403
    assert bed.a.tag(path, tags.of(OTHER_ID)) == 201
    assert bed.b.put(path, device_owner="", **{"binding:host_id": "chassis-b"}) == 403
    assert bed.b.untag(path, tags.of(OTHER_ID)) == 403
    assert bed.b.untag(path, tags.of(ID)) == 204
    assert bed.b.delete(path) == 403
    assert bed.owner(aside["id"]) == "chassis:chassis-a"
    assert bed.a.untag(path, tags.of(OTHER_ID)) == 204
    assert bed.a.delete(path) == 204


def test_a_lock_is_its_holders_until_it_is_old(bed: Bed, theirs: dict[str, Any]) -> None:
    locked = {
        "mac_address": device_owners.LOCK_MAC,
        "device_owner": device_owners.LOCK,
        "fixed_ips": [],
    }
    body = {"port": {"network_id": theirs["id"], **locked}}
    assert bed.a.ask("POST", "ports", body)[0] == 403  # it is not on the network
    own = bound(bed.a, theirs)
    assert bed.a.put(f"ports/{own['id']}", device_owner=device_owners.LOCK) == 403
    held = bed.b.make("ports", **body["port"])
    bed.join(bed.a, theirs, OTHER_ID)
    assert bed.a.delete(f"ports/{held['id']}") == 403
    old = bed.store.read(lambda index: index.ports[held["id"]])
    object.__setattr__(old, "created_at", "2020-01-01T00:00:00Z")
    assert bed.a.delete(f"ports/{held['id']}") == 204


def test_the_end_of_a_test_is_its_makers(bed: Bed, net: dict[str, Any]) -> None:
    test = bed.network(bed.b)
    far = port(bed.b, test, device_owner=device_owners.TESTED, **{"binding:host_id": "chassis-a"})
    path = f"ports/{far['id']}"
    assert bed.a.put(path, name="x") == 403
    assert bed.c.delete(path) == 403
    assert bed.b.put(path, device_owner="") == 403
    assert bed.b.delete(path) == 204
    body = {"device_owner": device_owners.TESTED, "binding:host_id": "chassis-b"}
    assert bed.a.ask("POST", "ports", {"port": {"network_id": net["id"], **body}})[0] == 403


def test_an_endpoint_is_found_by_its_id_and_nobody_takes_that(
    bed: Bed, theirs: dict[str, Any]
) -> None:
    bound(bed.b, theirs, device_id="endpoint")
    body = {"port": {"network_id": theirs["id"], "device_id": "endpoint"}}
    assert bed.a.ask("POST", "ports", body)[0] == 403
    own = bound(bed.a, theirs)
    assert bed.a.put(f"ports/{own['id']}", device_id="endpoint") == 403


def test_below_a_vm(bed: Bed, net: dict[str, Any]) -> None:
    vif, pinned = port(bed.operator, net), port(bed.operator, net)
    assert bed.operator.tag(f"ports/{pinned['id']}", "ovn-integrate:vm=chassis-a") == 201
    container = bound(bed.b, net)

    def below(asked: Asked, parent: dict[str, Any]) -> int:
        profile = {"parent_name": parent["id"], "tag": 0, device_owners.HOST: asked.name}
        body = {"port": {"network_id": net["id"], "binding:profile": profile}}
        return bed.client and asked.ask("POST", "ports", body)[0]

    assert below(bed.a, container) == 403
    assert below(bed.b, pinned) == 403
    assert below(bed.a, pinned) == 201
    assert below(bed.b, vif) == 201
    assert below(bed.a, vif) == 403  # the first one's who was there
    of_chassis = port(bed.b, net)  # as the chassis makes it that the VM is on
    assert below(bed.a, of_chassis) == 201
    assert below(bed.c, of_chassis) == 403
    own = bound(bed.a, net)
    profile = {"parent_name": vif["id"], "tag": 1}
    assert bed.a.put(f"ports/{own['id']}", **{"binding:profile": profile}) == 403


# Security groups.


def test_groups_are_access(bed: Bed, net: dict[str, Any], theirs: dict[str, Any]) -> None:
    operators, others = (one.make("security-groups")["id"] for one in (bed.operator, bed.b))
    own = bound(bed.a, net)
    for group in (operators, others):
        assert bed.a.put(f"ports/{own['id']}", security_groups=[group]) == 403
        body = {"port": {"network_id": net["id"], "security_groups": [group]}}
        assert bed.a.ask("POST", "ports", body)[0] == 403
        assert bed.a.delete(f"security-groups/{group}") == 403
        assert bed.a.put(f"security-groups/{group}", name="x") == 403
        rule = {"security_group_id": group, "direction": "ingress"}
        status, _ = bed.a.ask("POST", "security-group-rules", {"security_group_rule": rule})
        assert status == 403
    mine = bed.a.make("security-groups")["id"]
    rule = {"security_group_id": mine, "direction": "ingress", "remote_group_id": operators}
    assert bed.a.ask("POST", "security-group-rules", {"security_group_rule": rule})[0] == 403
    path = f"security-groups/{mine}/tags/{tags.network(theirs['id'])}"
    assert bed.a.ask("PUT", path)[0] == 403
    assert bed.operator.put(f"ports/{own['id']}", security_groups=[operators]) == 200
    assert bed.a.put(f"ports/{own['id']}", security_groups=[operators, mine]) == 200


def test_a_closed_network(bed: Bed, theirs: dict[str, Any]) -> None:
    """A port of another may come into the group of all, and no other."""
    path = f"networks/{theirs['id']}"
    there = bound(bed.b, theirs)
    bed.join(bed.a, theirs, OTHER_ID)
    everybody, web = (bed.a.make("security-groups", name=one)["id"] for one in ("*", "web"))
    for group in (everybody, web):
        assert bed.a.tag(f"security-groups/{group}", tags.network(theirs["id"])) == 201
    again = bed.b.make("security-groups", name="*")["id"]
    assert bed.b.tag(f"security-groups/{again}", tags.network(theirs["id"])) == 403
    assert bed.a.put(f"ports/{there['id']}", security_groups=[everybody]) == 403
    assert bed.a.tag(path, tags.POLICY) == 201
    assert bed.a.put(f"ports/{there['id']}", security_groups=[web]) == 403
    assert bed.a.put(f"ports/{there['id']}", security_groups=[everybody]) == 200
    assert bed.a.put(f"ports/{there['id']}", security_groups=[]) == 403
    rule = {"security_group_id": web, "direction": "ingress"}
    assert bed.b.make("security-group-rules", **rule)["security_group_id"] == web
    rule["protocol"] = "tcp"
    assert bed.c.ask("POST", "security-group-rules", {"security_group_rule": rule})[0] == 403
    assert bed.a.delete(f"security-groups/{web}") == 403
    assert bed.a.untag(path, tags.POLICY) == 403
    bed.leave(bed.a, theirs, OTHER_ID)
    assert tags.POLICY in bed.b.show(path)["tags"]
    assert bed.owner(everybody) == "chassis:chassis-b"
    assert bed.b.delete(f"ports/{there['id']}") == 204
    bed.leave(bed.b, theirs, ID)
    assert bed.b.delete(f"security-groups/{everybody}") == 204
    assert bed.b.delete(f"security-groups/{web}") == 204
    assert bed.b.untag(path, tags.POLICY) == 204
    assert bed.b.delete(path) == 204


# Routers.


def test_a_router_takes_no_port_of_others(bed: Bed, theirs: dict[str, Any]) -> None:
    bed.join(bed.a, theirs, OTHER_ID)
    router = routed(bed, bed.a, theirs, OTHER_ID)
    path = f"routers/{router['id']}"
    for one in (bound(bed.b, theirs), port(bed.b, theirs), port(bed.a, theirs)):
        body = {"port_id": one["id"]}
        assert bed.a.ask("PUT", f"{path}/add_router_interface", body)[0] == 403
        status, _ = bed.a.ask("PUT", f"{path}/remove_router_interface", body)
        assert status in (403, 404)
        assert bed.b.show(f"ports/{one['id']}")["port_security_enabled"]


def test_routers_that_a_chassis_may_not_make(bed: Bed, net: dict[str, Any]) -> None:
    outside = bed.operator.make("networks", **{"router:external": True})
    bed.operator.make("subnets", network_id=outside["id"], cidr="10.7.0.0/24", ip_version=4)
    assert bed.a.ask("POST", "routers", {"router": {"name": "docker-x"}})[0] == 403
    name = {"name": f"docker-{net['id']}"}
    assert bed.a.ask("POST", "routers", {"router": name})[0] == 403
    bed.join(bed.a, net, ID)
    assert bed.a.ask("POST", "routers", {"router": name})[0] == 403  # without an operator's word
    assert bed.a.tag(f"networks/{net['id']}", permit_l3.ROUTED) == 403
    assert bed.operator.tag(f"networks/{net['id']}", permit_l3.ROUTED) == 201
    info = {"network_id": outside["id"], "external_fixed_ips": [{"ip_address": "10.7.0.9"}]}
    body = {"router": {**name, "external_gateway_info": info}}
    assert bed.a.ask("POST", "routers", body)[0] == 403
    router = bed.a.make("routers", **name)
    path = f"routers/{router['id']}"
    assert bed.a.put(path, external_gateway_info=info) == 403
    assert bed.a.put(path, external_gateway_info={"network_id": outside["id"]}) == 403
    assert bed.a.put(path, name="docker-y") == 403
    assert bed.a.put(path, admin_state_up=False) == 403
    assert bed.a.ask("POST", "routers", {"router": name})[0] == 403
    other = bed.network(bed.operator, "10.6.0.0/24")
    (subnet,) = bed.a.show(f"networks/{other['id']}")["subnets"]
    assert bed.a.ask("PUT", f"{path}/add_router_interface", {"subnet_id": subnet})[0] == 403


def test_a_router_that_two_are_on(bed: Bed, net: dict[str, Any]) -> None:
    bed.join(bed.b, net, ID)
    router = routed(bed, bed.b, net, ID)
    path = f"routers/{router['id']}"
    gateway_port = next(
        one
        for one in bed.a.show("ports")
        if (one["device_id"], one["device_owner"]) == (router["id"], "network:router_gateway")
    )
    bind = {"binding:host_id": "chassis-a"}
    (subnet,) = bed.a.show(f"networks/{net['id']}")["subnets"]
    (inner,) = (
        one["id"]
        for one in bed.a.show("ports")
        if one["device_owner"] == "network:router_interface"
    )
    assert bed.b.put(f"ports/{inner}", **{"binding:host_id": "chassis-b"}) == 403

    def attempts() -> list[int]:
        return [
            bed.a.put(path, external_gateway_info=None),
            bed.a.put(path, name="x"),
            bed.a.ask("PUT", f"{path}/remove_router_interface", {"subnet_id": subnet})[0],
            bed.a.delete(path),
            bed.a.ask("PUT", f"{path}/tags", {"tags": []})[0],
            bed.a.delete(f"ports/{gateway_port['id']}"),
        ]

    assert attempts() == [403] * 6
    assert bed.a.put(f"ports/{gateway_port['id']}", **bind) == 403
    bed.join(bed.a, net, OTHER_ID)
    assert bed.a.tag(path, tags.of(OTHER_ID)) == 201
    assert attempts() == [403] * 6
    assert bed.a.put(f"ports/{gateway_port['id']}", **bind) == 200
    assert bed.b.put(f"ports/{gateway_port['id']}", **{"binding:host_id": "chassis-b"}) == 403
    assert bed.b.delete(path) == 403
    assert bed.b.untag(path, tags.of(ID)) == 204
    assert bed.owner(router["id"]) == "chassis:chassis-a"
    assert bed.b.put(path, external_gateway_info=None) == 403
    assert bed.a.untag(path, tags.of(OTHER_ID)) == 204
    assert bed.a.ask("PUT", f"{path}/remove_router_interface", {"subnet_id": subnet})[0] == 200
    assert bed.a.put(path, external_gateway_info=None) == 200
    assert bed.a.delete(path) == 204


def test_an_operators_router_is_an_operators(bed: Bed, net: dict[str, Any]) -> None:
    """Whatever it is called and its tags say."""
    bed.join(bed.a, net, ID)
    router = bed.operator.make("routers", name=f"docker-{net['id']}", tags=[tags.MADE])
    path = f"routers/{router['id']}"
    outside = bed.operator.make("networks", **{"router:external": True})
    bed.operator.make("subnets", network_id=outside["id"], cidr="10.7.0.0/24", ip_version=4)
    assert bed.operator.put(path, external_gateway_info={"network_id": outside["id"]}) == 200
    for one in bed.a.show("ports"):
        assert bed.a.put(f"ports/{one['id']}", **{"binding:host_id": "chassis-a"}) == 403
        assert bed.a.delete(f"ports/{one['id']}") == 403
    assert bed.a.tag(path, tags.of(ID)) == 403
    assert bed.a.put(path, external_gateway_info=None) == 403
    assert bed.a.delete(path) == 403
    own = bound(bed.a, net)
    body = {"floating_network_id": outside["id"], "port_id": own["id"]}
    assert bed.a.ask("POST", "floatingips", {"floatingip": body})[0] in (403, 404)


def test_floating_ips(bed: Bed, net: dict[str, Any]) -> None:
    bed.join(bed.b, net, ID)
    router = routed(bed, bed.b, net, ID)
    info = router["external_gateway_info"]
    own, others = bound(bed.a, net), bound(bed.b, net)
    subnet = info["external_fixed_ips"][0]["subnet_id"]
    base = {"floating_network_id": info["network_id"], "subnet_id": subnet}
    given = bed.b.make("floatingips", **base, port_id=others["id"])
    forward = f"floatingips/{given['id']}/port_forwardings"

    def made(**more: Any) -> int:
        return bed.a.ask("POST", "floatingips", {"floatingip": {**base, **more}})[0]

    assert made(port_id=own["id"]) == 403  # it is not on the router
    bed.join(bed.a, net, OTHER_ID)
    assert bed.a.tag(f"routers/{router['id']}", tags.of(OTHER_ID)) == 201
    assert made(port_id=own["id"], floating_ip_address="100.64.0.9") == 403
    assert made(port_id=others["id"]) in (403, 409)
    assert made() == 403
    assert made(port_id=own["id"]) == 201
    assert bed.a.put(f"floatingips/{given['id']}", port_id=None) == 403
    assert bed.a.delete(f"floatingips/{given['id']}") == 403
    body = {"protocol": "tcp", "external_port": 1, "internal_port": 1}
    body |= {"internal_port_id": own["id"], "internal_ip_address": "10.0.0.2"}
    assert bed.a.ask("POST", forward, {"port_forwarding": body})[0] in (403, 409)
    # One goes off its port with that, whoever made it.
    assert bed.a.delete(f"ports/{own['id']}") == 204


def test_the_way_out_is_theirs_who_are_left(bed: Bed, net: dict[str, Any]) -> None:
    other = bed.network(bed.operator, "10.6.0.0/24")
    bed.join(bed.a, net, ID)
    bed.join(bed.b, other, OTHER_ID)
    first, second = routed(bed, bed.a, net, ID), routed(bed, bed.b, other, OTHER_ID)
    out = way_out(bed.a)
    assert bed.a.ask("POST", "ports", {"port": {"network_id": out["id"]}})[0] == 403
    assert bed.a.tag(f"networks/{out['id']}", tags.at("ef" * 32, "chassis-a")) == 403
    subnets = {one["name"]: one["id"] for one in bed.a.show("subnets")}
    theirs = subnets[second["name"]]
    assert bed.a.delete(f"subnets/{theirs}") == 403
    path = f"routers/{first['id']}"
    assert bed.a.untag(path, tags.of(ID)) == 204
    assert bed.a.put(path, external_gateway_info=None) == 200
    assert bed.a.delete(f"subnets/{subnets[first['name']]}") == 204
    assert bed.owner(out["id"]) == "chassis:chassis-b"
    assert bed.a.delete(f"networks/{out['id']}") == 403


def test_subnets_outside_are_a_routers_and_no_larger(bed: Bed, net: dict[str, Any]) -> None:
    out = way_out(bed.b)
    named = f"docker-{net['id']}"
    plain = {"network_id": out["id"], "ip_version": 4, "name": named, "enable_dhcp": False}

    def carve(cidr: str, **more: Any) -> int:
        body = {"subnet": {**plain, "cidr": cidr, **more}}
        return bed.a.ask("POST", "subnets", body)[0]

    assert carve("100.64.0.0/20") == 403  # it is not on that network
    bed.join(bed.a, net, ID)
    for cidr in ("100.64.0.0/10", "100.64.0.0/19", "10.0.0.0/24"):
        assert carve(cidr) == 403
    assert carve("100.64.0.0/20", name="x") == 403
    assert carve("100.64.0.0/20", dns_nameservers=["1.1.1.1"]) == 403
    assert carve("100.64.0.0/20") == 201
    assert carve("100.64.16.0/20") == 403


# Names.


def test_names_that_are_nobodys_to_give(bed: Bed, net: dict[str, Any]) -> None:
    own = bound(bed.a, net)
    path = f"ports/{own['id']}"
    for name in (
        *("registry-1.docker.io", "localhost", "a.localhost", "wpad", "5.0.0.10.in-addr.arpa"),
        *("ip6.arpa", "WEB", "web.", ".web", "*", "*.web", "a..b", "xn--bcher-kva", "b\u00fccher"),
        *("a" * 64, "web.1", "10.0.0.1", "a b", "-a", "a.b." + "s" * 24, f"a.b.c.{'s' * 25}"),
    ):
        for ask in (
            ("PUT", f"{path}/tags", {"tags": [f"alias:{name}"]}),
            ("POST", f"{path}/tags", {"tags": [f"alias:{name}"]}),
            ("POST", "ports", {"port": {"network_id": net["id"], "tags": [f"alias:{name}"]}}),
        ):
            assert bed.a.ask(*ask)[0] == 403, name
    assert bed.a.show(path)["tags"] == []
    for name in ("web", "my_web", "web-1", f"web.1.{'s' * 25}", "_x"):
        assert bed.a.tag(path, f"alias:{name}") == 201, name
    many = [f"alias:n{number}" for number in range(65)]
    assert bed.a.ask("PUT", f"{path}/tags", {"tags": many})[0] == 403
    assert bed.a.ask("PUT", f"{path}/tags", {"tags": many[:64]})[0] == 200


def test_a_domain_that_an_operator_allows(bed: Bed, net: dict[str, Any]) -> None:
    path = f"ports/{bound(bed.a, net)['id']}"
    assert bed.a.tag(f"networks/{net['id']}", "domain:example.com") == 403
    assert bed.operator.tag(f"networks/{net['id']}", "domain:example.com") == 201
    assert bed.a.tag(path, "alias:web.example.com") == 201
    for name in ("example.com", "web.example.org", "webexample.com", "x.example.com.arpa"):
        assert bed.a.tag(path, f"alias:{name}") == 403, name


def test_a_name_that_another_host_has_is_not_taken(bed: Bed, net: dict[str, Any]) -> None:
    bound(bed.b, net, dns_name="web")
    port(bed.operator, net, dns_name="db")
    theirs = bound(bed.b, net)
    assert bed.b.tag(f"ports/{theirs['id']}", "alias:cache") == 201
    own = bound(bed.a, net)
    path = f"ports/{own['id']}"
    for name in ("web", "db", "cache"):
        assert bed.a.put(path, dns_name=name) == 403
        assert bed.a.put(path, dns_name=name.upper()) == 403
        assert bed.a.tag(path, f"alias:{name}") == 403
        body = {"port": {"network_id": net["id"], "dns_name": name}}
        assert bed.a.ask("POST", "ports", body)[0] == 403
    assert bed.a.put(path, dns_name="mine") == 200
    assert bed.b.tag(f"ports/{theirs['id']}", "alias:mine") == 403
    second = bound(bed.a, net)
    assert bed.a.tag(f"ports/{second['id']}", "alias:mine") == 201  # of one host, both are it
    other = bed.network(bed.operator, "10.8.0.0/24")
    bound(bed.a, other, dns_name="web")


def test_names_of_addresses_come_from_addresses_alone(bed: Bed, net: dict[str, Any]) -> None:
    """Whatever a row of an older server says."""
    made = port(bed.operator, net, tags=["alias:5.0.0.10.in-addr.arpa", "alias:Web."])
    (thing,) = bed.store.read(lambda index: [index.ports[made["id"]]])
    assert thing.names == ("web",)


# Others.


def test_a_reader_changes_nothing(bed: Bed, net: dict[str, Any]) -> None:
    path = f"networks/{net['id']}"
    assert bed.reader.show(path)["name"] == "net"
    for method, where, body in (
        ("PUT", path, {"network": {"name": "net"}}),
        ("DELETE", path, None),
        ("DELETE", "ports/none", None),
        ("PUT", f"{path}/tags", {"tags": []}),
        ("POST", "networks", {"network": {}}),
        ("PUT", "routers/none/add_router_interface", {"subnet_id": net["id"]}),
    ):
        assert bed.reader.ask(method, where, body)[0] == 403, where


def test_all_of_several_or_none(bed: Bed, net: dict[str, Any]) -> None:
    own = {"network_id": net["id"]}
    several = {"ports": [own, {**own, "binding:host_id": "chassis-b"}]}
    assert bed.a.ask("POST", "ports", several)[0] == 403
    assert bed.a.show("ports") == []


def test_what_would_be_wrong_is_not_told_of_what_is_anothers(bed: Bed, net: dict[str, Any]) -> None:
    (subnet,) = bed.a.show(f"networks/{net['id']}")["subnets"]
    assert bed.operator.put(f"subnets/{subnet}", gateway_ip="10.0.0.200") == 409
    assert bed.a.put(f"subnets/{subnet}", gateway_ip="10.0.0.200") == 403
    there = bound(bed.b, net)
    for address in ("10.77.0.1", there["fixed_ips"][0]["ip_address"]):
        assert bed.a.put(f"ports/{there['id']}", **at(address)) in (200, 403)
        other = port(bed.b, net)
        assert bed.a.put(f"ports/{other['id']}", **at(address)) == 403
    bound(bed.b, net)
    assert bed.operator.delete(f"networks/{net['id']}") == 409
    assert bed.a.delete(f"networks/{net['id']}") == 403
