"""A line on the terminal that says how long a verb has been at it, as soon as that is a second."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, TextIO

from ovn_integrate.errors import one_line

_PATIENCE = 1.0  # seconds
_EVERY = 0.2  # seconds
_MARKS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
ERASE = "\r\x1b[K"


class Progress:
    """Shown on standard error from its start to :meth:`end`, or to the end of the ``with`` block.

    Whatever is printed meanwhile takes its place, and it comes again below. Where standard error
    is no terminal nothing is ever shown.

    :param what: what goes on.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._since = time.monotonic()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._shown = False
        self._held = False
        self._thread: threading.Thread | None = None
        self._terminal = sys.stderr
        self._before = (sys.stdout, sys.stderr)

    def __enter__(self) -> Progress:
        if _drawable(self._terminal):
            if sys.stdout.isatty():
                sys.stdout = _Cleared(sys.stdout, self)
            sys.stderr = _Cleared(sys.stderr, self)
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Show it no more: what comes now serves until it is stopped, or draws by itself."""
        if self._thread is None:
            return
        self._over.set()
        self._thread.join()
        self._thread = None
        sys.stdout, sys.stderr = self._before
        self.print(self._terminal, "")

    def print(self, stream: TextIO, text: str) -> int:
        """Write what a verb has to say, in the place of the line."""
        with self._lock:
            if self._shown:
                self._terminal.write(ERASE)
                self._terminal.flush()
                self._shown = False
            # Behind half a line, a question for example, nothing is drawn.
            self._held = bool(text) and not text.endswith("\n")
            return stream.write(text)

    def _run(self) -> None:
        wait = _PATIENCE
        while not self._over.wait(wait):
            wait = _EVERY
            with self._lock:
                if not self._held:
                    self._draw()

    def _draw(self) -> None:
        seconds = time.monotonic() - self._since
        mark = _MARKS[int(seconds / _EVERY) % len(_MARKS)]
        self._terminal.write(f"{ERASE}{mark} {one_line(self._what)}: {seconds:.0f} s")
        self._terminal.flush()
        self._shown = True


class _Cleared:
    """A stream of the terminal; what is written to it replaces the line of progress."""

    def __init__(self, stream: TextIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress

    def write(self, text: str) -> int:
        return self._progress.print(self._stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _drawable(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
