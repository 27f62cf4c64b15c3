"""What writing keys would change, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class KeyChange:
    """One key of external_ids: what it is, what it shall be; None is unset."""

    key: str
    current: str | None
    wanted: str | None

    @property
    def needed(self) -> bool:
        return self.current != self.wanted

    def as_data(self) -> dict[str, Any]:
        """The line in a form for programs."""
        return {**asdict(self), "needed": self.needed}


def plan(current: Mapping[str, str], wanted: Mapping[str, str | None]) -> list[KeyChange]:
    """What writing these keys would change, a line for each of them; other keys stay."""
    return [KeyChange(key, current.get(key), value) for key, value in wanted.items()]


def needed(lines: Iterable[KeyChange]) -> list[KeyChange]:
    """The lines that change something."""
    return [line for line in lines if line.needed]


def outcome(current: Mapping[str, str], lines: Iterable[KeyChange]) -> dict[str, str]:
    """The keys as they are after a plan."""
    after = {**current, **{line.key: line.wanted for line in lines}}
    return {key: value for key, value in after.items() if value is not None}


def hidden(
    lines: Iterable[KeyChange], current: Mapping[str, str], chassis: str | None
) -> list[str]:
    """Warnings of keys that are of no effect on a chassis, as the same key with its name behind it
    goes first (ovn-controller(8)).

    :param current: the keys as they are after the plan.
    """
    found = [(line.key, f"{line.key}-{chassis}") for line in lines]
    return [
        f"{key}: no effect on this chassis, {own} goes first"
        for key, own in found
        if own in current
    ]
