"""One client's connection: whatever it does or does not do, nobody waits for it."""

from __future__ import annotations

import select
import socket
import ssl
import time
from typing import Any

from ovn_integrate.web.framing import Frame

REQUEST = 15.0
"""Seconds for a whole request, from its first byte on; a new connection's from its beginning."""

ANSWER = 30.0
"""Seconds in which a client must have taken an answer."""

_LINGER = 2.0
_PIECE = 64 << 10


class Blocked(Exception):
    """Nothing more can be done before the client does something."""


class Gone(Exception):
    """The client is gone, or is no longer wanted."""


class Connection:
    """Reads requests and sends answers as far as that goes at once.

    :param sock: what was accepted.
    :param context: for TLS; None for none.
    :param keep_alive: seconds between two requests.
    """

    def __init__(
        self, sock: socket.socket, client: Any, context: ssl.SSLContext | None, keep_alive: float
    ) -> None:
        sock.setblocking(False)
        self.client = client
        self.server = sock.getsockname()
        self._shaking = context is not None
        self.sock = sock
        if context is not None:
            self.sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self._keep_alive = keep_alive
        self._buffer = bytearray()
        self._frame = Frame(self._buffer)
        self._out = bytearray()
        self._half_closed = False
        self.certificate: dict[str, Any] | None = None
        """The client's, verified, as :meth:`ssl.SSLSocket.getpeercert` gives it."""
        self.events = select.EPOLLIN
        """What it waits for."""
        self.deadline = time.monotonic() + REQUEST
        self.waiting = False
        """Whether it waits for its client; else a thread has it."""
        self.ending = False
        """Whether it ends once its client has the answer."""
        self.malformed = False
        """Whether the request that was taken has a body that is none."""
        self.answered = 0

    @property
    def secure(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)

    @property
    def begun(self) -> bool:
        """Whether a part of a request is there, or of an answer is still to be sent."""
        return bool(self._buffer or self._out)

    def has_request(self) -> bool:
        """Whether a whole request is there; False when the connection is at its end.

        :raises Blocked: it is not there yet.
        :raises Gone: it will not come.
        """
        try:
            self.flush()
            if self.ending:
                self._linger()
            self._shake_hands()
            self._fill()
        except (ssl.SSLWantReadError, BlockingIOError):
            # Sending raises its own, see there.
            self.events = select.EPOLLIN
            raise Blocked from None
        except ssl.SSLWantWriteError:
            self.events = select.EPOLLOUT
            raise Blocked from None
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from None
        return True

    def take(self) -> bytes:
        """The request, which is whole, or as much of it as is wanted."""
        length = self._frame.length()
        assert length is not None
        data = bytes(self._buffer[:length])
        del self._buffer[:length]
        self.ending, self.malformed = self._frame.cut, self._frame.malformed
        self._frame = Frame(self._buffer)
        self.answered += 1
        return data

    def sendall(self, data: bytes) -> None:
        """Keep what shall be sent, by the name that gunicorn gives to it."""
        self._out += data

    send = sendall

    def gettimeout(self) -> float:
        """So that gunicorn takes this for a socket that does not block."""
        return 0.0

    def answer_sent(self) -> None:
        """Send the answer as far as it goes; what is left has its own time."""
        now = time.monotonic()
        self.deadline = now + ANSWER
        try:
            self.flush()
            self.deadline = now + (_LINGER if self.ending else self._keep_alive)
        except Blocked:
            pass

    def flush(self) -> None:
        """:raises Blocked: the client takes no more for now."""
        try:
            while self._out:
                sent = self.sock.send(memoryview(self._out)[:_PIECE].tobytes())
                del self._out[:sent]
        except (ssl.SSLWantWriteError, BlockingIOError):
            self.events = select.EPOLLOUT
            raise Blocked from None
        except ssl.SSLWantReadError:
            self.events = select.EPOLLIN
            raise Blocked from None
        except OSError as error:
            self._out.clear()
            raise Gone(str(error)) from None

    def close(self) -> None:
        """Without another word."""
        self.sock.close()

    def _shake_hands(self) -> None:
        if self._shaking:
            assert isinstance(self.sock, ssl.SSLSocket)
            self.sock.do_handshake()
            self._shaking = False
            self.certificate = self.sock.getpeercert() or None

    def _fill(self) -> None:
        while self._frame.length() is None:
            if self._frame.expects:
                self._frame.expects = False
                self._out += b"HTTP/1.1 100 Continue\r\n\r\n"
                self.flush()
            data = self.sock.recv(_PIECE)
            if not data:
                raise Gone("the client hung up")
            if not self._buffer and self.answered:
                self.deadline = time.monotonic() + REQUEST
            self._buffer += data

    def _linger(self) -> None:
        """Take in what the client still sends, for it to get the answer to what it sent before: a
        close with unread bytes is a reset, which overtakes the answer (RFC 9112, section 9.6).

        :raises Gone: it has hung up.
        """
        if not self._half_closed:
            self._half_closed = True
            self.deadline = time.monotonic() + _LINGER
            if not self.secure:
                self.sock.shutdown(socket.SHUT_WR)
        while time.monotonic() < self.deadline and self.sock.recv(_PIECE):
            pass
        raise Gone("done")
