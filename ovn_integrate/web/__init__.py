"""Serving a WSGI application on a Unix socket, TCP or TLS: gunicorn, one worker with threads.

One worker, because each server keeps one replica of a database; gunicorn's master, which does
nothing else, holds the socket and starts the worker again when it dies, so that only the requests
that it had taken are lost. It takes over a socket that systemd hands down (``LISTEN_FDS``), which
outlives the master too; without that, its death closes the socket and somebody must start it again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from ovn_integrate.web.claim import claimed
from ovn_integrate.web.priority import go_first
from ovn_integrate.web.tls import Files, Tls, load

THREADS = 16

__all__ = ["THREADS", "Files", "claimed", "go_first", "handed_over", "refuse_unfit", "serve"]


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(
        self,
        factory: Callable[[], Any],
        settings: dict[str, Any],
        files: Files | None,
        log: Path | None,
    ) -> None:
        self.log = log
        self._factory = factory
        self._settings = settings
        self.tls = None if files is None else Tls(files)
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._settings.items():
            # gunicorn grows settings, and an old one refuses those that it does not know.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        return self._factory()


def handed_over() -> bool:
    """Whether this process was given its socket already (sd_listen_fds(3)): then :func:`serve`
    takes that one, and leaves it to whom it belongs."""
    return os.environ.get("LISTEN_PID") == str(os.getpid())


def refuse_unfit(files: Files) -> None:
    """Return if TLS can be served with these.

    :raises Invalid: the files are none, or do not belong together.
    :raises NotPermitted: they may not be read.
    """
    load(files)


def serve(
    factory: Callable[[], Any],
    *,
    bind: str,
    pidfile: Path,
    keep_alive: bool,
    tls: Files | None = None,
    log: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; does not return.

    :param factory: makes the WSGI application; called in the worker, after the fork, so that
        threads and connections may be made there.
    :param bind: ``unix:PATH`` (made for root alone) or ``HOST:PORT``, if none was handed over.
    :param pidfile: holds the master's process id from when the socket is bound, which is later
        than in a pid file of gunicorn's own, until the end.
    :param keep_alive: whether a connection may carry more than one request.
    :param tls: to serve TLS with; clients may show certificates of the CA. Files that are
        replaced count for the connections that come then.
    :param log: the file that standard output is where this server is detached; it is bounded.
    :raises Invalid: the files are none, or do not belong together.
    :raises Conflict: another process serves by that pid file, or is about to.
    """
    settings = {
        "bind": bind,
        "workers": 1,
        "worker_class": "ovn_integrate.web.worker.Worker",
        "threads": THREADS,
        "when_ready": lambda master: pidfile.write_text(f"{master.pid}\n"),
        "on_exit": lambda master: _forget(pidfile),
        "umask": 0o177,
        # Its own defaults are who this process was when gunicorn was imported.
        "user": os.geteuid(),
        "group": os.getegid(),
        "keepalive": 75 if keep_alive else 0,
        "graceful_timeout": 15,
        "proc_name": "ovn-integrate",
        "loglevel": "info",
        "accesslog": None,
        "control_socket_disable": True,
        # No proxy is before it whose word on a request's scheme or path would count.
        "forwarded_allow_ips": "",
    }
    server = _Server(factory, settings, tls, log)
    with claimed(pidfile):
        go_first()
        server.run()


def _forget(pidfile: Path) -> None:
    try:
        pidfile.unlink(missing_ok=True)
    except PermissionError:
        pidfile.write_text("")  # in a folder that is not this user's
