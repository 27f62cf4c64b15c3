"""Pages of lists, while what is listed comes and goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ovn_integrate.ipam.engine import query
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.neutron_errors import PortNotFound
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT
from tests.functional.daemons import OvsdbServer


@pytest.fixture
def service(nb: OvsdbServer, stores: Callable[[str], Store]) -> Service:
    return Service(stores(nb.remote))


def page(service: Service, **asked: str) -> list[str]:
    bodies, things = service.page(PORT, query.parse(PORT, list(asked.items())))
    ids = [body["id"] for body in bodies]
    assert ids == [thing.id for thing in things]
    return ids


def make(service: Service, network_id: str, count: int) -> list[str]:
    wanted = [{"network_id": network_id}] * count
    return [port["id"] for port in service.create(PORT, wanted)]


@pytest.mark.parametrize("filtered", [False, True])
def test_pages_by_id_follow_what_comes_and_goes(service: Service, filtered: bool) -> None:
    one, other = (service.create(NETWORK, [{"name": name}])[0]["id"] for name in "ab")
    filters = {"network_id": one} if filtered else {}
    ids = sorted(make(service, one, 40))
    elsewhere = make(service, other, 2 if filtered else 0)
    first = page(service, limit="10", **filters)
    assert first == ids[:10]
    assert page(service, limit="10", marker=first[-1], **filters) == ids[10:20]

    for gone in (ids[12], ids[30]):
        service.delete(PORT, gone)
    # A change of its row must not put it in twice.
    service.update(PORT, ids[11], {"name": "renamed"})
    ids = sorted({*ids, *make(service, one, 5)} - {ids[12], ids[30]})
    seen: list[str] = []
    while found := page(service, limit="7", **({"marker": seen[-1]} if seen else {}), **filters):
        seen += found
    assert seen == ids
    back = page(service, limit="5", marker=ids[20], page_reverse="True", **filters)
    assert back == ids[15:20]
    if elsewhere:
        assert page(service, limit="9", network_id=other) == sorted(elsewhere)
    with pytest.raises(PortNotFound):
        page(service, limit="2", marker=one, **filters)
