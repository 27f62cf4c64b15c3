"""libnetwork's side of the remote driver protocol, as dockerd speaks it.

Source: moby pkg/plugins/client.go and daemon/libnetwork/drivers/remote/{driver.go,api/api.go}.
Every call is a POST of JSON without a Content-Type. Go's transport keeps at most two idle
connections, and dials anew for each call where the driver closes them. What Docker does between
the calls (EndpointOperInfo, moving the link into the container and back) is left out.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
from typing import Any

from .contender import GATEWAY, POOL, Endpoint

_TIMEOUT = 120.0  # seconds; dockerd has none, a bench must end
_IDLE = 2  # net/http DefaultMaxIdleConnsPerHost
_HEADERS = {
    "Host": "plugin.moby.localhost",
    "User-Agent": "Go-http-client/1.1",
    "Accept": "application/vnd.docker.plugins.v1.2+json",
    "Accept-Encoding": "gzip",
}


class Refused(Exception):
    """The driver did not do it; the message has the call and what the driver said."""


class Plugin:
    """A driver at its address: ``unix:PATH`` or ``tcp:HOST:PORT``. Any thread may use it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def call(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """:raises Refused: the driver answered with an error, or not at all."""
        # Go's encoder ends a body with a newline; a call without arguments has no body at all.
        data = b"" if body is None else json.dumps(body).encode() + b"\n"
        connection = self._take()
        try:
            connection.request("POST", f"/{method}", data, _HEADERS)
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Refused(f"{method}: {self.address}: {error or type(error).__name__}") from error
        self._give_back(connection, response)
        return _decoded(method, response.status, text)

    def close(self) -> None:
        with self._lock:
            while self._idle:
                self._idle.pop().close()

    def _take(self) -> http.client.HTTPConnection:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not _ended(connection):
                    return connection
                connection.close()
        if self.address.startswith("unix:"):
            return _Unix(self.address.removeprefix("unix:"))
        host, _, port = self.address.removeprefix("tcp:").rpartition(":")
        return http.client.HTTPConnection(host.strip("/[]"), int(port), timeout=_TIMEOUT)

    def _give_back(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> None:
        with self._lock:
            if not response.will_close and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()


class Driver:
    """A libnetwork driver as a contender: each of its steps is one call."""

    def __init__(self, address: str) -> None:
        self._plugin = Plugin(address)

    def activate(self) -> None:
        """What dockerd does first.

        :raises Refused: it is no network driver, or not ready to be one.
        """
        implements = self._plugin.call("Plugin.Activate").get("Implements") or []
        if "NetworkDriver" not in implements:
            raise Refused(f"Plugin.Activate: implements {implements}")
        self._plugin.call("NetworkDriver.GetCapabilities")

    def create_network(self, network_id: str) -> None:
        pool = {
            "AddressSpace": "LocalDefault",
            "Pool": str(POOL),
            "Gateway": f"{GATEWAY}/{POOL.prefixlen}",
        }
        options = {"com.docker.network.enable_ipv6": False, "com.docker.network.generic": {}}
        self._plugin.call(
            "NetworkDriver.CreateNetwork",
            {"NetworkID": network_id, "Options": options, "IPv4Data": [pool], "IPv6Data": []},
        )

    def delete_network(self, network_id: str) -> None:
        self._plugin.call("NetworkDriver.DeleteNetwork", {"NetworkID": network_id})

    def create(self, endpoint: Endpoint) -> None:
        interface = {"Address": endpoint.address, "AddressIPv6": "", "MacAddress": ""}
        body = {**_ids(endpoint), "Interface": interface, "Options": _options()}
        self._plugin.call("NetworkDriver.CreateEndpoint", body)

    def join(self, endpoint: Endpoint) -> None:
        sandbox = f"/var/run/docker/netns/{endpoint.id[:12]}"
        body = {**_ids(endpoint), "SandboxKey": sandbox, "Options": _options()}
        answer = self._plugin.call("NetworkDriver.Join", body)
        if not (answer.get("InterfaceName") or {}).get("SrcName"):
            raise Refused(f"NetworkDriver.Join: gave no interface: {answer}")

    def leave(self, endpoint: Endpoint) -> None:
        self._plugin.call("NetworkDriver.Leave", _ids(endpoint))

    def delete(self, endpoint: Endpoint) -> None:
        self._plugin.call("NetworkDriver.DeleteEndpoint", _ids(endpoint))


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _ids(endpoint: Endpoint) -> dict[str, Any]:
    return {"NetworkID": endpoint.network_id, "EndpointID": endpoint.id}


def _options() -> dict[str, Any]:
    return {"com.docker.network.endpoint.exposedports": [], "com.docker.network.portmap": []}


def _ended(connection: http.client.HTTPConnection) -> bool:
    """Whether the driver has closed an idle connection: it is readable then."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])


def _decoded(method: str, status: int, text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        raise Refused(f"{method}: status {status}: {text[:200]!r}") from None
    answer = answer if isinstance(answer, dict) else {}
    if status != 200 or answer.get("Err"):
        raise Refused(f"{method}: {answer.get('Err') or f'status {status}'}")
    return answer
