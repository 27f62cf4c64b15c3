"""gunicorn's worker, with threads that no client can hold.

gunicorn's own ``gthread`` reads a request, shakes hands and sends an answer with calls that wait
for the client, each in one of its threads: as many slow clients as there are threads stop all
others. Here a thread does what can be done at once and leaves the connection to epoll, so that the
threads are for requests that are whole. What waits has a deadline, and the number of connections a
bound.

An application may know its clients: then it has a method ``admit``, which is given the environment
of a request whose header is whole, and says None for somebody who is known, else how many bytes of
a body are taken from nobody. Those who are not known have a few threads of their own, so that the
others wait for none of them.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from gunicorn.workers.base import Worker as Base

from ovn_integrate.linelog import bound_output
from ovn_integrate.web import limits, room
from ovn_integrate.web.connection import Again, Blocked, Connection, Gone
from ovn_integrate.web.exchange import Exchange
from ovn_integrate.web.framing import Refused

_TICK = 1.0
_LAST_WORDS = 1.0  # seconds for a request that a client may be sending when the server stops
_AT_ONCE = 64

_PACE = 0.02
_DRIPS = 32
"""In each `_PACE` as many of those are read on whose clients send in small pieces."""

_SHAKING = 256
"""Connections that may be in their handshake, in which OpenSSL holds up to 100 KiB for each."""

_HANDSHAKES = 800.0
"""In a second; each costs about half a millisecond of CPU time."""

_READERS, _ANSWERERS = 2, 4

_SWITCH = 0.001
"""Seconds after which a thread that computes gives way. Those here have a millisecond's work, and
with Python's 5 one that comes back from a system call waits for several others."""

Queue = SimpleQueue[Connection]


