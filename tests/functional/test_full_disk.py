"""A full disk under Northbound: requests fail with the reason, nothing is half made, and all goes
on when there is space again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.api import create_app
from ovn_integrate.ipam.service import Service
from ovn_integrate.ipam.store import Store
from tests.functional.daemons import OvsdbServer


@pytest.fixture
def small(folder: Path) -> Iterator[OvsdbServer]:
    """A Northbound whose disk has 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("needs root: a file system")
    disk = folder / "disk"
    disk.mkdir()
    words = ("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk))
    subprocess.run(words, check=True)
    server = OvsdbServer(disk, "nb")
    try:
        server.start()
        yield server
    finally:
        server.stop()
        subprocess.run(["umount", str(disk)], check=True)


@contextmanager
def full(server: OvsdbServer) -> Iterator[None]:
    """All that is left of the disk is taken."""
    filler = server._folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096) == 4096:
            pass
    yield
    filler.unlink()


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
    with full(small):
        status = 201
        while status == 201:  # until what is left of the last page is used up
            status, said = post(client, "port", network_id=network)
            if status == 201:
                acknowledged.add(said["port"]["id"])
        assert status == 503
        assert "No space left on device" in said["NeutronError"]["message"]
        assert post(client, "network", name="bar")[0] == 503
        assert client.get("/v2.0/networks").status_code == 200
    assert ports(small) == acknowledged  # no more, and no less
    status, said = post(client, "port", network_id=network)
    assert status == 201
    acknowledged.add(said["port"]["id"])
    small.stop(kill=True)
    small.start()  # from what is on the disk
    assert ports(small) == acknowledged
    assert "bar" not in small.ctl("list", "Logical_Switch")
