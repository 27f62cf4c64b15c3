"""A process that keeps namespaces alive, and the way into them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from .command import ENVIRONMENT

END_TIMEOUT = 30.0


class Holder:
    """Namespaces that live until `end`, or until the test run dies, whichever is first.

    :param namespaces: options of unshare and nsenter: `--net`, `--pid` …
    :param command: run inside; prints its process id as seen outside, ends when its input does.
    :param kept_open: a file descriptor that closes when the last holder of the lab has ended.
    """

    def __init__(self, namespaces: Sequence[str], command: Sequence[str], kept_open: int) -> None:
        self._namespaces = tuple(namespaces)
        self._process = subprocess.Popen(
            ["unshare", *_unshare_options(namespaces), "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
            pass_fds=(kept_open,),
            # Ctrl-C reaches the whole foreground group: it must not end hosts under the tests.
            start_new_session=True,
        )
        self.pid = self._ready()

    def _ready(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, complaint = self._process.communicate()
            raise AssertionError(f"a host could not be made: {complaint.strip()}")
        return int(line)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def entering(self, argv: Sequence[str], *, on_death: str = "KILL") -> list[str]:
        """The command that runs `argv` inside.

        nsenter forks on its way into a PID namespace and passes no signal on: killed, it would
        leave the command running, so the command is told to notice.

        :param on_death: the signal that the command gets when the outer process is killed.
        """
        enter = ["nsenter", f"--target={self.pid}", *self._namespaces, "--"]
        return [*enter, "setpriv", "--pdeathsig", on_death, *argv]

    def end(self) -> None:
        """End the holder. With a PID namespace, nothing inside is alive when this returns:
        process 1 is not reaped before all the others are."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(END_TIMEOUT)


def _unshare_options(namespaces: Sequence[str]) -> list[str]:
    options = list(namespaces)
    if "--mount" in namespaces:
        options += ["--propagation", "private"]
    if "--pid" in namespaces:
        options += ["--fork", "--kill-child"]
    return options
