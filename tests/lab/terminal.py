"""A shell at a terminal, and somebody who types."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .command import ENVIRONMENT

SIZE = (50, 200)  # lines and columns


class Terminal:
    """Ends its shell with the block."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        # No line of a test is broken.
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        # The program under test is found as one that is installed.
        path = f"{Path(sys.executable).parent}:{ENVIRONMENT['PATH']}"
        self._shell = subprocess.Popen(
            argv,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**ENVIRONMENT, "TERM": "dumb", "PATH": path, **environment},
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.kill()
        self._shell.wait()
        os.close(self._ours)

    def type(self, keys: str, expected: str, timeout: float = 30) -> str:
        """Type, and read until something is shown, which is returned with all before it.

        :raises AssertionError: it is not shown in time.
        """
        os.write(self._ours, keys.encode())
        deadline = time.monotonic() + timeout
        shown = ""
        while expected not in shown:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._ours], [], [], max(left, 0))
            assert ready, f"typed {keys!r}, waited for {expected!r}, and there is {shown!r}"
            with contextlib.suppress(OSError):  # the shell has ended
                shown += os.read(self._ours, 4096).decode(errors="replace")
        return shown
