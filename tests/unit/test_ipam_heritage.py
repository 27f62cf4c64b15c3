"""Whose things are that were made before servers wrote owners."""

from __future__ import annotations

from typing import Any

import pytest

from ovn_integrate.contract import device_owners, tags
from ovn_integrate.ipam.engine.heritage import give
from tests.asked import Asked, Bed
from tests.unit.test_ipam_permit import ID, OTHER_ID, SWARM_ID, at, bound, port, routed


class Older(Asked):
    """A host that asks a server which does not know who asks."""

    def __init__(self, bed: Bed, name: str) -> None:
        super().__init__(bed, None)
        self._name = name

    @property
    def name(self) -> str:
        return self._name


@pytest.fixture
def bed() -> Bed:
    return Bed()


@pytest.fixture
def a(bed: Bed) -> Older:
    return Older(bed, "chassis-a")


@pytest.fixture
def b(bed: Bed) -> Older:
    return Older(bed, "chassis-b")


def settle(bed: Bed) -> None:
    give(bed.store)  # type: ignore[arg-type]


def known(bed: Bed, *hosts: Older) -> None:
    """Have the names of hosts known, by their ports."""
    other = bed.anybody.make("networks")
    for host in hosts:
        port(host, other, **{"binding:host_id": host.name})


def test_a_network_of_docker_is_its_makers_and_theirs_who_are_on_it(
    bed: Bed, a: Older, b: Older
) -> None:
    known(bed, a, b)
    net = bed.docker_network(a, ID)
    bed.join(b, net, OTHER_ID)
    (subnet,) = a.show(f"networks/{net['id']}")["subnets"]
    settle(bed)
    assert bed.owner(net["id"]) == bed.owner(subnet) == "chassis:chassis-a"
    assert bed.a.delete(f"networks/{net['id']}") == 403
    assert bed.a.untag(f"networks/{net['id']}", tags.of(OTHER_ID)) == 403
    bed.leave(bed.a, net, ID)
    bed.leave(bed.b, net, OTHER_ID)
    assert bed.b.delete(f"networks/{net['id']}") == 204


def test_what_an_operator_made_is_an_operators(bed: Bed, a: Older, b: Older) -> None:
    known(bed, a, b)
    net = bed.network(bed.anybody, name="net")
    bed.join(a, net, ID)
    plain = port(bed.anybody, net, **{"binding:host_id": "chassis-a"})
    settle(bed)
    assert bed.owner(net["id"]) == bed.owner(plain["id"]) == ""
    assert bed.a.delete(f"networks/{net['id']}") == 403
    assert bed.a.delete(f"ports/{plain['id']}") == 403
    bed.leave(bed.a, net, ID)
    assert bed.operator.show(f"networks/{net['id']}")["tags"] == []


def test_ports_are_theirs_whom_they_are_bound_to(bed: Bed, a: Older, b: Older) -> None:
    net = bed.network(bed.anybody)
    own, others = bound(a, net), bound(b, net)
    nested = port(
        bed.anybody,
        net,
        device_owner=device_owners.MADE,
        **{"binding:profile": {"parent_name": own["id"], "tag": 0, device_owners.HOST: "vm"}},
    )
    taken = bound(a, net, device_owner=device_owners.TAKEN, device_id="e")
    settle(bed)
    assert bed.owner(own["id"]) == "chassis:chassis-a"
    assert bed.owner(others["id"]) == "chassis:chassis-b"
    assert bed.owner(nested["id"]) == "chassis:vm"
    assert bed.owner(taken["id"]) == ""
    free = {"device_id": "", "device_owner": "", "binding:host_id": ""}
    assert bed.a.put(f"ports/{taken['id']}", **free) == 200
    assert bed.a.delete(f"ports/{taken['id']}") == 403


