"""What goes into an archive: where each thing comes from, and how it is gathered."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovn_integrate import runner
from ovn_integrate.errors import CommandFailed, Error

OK = "ok"
LONGEST = 60.0  # seconds for the whole of what has no limit of its own
_TAIL = 5 << 20  # bytes of a log
_SHARE = 0.6  # of an item's time that the first of two ways may take


@dataclass(frozen=True)
class Gathered:
    """:ivar outcome: ``ok``, or what went wrong in one line; there may be data all the same."""

    data: bytes
    outcome: str = OK


@dataclass(frozen=True)
class Item:
    """:ivar name: its path in the archive.
    :ivar source: a command, a file or an API's path, for people.
    :ivar gather: takes the seconds that it has.
    :ivar times: of the usual time limit that it may take.
    """

    name: str
    source: str
    gather: Callable[[float], Gathered]
    times: float = 1.0


def command(name: str, *argv: str, times: float = 1.0, good: tuple[int, ...] = (0,)) -> Item:
    """What a command prints.

    :param good: the statuses that are no failure.
    """

    def gather(seconds: float) -> Gathered:
        try:
            done = runner.capture(argv, seconds)
        except CommandFailed as error:
            return Gathered(b"", error.what)
        except PermissionError as error:
            return Gathered(b"", str(error))
        if done.status is None:
            return Gathered(done.output + done.errors, f"killed after {seconds:g} s")
        if done.status in good:
            return Gathered(done.output or done.errors)
        return Gathered(done.output + done.errors, f"status {done.status}: {_last(done.errors)}")

    return Item(name, shlex.join(argv), gather, times)


def file(name: str, path: Path, tail: int = _TAIL) -> Item:
    """The end of a file.

    :param tail: in bytes.
    """

    def gather(_: float) -> Gathered:
        try:
            with path.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                opened.seek(max(0, size - tail))
                # Files of /proc say that they have no bytes.
                data = opened.read(tail)
        except OSError as error:
            return Gathered(b"", error.strerror or str(error))
        return Gathered(data, OK if size <= tail else f"the last {tail >> 20} MB of {size >> 20}")

    return Item(name, str(path), gather)


def answer(name: str, source: str, ask: Callable[[float], Any]) -> Item:
    """What an API answers.

    :param ask: takes seconds, and returns what goes into JSON.
    """

    def gather(seconds: float) -> Gathered:
        try:
            return Gathered(json.dumps(ask(seconds), indent=1).encode())
        except Error as error:
            return Gathered(b"", f"{error.subject}: {error.what}")

    return Item(name, source, gather)


def viewed(item: Item, view: Callable[[bytes], bytes]) -> Item:
    """The same as it may be shown."""

    def gather(seconds: float) -> Gathered:
        done = item.gather(seconds)
        return Gathered(view(done.data) if done.data else b"", done.outcome)

    return Item(item.name, item.source, gather, item.times)


def either(name: str, first: Item, second: Item) -> Item:
    """The second thing where the first cannot be had in its part of the time."""

    def gather(seconds: float) -> Gathered:
        done = first.gather(seconds * _SHARE)
        if done.outcome == OK:
            return done
        other = second.gather(seconds * (1 - _SHARE))
        if not other.data:
            return Gathered(b"", f"{done.outcome}; {second.source}: {other.outcome}")
        return Gathered(other.data, f"{done.outcome}; instead {second.source}")

    return Item(name, first.source, gather, first.times)


def _last(errors: bytes) -> str:
    lines = errors.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
