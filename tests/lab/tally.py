"""What passed on which suite, counted where the reports of all workers come together."""

from __future__ import annotations

from collections import Counter

import pytest

from . import suite

# A lab test's suite; and of the unit and functional tests that it ran in a host, the number.
INSIDE = "passed inside"
SUITE = "suite"

_passed: Counter[str] = Counter()
_passed_inside: Counter[str] = Counter()


def note(report: pytest.TestReport) -> None:
    """Count a lab test that passed."""
    said = dict(report.user_properties)
    if SUITE in said and report.when == "call" and report.passed:
        name = str(said[SUITE])
        _passed[name] += 1
        _passed_inside[name] += int(str(said.get(INSIDE, 0)))


def lines() -> list[str]:
    """Returns a line for each suite that hosts ran on."""
    written = []
    for name, count in _passed.items():
        inside = _passed_inside[name]
        more = f", {inside} unit and functional ones in a host" if inside else ""
        written.append(f"{name} ({suite.get(name).versions}): {count} lab tests passed{more}")
    return written
