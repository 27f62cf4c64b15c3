"""One client's connection: whatever it does or does not do, nobody waits for it."""

from __future__ import annotations

import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from ovn_integrate.web import greeting
from ovn_integrate.web.framing import LARGEST_HEADER, Body, Header

REQUEST = 15.0
"""Seconds for a whole request, from its first byte on; a new connection's from its beginning."""

ANSWER = 30.0
"""Seconds in which a client must have taken an answer."""

STRANGER = 5.0
"""Seconds between two requests of nobody who is known."""

_LINGER = 2.0
_LAST_BYTES = {False: 64 << 10, True: 2 << 20}
"""What is still read, and thrown away, of a client that is not known, and of one that is."""

_PIECE = 64 << 10
_TURN = 64 << 10  # bytes that are read before others have their turn
_SMALL = 512
_FREE_PIECES = 8


class Blocked(Exception):
    """Nothing more can be done before the client does something."""


class Gone(Exception):
    """The client is gone, or is no longer wanted."""


class Again(Exception):
    """There is more to do, when others had their turn."""


@dataclass(slots=True)
class Asked:
    """A request whose header is whole.

    :ivar request: as gunicorn has it, with the response and the environment that it made of it.
    """

    request: Any
    response: Any
    environ: dict[str, Any]
    body: Body


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
        self.shaking = context is not None
        """Whether it has yet to come to its first request, by TLS."""
        self.sock = sock
        if context is not None:
            self.sock = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.number = self.sock.fileno()
        self._greeted = False
        self._keep_alive = keep_alive
        self._buffer = bytearray()
        self._header = Header()
        self._out = bytearray()
        self._half_closed = False
        self._last_bytes = 0
        self._turn = 0
        self._pieces = 0
        self.asked: Asked | None = None
        """The request that is being read, once its header is whole."""
        self.certificate: dict[str, Any] | None = None
        """The client's, verified, as :meth:`ssl.SSLSocket.getpeercert` gives it."""
        self.known = False
        """Whether the application knows who asks."""
        self.counted = (False, 0)
        """What it was last seen to hold, and as whom."""
        self.events = select.EPOLLIN
        """What it waits for."""
        self.deadline = time.monotonic() + REQUEST
        self.waiting = False
        """Whether it waits for its client; else a thread has it."""
        self.ending = False
        """Whether it ends once its client has the answer."""
        self.answered = 0

    @property
    def secure(self) -> bool:
        return isinstance(self.sock, ssl.SSLSocket)

    @property
    def begun(self) -> bool:
        """Whether a part of a request is there, or of an answer is still to be sent."""
        return bool(self._buffer or self._out or self.asked)

    @property
    def held(self) -> int:
        """Bytes that it has in memory, of what its client sent and has yet to take."""
        body = 0 if self.asked is None else len(self.asked.body.data)
        return len(self._buffer) + len(self._out) + body

    @property
    def drips(self) -> bool:
        """Whether its client makes much work of little: in small pieces, or as nobody, often."""
        return self._pieces > _FREE_PIECES

    @property
    def more(self) -> bool:
        """Whether there may be a request already, which waiting would not tell of."""
        if self._buffer:
            return True
        return isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def begin_turn(self) -> None:
        """:raises Blocked: nothing can be done now.
        :raises Gone: nothing will.
        """
        self._turn = 0
        self.flush()
        try:
            if self.ending:
                self._linger()
            self._shake_hands()
        except (ssl.SSLWantReadError, BlockingIOError):
            self._pieces += 1
            self.events = select.EPOLLIN
            raise Blocked from None
        except ssl.SSLWantWriteError:
            self.events = select.EPOLLOUT
            raise Blocked from None
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from None

    def hears(self) -> bool:
        """Whether the client has sent something already, of which a piece is read.

        :raises Gone: nothing will come any more.
        """
        try:
            data = self.sock.recv(_PIECE)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
            return False
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("the client hung up")
        self.deadline = time.monotonic() + REQUEST
        self._buffer += data
        return True

    def read_header(self) -> bytes:
        """The header of the next request.

        :raises Blocked: it is not there yet.
        :raises Gone: it will not come.
        :raises Again: it is not there yet, and others have their turn first.
        :raises Refused: it is too large.
        """
        while (end := self._header.end(self._buffer)) is None:
            first = self.answered and not self._buffer
            self._receive(LARGEST_HEADER - len(self._buffer))
            if first:
                self.deadline = time.monotonic() + REQUEST
        header = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._header = Header()
        return header

    def read_body(self, body: Body) -> None:
        """Take the rest of a request, or as much of it as is wanted.

        :raises Blocked: it is not there yet.
        :raises Gone: it will not come.
        :raises Again: it is not there yet, and others have their turn first.
        :raises Refused: it is none.
        """
        while not body.take(self._buffer):
            self._receive(_PIECE)

    def finish(self) -> None:
        """Go on to the next request."""
        if self.asked is not None:
            self.ending = self.ending or self.asked.body.cut
        self.asked = None
        # Those who are not known have answers one by one, after the first ones.
        self._pieces = 0 if self.known else self._pieces + 1
        self.answered += 1

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
        except Blocked:
            return
        pause = self._keep_alive if self.known else min(self._keep_alive, STRANGER)
        if self._buffer:
            pause = REQUEST
        self.deadline = now + (_LINGER if self.ending else pause)

    def flush(self) -> None:
        """:raises Blocked: the client takes no more for now.
        :raises Gone: it takes nothing.
        """
        try:
            while self._out:
                sent = self.sock.send(memoryview(self._out)[:_PIECE].tobytes())
                del self._out[:sent]
            self.events = select.EPOLLIN
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
        if not self.shaking:
            return
        assert isinstance(self.sock, ssl.SSLSocket)
        if not self._greeted:
            greeting.look(self.sock)
            self._greeted = True
        self.sock.do_handshake()
        self.shaking = False
        self._pieces = 0
        self.certificate = self.sock.getpeercert() or None

    def _receive(self, most: int) -> None:
        """Add a piece to the buffer, which has not what it should have."""
        if self._turn >= _TURN:
            raise Again
        try:
            data = self.sock.recv(min(most, _PIECE))
        except (ssl.SSLWantReadError, BlockingIOError):
            # Something came, and was no whole record of TLS.
            self._pieces += not self._turn
            self.events = select.EPOLLIN
            raise Blocked from None
        except ssl.SSLWantWriteError:
            self.events = select.EPOLLOUT
            raise Blocked from None
        except (OSError, ValueError) as error:
            raise Gone(str(error)) from None
        if not data:
            raise Gone("the client hung up")
        self._turn += max(len(data), _SMALL)
        self._pieces += len(data) < _SMALL
        self._buffer += data

    def _linger(self) -> None:
        """Take in what the client still sends, for it to get the answer to what it sent before: a
        close with unread bytes is a reset, which overtakes the answer (RFC 9112, section 9.6).

        :raises Gone: it has hung up, or sent enough.
        """
        if not self._half_closed:
            self._half_closed = True
            self.deadline = time.monotonic() + _LINGER
            self._buffer.clear()
            if not self.secure:
                self.sock.shutdown(socket.SHUT_WR)
        # Nobody wants to know what it says, so by TLS it need not be decrypted.
        data = socket.socket.recv(self.sock, _PIECE)
        self._last_bytes += max(len(data), _SMALL)
        if not data or self._last_bytes >= _LAST_BYTES[self.known]:
            raise Gone("done")
        raise Again
