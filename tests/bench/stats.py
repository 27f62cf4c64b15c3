"""Figures out of samples."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .load import Life, Pass

STEPS: dict[str, Callable[[Life], float | None]] = {
    "CreateEndpoint": lambda life: life.create,
    "Join": lambda life: life.join,
    "CreateEndpoint + Join": lambda life: _sum(life.create, life.join),
    "ready": lambda life: life.ready,
    "Leave": lambda life: life.leave,
    "DeleteEndpoint": lambda life: life.delete,
}
CALLS = "CreateEndpoint + Join"
READY = "ready"


@dataclass(frozen=True)
class Spread:
    """:ivar p50: milliseconds, the median; :ivar p95: exceeded by one sample in twenty."""

    p50: float
    p95: float
    samples: int


@dataclass(frozen=True)
class Figures:
    """What one contender took in one situation.

    :ivar steps: by the names in `STEPS`; those that nobody came to are absent.
    :ivar called: endpoints a second through CreateEndpoint and Join, the median of the rounds.
    :ivar readied: endpoints ready a second, likewise.
    :ivar ended: endpoints a second through Leave and DeleteEndpoint, likewise.
    """

    steps: dict[str, Spread]
    called: float
    readied: float
    ended: float
    errors: list[str]


def spread(seconds: Iterable[float]) -> Spread:
    """Of at least one sample."""
    ordered = sorted(1000 * one for one in seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return Spread(statistics.median(ordered), p95, len(ordered))


def figures(rounds: Sequence[Pass]) -> Figures:
    """Of at least one pass."""
    steps = {}
    for name, of in STEPS.items():
        taken = [of(life) for one in rounds for life in one.lives]
        known = [one for one in taken if one is not None]
        if known:
            steps[name] = spread(known)
    return Figures(
        steps=steps,
        called=_rate(rounds, lambda life: life.join, lambda one: one.called),
        readied=_rate(rounds, lambda life: life.ready, lambda one: one.readied),
        ended=_rate(rounds, lambda life: life.delete, lambda one: one.ended),
        errors=[error for one in rounds for error in one.errors],
    )


def _rate(
    rounds: Sequence[Pass],
    step: Callable[[Life], float | None],
    seconds: Callable[[Pass], float],
) -> float:
    """Endpoints a second that came through a step; 0 when none did."""
    rates = []
    for one in rounds:
        count = sum(step(life) is not None for life in one.lives)
        rates.append(count / seconds(one) if count else 0.0)
    return statistics.median(rates)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
