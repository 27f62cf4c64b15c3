"""The life of this program's own servers: start one detached, show its status, stop it."""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovn_integrate import paths, runner
from ovn_integrate.errors import CommandFailed, Conflict

_POLL = 0.02


def pid(server: str) -> int | None:
    """The process id of a running server, or None. A stale pid file counts as not running."""
    path = paths.pidfile(server)
    try:
        number, owner = int(path.read_text()), path.stat().st_uid
    except (OSError, ValueError):
        return None
    # A pid file can outlive its process, and the number can be a stranger's by now; and whose file
    # it is may name processes of his own in it, no others.
    return number if _is_ours(number) and _user(number) == owner else None


def kill(number: int) -> None:
    """End a process of this program at once, if it still is one."""
    if _is_ours(number):
        os.kill(number, signal.SIGKILL)


def _is_ours(number: int) -> bool:
    try:
        words = Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return False
    return b"ovn_integrate" in words or b"ovn-integrate" in words


def _user(number: int) -> int | None:
    try:
        status = Path(f"/proc/{number}/status").read_text()
    except OSError:
        return None
    return int(status.partition("Uid:")[2].split()[1])


def start_detached(server: str, argv: list[str], ready: Callable[[], bool], timeout: float) -> None:
    """Run this program with ``argv`` in the background and return when it answers.

    Another start at the same moment may be faster, one of a killed ``up`` for example: then this
    one's ends, and the other is what was wanted.

    :param ready: whether the server answers.
    :raises CommandFailed: it ended, or did not answer in time; what it said last is in the message.
    """
    log = paths.logfile(server)
    child = runner.spawn([sys.executable, "-m", "ovn_integrate", *argv], log)
    deadline = time.monotonic() + timeout
    # The worker of a server that was killed answers for another second: it must be this one.
    while pid(server) != child.pid or not ready():
        if _ended(child, _POLL):
            if _another(server, ready, deadline, starting=child.returncode == Conflict.exit_code):
                return
            raise CommandFailed(
                f"{server} server", f"ended at once: {_last_line(log)}", f"see {log}"
            )
        if time.monotonic() >= deadline:
            _end(child.pid, child)
            raise CommandFailed(f"{server} server", f"not ready within {timeout:g} s", f"see {log}")


def _another(
    server: str, ready: Callable[[], bool], deadline: float, *, starting: bool = False
) -> bool:
    """Whether another process is this server, and answers before the deadline.

    :param starting: whether there is one, which has no pid file yet.
    """
    while time.monotonic() < deadline:
        number = pid(server)
        if number is None:
            if not starting:
                return False
            time.sleep(_POLL)
        elif ready():
            return True
        elif _gone(number, _POLL):
            return False
    return False


def ask(
    bind: str,
    method: str,
    path: str,
    timeout: float = 2.0,
    context: ssl.SSLContext | None = None,
) -> int | None:
    """The HTTP status with which a server on this host answers, or None when it does not.

    :param bind: ``unix:PATH`` or ``HOST:PORT``, as given to :func:`web.serve`.
    :param context: for one that serves TLS.
    """
    if bind.startswith("unix:"):
        connection: http.client.HTTPConnection = Connection(bind[5:], timeout)
    else:
        connection = _tcp(bind, timeout, context)
    try:
        connection.request(method, path, headers={"Connection": "close"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def fetch(bind: str, path: str, timeout: float = 5.0) -> Any:
    """The JSON with which a server on this host answers a GET, or None when none listens there.

    :raises CommandFailed: one listens, and gives no such answer.
    """
    connection = Connection(bind[5:], timeout) if bind.startswith("unix:") else _tcp(bind, timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        if response.status == 200:
            return json.loads(response.read())
        said = f"status {response.status}"
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except (OSError, ValueError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
    finally:
        connection.close()
    raise CommandFailed(f"{bind}{path}", f"no answer: {said}", "start that server anew")


def stop(server: str, timeout: float) -> bool:
    """Stop a server, letting requests in flight finish; False when it was not running.

    :raises CommandFailed: it was still there after ``timeout`` seconds.
    """
    number = pid(server)
    if number is None:
        return False
    os.kill(number, signal.SIGTERM)
    if not _gone(number, timeout):
        hint = f"kill -9 {number}"
        raise CommandFailed(f"{server} server", f"still running after {timeout:g} s", hint)
    return True


class Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _tcp(
    bind: str, timeout: float, context: ssl.SSLContext | None = None
) -> http.client.HTTPConnection:
    text, _, number = bind.rpartition(":")
    host, port = text.strip("[]"), int(number)
    if context is not None:
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout)


def _end(number: int, child: runner.Process) -> None:
    os.kill(number, signal.SIGTERM)
    if not _ended(child, 5.0):
        child.kill()
        child.wait()


def _ended(child: runner.Process, timeout: float) -> bool:
    try:
        child.wait(timeout)
    except runner.StillRunning:
        return False
    return True


def _gone(number: int, timeout: float) -> bool:
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    try:
        # A pidfd becomes readable when the process ends.
        return bool(select.select([descriptor], [], [], timeout)[0])
    finally:
        os.close(descriptor)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