def test_a_router_and_what_hangs_on_it(bed: Bed, a: Older, b: Older) -> None:
    known(bed, a, b)
    net = bed.network(bed.anybody)
    bed.join(a, net, ID)
    router = routed(bed, a, net, ID)
    info = router["external_gateway_info"]
    outer = info["external_fixed_ips"][0]["subnet_id"]
    guest = bound(a, net)
    floating = a.make(
        "floatingips",
        floating_network_id=info["network_id"],
        subnet_id=outer,
        port_id=guest["id"],
        description=tags.MADE,
    )
    aside = port(a, net, device_owner=device_owners.SET_ASIDE, **at("10.0.0.9"))
    assert a.tag(f"ports/{aside['id']}", tags.of(ID)) == 201
    group = a.make("security-groups", name="*", description=f"Docker: x of network {net['id']}")
    settle(bed)
    of_router = [one["id"] for one in a.show("ports") if one["device_id"] == router["id"]]
    rules = [one["id"] for one in group["security_group_rules"]]
    for id in (
        *(router["id"], info["network_id"], outer, guest["id"], floating["id"]),
        *(aside["id"], group["id"], *of_router, *rules),
    ):
        assert bed.owner(id) == "chassis:chassis-a", id
    assert bed.b.delete(f"floatingips/{floating['id']}") == 403
    assert bed.a.delete(f"floatingips/{floating['id']}") == 204
    assert bed.a.untag(f"routers/{router['id']}", tags.of(ID)) == 204
    assert bed.a.put(f"routers/{router['id']}", external_gateway_info=None) == 200


def test_a_swarms_network(bed: Bed, a: Older, b: Older) -> None:
    known(bed, a, b)
    made = a.make("networks", name=SWARM_ID, description=tags.at(SWARM_ID, tags.SWARM))
    path = f"networks/{made['id']}"
    for tag in (tags.at(SWARM_ID, tags.SWARM), tags.MADE, tags.of(SWARM_ID)):
        assert a.tag(path, tag) == 201
    bed.join(b, made, SWARM_ID)
    settle(bed)
    assert bed.c.delete(path) == 403
    assert bed.a.tag(path, tags.at(SWARM_ID, tags.SWARM)) == 201
    bed.leave(bed.b, made, SWARM_ID)


def test_what_is_not_told_exactly_is_an_operators(bed: Bed, a: Older) -> None:
    """A host whose name nobody knows, and tags alone."""
    net = bed.docker_network(a, ID)
    other = bed.anybody.make("networks", tags=[tags.MADE, tags.of(OTHER_ID)])
    settle(bed)
    assert bed.owner(net["id"]) == bed.owner(other["id"]) == ""
    assert bed.a.untag(f"networks/{net['id']}", tags.at(ID, "chassis-a")) == 403
    assert bed.a.delete(f"networks/{other['id']}") == 403


def test_it_comes_out_the_same_again_and_gives_nothing_to_who_prepared_it(
    bed: Bed, a: Older, b: Older
) -> None:
    known(bed, a, b)
    net = bed.docker_network(a, ID)
    foreign = bed.network(bed.anybody, "10.4.0.0/24")
    settle(bed)
    path = f"networks/{foreign['id']}"
    bed.join(bed.b, foreign, OTHER_ID)
    assert bed.b.tag(path, tags.MADE) == 403
    assert bed.b.tag(f"networks/{net['id']}", tags.at(OTHER_ID, "chassis-b")) == 403
    plain = port(bed.anybody, foreign)
    body: dict[str, Any] = {"device_id": "e", "binding:host_id": "chassis-b"}
    assert bed.b.put(f"ports/{plain['id']}", **body, device_owner=device_owners.MADE) == 403
    assert bed.b.put(f"ports/{plain['id']}", **body, device_owner=device_owners.TAKEN) == 200
    settle(bed)
    settle(bed)
    assert bed.owner(net["id"]) == "chassis:chassis-a"
    assert bed.owner(foreign["id"]) == bed.owner(plain["id"]) == ""
