"""Which of several IPAM servers to ask, and how soon to give one up for the next.

A server that is killed refuses connections, one whose host is gone takes none within a second.
One that is frozen takes a request and says nothing, as a busy one does; so it is asked for the one
document that costs nothing, and when it does not even give that, it is given up.
"""

from __future__ import annotations

import http.client
import select
import time
from collections.abc import Sequence
from typing import Any

from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

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
        self._watch()
        return super().getresponse(*args, **options)

    def _watch(self) -> None:
        begin = time.monotonic()
        while not select.select([self.sock], [], [], _PATIENCE)[0]:
            if isinstance(self.timeout, (int, float)) and time.monotonic() - begin >= self.timeout:
                raise TimeoutError("timed out")
            if not _alive(self.host, self.port):
                raise Silent(f"no sign of life for {time.monotonic() - begin:.1f} s")


class WatchedPool(HTTPConnectionPool):
    ConnectionCls = Watched


def _alive(host: str, port: int | None) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_ALIVE)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
