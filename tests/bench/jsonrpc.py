"""OVSDB's protocol (RFC 7047) on a plain socket: no library, no replica.

It is what the floor is made of, so it does no more than it must. Unix sockets only, as
ovsdb-server probes idle connections on the others and drops those that do not answer.
"""

from __future__ import annotations

import codecs
import itertools
import json
import socket
from collections import deque
from typing import Any

NB = "OVN_Northbound"
HOST = "Open_vSwitch"
_CHUNK = 1 << 16
_TIMEOUT = 120.0  # seconds

Row = dict[str, Any]


class Failed(Exception):
    """The database refused; the message has its answer."""


class Connection:
    """One connection to an ovsdb-server, for one thread at a time.

    :param path: of its Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_TIMEOUT)
        self._socket.connect(path)
        self._json = json.JSONDecoder()
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._numbers = itertools.count()
        self._updates: deque[Any] = deque()

    def call(self, method: str, *params: Any) -> Any:
        """The result of a request. Updates that come before it are kept for :meth:`update`.

        :raises Failed: the answer is an error.
        """
        number = next(self._numbers)
        self._send({"method": method, "params": params, "id": number})
        while True:
            message = self._receive()
            if message.get("id") == number and "method" not in message:
                if message.get("error"):
                    raise Failed(f"{method}: {message['error']}")
                return message["result"]
            self._take(message)

    def transact(self, database: str, *operations: Row) -> list[Row]:
        """The results of the operations.

        :raises Failed: one was refused, and so all of them.
        """
        results: list[Row] = self.call("transact", database, *operations)
        # A commit that fails as a whole adds one more result than there were operations.
        for result in results:
            if result and "error" in result:
                raise Failed(f"transact: {result['error']}: {result.get('details', '')}")
        return results

    def update(self) -> Any:
        """The next update of what `monitor` asked for, however long it takes."""
        self._socket.settimeout(None)
        while not self._updates:
            self._take(self._receive())
        return self._updates.popleft()

    def close(self) -> None:
        """Also from another thread: one that waits here gets an OSError."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        finally:
            self._socket.close()

    def _take(self, message: Any) -> None:
        if message.get("method") == "update":
            self._updates.append(message["params"][1])
        elif message.get("method") == "echo":
            self._send({"result": message["params"], "error": None, "id": message["id"]})

    def _send(self, message: Any) -> None:
        self._socket.sendall(json.dumps(message).encode())

    def _receive(self) -> Any:
        # Messages follow each other without any mark between them.
        while True:
            try:
                message, end = self._json.raw_decode(self._text)
            except ValueError:
                pass  # none, or a part of one
            else:
                self._text = self._text[end:].lstrip()
                return message
            chunk = self._socket.recv(_CHUNK)
            if not chunk:
                raise ConnectionError("the database closed the connection")
            self._text += self._utf8.decode(chunk)


def insert(table: str, row: Row, name: str = "") -> Row:
    """:param name: by which other operations of the transaction may refer to the row."""
    return {"op": "insert", "table": table, "row": row, **({"uuid-name": name} if name else {})}


def mutate(table: str, where: list[Any], column: str, mutator: str, value: Any) -> Row:
    return {"op": "mutate", "table": table, "where": where, "mutations": [[column, mutator, value]]}


def mapping(values: dict[str, str]) -> list[Any]:
    """A map column, as the protocol writes it."""
    return ["map", [[key, value] for key, value in values.items()]]
