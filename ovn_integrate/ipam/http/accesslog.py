"""The access log: one line of JSON for each request."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from ovn_integrate import jsontext
from ovn_integrate.errors import Invalid
from ovn_integrate.ipam.http.watched import Exchange
from ovn_integrate.linelog import LineLog

STANDARD_OUTPUT = "-"
OFF = "off"

LONGEST = 512
"""Characters of a path and its query that stand in a line; more of them are shown as ``…``."""


class AccessLog:
    """Writes to standard output, or to a file (:class:`LineLog`).

    When a line cannot be written, on a full disk for example, it is lost, and the request is
    answered all the same.
    """

    def __init__(self, where: str) -> None:
        """:param where: a path, or ``-`` for standard output.
        :raises Invalid: the file cannot be written.
        """
        self._unwritten: deque[bytes] = deque()
        self._writing = threading.Lock()
        try:
            self._lines = LineLog(None if where == STANDARD_OUTPUT else Path(where))
        except OSError as error:
            raise Invalid(
                f"--access-log {where}", f"cannot be written: {error.strerror}", "another file"
            ) from None

    def write(self, seen: Exchange) -> None:
        self._unwritten.append(f"{jsontext.dumps(_fields(seen))}\n".encode())
        # Who writes takes what others have added meanwhile: nobody waits for anybody's writing.
        while self._unwritten and self._writing.acquire(blocking=False):
            try:
                lines = [self._unwritten.popleft() for _ in range(len(self._unwritten))]
                with suppress(OSError):
                    self._lines.write(b"".join(lines))
            finally:
                self._writing.release()


def open_log(where: str) -> AccessLog | None:
    """The log that the option asks for: a path, ``-`` or ``off``.

    :raises Invalid: the file cannot be written.
    """
    return None if where == OFF else AccessLog(where)


def _fields(seen: Exchange) -> dict[str, object]:
    started = datetime.fromtimestamp(seen.started, timezone.utc)
    target = seen.target
    if len(target) > LONGEST:
        target = f"{target[:LONGEST]}…"
    return {
        "time": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "client": seen.client,
        "method": seen.method,
        "path": target,
        "status": seen.status,
        "ms": round(seen.seconds * 1000, 3),
        "bytes": seen.length,
        "request_id": seen.id,
    }
