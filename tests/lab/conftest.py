"""The lab for tests: one a suite for the whole run, skipped (or failed) where it cannot be had."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache

import pytest

from tests import neutron

from . import suite
from .cluster import Cluster
from .command import ENVIRONMENT
from .lab import Lab, lab_ready
from .shared import Shared
from .tally import SUITE


@cache
def _obstacle(name: str) -> str | None:
    return lab_ready(name)


def _chosen(config: pytest.Config) -> list[str]:
    option = config.getoption("suites")
    if option == "all":
        return list(suite.NAMES)
    names = option.split(",") if option else [suite.own_name()]
    unknown = set(names) - {*suite.NAMES, suite.own_name()}
    if unknown:
        raise pytest.UsageError(f"--suites: {', '.join(unknown)}: is none of {suite.NAMES}")
    return names


def _suite_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    name = callspec.params.get("lab") if callspec else None
    return str(name or suite.own_name())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that uses the lab, once for each suite."""
    if "lab" in metafunc.fixturenames:
        metafunc.parametrize("lab", _chosen(metafunc.config), indirect=True, scope="session")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Of a conftest, pytest calls this for the tests beside and below it only."""
    item.add_marker(pytest.mark.lab)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what would only repeat on the machine's own suite what the run does anyway, and
    what needs a real Neutron where the run shall have none."""
    out = [one for one in items if one.get_closest_marker("other_suites") and _is_own(one)]
    if not neutron.wanted():
        out += [one for one in items if one.get_closest_marker("neutron")]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]


def _is_own(item: pytest.Item) -> bool:
    return _suite_of(item) == suite.own_name()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make what is missing of the suites now: it takes longer than one test may."""
    if not session.config.option.collectonly:
        for name in {_suite_of(item) for item in session.items if item.get_closest_marker("lab")}:
            _obstacle(name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: a machine without the lab skips, unless REQUIRE=lab says it must not."""
    name = _suite_of(item)
    item.user_properties.append((SUITE, name))
    reason = _obstacle(name) or _missing(item)
    if reason is None:
        return
    if "lab" in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _missing(item: pytest.Item) -> str | None:
    """What a test needs beside the lab and this machine has not."""
    wanted = [name for marker in item.iter_markers("needs") for name in marker.args]
    search = ENVIRONMENT["PATH"]
    missing = [name for name in wanted if shutil.which(name, path=search) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One lab for all tests of a suite. A host is stopped by the fixture that added it, or lives
    on."""
    with Lab(suite.get(request.param)) as shared:
        yield shared


@pytest.fixture(scope="session")
def own_lab() -> Iterator[Lab]:
    """A lab on the machine's own programs, whatever suites were chosen."""
    with Lab() as shared:
        yield shared


@pytest.fixture(scope="session")
def _shared(lab: Lab) -> Shared:
    return Shared(lab)


@pytest.fixture(scope="module")
def shared(_shared: Shared, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Two Docker hosts and a central one, as `cluster` makes them, to be given back as they were:
    the next module goes on with them."""
    already = request.session.testsfailed
    with _shared.lent(lambda: request.session.testsfailed > already) as made:
        yield made


@pytest.fixture
def unchanged(path: Cluster) -> Iterator[None]:
    """What a test makes and deletes again leaves no trace: in NB, on br-int, on the hosts.

    :param path: the module's own fixture of that name.
    """
    before = path.state()
    yield
    assert path.state() == before
