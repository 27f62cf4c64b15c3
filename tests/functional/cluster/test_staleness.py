"""A server whose replica is behind what another one has acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ovn_integrate.errors import NotFound
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT, SUBNET
from tests.functional.cluster.proxy import Proxy
from tests.functional.daemons import OvsdbServer


@pytest.fixture
def way(folder: Path, nb: OvsdbServer) -> Iterator[Proxy]:
    proxy = Proxy(folder, nb.remote)
    yield proxy
    proxy.close()


def test_what_another_server_has_made_can_be_changed_and_deleted(
    nb: OvsdbServer, way: Proxy, stores: Callable[[str], Store]
) -> None:
    here, behind = Service(stores(nb.remote)), Service(stores(way.remote))
    network = here.create(NETWORK, [{"name": "one"}])[0]["id"]
    with pytest.raises(NotFound):
        behind.delete(PORT, "none")
    for _ in range(3):
        way.hold()
        here.create(SUBNET, [{"network_id": network, "cidr": "10.0.0.0/24", "ip_version": 4}])
        port = here.create(PORT, [{"network_id": network}])[0]
        way.release_when_asked()
        assert behind.update(PORT, port["id"], {"name": "db"})["fixed_ips"] == port["fixed_ips"]
        way.hold()
        other = here.create(NETWORK, [{"name": "two"}])[0]["id"]
        way.release_when_asked()
        behind.delete(NETWORK, other)
        behind.delete(PORT, port["id"])
        (subnet,) = here.show(NETWORK, network)["subnets"]
        behind.delete(SUBNET, subnet)