class Worker(Base):  # type: ignore[misc]  # gunicorn has no types
    """Serves the listeners that the master gives it."""

    def init_process(self) -> None:
        sys.setswitchinterval(_SWITCH)
        self._epoll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._shaking: dict[int, Connection] = {}
        self._dripping: deque[tuple[Connection, bool]] = deque()
        self._known: Queue = SimpleQueue()
        self._unread: Queue = SimpleQueue()
        self._strangers: Queue = SimpleQueue()
        # Whether a connection waits or a thread has it is changed under this one.
        self._lock = threading.Lock()
        self._room = room.Room()
        self._most = limits.connections()
        self._pace = room.Pace(None if self.app.tls is None else _HANDSHAKES, _AT_ONCE)
        self._resting: list[int] = []
        self._swept = self._paced = 0.0
        super().init_process()

    def run(self) -> None:
        self._admit = getattr(self.wsgi, "admit", None)
        self._exchange = Exchange(self.wsgi, self._admit, self.cfg, self.log)
        self._listeners = {one.fileno(): one for one in self.sockets}
        for number, listener in self._listeners.items():
            listener.setblocking(False)
            self._epoll.register(number, select.EPOLLIN)
        self._epoll.register(self.PIPE[0], select.EPOLLIN)
        self._begin("request", self._known, self.cfg.threads)
        if self._admit is not None:
            self._begin("reader", self._unread, _READERS)
            self._begin("stranger", self._strangers, _ANSWERERS)
        while self.alive:
            self._tick(_TICK)
            if self.ppid != os.getppid():
                self.log.info("the master is gone: %s", self)
                break
        self._stop()

    def _begin(self, name: str, queue: Queue, threads: int) -> None:
        for number in range(threads):
            threading.Thread(
                target=self._work, args=(queue,), name=f"{name}-{number}", daemon=True
            ).start()

    def _stop(self) -> None:
        """Answer what was asked before, and what is being asked at this moment."""
        self.alive = self._exchange.keep_alive = False
        for number in self._listeners:
            self._epoll.unregister(number)
        self._resting.clear()
        now = time.monotonic()
        with self._lock:
            for connection in list(self._open.values()):
                if connection.waiting and not connection.begun:
                    connection.deadline = min(connection.deadline, now + _LAST_WORDS)
        while self._open and time.monotonic() < now + self.cfg.graceful_timeout:
            self._tick(_LAST_WORDS / 10)

    def _tick(self, seconds: float) -> None:
        self.notify()
        rests = self._dripping or self._resting
        events = self._epoll.poll(min(seconds, _PACE) if rests else seconds)
        # Before they are handled: who sends something at each look would never be seen to wait.
        self._sweep()
        for number, _ in events:
            if number in self._listeners:
                self._accept(number, self._listeners[number])
            elif number == self.PIPE[0]:
                with suppress(BlockingIOError):
                    os.read(number, 4096)
            else:
                self._continue(number)
        self._go_on()

    def _accept(self, number: int, listener: Any) -> None:
        for _ in range(_AT_ONCE):
            if not self._pace.may():
                self._epoll.modify(number, 0)
                self._resting.append(number)
                return
            try:
                sock, client = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._evict(known=True)
                    return
                if error.errno != errno.ECONNABORTED:
                    raise
                continue
            self._let_in(sock, client)

    def _let_in(self, sock: socket.socket, client: Any) -> None:
        self._make_room()
        tls = self.app.tls
        try:
            context = None if tls is None else tls.context()
            connection = Connection(sock, client, context, self.cfg.keepalive)
        except OSError as error:
            self.log.debug("gone before it was greeted: %s", error)
            sock.close()
            return
        connection.known = self._admit is None
        if connection.shaking:
            if len(self._shaking) >= _SHAKING:
                shaking = list(self._shaking.values())
                self._cut_off(next((each for each in shaking if each.waiting), None))
            self._shaking[connection.number] = connection
        self._open[connection.number] = connection
        with self._lock:
            connection.waiting = True
            self._epoll.register(connection.number, connection.events | select.EPOLLONESHOT)

    def _continue(self, number: int) -> None:
        with self._lock:
            connection = self._open.get(number)
            if connection is None or not connection.waiting:
                return
            connection.waiting = False
        self._queue(connection).put(connection)

    def _queue(self, connection: Connection, *, whole: bool = False) -> Queue:
        """Whose turn it is.

        :param whole: whether it has a request that is.
        """
        if connection.known:
            return self._known
        return self._strangers if whole else self._unread

    def _go_on(self) -> None:
        """With those who were to rest."""
        now = time.monotonic()
        if now < self._paced + _PACE:
            return
        self._paced = now
        while self._resting:
            self._epoll.modify(self._resting.pop(), select.EPOLLIN)
        with self._lock:
            for _ in range(min(_DRIPS, len(self._dripping))):
                connection, ready = self._dripping.popleft()
                if not connection.waiting:
                    continue
                if ready:
                    connection.waiting = False
                    self._queue(connection).put(connection)
                else:
                    self._listen_to(connection)

    def _sweep(self) -> None:
        """Cut off those that were given enough time; and keep the log small."""
        now = time.monotonic()
        if now < self._swept + _TICK / 2 and self.alive:
            return
        self._swept = now
        for connection in list(self._open.values()):
            if connection.waiting and connection.deadline < now:
                self._cut_off(connection)
        if self.app.log is not None:
            with suppress(OSError):
                bound_output(self.app.log)

    def _make_room(self) -> None:
        """For another connection; those who are not known have half of it."""
        half = self._most // 2
        if len(self._open) >= self._most:
            self._evict(known=True)
        elif len(self._open) >= half and self._admit is not None:
            strangers = sum(not each.known for each in list(self._open.values()))
            if strangers >= half:
                self._evict(known=False)

    def _evict(self, *, known: bool) -> None:
        for connection in room.least_wanted(list(self._open.values()), known=known):
            self._cut_off(connection)

    def _cut_off(self, connection: Connection | None) -> None:
        if connection is None:
            return
        with self._lock:
            if not connection.waiting:
                return
            connection.waiting = False
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        with self._lock:
            self._room.count(connection, 0)
        # In this order: the number is another connection's as soon as this one is closed.
        self._open.pop(connection.number, None)
        self._shaking.pop(connection.number, None)
        connection.close()

    def _work(self, queue: Queue) -> None:
        """One thread."""
        while True:
            connection = queue.get()
            while self._serve(connection, queue):
                pass

    def _serve(self, connection: Connection, mine: Queue) -> bool:
        """Give a connection its turn; whether it has another one at once, as nobody else waits."""
        try:
            self._turn(connection, mine)
        except Blocked:
            self._wait_for(connection)
        except Again:
            alone = mine.empty() and self._queue(connection) is mine
            if alone and not connection.drips:
                return True
            self._wait_for(connection, ready=True)
        except Gone as why:
            self.log.debug("closed: %s", why)
            self._close(connection)
        except Exception:
            # The edge of this thread, which must live on.
            self.log.exception("connection")
            self._close(connection)
        return False

    def _turn(self, connection: Connection, mine: Queue) -> None:
        """:raises Blocked: it waits for its client.
        :raises Again: it is to have another turn.
        :raises Gone: it ends.
        """
        connection.begin_turn()
        try:
            if connection.asked is None:
                self._shaking.pop(connection.number, None)
                connection.asked = self._exchange.hear(connection, connection.read_header())
                connection.flush()
            connection.read_body(connection.asked.body)
            whose = self._queue(connection, whole=True)
            if whose is not mine:
                whose.put(connection)
                return
            self._exchange.answer(connection, connection.asked)
        except Refused as refused:
            self._exchange.refuse(connection, refused)
        if connection.ending:
            connection.begin_turn()
        # Under load the next request is often there already. Looking is cheaper than epoll, which
        # takes two more threads.
        eager = connection.known and mine.empty() and not connection.begun
        raise Again if (connection.hears() if eager else connection.more) else Blocked

    def _wait_for(self, connection: Connection, *, ready: bool = False) -> None:
        """:param ready: whether there is something to do, for which only others go first."""
        rests = connection.drips and self.alive
        if ready and not rests:
            self._queue(connection).put(connection)
            return
        with self._lock:
            self._room.count(connection, connection.held)
            connection.waiting = True
            if rests:
                self._dripping.append((connection, ready))
            else:
                self._listen_to(connection)
            wakes = rests and len(self._dripping) == 1
            full = self._room.full(known=connection.known)
        if wakes:
            with suppress(BlockingIOError):
                os.write(self.PIPE[1], b"\0")
        if full:
            everybody = list(self._open.values())
            self._cut_off(room.holds_most(everybody, known=connection.known))

    def _listen_to(self, connection: Connection) -> None:
        self._epoll.modify(connection.number, connection.events | select.EPOLLONESHOT)
