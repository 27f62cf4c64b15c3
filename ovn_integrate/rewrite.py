"""A file that gets another content: whole or not at all, and otherwise as it was.

Its mode, owner and extended attributes (SELinux, ACLs) are its administrator's. Nobody who may not
read the file can read what is going to be in it at any moment.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_HIDDEN = 0o600
_ACL = "system.posix_acl_access"  # has the mode in it


def rewrite(path: Path, content: bytes, mode: int, *, keep_mode: bool = True) -> None:
    """Put a file in the place of an older one, in one step: who opens it reads either.

    Whoever calls holds the lock of its files. A symbolic link goes on to lead to it.

    :param mode: of a file that was not there.
    :param keep_mode: of one that was, with its ACL; else it gets ``mode`` too.
    :raises OSError: it cannot be written.
    """
    path = Path(os.path.realpath(path))
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _HIDDEN)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            _dress(file.fileno(), path, mode, keep_mode=keep_mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _dress(fresh: int, old: Path, mode: int, *, keep_mode: bool) -> None:
    try:
        now = old.stat()
    except FileNotFoundError:
        os.fchmod(fresh, mode)  # whatever the umask is
        return
    # First: a change of the owner takes bits of the mode away.
    with suppress(PermissionError):
        os.fchown(fresh, now.st_uid, now.st_gid)
    os.fchmod(fresh, stat.S_IMODE(now.st_mode) if keep_mode else mode)
    with suppress(OSError):  # not every file system has any
        for name in os.listxattr(old):
            if name != _ACL or keep_mode:
                with suppress(OSError):
                    os.setxattr(fresh, name, os.getxattr(old, name))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
