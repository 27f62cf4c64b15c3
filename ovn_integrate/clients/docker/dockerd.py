"""The Docker engine's own HTTP API (moby api/swagger.yaml), on its socket.

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
from ovn_integrate.errors import CommandFailed, Conflict, Error, NotFound

TIMEOUT = 60.0
"""Seconds for an answer: that of an inspection waits for the container's start."""

Filters = Mapping[str, Sequence[str]]

_ENGINE = "Docker engine"
_BY_STATUS: Mapping[int, type[Error]] = {404: NotFound, 409: Conflict}


def get(path: str, *, filters: Filters | None = None, timeout: float = TIMEOUT) -> Any:
    """What the engine answers, decoded.

    :param filters: as the ``--filter`` of docker's commands.
    :raises NotFound: there is no such thing.
    :raises CommandFailed: it does not answer, or refuses.
    """
    path += _query(filters)
    with _answer("GET", path, timeout) as response, _failing(path):
        return json.loads(response.read())


def post(path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Have the engine do something, and return what it answers; None for nothing.

    :raises NotFound: one of the things that it is about is not there.
    :raises Conflict: the engine says so.
    :raises CommandFailed: it does not answer, or refuses.
    """
    with _answer("POST", path, TIMEOUT, body) as response, _failing(path):
        said = response.read()
        return json.loads(said) if said else None


def delete(path: str) -> None:
    """:raises NotFound, Conflict, CommandFailed: as :func:`post` does."""
    with _answer("DELETE", path, TIMEOUT):
        pass


class Events:
    """What happens to containers and networks, as it happens.

    :param filters: as ``docker events --filter`` has them.
    :raises CommandFailed: the engine does not answer.
    """

    def __init__(self, filters: Filters) -> None:
        self._open = contextlib.ExitStack()
        path = "/events" + _query(filters)
        self._response = self._open.enter_context(_answer("GET", path, None))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """:raises CommandFailed: the engine ended."""
        with _failing("/events"):
            for line in self._response:
                yield json.loads(line)
        raise CommandFailed(_ENGINE, "ended the events")

    def close(self) -> None:
        """Also from another thread: who waits for an event gets an error."""
        self._open.close()


@contextlib.contextmanager
def _answer(
    method: str, path: str, timeout: float | None, body: Mapping[str, Any] | None = None
) -> Iterator[http.client.HTTPResponse]:
    connection = servers.Connection(str(paths.docker_socket()), timeout)
    data = None if body is None else json.dumps(body)
    headers = {} if body is None else {"Content-Type": "application/json"}
    try:
        with _failing(path):
            connection.request(method, path, data, headers)
            # Kept by itself: a response takes the socket from its connection when it closes that.
            wire = connection.sock
            response = connection.getresponse()
            if response.status >= 300:
                raise _refusal(response.status, response.read())
        yield response
        with contextlib.suppress(OSError):
            wire.shutdown(socket.SHUT_RDWR)
    finally:
        connection.close()


def _query(filters: Filters | None) -> str:
    return "" if filters is None else "?" + urlencode({"filters": json.dumps(filters)})


def _refusal(status: int, data: bytes) -> Error:
    try:
        said = str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        said = f"status {status}"
    return _BY_STATUS.get(status, CommandFailed)(_ENGINE, " ".join(said.split()))


@contextlib.contextmanager
def _failing(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CommandFailed(
            f"{_ENGINE} on {paths.docker_socket()}",
            f"{path}: {error or type(error).__name__}",
            "docker info; one elsewhere is named by --docker-host",
        ) from error
