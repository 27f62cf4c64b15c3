"""A transaction that was done, and whose answer was lost, is not done a second time."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate.ipam.engine.query import Query
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.neutron_errors import ServiceUnavailable
from ovn_integrate.ipam.plan.draft import Request
from ovn_integrate.ipam.resources.bodies import (
    NETWORK,
    PORT,
    ROUTER,
    SECURITY_GROUP,
    SUBNET,
    Resource,
)
from ovn_integrate.ipam.resources.router.rules import Interface
from tests.functional.cluster.proxy import Proxy
from tests.functional.daemons import OvsdbServer


@pytest.fixture
def way(folder: Path, nb: OvsdbServer) -> Iterator[Proxy]:
    proxy = Proxy(folder, nb.remote)
    yield proxy
    proxy.close()


@pytest.fixture
def service(way: Proxy, stores: Callable[[str], Store]) -> Service:
    return Service(stores(way.remote))


@pytest.fixture
def network(service: Service) -> str:
    id: str = service.create(NETWORK, [{"name": "one"}])[0]["id"]
    service.create(SUBNET, [{"network_id": id, "cidr": "10.0.0.0/28", "ip_version": 4}])
    return id


def found(service: Service, resource: Resource) -> list[dict[str, Any]]:
    return list(service.page(resource, Query())[0])


def test_one_port_for_one_request(service: Service, network: str, way: Proxy) -> None:
    way.lose_the_next_answer()
    port = service.create(PORT, [{"network_id": network}])[0]
    assert way.lost == 1
    assert found(service, PORT) == [port]


def test_each_of_a_group_gets_its_own(service: Service, network: str, way: Proxy) -> None:
    barrier = threading.Barrier(6)

    def create(_: int) -> dict[str, object]:
        barrier.wait(10)
        return service.create(PORT, [{"network_id": network}])[0]

    way.lose_the_next_answer()
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(create, range(6)))
    assert way.lost == 1
    there = {port["id"]: port for port in found(service, PORT)}
    assert there == {port["id"]: port for port in made}
    assert len(there) == 6


def test_a_bulk_of_ports(service: Service, network: str, way: Proxy) -> None:
    way.lose_the_next_answer()
    made = service.create(PORT, [{"network_id": network}] * 3)
    assert way.lost == 1
    there = {port["id"]: port for port in found(service, PORT)}
    assert there == {port["id"]: port for port in made}


def test_networks_subnets_and_groups(service: Service, network: str, way: Proxy) -> None:
    for resource, attributes in (
        (NETWORK, {"name": "two"}),
        (SUBNET, {"network_id": network, "cidr": "10.0.1.0/24", "ip_version": 4}),
        (SECURITY_GROUP, {"name": "web"}),
        (ROUTER, {"name": "r"}),
    ):
        before = [one["id"] for one in found(service, resource)]
        lost = way.lost
        way.lose_the_next_answer()
        made = service.create(resource, [attributes])[0]
        assert way.lost == lost + 1
        after = found(service, resource)
        assert [one for one in after if one["id"] not in before] == [made]


def test_what_is_deleted_was_there(service: Service, network: str, way: Proxy) -> None:
    port = service.create(PORT, [{"network_id": network}])[0]["id"]
    for resource, id in ((PORT, port), (NETWORK, network)):
        lost = way.lost
        way.lose_the_next_answer()
        service.delete(resource, id)
        assert way.lost == lost + 1
        assert found(service, resource) == []


def test_a_tag_goes_once(service: Service, network: str, way: Proxy) -> None:
    service.add_tags(NETWORK, network, ["red"])
    way.lose_the_next_answer()
    service.remove_tag(NETWORK, network, "red")
    assert way.lost == 1
    assert service.tags(NETWORK, network) == []


def test_a_router_is_connected_once(service: Service, network: str, way: Proxy) -> None:
    router = service.create(ROUTER, [{"name": "r"}])[0]["id"]
    subnet = found(service, SUBNET)[0]["id"]
    way.lose_the_next_answer()
    connected = service.connect(router, Interface(subnet_id=subnet))
    assert way.lost == 1
    assert [port["id"] for port in found(service, PORT)] == [connected["port_id"]]
    way.lose_the_next_answer()
    assert service.disconnect(router, Interface(subnet_id=subnet)) == connected
    assert way.lost == 2
    assert found(service, PORT) == []


def test_what_the_client_has_from_another_server_is_not_made_again(
    service: Service,
    network: str,
    way: Proxy,
    nb: OvsdbServer,
    stores: Callable[[str], Store],
) -> None:
    other = Service(stores(nb.remote))
    asked: list[bool] = []

    def abandoned() -> bool:
        asked.append(True)
        if len(asked) > 1:
            # It has found the port there, and deleted it.
            for port in found(other, PORT):
                other.delete(PORT, port["id"])
        return len(asked) > 1

    way.lose_the_next_answer()
    with pytest.raises(ServiceUnavailable):
        service.create(PORT, [{"network_id": network}], Request(uuid.uuid4(), abandoned))
    assert way.lost == 1
    assert found(other, PORT) == []
