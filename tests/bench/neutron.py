"""Ports by Neutron's API, one or several at a time; any server that speaks it.

A plain socket instead of a library, as the client has the same two cores as the server.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from .jsonrpc import Failed

_TIMEOUT = 300.0  # seconds
_CHUNK = 1 << 20

Maker = Callable[[], object]
"""Makes one port."""


class Api:
    """One connection to a server, kept open where the server does; for one thread at a time.

    :param address: HOST:PORT.
    :param context: for a server that speaks TLS.
    """

    def __init__(self, address: str, context: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._context = context
        self._socket: socket.socket | None = None

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer.

        :raises Failed: the server refused; the message has its answer.
        """
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._address}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        connection = self._connected()
        connection.sendall(head.encode() + data)
        lines, rest = self._head(connection)
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        parts, have = [rest], len(rest)
        while have < int(fields.get(b"content-length", b"0")):
            parts.append(_received(connection))
            have += len(parts[-1])
        if fields.get(b"connection") == b"close":
            self.close()
        text = b"".join(parts)
        status = lines[0].split()[1]
        if not status.startswith(b"2"):
            raise Failed(f"{method} {path}: {status.decode()} {text[:300]!r}")
        return json.loads(text) if text else None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            host, _, port = self._address.rpartition(":")
            self._socket = socket.create_connection((host, int(port)), _TIMEOUT)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                self._socket = self._context.wrap_socket(self._socket, server_hostname=host)
        return self._socket

    def _head(self, connection: socket.socket) -> tuple[list[bytes], bytes]:
        text = b""
        while b"\r\n\r\n" not in text:
            text += _received(connection)
        head, _, rest = text.partition(b"\r\n\r\n")
        return head.split(b"\r\n"), rest


def _received(connection: socket.socket) -> bytes:
    chunk = connection.recv(_CHUNK)
    if not chunk:
        raise ConnectionError("the server closed the connection")
    return chunk


class Network:
    """A network with a subnet that has room for all, on a server."""

    def __init__(self, address: str, cidr: str) -> None:
        self.api = Api(address)
        self._address = address
        made = self.api.call("POST", "/v2.0/networks", {"network": {"name": "bench"}})
        self.id: str = made["network"]["id"]
        subnet = {"network_id": self.id, "ip_version": 4, "cidr": cidr}
        self.api.call("POST", "/v2.0/subnets", {"subnet": subnet})

    def maker(self, context: ssl.SSLContext | None = None) -> Maker:
        """Of a connection of its own."""
        api, body = Api(self._address, context), {"port": {"network_id": self.id}}
        return lambda: api.call("POST", "/v2.0/ports", body)

    def make_many(self, count: int) -> None:
        """In one request."""
        ports = [{"network_id": self.id}] * count
        self.api.call("POST", "/v2.0/ports", {"ports": ports})

    def remove(self) -> None:
        """With all of its ports."""
        path = f"/v2.0/ports?network_id={self.id}&fields=id"
        for port in self.api.call("GET", path)["ports"]:
            self.api.call("DELETE", f"/v2.0/ports/{port['id']}")
        self.api.call("DELETE", f"/v2.0/networks/{self.id}")


def one_at_a_time(make: Maker, count: int) -> list[float]:
    """The seconds that each took."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        make()
        taken.append(time.perf_counter() - began)
    return taken


def rate(maker: Callable[[], Maker], count: int, at_a_time: int) -> float:
    """Ports a second.

    :raises Failed: one could not be made.
    """
    makers = [maker() for _ in range(at_a_time)]
    failures: list[Exception] = []

    def work(make: Maker) -> None:
        try:
            one_at_a_time(make, count // at_a_time)
        except (Failed, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=[make]) for make in makers]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    if failures:
        raise Failed(str(failures[0]))
    return count // at_a_time * at_a_time / took
