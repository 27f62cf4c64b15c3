"""The first bytes of a client that speaks TLS (RFC 8446, sections 4 and 5.1).

OpenSSL makes room for a whole message of the handshake when it has seen the message's length, which
may be 128 KiB for the first one, of whomever: here it is to be one of a length that clients have.
"""

from __future__ import annotations

import socket

LARGEST = 16 << 10
"""Bytes of a ClientHello; with keys for post-quantum cryptography it has 2,000."""

_LENGTH = 9
_HANDSHAKE, _CLIENT_HELLO = 22, 1


def look(sock: socket.socket) -> None:
    """Return if a client's first message is one that is read; nothing is taken out.

    :raises BlockingIOError: it is not there yet.
    :raises ValueError: it is none, or too large.
    """
    # Not the method of an SSLSocket, which would decrypt.
    start = socket.socket.recv(sock, _LENGTH, socket.MSG_PEEK)
    if not start or start[0] != _HANDSHAKE:
        raise ValueError("no handshake")
    if len(start) < _LENGTH:
        raise BlockingIOError
    if start[5] != _CLIENT_HELLO or int.from_bytes(start[6:9], "big") > LARGEST:
        raise ValueError("no ClientHello that is read")
