"""The servers that the cases are sent to, one of each for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import neutron
from tests.functional.ipam_api.servers import embedded, real
from tests.functional.ipam_api.talk import Server, clear


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each case for the IPAM server, and for a real Neutron when this run shall have one."""
    if "server" not in metafunc.fixturenames:
        return
    names = ["embedded", "neutron"] if neutron.wanted() else ["embedded"]
    if metafunc.config.getoption("record"):
        names = ["neutron"]
    metafunc.parametrize("server", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    make = {"embedded": embedded, "neutron": real}[request.param]
    with tempfile.TemporaryDirectory(prefix="ovn") as folder, make(Path(folder)) as made:
        # Neutron makes what it needs always when it is first asked.
        clear(made)
        yield made


@pytest.fixture(scope="session")
def record(request: pytest.FixtureRequest) -> bool:
    """Whether to write down what Neutron answers instead of comparing it."""
    return bool(request.config.getoption("record"))
