"""Where a process is killed, and what that must not change."""

from __future__ import annotations

from collections import Counter
from typing import Any


def deaths(reached: list[str]) -> list[tuple[str, int]]:
    """Of points that were come by, those to die at, each with which time it is.

    Of two that follow each other, after one thing and before the next, one is enough: nothing has
    changed between them.
    """
    counts: Counter[str] = Counter()
    found = []
    for name, last in zip(reached, ["", *reached], strict=False):
        counts[name] += 1
        if not (name.startswith("before") and last.startswith("after")):
            found.append((name, counts[name]))
    return found


def lost(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is other than it was, of two states of a bed."""
    return {key: after[key] for key in after if after[key] != before[key]}
