"""Gathering the items side by side, each within its time, and writing the archive at once."""

from __future__ import annotations

import io
import json
import os
import queue
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovn_integrate.checks.bundle.item import OK, Gathered, Item
from ovn_integrate.checks.bundle.redact import Redactor
from ovn_integrate.errors import CommandFailed, NotPermitted, one_line

AT_ONCE = 8
_GRACE = 2.0  # seconds past its time after which nobody waits for an item any more

Progress = Callable[[int, int, str], object]


@dataclass(frozen=True)
class Done:
    item: Item
    gathered: Gathered
    seconds: float


def gather(items: Sequence[Item], seconds: float, progress: Progress) -> list[Done]:
    """All of them, however many of what they ask is dead.

    :param seconds: the usual time limit of an item.
    :param progress: told how many of how many are done, and what was done last.
    """
    # Threads of its own, not a pool: one that hangs in the kernel must not hold up the end.
    came: queue.SimpleQueue[tuple[int, Gathered]] = queue.SimpleQueue()
    waiting = list(enumerate(items))[::-1]
    begun: dict[int, float] = {}
    done: dict[int, Done] = {}
    while waiting or begun:
        while waiting and len(begun) < AT_ONCE:
            number, item = waiting.pop()
            begun[number] = time.monotonic()
            _start(number, item, seconds, came)
        for number, gathered in _next(items, begun, seconds, came):
            took = time.monotonic() - begun.pop(number)
            done[number] = Done(items[number], gathered, took)
            progress(len(done), len(items), items[number].name)
    return [done[number] for number in sorted(done)]


def _start(
    number: int, item: Item, seconds: float, came: queue.SimpleQueue[tuple[int, Gathered]]
) -> None:
    def run() -> None:
        try:
            gathered = item.gather(seconds * item.times)
        except OSError as error:
            gathered = Gathered(b"", str(error))
        came.put((number, gathered))

    threading.Thread(target=run, name=item.name, daemon=True).start()


def _next(
    items: Sequence[Item],
    begun: dict[int, float],
    seconds: float,
    came: queue.SimpleQueue[tuple[int, Gathered]],
) -> Iterator[tuple[int, Gathered]]:
    """What has come, or is given up; one at least."""
    ends = {number: at + seconds * items[number].times + _GRACE for number, at in begun.items()}
    try:
        number, gathered = came.get(timeout=max(0.0, min(ends.values()) - time.monotonic()))
    except queue.Empty:
        now = time.monotonic()
        for number, end in ends.items():
            if end <= now:
                yield number, Gathered(b"", f"given up after {now - begun[number]:.0f} s")
        return
    if number in begun:  # else it was given up, and comes late
        yield number, gathered


def write(path: Path, done: Sequence[Done], redactor: Redactor, about: dict[str, Any]) -> int:
    """Write the archive, for its owner's eyes alone: all of it, or nothing.

    :param about: goes into its manifest.
    :returns: its size in bytes.
    :raises NotPermitted, CommandFailed: it cannot be written there.
    """
    name = path.name.removesuffix(".tar.gz").removesuffix(".tgz")
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _refused(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as opened:
            with tarfile.open(fileobj=opened, mode="w:gz", compresslevel=6) as archive:
                manifest = [_add(archive, name, one, redactor) for one in done]
                text = json.dumps({**about, "items": manifest}, indent=1).encode()
                _put(archive, f"{name}/manifest.json", text)
            opened.flush()
            os.fsync(opened.fileno())
        size = os.path.getsize(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    return size


def _add(archive: tarfile.TarFile, name: str, one: Done, redactor: Redactor) -> dict[str, Any]:
    data = redactor.clean(one.gathered.data)
    if data:
        _put(archive, f"{name}/{one.item.name.lstrip('/')}", data)
    return {
        "name": one.item.name,
        "source": redactor.clean(one.item.source.encode()).decode(errors="replace"),
        "outcome": redactor.clean(one.gathered.outcome.encode()).decode(errors="replace"),
        "seconds": round(one.seconds, 2),
        "bytes": len(data),
        "redacted": data != one.gathered.data,
    }


def failures(done: Sequence[Done]) -> int:
    """How many could not be had as they are."""
    return sum(one.gathered.outcome != OK for one in done)


def _put(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(one_line(name))
    entry.size, entry.mtime, entry.mode = len(data), int(time.time()), 0o600
    archive.addfile(entry, io.BytesIO(data))


def _refused(path: Path, error: OSError) -> NotPermitted | CommandFailed:
    if isinstance(error, PermissionError):
        return NotPermitted(str(path), "cannot be written", "give a FILE elsewhere")
    return CommandFailed(str(path), error.strerror or str(error), "give a FILE elsewhere")
