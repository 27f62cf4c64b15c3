"""gunicorn's worker, with threads that no client can hold.

gunicorn's own ``gthread`` reads a request, shakes hands and sends an answer with calls that wait
for the client, each in one of its threads: as many slow clients as there are threads stop all
others. Here a thread does what can be done at once and leaves the connection to epoll, so that the
threads are for requests that are whole. What waits has a deadline, and the number of connections a
bound.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from gunicorn.http.errors import InvalidHeader, LimitRequestHeaders, NoMoreData
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create
from gunicorn.workers.base import Worker as Base

from ovn_integrate.web import limits
from ovn_integrate.web.connection import Blocked, Connection, Gone

CERTIFICATE = "ovn_integrate.certificate"
"""In the environment of a request: the client's certificate, verified, as
`ssl.SSLSocket.getpeercert` gives it, or None."""

SECURE = "ovn_integrate.secure"
"""In the environment of a request: whether it came over TLS."""

_TICK = 1.0
_LAST_WORDS = 1.0  # seconds for a request that a client may be sending when the server stops
_AT_ONCE = 64


class Worker(Base):  # type: ignore[misc]  # gunicorn has no types
    """Serves the listeners that the master gives it."""

    def init_process(self) -> None:
        self._epoll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._whole: SimpleQueue[Connection] = SimpleQueue()
        # Whether a connection waits or a thread has it is changed under this one.
        self._lock = threading.Lock()
        self._most = limits.connections()
        super().init_process()

    def run(self) -> None:
        self._listeners = {one.fileno(): one for one in self.sockets}
        for number, listener in self._listeners.items():
            listener.setblocking(False)
            self._epoll.register(number, select.EPOLLIN)
        self._epoll.register(self.PIPE[0], select.EPOLLIN)
        for number in range(self.cfg.threads):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()
        while self.alive:
            self._tick(_TICK)
            if self.ppid != os.getppid():
                self.log.info("the master is gone: %s", self)
                break
        self._stop()

    def _stop(self) -> None:
        """Answer what was asked before, and what is being asked at this moment."""
        self.alive = False
        for number in self._listeners:
            self._epoll.unregister(number)
        now = time.monotonic()
        with self._lock:
            for connection in list(self._open.values()):
                if connection.waiting and not connection.begun:
                    connection.deadline = min(connection.deadline, now + _LAST_WORDS)
        while self._open and time.monotonic() < now + self.cfg.graceful_timeout:
            self._tick(_LAST_WORDS / 10)

    def _tick(self, seconds: float) -> None:
        self.notify()
        for number, _ in self._epoll.poll(seconds):
            if number in self._listeners:
                self._accept(self._listeners[number])
            elif number == self.PIPE[0]:
                with suppress(BlockingIOError):
                    os.read(number, 4096)
            else:
                self._continue(number)
        self._sweep()

    def _accept(self, listener: Any) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._evict()
                    return
                if error.errno != errno.ECONNABORTED:
                    raise
                continue
            self._admit(sock, client)

    def _admit(self, sock: socket.socket, client: Any) -> None:
        if len(self._open) >= self._most:
            self._evict()
        tls = self.app.tls
        try:
            context = None if tls is None else tls.context()
            connection = Connection(sock, client, context, self.cfg.keepalive)
        except OSError as error:
            self.log.debug("gone before it was greeted: %s", error)
            sock.close()
            return
        number = connection.sock.fileno()
        self._open[number] = connection
        with self._lock:
            connection.waiting = True
            self._epoll.register(number, connection.events | select.EPOLLONESHOT)

    def _continue(self, number: int) -> None:
        with self._lock:
            connection = self._open.get(number)
            if connection is None or not connection.waiting:
                return
            connection.waiting = False
        self._whole.put(connection)

    def _sweep(self) -> None:
        """Cut off those that were given enough time."""
        now = time.monotonic()
        if now < self._swept + _TICK / 2 and self.alive:
            return
        self._swept = now
        for connection in list(self._open.values()):
            if connection.waiting and connection.deadline < now:
                self._cut_off(connection)

    _swept = 0.0

    def _evict(self) -> None:
        """Make room: who has waited longest goes, first of those that never asked anything."""
        waiting = [one for one in list(self._open.values()) if one.waiting]
        if waiting:
            self._cut_off(min(waiting, key=lambda one: (one.answered > 0, one.deadline)))

    def _cut_off(self, connection: Connection) -> None:
        with self._lock:
            if not connection.waiting:
                return
            connection.waiting = False
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        # In this order: the number is another connection's as soon as this one is closed.
        self._open.pop(connection.sock.fileno(), None)
        connection.close()

    def _work(self) -> None:
        """One thread."""
        while True:
            connection = self._whole.get()
            try:
                while connection.has_request():
                    self._answer(connection)
            except Blocked:
                self._wait_for(connection)
            except Gone as why:
                self.log.debug("closed: %s", why)
                self._close(connection)
            except Exception:
                # The edge of this thread, which must live on.
                self.log.exception("connection")
                self._close(connection)

    def _wait_for(self, connection: Connection) -> None:
        with self._lock:
            connection.waiting = True
            self._epoll.modify(connection.sock.fileno(), connection.events | select.EPOLLONESHOT)

    def _answer(self, connection: Connection) -> None:
        request = response = None
        try:
            request = next(RequestParser(self.cfg, [connection.take()], connection.client))
            if connection.malformed:
                # To the application it would be a bug of whoever reads the body.
                raise InvalidHeader("Transfer-Encoding: the body has no chunks")
            # It was told already, or is refused.
            request._expected_100_continue = False
            response, environ = create(
                request, connection, connection.client, connection.server, self.cfg
            )
            environ["wsgi.multithread"] = True
            environ["gunicorn.socket"] = connection.sock
            environ[CERTIFICATE], environ[SECURE] = connection.certificate, connection.secure
            if connection.secure:
                environ["wsgi.url_scheme"] = "https"
            if connection.ending or not (self.alive and self.cfg.keepalive):
                response.force_close()
            self._respond(connection, environ, response)
        except StopIteration:
            raise Gone("no request") from None
        except Gone:
            raise
        except Exception as error:
            if response is not None and response.headers_sent:
                raise
            connection.ending = True
            if isinstance(error, NoMoreData):
                error = LimitRequestHeaders("the header is too large")
            self.handle_error(request, connection, connection.client, error)
            connection.answer_sent()

    def _respond(self, connection: Connection, environ: dict[str, Any], response: Any) -> None:
        body = self.wsgi(environ, response.start_response)
        try:
            for piece in body:
                response.write(piece)
            response.close()
            connection.ending = connection.ending or response.should_close()
            connection.answer_sent()
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
