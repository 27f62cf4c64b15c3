"""The pages beside the API: whether the server can serve, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.watched import Wsgi

Page = Callable[[], tuple[int, str, bytes]]
"""Gives a status, a content type and a body."""

# An answer takes a millisecond; who asks for health waits 1 to 10 s.
_PATIENCE = 2.0


class Pages:
    """The application with these pages at these paths."""

    def __init__(self, inner: Wsgi, pages: Mapping[str, Page]) -> None:
        self._inner = inner
        self._pages = pages

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        page = self._pages.get(environ["PATH_INFO"])
        if page is None:
            return self._inner(environ, start)
        environ["ovn_integrate.route"] = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, kind, body = 405, "text/plain", b"GET it\n"
        else:
            status, kind, body = page()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start(f"{status} {HTTPStatus(status).phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def health(store: Store) -> tuple[int, str, bytes]:
    """200 while Northbound is connected and answers, else 503 with the reason."""
    try:
        store.check(_PATIENCE)
    except DatabaseUnavailable as error:
        return _json(503, {"status": "unavailable", "reason": str(error)})
    return _json(200, {"status": "ok"})


def _json(status: int, body: Mapping[str, str]) -> tuple[int, str, bytes]:
    return status, "application/json", jsontext.dumps(body).encode() + b"\n"
