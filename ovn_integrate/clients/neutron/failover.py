"""Which of several IPAM servers to ask, and how soon to give one up for the next.

A server that is killed refuses connections, one whose host is gone takes none within a second.
One that is frozen takes a request and says nothing, as a busy one does; so it is asked for the one
document that costs nothing, and when it does not even give that, it is given up.
"""

from __future__ import annotations

import http.client
import select
import ssl
import time
import uuid
from collections.abc import Sequence
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError

CONNECT = 1.0
"""Seconds for a connection to one server of several."""

_PATIENCE = 0.8
"""Seconds in which most answers come; after them a server is asked whether it lives."""

_ALIVE = 0.7
_AVOIDED = 30.0


class Silent(ConnectionAbortedError):
    """A server took a request and does not answer anything any more."""


class Order:
    """The order in which to ask servers: those that failed lately come last.

    :param urls: in the order in which they are set.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._failed: dict[str, float] = {}
        self.honours: dict[str, bool] = {}
        """Whether a server does what it is sent twice only once, as far as known."""
        self.asked = False
        """Whether the servers were asked how they make ids."""
        self.keys: uuid.UUID | None = None
        """The namespace of this client's keys; None where ids are not known beforehand."""

    def now(self) -> list[str]:
        since = time.monotonic() - _AVOIDED
        return sorted(self._urls, key=lambda url: self._failed.get(url, since) > since)

    def failed(self, url: str) -> None:
        self._failed[url] = time.monotonic()

    def answered(self, url: str) -> None:
        self._failed.pop(url, None)


class Watched(HTTPConnection):
    """A connection that looks after its server while it waits for an answer."""

    def getresponse(self, *args: Any, **options: Any) -> Any:
        """:raises Silent: the server takes connections and answers nothing."""
        _watch(self, secure=False)
        return super().getresponse(*args, **options)


class WatchedSecure(HTTPSConnection):
    """The same by TLS.

    What becomes readable is the answer, as long as the server gives no tickets for sessions, which
    come without being asked for after TLS 1.3's handshake. The IPAM server gives none; with others
    a frozen one is noticed later.
    """

    def connect(self) -> None:
        """A frozen server takes connections and shakes no hands: nothing was asked of it then.

        :raises ConnectTimeoutError: urllib3 itself says that it did not answer a request.
        """
        try:
            super().connect()
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no handshake: {error}") from None

    def getresponse(self, *args: Any, **options: Any) -> Any:
        """:raises Silent: the server takes connections and answers nothing."""
        _watch(self, secure=True)
        return super().getresponse(*args, **options)


class WatchedPool(HTTPConnectionPool):
    ConnectionCls = Watched


class WatchedSecurePool(HTTPSConnectionPool):
    ConnectionCls = WatchedSecure


def _watch(connection: HTTPConnection, *, secure: bool) -> None:
    begin, timeout = time.monotonic(), connection.timeout
    # Not select(2): where many clients are connected, the number of a file may be too large for it.
    answer = select.poll()
    answer.register(connection.sock, select.POLLIN)
    while not answer.poll(_PATIENCE * 1000):
        if isinstance(timeout, (int, float)) and time.monotonic() - begin >= timeout:
            raise TimeoutError("timed out")
        if not _alive(connection.host, connection.port, secure):
            raise Silent(f"no sign of life for {time.monotonic() - begin:.1f} s")


def _alive(host: str, port: int | None, secure: bool) -> bool:
    if secure:
        # Whether anybody is there at all: nothing is told, and what is said counts for nothing.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=_ALIVE, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_ALIVE)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
