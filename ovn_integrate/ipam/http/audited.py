"""What of the requests goes into the audit log: each that is no mere question, once.

That is one which was refused as well, whoever refused it and for whatever reason. Those of people
who are not known are bounded, as anybody can send them: nobody shall fill the log with them, and so
drive out what others did.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ovn_integrate.audit import Audit, Event, noted
from ovn_integrate.ipam.http.identity import IDENTITY
from ovn_integrate.ipam.http.watched import Exchange

QUESTIONS = ("GET", "HEAD", "OPTIONS")

UNKNOWN = 120
"""Lines a minute about people who are not known."""

_MINUTE = 60.0
_REFUSED = 400


class Audited:
    """Writes them down.

    :param guarded: whether who asks is known; else everybody may do everything.
    :param unknown: see UNKNOWN.
    """

    def __init__(self, audit: Audit, *, guarded: bool, unknown: int = UNKNOWN) -> None:
        self._audit = audit
        self._guarded = guarded
        self._most = unknown
        self._lock = threading.Lock()
        self._minute = 0.0
        self._count = self._unwritten = 0

    def write(self, environ: Mapping[str, Any], seen: Exchange) -> None:
        """To be called when the answer is made, and before it is sent."""
        if seen.method in QUESTIONS:
            return
        notes = noted(environ)
        who = environ.get(IDENTITY)
        name = getattr(who, "name", "") or notes.get("name", "")
        role = getattr(who, "role", "") or notes.get("role", "")
        unwritten = 0
        if not role and self._guarded and seen.status >= _REFUSED:
            unwritten = self._room()
            if unwritten < 0:
                return
        why = ""
        if seen.status >= _REFUSED:
            why = notes.get("why") or f"status {seen.status}"
        self._audit.write(
            Event(
                by="ipam",
                name=name,
                role=role or ("" if self._guarded else "anybody"),
                address=seen.client,
                verb=seen.method,
                route=seen.route,
                ids=_ids(notes) or seen.ids,
                why=why,
                status=seen.status,
                request=seen.id,
                unwritten=unwritten,
            )
        )

    def _room(self) -> int:
        """How many were not written down since the last one; below 0 where this one is not."""
        with self._lock:
            now = time.monotonic()
            if now - self._minute > _MINUTE:
                self._minute, self._count = now, 0
            self._count += 1
            if self._count > self._most:
                self._unwritten += 1
                return -1
            unwritten, self._unwritten = self._unwritten, 0
            return unwritten


def _ids(notes: Mapping[str, Any]) -> Sequence[str]:
    """Of what was made, or else of what it was to be on."""
    made: Sequence[str] = notes.get("ids", ())
    on: Callable[[], Sequence[str]] | None = notes.get("on")
    return on() if not made and on is not None else made
