"""The two servers that the cases are for."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.servers import Connection
from tests.functional.daemons import OvsdbServer
from tests.functional.neutrons import beside

_TIMEOUT = 60.0


class Embedded:
    """This program's own IPAM server."""

    def __init__(self, nb: OvsdbServer, client: FlaskClient) -> None:
        self.nb = nb
        self._client = client

    def ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, str]:
        answer = self._client.open(
            path, method=method, data=body, headers=_headers(headers), base_url="http://ipam"
        )
        return answer.status_code, answer.content_type or "", answer.text


class Real:
    """A Neutron."""

    def __init__(self, nb: OvsdbServer, socket: Path) -> None:
        self.nb = nb
        self._socket = socket

    def ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, str]:
        connection = Connection(str(self._socket), _TIMEOUT)
        try:
            connection.request(
                method, path, body.encode() if body else None, {"Host": "ipam", **_headers(headers)}
            )
            answer: http.client.HTTPResponse = connection.getresponse()
            text = answer.read().decode()
            return answer.status, answer.headers.get("Content-Type", ""), text
        finally:
            connection.close()


@contextmanager
def embedded(folder: Path) -> Iterator[Embedded]:
    nb = _northbound(folder)
    store = Store(nb.remote)
    store.start()
    try:
        assert store.wait_ready(10)
        yield Embedded(nb, create_app(Service(store)).test_client())
    finally:
        store.stop()
        nb.stop()


@contextmanager
def real(folder: Path) -> Iterator[Real]:
    """A Neutron that takes requests on a Unix socket, as its databases do."""
    nb = _northbound(folder)
    try:
        with beside(nb, folder / "n", str(folder / "api")):
            yield Real(nb, folder / "api")
    finally:
        nb.stop()


def _northbound(folder: Path) -> OvsdbServer:
    own = folder / "nb"
    own.mkdir()
    server = OvsdbServer(own, "nb")
    server.start()
    server.ctl("init")
    return server


def _headers(given: dict[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/json", **given}
