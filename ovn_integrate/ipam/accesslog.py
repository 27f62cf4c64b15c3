"""The access log: one line of JSON for each request."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime, timezone

from ovn_integrate.errors import Invalid
from ovn_integrate.ipam.watched import Exchange

STANDARD_OUTPUT = "-"
OFF = "off"

_STDOUT = 1


class AccessLog:
    """Writes to standard output, or to a file that may be moved away while it does (logrotate(8)).

    A line is written at once and in one piece, so threads need no lock. When it cannot be written,
    a full disk for example, it is lost, and the request is answered all the same.
    """

    def __init__(self, where: str) -> None:
        """:param where: a path, or ``-`` for standard output.
        :raises Invalid: the file cannot be written.
        """
        self._path = None if where == STANDARD_OUTPUT else where
        self._file = _STDOUT
        self._place: tuple[int, int] | None = None
        if self._path is not None:
            try:
                self._open(self._path)
            except OSError as error:
                raise Invalid(
                    f"--access-log {where}", f"cannot be written: {error.strerror}", "another file"
                ) from None

    def write(self, seen: Exchange) -> None:
        line = json.dumps(_fields(seen)) + "\n"
        with suppress(OSError):
            self._follow()
            os.write(self._file, line.encode())

    def _follow(self) -> None:
        """Open the file anew when it is no longer the one at the path."""
        if self._path is None:
            return
        try:
            found = os.stat(self._path)
            here = found.st_dev, found.st_ino
        except FileNotFoundError:
            here = None
        if here != self._place:
            self._open(self._path)

    def _open(self, path: str) -> None:
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        found = os.fstat(opened)
        # The number stays: another thread may be writing to it.
        if self._file == _STDOUT:
            self._file = opened
        else:
            os.dup2(opened, self._file, inheritable=False)
            os.close(opened)
        self._place = found.st_dev, found.st_ino


def open_log(where: str) -> AccessLog | None:
    """The log that the option asks for: a path, ``-`` or ``off``.

    :raises Invalid: the file cannot be written.
    """
    return None if where == OFF else AccessLog(where)


def _fields(seen: Exchange) -> dict[str, object]:
    started = datetime.fromtimestamp(seen.started, timezone.utc)
    return {
        "time": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "client": seen.client,
        "method": seen.method,
        "path": seen.target,
        "status": seen.status,
        "ms": round(seen.seconds * 1000, 3),
        "bytes": seen.length,
        "request_id": seen.id,
    }
