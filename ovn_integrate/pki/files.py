"""Files that are there whole or not at all, with the mode that they need from the start."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ovn_integrate import paths
from ovn_integrate.errors import NotPermitted
from ovn_integrate.rewrite import rewrite

SECRET = 0o600
PUBLIC = 0o644
_PRIVATE = 0o700


def write(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Put a file in the place of an older one, in one step: who opens it reads either.

    Whoever calls holds the lock of its files.

    :raises NotPermitted: this user may not.
    """
    try:
        folder(path.parent)
        rewrite(path, content, mode, keep_mode=False)
    except PermissionError as error:
        raise _refusal(error) from None


def folder(path: Path) -> None:
    """Makes a folder that root alone may look into, with those above it; of this program's keys,
    whoever made them."""
    for one in (*reversed(path.parents), path):
        # Not by ``parents``: those have the mode of any folder then.
        if not one.is_dir():
            one.mkdir(mode=_PRIVATE, exist_ok=True)
        elif one.is_relative_to(paths.pki()) and one.stat().st_mode & 0o077:
            one.chmod(_PRIVATE)


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
