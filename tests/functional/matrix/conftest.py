"""The world, made once for each file of tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.daemons import OvsdbServer
from tests.functional.matrix import things
from tests.functional.matrix.world import World
from tests.functional.test_ipam_store import until


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        server = OvsdbServer(Path(name), "nb")
        server.start()
        world = World(Path(name), server)
        try:
            assert until(lambda: world.asker("nobody").ask("GET", "/healthz").status == 200)
            things.fill(world)
            world.keep()
            yield world
        finally:
            world.close()
            server.stop()


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    shared_world.restore()
    yield shared_world
    shared_world.restore()
