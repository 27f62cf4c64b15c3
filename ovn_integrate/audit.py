"""The audit log: a line of JSON for each change of what others rely on, and each refusal of one.

It goes to the journal where there is one, and else to a file beside the other logs.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ovn_integrate import account, paths
from ovn_integrate.linelog import LineLog

JOURNAL, STANDARD_OUTPUT = "journal", "-"
"""Where it may go, besides to a file."""

IDENTIFIER = "ovn-integrate-audit"
"""Of its lines in the journal: ``journalctl -t ovn-integrate-audit``."""

IDS = 256
"""Of one line; where more things were changed at once, others follow it."""

_LONGEST = 300  # characters of any text in it
_NOTES = "ovn_integrate.audit"
_PRIORITY = 5  # of syslog(3): normal, but significant

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """What somebody did, or wanted to do.

    :param by: which program wrote it down: ``ipam``, ``signer`` or ``command``.
    :param name: who did it; empty for nobody that is known, and where all may do all.
    :param role: as what: a chassis, an operator, …
    :param address: from where; empty for this host.
    :param verb: what was done: an HTTP method, or the words of a command.
    :param route: to what kind of thing.
    :param ids: of the things.
    :param why: why it was not done; empty when it was.
    :param status: with which it ended: of HTTP, or of a command.
    :param request: the id of the request, as its answer and the access log have it.
    """

    by: str
    name: str
    role: str
    address: str
    verb: str
    route: str
    ids: Sequence[str]
    why: str = ""
    status: int = 0
    request: str = ""
    unwritten: int = 0
    """How many refusals of people who are not known came before it and were not written down."""


class Audit:
    """Any thread may write to it, and any number of processes.

    :param where: a path, JOURNAL, or ``-`` for standard output.
    :raises OSError: the file cannot be written.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._journal: socket.socket | None = None
        self._lines: LineLog | None = None
        if where == JOURNAL:
            self._journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._journal.setblocking(False)  # a journal that is stuck stops nobody
        else:
            self._lines = LineLog(None if where == STANDARD_OUTPUT else Path(where))
        self._lock = threading.Lock()
        self._lost = 0

    def write(self, event: Event) -> None:
        """Write an event down. When that cannot be done, the log of the process says so, and
        what is served goes on."""
        try:
            for line in _lines(event):
                self._write(line)
        except OSError as error:
            with self._lock:
                self._lost += 1
                first = self._lost == 1
            if first:
                log.error("audit: %s: cannot be written: %s", self._where, error.strerror or error)
        else:
            if self._lost:
                self._tell()

    def _tell(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            log.error("audit: %s: is written again; %d lines are missing", self._where, lost)

    def _write(self, line: str) -> None:
        if self._lines is not None:
            self._lines.write(line.encode() + b"\n")
        if self._journal is not None:
            # systemd.journal-fields(7); the journal adds which process and user it came from.
            fields = f"MESSAGE={line}\nPRIORITY={_PRIORITY}\nSYSLOG_IDENTIFIER={IDENTIFIER}\n"
            self._journal.sendto(fields.encode(), str(paths.JOURNAL_SOCKET))


def default(server: str = "") -> str:
    """Where it goes unless told otherwise.

    :param server: whose it is, if that runs as a user of its own.
    """
    if paths.JOURNAL_SOCKET.exists():
        return JOURNAL
    return str(paths.audit_log(server))


def open_log(where: str) -> Audit:
    """:raises OSError: the file cannot be written."""
    if where not in (JOURNAL, STANDARD_OUTPUT):
        with suppress(FileExistsError):
            Path(where).parent.mkdir(mode=0o755, parents=True)
    return Audit(where)


def _lines(event: Event) -> Iterator[str]:
    ids = [cut(one) for one in event.ids]
    parts = [ids[first : first + IDS] for first in range(0, len(ids), IDS)] or [[]]
    for number, part in enumerate(parts, 1):
        fields = _fields(event, part)
        if len(parts) > 1:
            fields["part"] = f"{number}/{len(parts)}"
        # JSON in ASCII: nothing in it means anything to a terminal, or ends the line.
        yield json.dumps(fields).replace("\x7f", "\\u007f")


def _fields(event: Event, ids: Sequence[str]) -> dict[str, Any]:
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    fields = {
        "time": now.replace("+00:00", "Z"),
        "by": event.by,
        "name": cut(event.name),
        "role": cut(event.role),
        "address": cut(event.address),
        "verb": cut(event.verb),
        "route": cut(event.route),
        "ids": list(ids),
        "allowed": not event.why,
        "why": cut(event.why),
        "status": event.status,
    }
    if event.request:
        fields["request_id"] = event.request
    if event.unwritten:
        fields["unwritten"] = event.unwritten
    return fields


def note(environ: MutableMapping[str, Any], **what: Any) -> None:
    """Keep what the line of a request shall say, while it is answered.

    :param environ: of the request, as WSGI has it.
    :param what: ``ids``, ``on`` (what returns ids, asked where there are none), ``why``, ``name``
        or ``role``; the last word counts.
    """
    environ.setdefault(_NOTES, {}).update(what)


def noted(environ: Mapping[str, Any]) -> dict[str, Any]:
    """What was kept of a request."""
    found: dict[str, Any] = environ.get(_NOTES, {})
    return found


def cut(text: str) -> str:
    """As much of a text of others as a line has room for."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def here() -> tuple[str, str]:
    """Who runs this process: the user's name, that of before sudo(8), and what it is."""
    user = os.getuid()
    name = os.environ.get("SUDO_USER", "") if user == 0 else ""
    return name or account.name_of(user), "root" if user == 0 else "user"
