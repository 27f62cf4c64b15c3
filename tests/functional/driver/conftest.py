"""One host for all tests of the driver; each leaves it as it was."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import neutron
from tests.functional.daemons import OvsdbServer
from tests.functional.driver import vm as vms
from tests.functional.driver.bed import IPAM, SETTINGS, Call, Host, Lan, serve, served
from tests.functional.namespaces import own_network
from tests.functional.neutrons import beside


@pytest.fixture(scope="package")
def namespace() -> Iterator[None]:
    with own_network():
        yield


_EITHER = {"test_endpoints", "test_networks", "test_logical", "test_handover", "test_underlay_tags"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests with the IPAM server, and some with a real Neutron when this run shall have one.

    The others know which address a free choice gives, or look at the server's own rows.
    """
    if "host" in metafunc.fixturenames:
        either = metafunc.module.__name__.rpartition(".")[2] in _EITHER
        names = ["embedded", "neutron"] if either and neutron.wanted() else ["embedded"]
        metafunc.parametrize("host", names, indirect=True, scope="package")


@pytest.fixture(scope="package")
def host(namespace: None, request: pytest.FixtureRequest) -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        folder = Path(name)
        databases = []
        processes = []
        own = ExitStack()
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
            if request.param == "neutron":
                own.enter_context(beside(nb, folder / "n", IPAM))
            else:
                start = f"guarded.application({nb.remote!r})"
                processes.append(serve(start, IPAM, folder / "i", keep_alive=True))
            plugin = folder / "p.sock"
            start = f"driver.application({ovs.remote!r}, ready_timeout=0)"
            processes.append(serve(start, f"unix:{plugin}", folder / "d", keep_alive=False))
            yield Host(ovs, plugin, nb)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)
            own.close()
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


@pytest.fixture
def vm(host: Host) -> Iterator[vms.Vm]:
    with vms.booted(host) as made:
        yield made


@pytest.fixture
def driver(host: Host) -> Iterator[Call]:
    """A driver of the test's own on the same host, which waits for OVN."""
    with served(host, 0.5) as call:
        yield call
