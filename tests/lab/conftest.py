"""The lab for tests: one for the whole run, skipped (or failed) where it cannot be had."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest

from .lab import Lab, lab_ready


@cache
def _obstacle() -> str | None:
    return lab_ready()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Of a conftest, pytest calls this for the tests beside and below it only."""
    item.add_marker(pytest.mark.lab)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: a machine without the lab skips, unless REQUIRE=lab says it must not."""
    reason = _obstacle()
    if reason is None:
        return
    if "lab" in os.environ.get("REQUIRE", "").split(","):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """One lab for all tests. A host is stopped by the fixture that added it, or lives on."""
    with Lab() as shared:
        yield shared
