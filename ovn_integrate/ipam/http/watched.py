"""A WSGI application whose requests get an id, and are told to those who count or log them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ovn_integrate import randomid

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

OTHER = "other"
REQUEST_ID = "X-Openstack-Request-Id"


@dataclass(slots=True)
class Exchange:
    """A request and its answer.

    :param started: in seconds since the epoch.
    :param client: its address; empty on a Unix socket.
    :param target: path and query as the client wrote them.
    :param route: the path with its ids left open (``/v2.0/ports/{id}``), or OTHER where nothing is.
    :param ids: those in the path.
    :param seconds: from the request, read to the end of its header, until its answer was made.
    :param length: bytes of the answer's body.
    """

    id: str
    started: float
    client: str
    method: str
    target: str
    route: str = OTHER
    status: int = 500
    seconds: float = 0.0
    length: int = 0
    ids: tuple[str, ...] = ()


class Watched:
    """The application; every answer names the request's id, as Neutron's do (oslo.middleware)."""

    def __init__(
        self,
        inner: Wsgi,
        watchers: Sequence[Callable[[Exchange], None]],
        audit: Callable[[dict[str, Any], Exchange], None] | None = None,
    ) -> None:
        """:param watchers: are told of a request when its answer was sent.
        :param audit: is told of it before.
        """
        self._inner = inner
        self._watchers = watchers
        self.admit: Callable[[dict[str, Any]], int | None] | None
        self.admit = getattr(inner, "admit", None)
        self._audit = audit

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        seen = Exchange(
            f"req-{randomid.text()}",
            time.time(),
            environ.get("REMOTE_ADDR", ""),
            environ["REQUEST_METHOD"],
            environ.get("RAW_URI") or environ["PATH_INFO"],
        )
        begun = time.perf_counter()

        def answer(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            seen.status = int(status[:3])
            seen.length = _length(headers)
            # Flask forgets its request before the answer is back.
            seen.route, seen.ids = route(environ), _ids(environ)
            return start(status, [*headers, (REQUEST_ID, seen.id)], *error)

        try:
            body = self._inner(environ, answer)
        finally:
            # What failed on its way is a refusal too, with the status of a bug.
            if self._audit is not None:
                self._audit(environ, seen)
        seen.seconds = time.perf_counter() - begun
        return _Body(body, seen, self._watchers)


class _Body:
    """An answer's body, whose end is when the watchers are told: the client has its answer then,
    and does not wait for them. A server closes a body when it is sent (PEP 3333)."""

    def __init__(
        self, inner: Iterable[bytes], seen: Exchange, watchers: Sequence[Callable[[Exchange], None]]
    ) -> None:
        self._inner = inner
        self._seen = seen
        self._watchers = watchers

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def close(self) -> None:
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()
        for watcher in self._watchers:
            watcher(self._seen)


def route(environ: dict[str, Any]) -> str:
    """The route that Flask found, or that of a page beside its own."""
    found = environ.get("ovn_integrate.route")
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if found is not None or rule is None:
        return found or OTHER
    collection = (environ["werkzeug.request"].view_args or {}).get("collection", "")
    return _template(rule.rule, collection)


def _ids(environ: dict[str, Any]) -> tuple[str, ...]:
    values = getattr(environ.get("werkzeug.request"), "view_args", None) or {}
    return tuple(str(value) for name, value in values.items() if name.endswith("id"))


def _template(rule: str, collection: str) -> str:
    made = _templates.get((rule, collection))
    if made is None:
        made = _templates[rule, collection] = "/".join(
            _open(part, collection) for part in rule.split("/")
        )
    return made


def _open(part: str, collection: str) -> str:
    if not part.startswith("<"):
        return part
    name = part.rstrip(">").rpartition(":")[2].lstrip("<")
    return collection if name == "collection" else f"{{{name}}}"


def _length(headers: list[tuple[str, str]]) -> int:
    for name, value in headers:
        if name.lower() == "content-length":
            return int(value)
    return 0


_templates: dict[tuple[str, str], str] = {}
"""As many as there are routes and collections."""
