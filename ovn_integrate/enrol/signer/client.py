"""Asking the signer, as the IPAM server does."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import Any

from ovn_integrate.enrol.signer import protocol
from ovn_integrate.errors import ServiceFailed

PATIENCE = 15.0
"""Seconds for an answer: as long as Northbound may take, and a little more."""

_AT_ONCE = 2.0


class Signer:
    """Any thread may ask it.

    :param path: of its socket.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def redeem(self, secret: str, host: str, request: str, held: str, address: str) -> bytes:
        """A certificate for a join token; see :class:`Desk`.

        :raises Error: what the signer says went wrong.
        """
        words = {"secret": secret, "host": host, "request": request, "held": held}
        return self._signed(protocol.REDEEM, {**words, "address": address})

    def renew(self, request: str, certificate: str, proof: str, address: str) -> bytes:
        """A new certificate for who has the key of an old one.

        :raises Error: what the signer says went wrong.
        """
        words = {"request": request, "certificate": certificate, "proof": proof}
        return self._signed(protocol.RENEW, {**words, "address": address})

    def connect(self) -> socket.socket:
        """A connection to Northbound.

        :raises OSError: there is none.
        """
        with self._open(_AT_ONCE) as sock:
            sock.sendall(protocol.line({"op": protocol.CONNECT}))
            text, descriptors, _, _ = socket.recv_fds(sock, protocol.LONGEST, 1)
        if descriptors:
            return socket.socket(fileno=descriptors[0])
        try:
            number = protocol.result(text).get("errno")
        except ServiceFailed:
            number = None
        raise OSError(number if isinstance(number, int) else errno.EPROTO, "no connection")

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            self._ask(protocol.HELLO, {}, _AT_ONCE)
        except ServiceFailed:
            return False
        return True

    def _signed(self, operation: str, words: dict[str, str]) -> bytes:
        return str(self._ask(operation, words, PATIENCE).get("certificate")).encode()

    def _ask(self, operation: str, words: dict[str, str], patience: float) -> dict[str, Any]:
        text = b""
        try:
            with self._open(patience) as sock:
                sock.sendall(protocol.line({"op": operation, **words}))
                while not text.endswith(b"\n") and len(text) < protocol.LONGEST:
                    piece = sock.recv(protocol.LONGEST)
                    if not piece:
                        break
                    text += piece
        except OSError as error:
            why = error.strerror or str(error)
            hint = "does it run? ovn-integrate ipam start, or its unit, starts it"
            raise ServiceFailed("signer", f"is out of reach: {why}", hint) from None
        return protocol.result(text)

    def _open(self, patience: float) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            sock.settimeout(patience)
            sock.connect(str(self._path))
        except OSError:
            sock.close()
            raise
        return sock
