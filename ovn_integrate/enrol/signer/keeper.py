"""The signer where no systemd runs it: a process that holds its socket and starts it again."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ovn_integrate import paths, runner, servers
from ovn_integrate.account import Account
from ovn_integrate.enrol.signer.client import Signer
from ovn_integrate.errors import CommandFailed, Conflict
from ovn_integrate.web.claim import claimed

SERVER = "signer"

_POLL = 0.02
_SHORT = 1.0  # seconds: after one that lived no longer the next one waits as long
_PATIENCE = 15.0
_SET_DEATH_SIGNAL = 1  # linux/prctl.h
_BACKLOG = 64


def start() -> None:
    """Have a signer for as long as this process lives, unless there is one that systemd keeps.

    :raises CommandFailed: it does not answer in time.
    """
    log = paths.logfile(SERVER)
    words = ["ipam", "signer", "--keep-for", str(os.getpid())]
    number = runner.orphan([sys.executable, "-m", "ovn_integrate", *words], log)
    signer = Signer(paths.signer_socket())
    deadline = time.monotonic() + _PATIENCE
    while True:
        lives = _lives(number)
        if (servers.pid(SERVER) == number or not lives) and signer.answers():
            return
        if not lives or time.monotonic() >= deadline:
            raise CommandFailed("signer", "does not answer", f"see {log}")
        threading.Event().wait(_POLL)


def keep(master: int, account: Account | None) -> None:
    """Hold the signer's socket, and have a process that serves it, until another one ends.

    :param master: that other process.
    :param account: may use the socket, besides root.
    """
    try:
        end = os.pidfd_open(master)
    except ProcessLookupError:
        return
    path, pidfile = paths.signer_socket(), paths.pidfile(SERVER)
    with _claim(pidfile, end):
        if Signer(path).answers():
            return  # systemd has one
        with _listening(path, account) as listener:
            pidfile.write_text(f"{os.getpid()}\n")
            try:
                _watch(listener, end)
            finally:
                pidfile.unlink(missing_ok=True)


def end_with(parent: int) -> None:
    """Have this process end when the one that started it does."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _watch(listener: socket.socket, end: int) -> None:
    words = ["--descriptor", str(listener.fileno()), "--parent", str(os.getpid())]
    while True:
        begun = time.monotonic()
        child = runner.child([sys.executable, "-m", "ovn_integrate", "ipam", "signer", *words])
        if _comes_first(end, child):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            return
        os.waitpid(child, 0)
        if time.monotonic() - begun < _SHORT and select.select([end], [], [], _SHORT)[0]:
            return


def _comes_first(end: int, child: int) -> bool:
    descriptor = os.pidfd_open(child)
    try:
        return end in select.select([descriptor, end], [], [])[0]
    finally:
        os.close(descriptor)


@contextmanager
def _claim(pidfile: Path, end: int) -> Iterator[None]:
    """Be the only keeper, when the one before, whose server has ended, has gone.

    :raises Conflict: it does not go.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        claim = claimed(pidfile)
        try:
            claim.__enter__()
            break
        except Conflict:
            if time.monotonic() >= deadline or select.select([end], [], [], _POLL)[0]:
                raise
    try:
        yield
    finally:
        claim.__exit__(None, None, None)


@contextmanager
def _listening(path: Path, account: Account | None) -> Iterator[socket.socket]:
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        os.fchmod(listener.fileno(), 0o600)  # on Linux the mode of what bind(2) makes
        listener.bind(str(path))
        if account is not None:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        listener.listen(_BACKLOG)
        listener.set_inheritable(True)
        mine = path.stat().st_ino
        try:
            yield listener
        finally:
            # A unit may have made its own there meanwhile.
            with suppress(FileNotFoundError):
                if path.stat().st_ino == mine:
                    path.unlink()


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
