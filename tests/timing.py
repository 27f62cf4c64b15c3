"""What each file of tests took, as a table at the end of a run that was long enough to ask."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import pytest

ASKED_FROM = 60.0  # seconds, of all files together
ROWS = 25


@dataclass
class File:
    """:ivar fixtures: of the seconds, those in which its fixtures were made and ended."""

    seconds: float = 0.0
    fixtures: float = 0.0
    tests: set[str] = field(default_factory=set)
    slowest: tuple[float, str] = (0.0, "")


_files: dict[str, File] = defaultdict(File)


def note(report: pytest.TestReport) -> None:
    """Count a phase of a test: its set-up, the test itself, or what comes after it."""
    name, _, test = report.nodeid.partition("::")
    file = _files[name]
    file.seconds += report.duration
    file.tests.add(test)
    if report.when == "call":
        file.slowest = max(file.slowest, (report.duration, test))
    else:
        file.fixtures += report.duration


def table() -> list[str]:
    """Returns the table, the longest first; none of a short run."""
    whole = sum(file.seconds for file in _files.values())
    if whole < ASKED_FROM:
        return []
    ranked = sorted(_files.items(), key=lambda item: -item[1].seconds)
    lines = [f"{'seconds':>8} {'fixtures':>8} {'tests':>5}  file, and its longest test"]
    for name, file in ranked[:ROWS]:
        seconds, test = file.slowest
        figures = f"{file.seconds:8.1f} {file.fixtures:8.1f} {len(file.tests):5}"
        lines.append(f"{figures}  {name} ({test[:60]}: {seconds:.1f})")
    rest = ranked[ROWS:]
    if rest:
        seconds = sum(file.seconds for _, file in rest)
        lines.append(f"{seconds:8.1f} {'':8} {'':5}  {len(rest)} more files")
    return [*lines, f"{whole:8.1f} {'':8} {'':5}  together"]
