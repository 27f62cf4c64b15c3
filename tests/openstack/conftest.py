"""The IPAM server on a TCP port that the kernel chose, for clients that know nothing of us."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.conftest import folder, nb, ovsdb_server, stores
from tests.functional.daemons import OvsdbServer

__all__ = ["folder", "nb", "ovsdb_server", "stores"]


class _Silent(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


class _Site:
    """A server that stays while the applications behind it come and go with the tests.

    The clients remember what an address answered, so it must not change within one process.
    """

    def __init__(self) -> None:
        self.app: Any = None
        self._server = make_server(
            "127.0.0.1", 0, self._serve, threaded=True, request_handler=_Silent
        )
        self.address = f"http://127.0.0.1:{self._server.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, environ: Any, start: Any) -> Any:
        return self.app(environ, start)


@pytest.fixture(scope="module")
def site() -> Iterator[_Site]:
    made = _Site()
    yield made
    made.close()


@pytest.fixture
def endpoint(site: _Site, nb: OvsdbServer, stores: Callable[[str], Store]) -> str:
    """The address of a server on a Northbound of its own."""
    site.app = create_app(Service(stores(nb.remote)))
    return site.address
