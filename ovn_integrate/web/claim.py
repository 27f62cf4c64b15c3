"""One server for each pid file: gunicorn takes a Unix socket away from whoever serves there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ovn_integrate.errors import Conflict


@contextmanager
def claimed(pidfile: Path) -> Iterator[None]:
    """Be the only process that serves by a pid file.

    :raises Conflict: another one does, or is about to.
    """
    pidfile.parent.mkdir(parents=True, exist_ok=True)
    # A lock of the process (fcntl(2)): the worker of a master that was killed has none.
    descriptor = os.open(pidfile.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(descriptor)
        what = "belongs to a server that serves, or is starting"
        raise Conflict(str(pidfile), what, "try again, or stop that one") from None
    try:
        yield
    finally:
        os.close(descriptor)
