"""The signer's socket: who may use it, and no thread for who is slow on it."""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import struct
import threading
import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ovn_integrate.enrol.signer import protocol
from ovn_integrate.enrol.signer.desk import Desk
from ovn_integrate.errors import Error, ServiceFailed

log = logging.getLogger(__name__)

REQUEST = 5.0
"""Seconds for a line."""

CONNECTIONS, WAITING = 64, 16
"""So many may be open, and so many of them wait to be signed for."""

_THREADS = 4
_TICK = 1.0
_PEER = struct.Struct("3i")  # struct ucred of unix(7): process, user, group


class Server:
    """Serves a socket that listens.

    :param users: who may use it, by number.
    """

    def __init__(self, listener: socket.socket, desk: Desk, users: Collection[int]) -> None:
        self._listener = listener
        self._desk = desk
        self._users = frozenset(users)
        self._selector = selectors.DefaultSelector()
        self._open: dict[socket.socket, tuple[bytearray, float]] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="sign")
        self._room = threading.BoundedSemaphore(WAITING)

    def run(self) -> None:
        """Does not return."""
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        while True:
            self._turn()

    def _turn(self) -> None:
        for key, _ in self._selector.select(_TICK):
            assert isinstance(key.fileobj, socket.socket)
            if key.fileobj is self._listener:
                self._accept()
            else:
                self._read(key.fileobj)
        now = time.monotonic()
        for sock, (_, deadline) in list(self._open.items()):
            if deadline < now:
                self._close(sock)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        peer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        user = _PEER.unpack(peer)[1]
        if user not in self._users or len(self._open) >= CONNECTIONS:
            log.warning("signer: a connection of user %d is refused", user)
            sock.close()
            return
        sock.setblocking(False)
        self._open[sock] = bytearray(), time.monotonic() + REQUEST
        self._selector.register(sock, selectors.EVENT_READ)

    def _read(self, sock: socket.socket) -> None:
        content, _ = self._open[sock]
        try:
            piece = sock.recv(protocol.LONGEST)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        content += piece
        if not piece or len(content) > protocol.LONGEST:
            self._close(sock)
        elif b"\n" in piece:
            self._selector.unregister(sock)
            del self._open[sock]
            self._answer(sock, bytes(content))

    def _answer(self, sock: socket.socket, text: bytes) -> None:
        try:
            operation, words = protocol.asked(text)
        except Error as error:
            _send(sock, protocol.failed(error))
            return
        if operation == protocol.HELLO:
            _send(sock, {})
        elif operation == protocol.CONNECT:
            self._connect(sock)
        elif self._room.acquire(blocking=False):
            self._pool.submit(self._sign, sock, operation, words)
        else:
            busy = ServiceFailed("signer", "has too much to do", "try again")
            _send(sock, protocol.failed(busy))

    def _connect(self, sock: socket.socket) -> None:
        try:
            given = self._desk.connect()
        except OSError as error:
            _send(sock, {"errno": error.errno or errno.EPROTO})
            return
        with given, sock, suppress(OSError):
            socket.send_fds(sock, [protocol.line({})], [given.fileno()])

    def _sign(self, sock: socket.socket, operation: str, words: dict[str, str]) -> None:
        """One thread's, for one that was asked for."""
        try:
            sign = self._desk.redeem if operation == protocol.REDEEM else self._desk.renew
            _send(sock, {"certificate": sign(**words).decode()})
        except Error as error:
            _send(sock, protocol.failed(error))
        except Exception:
            # The edge of this thread, which must live on.
            log.exception("signer: %s", operation)
            sock.close()
        finally:
            self._room.release()

    def _close(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        del self._open[sock]
        sock.close()


def _send(sock: socket.socket, what: dict[str, Any]) -> None:
    """Send an answer, which fits into what the kernel keeps for a connection: nobody waits."""
    with sock, suppress(OSError):
        sock.send(protocol.line(what))
