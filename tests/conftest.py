"""The options of a test run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests import chance, neutron, timing
from tests.lab import tally
from tests.neutron.installed import installed

# How long an example takes is the machine's business. No examples are kept: a run leaves nothing.
settings.register_profile("project", deadline=None, database=None)
settings.load_profile("project")
TESTS = Path(__file__).parent
ORDER = ("lab", "functional", "openstack", "supply", "unit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here, because pytest reads options from the topmost conftest only."""
    parser.addoption(
        "--suites",
        metavar="NAME[,NAME…]",
        help="Debian suites whose Open vSwitch, OVN, Docker and Python the lab's hosts run, "
        "or 'all'; the machine's own if not given",
    )
    chance.add_options(parser)
    parser.addoption(
        "--record",
        action="store_true",
        help="write down what a real Neutron answers in tests/functional/ipam_api, as what the "
        "IPAM server is compared with",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before modules of tests are read, and before Hypothesis looks for a seed."""
    chance.configure(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """What pytest-xdist gives a worker."""
    node.workerinput["seed"] = node.config.option.seed


def pytest_report_header() -> str:
    return chance.described()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """With several workers, pytest calls this where all of their reports come together."""
    timing.note(report)
    tally.note(report)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last but pytest's own closing line."""
    for line in (*tally.lines(), chance.described()):
        terminalreporter.write_line(line)
    lines = timing.table()
    if lines:
        terminalreporter.section("what took how long")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several workers begin with what takes longest, so that they end at about the same time."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.path.relative_to(TESTS).parts[0]))


def _rank(folder: str) -> int:
    return ORDER.index(folder) if folder in ORDER else 0


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make what a real Neutron needs now: later a test is in a network of its own."""
    chosen = any("neutron" in name for name in _parameters(session)) or any(
        item.get_closest_marker("neutron") for item in session.items
    )
    if neutron.wanted() and chosen and not session.config.option.collectonly:
        installed()


def _parameters(session: pytest.Session) -> list[str]:
    found = (getattr(item, "callspec", None) for item in session.items)
    return [callspec.id for callspec in found if callspec is not None]
