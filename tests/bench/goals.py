"""What the driver is meant to reach, against the other contenders in the same run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from . import runs, verbs
from .arena import BEFORE, FLOOR, OURS, SECURE, SHIPPED
from .stats import CALLS, READY, Figures, Spread

EMPTY = "NB empty"
MANY = 8

Situation = tuple[str, int]
"""What NB holds, and how many endpoints come at a time."""
Measured = dict[Situation, dict[str, Figures]]


@dataclass(frozen=True)
class Goal:
    """A ratio with a bound.

    :ivar least: whether the bound is a least or a most.
    """

    what: str
    ratio: float
    bound: float
    least: bool

    @property
    def met(self) -> bool:
        return self.ratio >= self.bound if self.least else self.ratio <= self.bound


# Who is to reach them, and how that is told.
_JUDGED = {OURS: "", SECURE: "by TLS, "}

# Whole commands, what each is held against, and how many times as long it may take.
_COMMANDS = (
    (verbs.HELP, verbs.CLICK, 1.3),
    (verbs.SET_TEP, verbs.CLICK_AND_OVS, 1.5),
    *((one, runs.BRIDGE, 1.15) for one in runs.NETWORKS),
)


def goals(measured: Measured) -> list[Goal]:
    """Those that can be told from what was measured."""
    found = [
        goal
        for name, who in _JUDGED.items()
        for against in (_against_shipped, _against_floor, _against_empty)
        for goal in against(measured, name, who)
    ]
    return [*found, *_against_before(measured)]


def of_commands(commands: Mapping[str, Spread]) -> Iterator[Goal]:
    """Likewise, of whole commands."""
    for one, other, bound in _COMMANDS:
        if one in commands and other in commands:
            ratio = commands[one].p50 / commands[other].p50
            yield Goal(f"{one}, times {other}", ratio, bound, least=False)


def _against_shipped(measured: Measured, name: str, who: str) -> Iterator[Goal]:
    for (state, at_a_time), by_name in measured.items():
        ours, theirs = by_name.get(name), by_name.get(SHIPPED)
        if ours is None or theirs is None:
            continue
        if at_a_time == MANY and theirs.readied:
            what = f"{who}{state}, {MANY} at a time: endpoints ready a second, times shipped"
            yield Goal(what, ours.readied / theirs.readied, 6.0, least=True)
        if at_a_time == 1:
            for step, bound in ((CALLS, 4.0), (READY, 2.0)):
                ratio = _ratio(theirs, ours, step)
                if ratio is not None:
                    what = f"{who}{state}, one at a time: {step}, times faster than shipped"
                    yield Goal(what, ratio, bound, least=True)


def _against_floor(measured: Measured, name: str, who: str) -> Iterator[Goal]:
    for (state, at_a_time), by_name in measured.items():
        if at_a_time == 1 and name in by_name and FLOOR in by_name:
            ratio = _ratio(by_name[name], by_name[FLOOR], READY)
            if ratio is not None:
                what = f"{who}{state}, one at a time: {READY}, times the floor"
                yield Goal(what, ratio, 1.5, least=False)


def _against_empty(measured: Measured, name: str, who: str) -> Iterator[Goal]:
    for (state, at_a_time), by_name in measured.items():
        empty = measured.get((EMPTY, at_a_time), {}).get(name)
        full = by_name.get(name)
        if state == EMPTY or empty is None or full is None:
            continue
        for step in (CALLS, READY):
            ratio = _ratio(full, empty, step)
            if ratio is not None:
                what = f"{who}{state}, {at_a_time} at a time: {step}, times that of the empty NB"
                yield Goal(what, ratio, 1.2, least=False)


def _against_before(measured: Measured) -> Iterator[Goal]:
    """What a change cost, by TLS."""
    for (state, at_a_time), by_name in measured.items():
        now, before = by_name.get(SECURE), by_name.get(BEFORE)
        if now is None or before is None:
            continue
        for step in (CALLS, READY):
            ratio = _ratio(now, before, step)
            if ratio is not None:
                what = f"by TLS, {state}, {at_a_time} at a time: {step}, times before"
                yield Goal(what, ratio, 1.05, least=False)


def _ratio(one: Figures, other: Figures, step: str) -> float | None:
    """Of the medians."""
    if step not in one.steps or step not in other.steps:
        return None
    return one.steps[step].p50 / other.steps[step].p50
