"""What root makes ready for the IPAM server, which is not root when it serves."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ovn_integrate import jsontext, paths
from ovn_integrate.account import Account
from ovn_integrate.errors import NotConfigured, NotPermitted
from ovn_integrate.pki import files
from ovn_integrate.pki.authority import Authority

_PASSABLE = 0o001


def prepare(account: Account, options: Mapping[str, Any]) -> None:
    """Have what the server reads readable, where it writes writable, and its options written down;
    what an older version left open or closed is put right.

    :param options: of ``ipam start``, as far as they were found out.
    """
    _mend_pki()
    for folder in (paths.rundir(), paths.logdir()):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not folder.stat().st_mode & _PASSABLE:
            files.passable(folder)
    pidfile = paths.pidfile("ipam")
    for path in (pidfile, pidfile.with_suffix(".lock")):
        _give(path, account)
    log = paths.logfile("ipam")
    if log.exists():
        _give(log.with_name(f"{log.name}.1"), account)
    own = paths.audit_log("ipam").parent
    own.mkdir(mode=0o750, exist_ok=True)
    os.chown(own, account.uid, account.gid, follow_symlinks=False)
    for name in ("access_log", "audit_log"):
        path = Path(options.get(name) or "")
        if path.is_absolute() and path.parent.is_dir() and path.parent.stat().st_uid == 0:
            _give(path, account)
    files.write(paths.prepared(), jsontext.dumps(dict(options)).encode(), files.SHARED)


def prepared() -> dict[str, Any]:
    """The options that were written down.

    :raises NotConfigured: there are none.
    """
    path = paths.prepared()
    try:
        found = jsontext.parse(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is damaged"
        raise NotConfigured(str(path), why, "ovn-integrate ipam start --prepare") from None
    return dict(found)


def northbound() -> str:
    """Where Northbound is, for the signer: where the IPAM server has it."""
    try:
        return str(prepared().get("nb") or paths.nb_remote())
    except NotConfigured:
        return paths.nb_remote()


def _mend_pki() -> None:
    authority = Authority(paths.pki())
    for folder in (paths.sysconfdir(), paths.pki(), authority.folder):
        files.passable(folder)
    for path in (*authority.folder.glob("*.key"), *paths.pki().glob("*.key")):
        files.keep(path)
    files.keep(paths.pki() / "host.pem")
    files.share(authority.server)
    files.share(paths.tokens())


def _give(path: Path, account: Account) -> None:
    """Have a file that is the account's, in a folder of root's."""
    # A file that is there is not opened: closing it ends this process's locks on it (fcntl(2)),
    # and that of a pid file is held at this moment.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, flags, 0o640))
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
    except OSError as error:
        raise NotPermitted(str(path), f"cannot be written: {error.strerror}") from None
