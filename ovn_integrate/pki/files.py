"""Files that are there whole or not at all, with the mode that they need from the start."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ovn_integrate import account, paths
from ovn_integrate.errors import NotPermitted
from ovn_integrate.rewrite import rewrite

SECRET = 0o600
SHARED = 0o640
"""For root, and for the account of the IPAM server where there is one."""
PUBLIC = 0o644
_PRIVATE = 0o700

_PASSABLE = 0o710


def write(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Put a file in the place of an older one, in one step: who opens it reads either.

    Whoever calls holds the lock of its files.

    :raises NotPermitted: this user may not.
    """
    try:
        folder(path.parent)
        if mode != SHARED:
            rewrite(path, content, mode, keep_mode=False)
            return
        # One that is shared already stays so at every moment, as whoever reads it may at any.
        rewrite(path, content, SECRET if _group() is None else SHARED, keep_mode=False)
        share(path)
    except PermissionError as error:
        raise _refusal(error) from None


def folder(path: Path) -> None:
    """Makes a folder that root alone may look into, with those above it; of this program's keys,
    whoever made them."""
    for one in (*reversed(path.parents), path):
        # Not by ``parents``: those have the mode of any folder then.
        if not one.is_dir():
            one.mkdir(mode=_PRIVATE, exist_ok=True)
        elif one.is_relative_to(paths.pki()) and not _is_private(one.stat()):
            passable(one)  # a server may be reading there


def passable(path: Path) -> None:
    """Let the account of the IPAM server reach, by their names, what it may read in a folder of
    this user; others nothing."""
    _mend(path, os.O_DIRECTORY, _PASSABLE)


def share(path: Path) -> None:
    """Let the account of the IPAM server read a file of this user, which others may not."""
    _mend(path, 0, SHARED)


def keep(path: Path) -> None:
    """Let nobody but this user read a file of his."""
    _mend(path, 0, SECRET)


def _mend(path: Path, flags: int, mode: int) -> None:
    try:
        # Never what a link to a file, or a pipe that somebody put there, leads to.
        flags = flags or os.O_NOFOLLOW
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | flags)
    except FileNotFoundError:
        return
    except OSError as error:
        raise NotPermitted(str(path), f"cannot be opened: {error.strerror}") from None
    try:
        group = _group() if mode != SECRET else None
        if group is None:
            mode &= 0o700
        else:
            os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, mode)
    except PermissionError as error:
        raise NotPermitted(str(path), "cannot be changed", "run it with sudo") from error
    finally:
        os.close(descriptor)


def _group() -> int | None:
    """None where all is this user's own, as of somebody who develops."""
    return account.group() if os.geteuid() == 0 else None


def _is_private(found: os.stat_result) -> bool:
    passable = 0o010 if found.st_gid == _group() else 0
    return not found.st_mode & 0o077 & ~passable


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
