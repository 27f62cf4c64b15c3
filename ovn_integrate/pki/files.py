"""Files that are there whole or not at all, with the mode that they need from the start."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ovn_integrate.errors import NotPermitted

SECRET = 0o600
PUBLIC = 0o644


def write(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Put a file in the place of an older one, in one step: who opens it reads either.

    Whoever calls holds the lock of its files.

    :raises NotPermitted: this user may not.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        folder(path.parent)
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask is
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except PermissionError as error:
        raise _refusal(error) from None


def folder(path: Path) -> None:
    """Have a folder that root alone may look into."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be the only one in a folder, among processes and threads; the kernel frees it at a kill.

    :raises NotPermitted: this user may not write there.
    """
    try:
        folder(path)
        descriptor = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, SECRET)
    except PermissionError as error:
        raise _refusal(error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _refusal(error: PermissionError) -> NotPermitted:
    return NotPermitted(str(error.filename), "cannot be written", "run it with sudo")
