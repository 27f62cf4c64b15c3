"""The written table of what is allowed (``allowed.txt``), and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.functional.matrix.cases import Case, Route

FILE = Path(__file__).parent / "allowed.txt"
NONE = "none"


@dataclass(frozen=True)
class Line:
    """Of the file.

    :ivar things: patterns (fnmatch) of names; ``none`` where nothing of the route is allowed.
    :ivar bodies: patterns of what is in the body; with a ``!`` before it what may be answered as
        an error in itself (400, 409), and is never done.
    """

    number: int
    askers: tuple[str, ...]
    routes: frozenset[str]
    things: tuple[str, ...]
    bodies: tuple[str, ...]
    why: str

    def allows(self, asker: str, case: Case, status: int) -> bool:
        bodies = [one for one in self.bodies if not one.startswith("!")]
        if status >= 400:
            bodies += [one[1:] for one in self.bodies if one.startswith("!")]
        return (
            asker in self.askers
            and str(case.route) in self.routes
            and any(fnmatchcase(case.thing, one) for one in self.things)
            and any(fnmatchcase(case.label, one) for one in bodies)
        )

    def covers(self, asker: str, route: Route) -> bool:
        return asker in self.askers and str(route) in self.routes


def read() -> list[Line]:
    return [
        _line(number, text)
        for number, text in enumerate(FILE.read_text().splitlines(), 1)
        if text.strip() and not text.startswith("#")
    ]


def _line(number: int, text: str) -> Line:
    parts = [part.strip() for part in text.split("|")]
    assert len(parts) == 5, f"{FILE.name}:{number}: five columns"
    assert parts[4], f"{FILE.name}:{number}: a reason"
    askers, route, things, bodies = (tuple(_expanded(one)) for one in parts[:4])
    return Line(number, askers, frozenset(route), things, bodies, parts[4])


def _expanded(text: str) -> Iterator[str]:
    """All that a text with ``{a,b}`` in it stands for, also within one another; ``{a}`` stands for
    itself."""
    start = text.find("{")
    while start >= 0:
        parts, end = _choices(text, start)
        if len(parts) > 1:
            for part in parts:
                yield from _expanded(text[:start] + part + text[end:])
            return
        start = text.find("{", start + 1)
    yield text


def _choices(text: str, start: int) -> tuple[list[str], int]:
    """What stands between the commas of a brace, and where that ends."""
    parts, depth = [""], 0
    for place in range(start + 1, len(text)):
        letter = text[place]
        if letter == "}" and not depth:
            return parts, place + 1
        depth += (letter == "{") - (letter == "}")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [], len(text)
