"""A file of lines that is bounded, and that may be moved away while it is written to."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

LARGEST = 16 << 20
"""Bytes of a file, from which on it is put aside."""

KEPT = 4
"""Older files that stay: ``FILE.1`` is the newest of them."""

STANDARD_OUTPUT = 1

LOOK = 0.25
"""Seconds between two looks at what is at the path: lines are many, and a look at each is dear."""


class LineLog:
    """Writes to a file, or to standard output. Any thread, and any number of processes, may.

    A line is written at once and in one piece. The file may be moved away meanwhile (logrotate(8));
    it is put aside by itself when it grows too large.

    :param path: None for standard output.
    :param look: seconds between two looks at what is at the path.
    :raises OSError: the file cannot be written.
    """

    def __init__(
        self, path: Path | None, largest: int = LARGEST, kept: int = KEPT, look: float = LOOK
    ) -> None:
        self._path = path
        self._largest = largest
        self._kept = kept
        self._pause = look
        self._looked = 0.0
        self._lock = threading.Lock()
        self._file = STANDARD_OUTPUT
        self._place: tuple[int, int] | None = None
        if path is not None:
            self._open(path)

    def write(self, line: bytes) -> None:
        """:raises OSError: it could not be written, or not all of it."""
        if self._path is not None:
            now = time.monotonic()
            if now - self._looked >= self._pause:
                self._follow(self._path, len(line))
                self._looked = now
        written = os.write(self._file, line)
        if written < len(line):
            # So that the next one begins a line all the same.
            with suppress(OSError):
                os.write(self._file, b"\n")
            raise OSError(f"{len(line) - written} bytes were not written")

    def _follow(self, path: Path, more: int) -> None:
        """Open the file again when another one is at the path, or none, or this one is full."""
        if self._fits(path, more):
            return
        with self._lock:
            if self._fits(path, more):
                return
            found = _look(path)
            if found is not None and (found.st_dev, found.st_ino) == self._place:
                self._put_aside(path)
            # A file that cannot be made leaves the one that is open: better too long than lost.
            with suppress(PermissionError):
                self._open(path)

    def _fits(self, path: Path, more: int) -> bool:
        found = _look(path)
        if found is None or (found.st_dev, found.st_ino) != self._place:
            return False
        return not stat.S_ISREG(found.st_mode) or found.st_size + more <= self._largest

    def _put_aside(self, path: Path) -> None:
        """Another process may be at it too: who has the lock of the file that is there does it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            found = _look(path)
            if found is None or (found.st_dev, found.st_ino) != self._place:
                return
            with suppress(PermissionError):
                for number in range(self._kept - 1, 0, -1):
                    with suppress(FileNotFoundError):
                        os.replace(f"{path}.{number}", f"{path}.{number + 1}")
                os.replace(path, f"{path}.1")
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _open(self, path: Path) -> None:
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        found = os.fstat(opened)
        # The number stays: another thread may be writing to it.
        if self._file == STANDARD_OUTPUT:
            self._file = opened
        else:
            os.dup2(opened, self._file, inheritable=False)
            os.close(opened)
        self._place = found.st_dev, found.st_ino


def bound_output(path: Path, largest: int = LARGEST, kept: int = KEPT) -> bool:
    """Put aside what this process's standard output has written to a file, if that is too much;
    whether it was. Where standard output is another file, or none, nothing is done.

    The file itself stays, as other processes have it open too: it is copied and made empty. Lines
    that are written in that moment may be lost. On a disk without room for the copy, all are.

    :param path: of the file.
    :raises OSError: it cannot be.
    """
    here, found = os.fstat(STANDARD_OUTPUT), _look(path)
    if found is None or here.st_size <= largest or not stat.S_ISREG(here.st_mode):
        return False
    if not os.path.samestat(here, found):
        return False
    fcntl.flock(STANDARD_OUTPUT, fcntl.LOCK_EX)
    try:
        for number in range(kept - 1, 0, -1):
            # Who may not rename in that folder keeps one older file.
            with suppress(FileNotFoundError, PermissionError):
                os.replace(f"{path}.{number}", f"{path}.{number + 1}")
        try:
            shutil.copyfile(path, f"{path}.1")
        except OSError:
            with suppress(PermissionError):
                Path(f"{path}.1").unlink(missing_ok=True)
        os.ftruncate(STANDARD_OUTPUT, 0)
    finally:
        fcntl.flock(STANDARD_OUTPUT, fcntl.LOCK_UN)
    return True


def _look(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
