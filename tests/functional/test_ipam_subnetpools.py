"""Subnet pools on a real Northbound. Answers: a real Neutron 29, asked the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.errors import Invalid
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.ipam.resources.bodies import SUBNET_POOL
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_routers import Neutron

TEN = ["10.0.0.0/8"]


@pytest.fixture
def neutron(api: FlaskClient, nb: OvsdbServer) -> Neutron:
    return Neutron(api, nb)


@pytest.fixture
def pool(neutron: Neutron) -> dict[str, Any]:
    prefixes = ["10.0.0.0/25", "10.0.0.128/25"]
    lengths = {"default_prefixlen": 26, "min_prefixlen": 25, "max_prefixlen": 28}
    return neutron.make("subnetpool", name="p", prefixes=prefixes, **lengths)


def refused(neutron: Neutron, kind: str, status: int = 400, **attributes: Any) -> str:
    return neutron.refused("POST", f"{kind}s", {kind: attributes}, status)


def subnet(neutron: Neutron, pool: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """A subnet of a pool, on a network of its own if no other is named."""
    network = attributes.pop("network_id", None) or neutron.make("network")["id"]
    wanted = {"network_id": network, "ip_version": 4, "subnetpool_id": pool["id"]}
    return neutron.make("subnet", **wanted, **attributes)


def test_a_pool_as_it_is_made_and_changed(
    neutron: Neutron, pool: dict[str, Any], nb: OvsdbServer, stores: Callable[[str], Store]
) -> None:
    expected = {
        "name": "p",
        "prefixes": ["10.0.0.0/24"],
        "ip_version": 4,
        "default_prefixlen": "26",
        "min_prefixlen": "25",
        "max_prefixlen": "28",
        "is_default": False,
        "shared": False,
        "default_quota": None,
        "address_scope_id": None,
        "revision_number": 0,
    }
    assert {key: pool[key] for key in expected} == expected
    path = f"subnetpools/{pool['id']}"
    grown = {"prefixes": ["10.0.0.0/24", "10.0.1.0/24"], "name": "pp", "default_quota": 600}
    changed = neutron.call("PUT", path, {"subnetpool": grown})["subnetpool"]
    assert (changed["prefixes"], changed["revision_number"]) == (["10.0.0.0/23"], 1)
    # Another server on the same database knows it all.
    other = Neutron(create_app(Service(stores(nb.remote))).test_client(), nb)
    assert other.call("GET", path) == {"subnetpool": changed}
    assert neutron.call("GET", "subnetpools?name=pp&ip_version=4")["subnetpools"] == [changed]
    neutron.call("PUT", f"{path}/tags", {"tags": ["blue"]})
    assert len(neutron.call("GET", "subnetpools?tags=blue")["subnetpools"]) == 1

    def unchanged(**attributes: Any) -> str:
        return neutron.refused("PUT", path, {"subnetpool": attributes}, 400)

    assert unchanged(prefixes=["10.0.0.0/25"]) == "IllegalSubnetPoolPrefixUpdate"
    assert unchanged(prefixes=["10.0.0.0/23", "fd00::/64"]) == "PrefixVersionMismatch"
    assert unchanged(default_prefixlen=8) == "IllegalSubnetPoolPrefixBounds"
    assert unchanged(shared=True) == "HTTPBadRequest"
    neutron.call("DELETE", path, status=204)
    assert neutron.refused("GET", path, None, 404) == "SubnetPoolNotFound"


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"prefixes": TEN}, "HTTPBadRequest"),
        ({"name": "x"}, "HTTPBadRequest"),
        ({"name": " ", "prefixes": TEN}, "HTTPBadRequest"),
        ({"name": "x", "prefixes": []}, "EmptySubnetPoolPrefixList"),
        ({"name": "x", "prefixes": "10.0.0.0/8"}, "HTTPBadRequest"),
        ({"name": "x", "prefixes": ["nonsense"]}, "HTTPBadRequest"),
        ({"name": "x", "prefixes": TEN * 2}, "HTTPBadRequest"),
        ({"name": "x", "prefixes": [*TEN, "fd00::/48"]}, "PrefixVersionMismatch"),
        ({"min_prefixlen": 30, "max_prefixlen": 20}, "IllegalSubnetPoolPrefixBounds"),
        ({"min_prefixlen": 20, "default_prefixlen": 19}, "IllegalSubnetPoolPrefixBounds"),
        ({"max_prefixlen": 33}, "IllegalSubnetPoolPrefixBounds"),
        ({"min_prefixlen": -1}, "HTTPBadRequest"),
        ({"min_prefixlen": "a"}, "InvalidInput"),
    ],
)
def test_what_no_pool_can_be(neutron: Neutron, attributes: dict[str, Any], kind: str) -> None:
    if not attributes.keys() & {"name", "prefixes"}:
        attributes = {"name": "x", "prefixes": TEN, **attributes}
    assert refused(neutron, "subnetpool", **attributes) == kind
    assert neutron.call("GET", "subnetpools") == {"subnetpools": []}


def test_subnets_get_their_prefixes_out_of_a_pool(neutron: Neutron, pool: dict[str, Any]) -> None:
    first = subnet(neutron, pool)
    assert (first["cidr"], first["gateway_ip"]) == ("10.0.0.0/26", "10.0.0.1")
    assert first["subnetpool_id"] == pool["id"]
    one = neutron.make("network")["id"]
    named = subnet(neutron, pool, network_id=one, cidr="10.0.0.64/27")
    assert named["cidr"] == "10.0.0.64/27"
    # The gateway says which.
    assert subnet(neutron, pool, gateway_ip="10.0.0.130")["cidr"] == "10.0.0.128/26"
    # What leaves the least over.
    last = subnet(neutron, pool, prefixlen=27, gateway_ip=None)
    assert (last["cidr"], last["gateway_ip"]) == ("10.0.0.96/27", None)

    def none(status: int = 400, **attributes: Any) -> str:
        wanted = {"network_id": one, "ip_version": 4, "subnetpool_id": pool["id"]}
        return refused(neutron, "subnet", status, **{**wanted, **attributes})

    assert none(500, cidr="10.0.0.0/26") == "SubnetAllocationError"
    assert none(500, cidr="10.7.0.0/26") == "SubnetAllocationError"
    assert none(500, prefixlen=25) == "SubnetAllocationError"
    assert none(prefixlen=24) == "MinPrefixSubnetAllocationError"
    assert none(prefixlen=29) == "MaxPrefixSubnetAllocationError"
    assert none(ip_version=6) == "BadRequest"
    assert none(cidr="10.0.0.192/26", prefixlen=26) == "BadRequest"
    assert none(allocation_pools=[{"start": "10.0.0.5", "end": "10.0.0.6"}]) == "BadRequest"
    assert none(use_default_subnetpool=True) == "BadRequest"
    assert none(404, subnetpool_id=one) == "SubnetPoolNotFound"
    other = none(subnetpool_id=None, cidr="10.77.0.0/27")
    assert other == "NetworkSubnetPoolAffinityError"

    found = neutron.call("GET", f"subnets?subnetpool_id={pool['id']}")["subnets"]
    assert len(found) == 4
    path = f"subnetpools/{pool['id']}"
    assert neutron.refused("DELETE", path, None, 400) == "SubnetPoolDeleteError"
    # A prefix is free again when its subnet is gone.
    neutron.call("DELETE", f"subnets/{first['id']}", status=204)
    assert subnet(neutron, pool)["cidr"] == "10.0.0.0/26"


def test_a_default_pool_of_each_ip_version(neutron: Neutron) -> None:
    network = neutron.make("network")["id"]
    asked = {"network_id": network, "use_default_subnetpool": True}
    assert refused(neutron, "subnet", ip_version=6, **asked) == "BadRequest"
    six = neutron.make("subnetpool", name="six", prefixes=["fd00::/48"], is_default=True)
    second = {"name": "second", "prefixes": ["fd01::/48"], "is_default": True}
    assert refused(neutron, "subnetpool", **second) == "InvalidInput"
    made = neutron.make("subnet", ip_version=6, **asked)
    assert (made["cidr"], made["gateway_ip"]) == ("fd00::/64", "fd00::1")
    neutron.call("PUT", f"subnetpools/{six['id']}", {"subnetpool": {"is_default": False}})
    assert neutron.make("subnetpool", **second)["is_default"] is True


def test_two_servers_that_are_asked_at_once_make_one_default_pool(
    nb: OvsdbServer, stores: Callable[[str], Store]
) -> None:
    servers = [Service(stores(nb.remote)) for _ in range(2)]
    wish = {"name": "four", "prefixes": [ip_network("10.0.0.0/8")], "is_default": True}
    for _ in range(5):
        barrier = threading.Barrier(2)

        def default(server: Service, barrier: threading.Barrier = barrier) -> str | None:
            barrier.wait(10)
            try:
                return str(server.create(SUBNET_POOL, [wish])[0]["id"])
            except Invalid:
                return None

        with ThreadPoolExecutor(2) as threads:
            made = list(threads.map(default, servers))
        assert made.count(None) == 1
        (maker,) = (server for server, id in zip(servers, made, strict=True) if id)
        maker.delete(SUBNET_POOL, next(id for id in made if id))


def test_two_servers_give_no_prefix_twice(
    neutron: Neutron, nb: OvsdbServer, stores: Callable[[str], Store]
) -> None:
    pool = neutron.make("subnetpool", name="p", prefixes=["10.0.0.0/20"], default_prefixlen=24)
    networks = [neutron.make("network")["id"] for _ in range(16)]
    servers = [Neutron(create_app(Service(stores(nb.remote))).test_client(), nb) for _ in range(2)]
    barrier = threading.Barrier(2)

    def half(number: int) -> list[str]:
        barrier.wait(10)
        mine = networks[number::2]
        return [subnet(servers[number], pool, network_id=one)["cidr"] for one in mine]

    with ThreadPoolExecutor(2) as threads:
        given = [cidr for some in threads.map(half, range(2)) for cidr in some]
    assert sorted(given, key=ip_network) == [f"10.0.{n}.0/24" for n in range(16)]


def test_a_quota_for_each_project(neutron: Neutron) -> None:
    pool = neutron.make("subnetpool", name="q", prefixes=["10.0.0.0/24"], default_quota=64)
    subnet(neutron, pool, prefixlen=26)
    again = {"ip_version": 4, "subnetpool_id": pool["id"], "prefixlen": 26}
    network = neutron.make("network")["id"]
    over = refused(neutron, "subnet", 409, network_id=network, **again)
    assert over == "SubnetPoolQuotaExceeded"
    assert neutron.make("subnet", network_id=network, project_id="other", **again)
