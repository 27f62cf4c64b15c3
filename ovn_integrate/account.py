"""The account as which the IPAM server serves: it reads what strangers send, so it is not root.

Whoever starts it is root, as listeners, logs and certificates are root's: it opens or hands over
those, and becomes that account for good, before the first byte of a client is read.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import shutil
from contextlib import suppress
from dataclasses import dataclass

from ovn_integrate import runner
from ovn_integrate.errors import CommandFailed, NotConfigured, NotPermitted

NAME = "ovn-integrate"

VARIABLE = "OVN_INTEGRATE_USER"
"""Names another account; ``root`` for none, as development needs it."""

_SET_NO_NEW_PRIVS, _CAPBSET_DROP = 38, 24  # linux/prctl.h
_CAPABILITIES = range(64)
_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
DAC_OVERRIDE = 1  # linux/capability.h


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int


def wanted() -> str | None:
    """The name of the account that a server is to become; None where it stays as it is.

    Who is not root cannot become another.
    """
    name = os.environ.get(VARIABLE) or NAME
    return None if os.geteuid() != 0 or name == "root" else name


def known() -> Account | None:
    """The account, if there is one."""
    name = os.environ.get(VARIABLE) or NAME
    return None if name == "root" else _entry(name)


def made(name: str) -> Account:
    """The account of this name, which is made if there is none.

    :raises NotConfigured: it cannot be made.
    """
    account = _entry(name)
    if account is not None:
        return account
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    words = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    why = "there is no useradd here"
    if useradd is not None:
        try:
            runner.run([useradd, *words, "--shell", "/usr/sbin/nologin", name])
        except CommandFailed as error:
            # Another start may have made it at the same moment.
            why = error.what
        account = _entry(name)
        if account is not None:
            return account
    hint = f"useradd --system --user-group {name}, or {VARIABLE} names another"
    raise NotConfigured(f"user {name}", f"does not exist, and cannot be made: {why}", hint)


def _entry(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def name_of(uid: int) -> str:
    """The name of a user; the number where he has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group() -> int | None:
    """The group with which the account's files are shared, if there is one."""
    name = os.environ.get(VARIABLE) or NAME
    with suppress(KeyError):
        return None if name == "root" else grp.getgrnam(name).gr_gid
    return None


def become(account: Account) -> None:
    """Be this account from now on, with no way back to what this process was.

    :raises NotPermitted: this process may not.
    """
    try:
        _bound(set())
        os.setgroups([account.gid])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except PermissionError as error:
        hint = f"start it as root with CAP_SETUID and CAP_SETGID, or with {VARIABLE}=root"
        raise NotPermitted(f"user {account.name}", f"cannot be: {error.strerror}", hint) from None
    _no_new_privileges()


def confine(keep: set[int], groups: list[int]) -> None:
    """Have no more of root's rights than some capabilities, also in what is started.

    The files of root stay this process's own.

    :param groups: to which it may give its files.
    """
    with suppress(PermissionError):
        os.setgroups(groups)
    with suppress(PermissionError):
        _bound(keep)
    _no_new_privileges()
    bits = sum(1 << one for one in keep)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    sets = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    if _libc.capset(ctypes.byref(header), ctypes.byref(sets)) != 0:
        number = ctypes.get_errno()
        raise NotPermitted("capabilities", f"cannot be given up: {os.strerror(number)}")


def _bound(keep: set[int]) -> None:
    for one in _CAPABILITIES:
        # A kernel knows fewer of them; one that this process has not it may not drop either.
        if one not in keep:
            _libc.prctl(_CAPBSET_DROP, one, 0, 0, 0)


def _no_new_privileges() -> None:
    if _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise NotPermitted("no_new_privs", f"cannot be set: {os.strerror(number)}")


_libc = ctypes.CDLL(None, use_errno=True)
