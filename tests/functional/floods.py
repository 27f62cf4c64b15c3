"""Clients that mean no good: ``python -m tests.functional.floods KIND SOCKET COUNT CA`` goes on
until it is ended. It connects to a Unix socket, by TLS where a CA is named."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v2.0/ports HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
RATE = 5000
"""Bytes a second of who sends byte by byte."""


def _byte_by_byte(start: bytes, rest: bytes) -> Iterator[bytes]:
    yield start
    for number in range(10**9):
        at = number % len(rest)
        yield rest[at : at + 1]
        time.sleep(1 / RATE)


def _forever(start: bytes, rest: bytes) -> Iterator[bytes]:
    yield start
    while True:
        yield rest


KINDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "a header byte by byte": lambda: _byte_by_byte(GET, b"A: b\r\n"),
    "a header in one line": lambda: _byte_by_byte(GET + b"A: ", b"a"),
    "a body byte by byte": lambda: _byte_by_byte(POST + b"Content-Length: 1000000\r\n\r\n", b"a"),
    "chunks of a byte": lambda: _byte_by_byte(CHUNKED, b"1\r\na\r\n"),
    "many chunks of a byte": lambda: _forever(CHUNKED, b"1\r\na\r\n" * 10000),
    "a header without end": lambda: _forever(GET, b"A: b\r\n" * 10000),
    "a body without end": lambda: _forever(
        POST + b"Content-Length: 99999999999999\r\n\r\n", b"a" * 100_000
    ),
    "many requests at once": lambda: _forever(b"", (GET + b"\r\n") * 1000),
    "many requests that are refused": lambda: _forever(b"", (POST + b"\r\n") * 1000),
    "many that wait for continue": lambda: _forever(
        POST + b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", b"a" * 9
    ),
    "nonsense": lambda: _forever(b"", b"\r\n\r\n" * 10000),
    "handshakes": lambda: iter(()),
    "a record byte by byte": lambda: _byte_by_byte(b"\x17\x03\x03\x40\x00", b"a"),
    "a handshake byte by byte": lambda: _byte_by_byte(
        b"\x16\x03\x01\x40\x00\x01\x00\x3f\x00", b"a"
    ),
}

BELOW_TLS = ("a record byte by byte", "a handshake byte by byte")
INSTEAD_OF_TLS = "a handshake byte by byte"


def _flood(kind: str, path: str, context: ssl.SSLContext | None) -> None:
    while True:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(20)
            plain.connect(path)
            shakes = context is not None and kind != INSTEAD_OF_TLS
            sock = context.wrap_socket(plain) if context and shakes else plain
            threading.Thread(target=_drain, args=(sock,), daemon=True).start()
            for piece in KINDS[kind]():
                if kind in BELOW_TLS:
                    socket.socket.sendall(sock, piece)
                else:
                    sock.sendall(piece)
            sock.close()


def _drain(sock: socket.socket) -> None:
    with suppress(OSError):
        while sock.recv(1 << 16):
            pass


def main(kind: str, path: str, count: str, ca: str) -> None:
    context = None
    if ca:
        context = ssl.create_default_context(cafile=ca)
        context.check_hostname = False
    for _ in range(int(count)):
        threading.Thread(target=_flood, args=(kind, path, context), daemon=True).start()
    print("flooding", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
