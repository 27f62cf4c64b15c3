"""TCP throughput between two ends of a test: one sends for some seconds, the other counts."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

PORT = 5001
"""In a network namespace of the test's own."""

_BLOCK = bytes(256 * 1024)
_PATIENCE = 15.0  # seconds in which a peer must do something
_BACKLOG = 4


class Sink:
    """Takes what comes on a TCP port, throws it away, and tells at its end how much it was.

    :param listener: a TCP socket that is bound.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        listener.listen(_BACKLOG)
        self._thread = threading.Thread(target=self._serve, name="sink", daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # which ends accept()
        self._listener.close()
        self._thread.join(1.0)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                with peer, suppress(OSError):
                    peer.settimeout(_PATIENCE)
                    _swallow(peer)


def listen() -> socket.socket:
    """A TCP socket bound to ``PORT`` in the caller's network namespace."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("", PORT))
    return listener


def send(target: str, seconds: float) -> float:
    """Send as fast as it goes, from the caller's network namespace; bits a second that arrived.

    :raises OSError: no connection, or it broke off.
    """
    with socket.create_connection((target, PORT), timeout=5.0) as peer:
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            peer.send(_BLOCK)
        peer.shutdown(socket.SHUT_WR)
        arrived = int(peer.makefile("rb").readline() or 0)
        return arrived * 8 / (time.monotonic() - begun)


def _swallow(peer: socket.socket) -> None:
    buffer = bytearray(len(_BLOCK))
    total = 0
    while count := peer.recv_into(buffer):
        total += count
    peer.sendall(b"%d\n" % total)
