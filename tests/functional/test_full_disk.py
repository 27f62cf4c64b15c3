"""A full disk under Northbound: requests fail with the reason, nothing is half made, and all goes
on when there is space again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.daemons import OvsdbServer
from tests.functional.disks import full, small_disk


@pytest.fixture
def small(folder: Path) -> Iterator[OvsdbServer]:
    """A Northbound whose disk has 2 MB."""
    with small_disk(folder / "disk", 2) as disk:
        server = OvsdbServer(disk, "nb")
        try:
            server.start()
            yield server
        finally:
            server.stop()


def post(client: FlaskClient, collection: str, **attributes: object) -> tuple[int, Any]:
    answer = client.post(f"/v2.0/{collection}s", json={collection: attributes})
    return answer.status_code, answer.get_json()


def ports(server: OvsdbServer) -> set[str]:
    return set(server.ctl("--bare", "--columns=name", "list", "Logical_Switch_Port").split())


def test_a_full_disk(small: OvsdbServer, stores: Callable[[str], Store]) -> None:
    client = create_app(Service(stores(small.remote))).test_client()
    _, made = post(client, "network", name="foo")
    network = made["network"]["id"]
    post(client, "subnet", network_id=network, cidr="10.0.0.0/16", ip_version=4)
    acknowledged = set()
    with full(small.folder):
        status = 201
        while status == 201:  # until what is left of the last page is used up
            status, said = post(client, "port", network_id=network)
            if status == 201:
                acknowledged.add(said["port"]["id"])
        assert status == 503
        assert "No space left on device" in said["NeutronError"]["message"]
        # One alone is smaller than a port, and might find room.
        assert (
            client.post("/v2.0/networks", json={"networks": 20 * [{"name": "bar"}]}).status_code
            == 503
        )
        assert client.get("/v2.0/networks").status_code == 200
    assert ports(small) == acknowledged  # no more, and no less
    status, said = post(client, "port", network_id=network)
    assert status == 201
    acknowledged.add(said["port"]["id"])
    small.stop(kill=True)
    small.start()  # from what is on the disk
    assert ports(small) == acknowledged
    assert "bar" not in small.ctl("list", "Logical_Switch")
