"""The options of a test run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Here, because pytest reads options from the topmost conftest only."""
    parser.addoption(
        "--suites",
        metavar="NAME[,NAME…]",
        help="Debian suites whose Open vSwitch, OVN, Docker and Python the lab's hosts run, "
        "or 'all'; the machine's own if not given",
    )
