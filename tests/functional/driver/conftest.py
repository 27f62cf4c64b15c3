"""One host for all tests of the driver; each leaves it as it was."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.daemons import OvsdbServer
from tests.functional.driver.bed import IPAM, SETTINGS, Host, Lan, serve
from tests.functional.namespaces import own_network


@pytest.fixture(scope="package")
def namespace() -> Iterator[None]:
    with own_network():
        yield


@pytest.fixture(scope="package")
def host(namespace: None) -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        folder = Path(name)
        databases = []
        processes = []
        try:
            for kind in ("nb", "host"):
                (folder / kind).mkdir()
                databases.append(OvsdbServer(folder / kind, kind))
                databases[-1].start()
            nb, ovs = databases
            ovs.ctl("init")
            ovs.ctl("add-br", "br-int")
            ovs.ctl("set", "Bridge", "br-int", "datapath_type=netdev")
            ovs.ctl("set", "Open_vSwitch", ".", *(f"external_ids:{one}" for one in SETTINGS))
            processes.append(
                serve(f"ipam.application({nb.remote!r})", IPAM, folder / "i", keep_alive=True)
            )
            plugin = folder / "p.sock"
            start = f"driver.application({ovs.remote!r}, ready_timeout=0)"
            processes.append(serve(start, f"unix:{plugin}", folder / "d", keep_alive=False))
            yield Host(ovs, plugin)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)
            for database in databases:
                database.stop()


@pytest.fixture(autouse=True)
def nothing_left(host: Host) -> Iterator[None]:
    yield
    assert host.left() == []


@pytest.fixture
def lan(host: Host) -> Iterator[Lan]:
    made = Lan(host, 10)
    assert host.ok("NetworkDriver.CreateNetwork", made.body) == {}
    yield made
    made.remove()
