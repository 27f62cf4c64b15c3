"""The Docker engine's own HTTP API, on its socket, for what is followed and not just asked.

Never to be used from within a plugin call: the engine serves nobody before all the containers that
it starts at boot are started, and their starts wait for the driver.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from ovn_integrate import paths, servers
from ovn_integrate.errors import CommandFailed

_TIMEOUT = 60.0  # an inspection waits for the container's start

Filters = Mapping[str, Sequence[str]]


def get(path: str, timeout: float = _TIMEOUT) -> Any:
    """What the engine answers, decoded.

    :param timeout: seconds for the answer.
    :raises CommandFailed: it does not, or refuses.
    """
    with _answer(path, timeout) as response, _failing(path):
        return json.loads(response.read())


class Events:
    """What happens to containers and networks, as it happens.

    :param filters: as ``docker events --filter`` has them.
    :raises CommandFailed: the engine does not answer.
    """

    def __init__(self, filters: Filters) -> None:
        path = "/events?" + urlencode({"filters": json.dumps(filters)})
        self._open = contextlib.ExitStack()
        self._response = self._open.enter_context(_answer(path, None))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """:raises CommandFailed: the engine ended."""
        with _failing("/events"):
            for line in self._response:
                yield json.loads(line)
        raise CommandFailed("Docker engine", "ended the events")

    def close(self) -> None:
        """Also from another thread: who waits for an event gets an error."""
        self._open.close()


@contextlib.contextmanager
def _answer(path: str, timeout: float | None) -> Iterator[http.client.HTTPResponse]:
    connection = servers.Connection(str(paths.docker_socket()), timeout)
    try:
        with _failing(path):
            connection.request("GET", path)
            # Kept by itself: a response takes the socket from its connection when it closes that.
            wire = connection.sock
            response = connection.getresponse()
            if response.status >= 300:
                said = response.read().decode(errors="replace").strip()
                raise CommandFailed("Docker engine", f"{path}: {response.status} {said}")
        yield response
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)
    finally:
        connection.close()


@contextlib.contextmanager
def _failing(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CommandFailed("Docker engine", f"{path}: {error}", "docker info") from error
