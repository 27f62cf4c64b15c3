"""What the first process of a container does: start children, reap whoever ends, end them in order.

Signals are blocked and waited for, never handled: so none comes between a question and the wait,
and the kernel keeps them for process 1 too, for whom it drops what has no handler (signal(7),
pid_namespaces(7)).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ovn_integrate import runner
from ovn_integrate.errors import CommandFailed

_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGCHLD})
_POLL = 0.05
_LONG = 3600.0


class Asked(Exception):
    """SIGTERM or SIGINT came."""


@dataclass(frozen=True, slots=True)
class _Child:
    name: str
    pid: int
    grace: float


class Init:
    """The children of this process; to be used in its only thread."""

    def __init__(self) -> None:
        self._children: dict[int, _Child] = {}
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def start(self, name: str, argv: Sequence[str], *, grace: float = 1.0) -> None:
        """Start a child.

        :param name: what errors call it.
        :param grace: seconds that it has to end after SIGTERM.
        :raises CommandFailed: it is not installed.
        """
        pid = runner.child(argv)
        self._children[pid] = _Child(name, pid, grace)

    def until(self, ready: Callable[[], bool]) -> None:
        """Return when ``ready`` says so, however long that takes.

        :raises CommandFailed: a child ended.
        :raises Asked: to end.
        """
        while not ready():
            self._take_in(_POLL)

    def watch(self) -> None:
        """Does not return.

        :raises CommandFailed: a child ended.
        :raises Asked: to end.
        """
        while True:
            self._take_in(_LONG)

    def end(self) -> None:
        """End the children, the last one first, each when the one after it has gone."""
        for child in reversed(list(self._children.values())):
            _signal(child, signal.SIGTERM)
            deadline = time.monotonic() + child.grace
            while child.pid in self._children:
                left = deadline - time.monotonic()
                if left <= 0:
                    _signal(child, signal.SIGKILL)
                signal.sigtimedwait(_SIGNALS, max(_POLL, left))
                self._reap()

    def _take_in(self, timeout: float) -> None:
        came = signal.sigtimedwait(_SIGNALS, timeout)
        if came is None:
            return
        if came.si_signo != signal.SIGCHLD:
            raise Asked
        for child, code in self._reap():
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            raise CommandFailed(child.name, how, "what it said is above")

    def _reap(self) -> list[tuple[_Child, int]]:
        """Those of the children that have ended; of all others that have, only the process."""
        ended: list[tuple[_Child, int]] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            child = self._children.pop(pid, None)
            if child is not None:
                ended.append((child, os.waitstatus_to_exitcode(status)))


def _signal(child: _Child, number: signal.Signals) -> None:
    """To the whole process group: what a shell script started ends with it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)
