"""Fixtures on real daemons, shared by all functional tests."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.daemons import OvsdbServer
from tests.functional.switch import Verb, verb_on


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: the path of a Unix socket holds 107 bytes (unix(7))."""
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        yield Path(name)


@pytest.fixture(scope="session", autouse=True)
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Servers and verbs that are not told where write their logs here, not into the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OVN_INTEGRATE_LOGDIR", str(tmp_path_factory.mktemp("logs")))
        # Folders of tests are for root alone; test_account.py has one that others may look into.
        patch.setenv("OVN_INTEGRATE_USER", "root")
        yield


@pytest.fixture
def ovsdb_server(folder: Path) -> Iterator[Callable[[str], OvsdbServer]]:
    """Makes and starts servers of ``nb``, ``sb`` or ``host``; they end with the test."""
    servers: list[OvsdbServer] = []

    def make(kind: str) -> OvsdbServer:
        own = folder / str(len(servers))
        own.mkdir()
        server = OvsdbServer(own, kind)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def ovsdb(ovsdb_server: Callable[[str], OvsdbServer]) -> Callable[[str], str]:
    """Starts a server as ``ovsdb_server`` does and gives its remote alone."""
    return lambda kind: ovsdb_server(kind).remote


@pytest.fixture
def switch(ovsdb_server: Callable[[str], OvsdbServer]) -> OvsdbServer:
    """A host's database as Open vSwitch leaves it after its first start."""
    server = ovsdb_server("host")
    server.ctl("init")
    server.ctl("set", "Open_vSwitch", ".", "external_ids:system-id=chassis-1", "ovs_version=3.1.0")
    return server


@pytest.fixture
def verb(switch: OvsdbServer) -> Verb:
    """Runs verbs on the host's database ``switch``."""
    return verb_on(switch.remote)


@pytest.fixture
def nb(ovsdb_server: Callable[[str], OvsdbServer]) -> OvsdbServer:
    """A Northbound server."""
    return ovsdb_server("nb")


@pytest.fixture
def stores() -> Iterator[Callable[[str], Store]]:
    """Opens stores on a remote, each an IPAM server's; they are ready, and end with the test."""
    opened: list[Store] = []

    def open_store(remote: str) -> Store:
        store = Store(remote)
        opened.append(store)
        store.start()
        assert store.wait_ready(10)
        return store

    yield open_store
    for store in opened:
        store.stop()


@pytest.fixture
def api(nb: OvsdbServer, stores: Callable[[str], Store]) -> FlaskClient:
    """A client of the IPAM server's API on a Northbound of its own (``nb``)."""
    return create_app(Service(stores(nb.remote))).test_client()
