"""Requests that somebody's browser makes for a page of somebody else are refused.

A page may have its visitor's browser ask servers that only the visitor reaches, this host's own for
example. What tells of it is ``Origin`` and ``Sec-Fetch-Site``, a name in ``Host`` that is not this
server's (DNS rebinding), and a body of one of the types that need no permission
(https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.ipam.http.watched import Wsgi

_LOCAL = frozenset(("localhost", "localhost.localdomain", "ip6-localhost"))
_SAME = ("same-origin", "none")
_JSON = "application/json"

Refusal = tuple[HTTPStatus, str]


@dataclass(frozen=True)
class Open:
    """A server to which everybody who reaches it may say everything.

    :param listen: its address.
    :param names: by which it is reached, beside this host's.
    """

    listen: str
    names: tuple[str, ...] = ()

    def is_here(self, host: str) -> bool:
        """Whether a ``Host`` is this server's."""
        name = _name(host)
        try:
            address = ip_address(name.strip("[]"))
        except ValueError:
            return name in _LOCAL or name in map(str.lower, (*self.names, *_own_names()))
        # Beyond the host an address may be translated on the way; no page has this one's.
        return address.is_loopback or not ip_address(self.listen).is_loopback


class Guard:
    """The application without them.

    :param open: None where clients are known: who has no browser's certificate is refused anyway.
    """

    def __init__(self, inner: Wsgi, open: Open | None) -> None:
        self._inner = inner
        self._open = open
        self.admit: Callable[[dict[str, Any]], int | None] | None
        self.admit = getattr(inner, "admit", None)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        refusal = _cross_site(environ)
        if refusal is None and self._open is not None:
            refusal = _foreign(environ, self._open)
        if refusal is None:
            return self._inner(environ, start)
        status, why = refusal
        kind = f"HTTP{status.phrase.replace(' ', '')}"
        said = {"NeutronError": {"type": kind, "message": why, "detail": ""}}
        body = jsontext.dumps(said).encode()
        headers = [("Content-Type", _JSON), ("Content-Length", str(len(body)))]
        start(f"{status.value} {status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _cross_site(environ: Mapping[str, Any]) -> Refusal | None:
    if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") not in _SAME:
        return HTTPStatus.FORBIDDEN, "A page of another site may not ask this server."
    return None


def _foreign(environ: Mapping[str, Any], open: Open) -> Refusal | None:
    host = environ.get("HTTP_HOST")
    # Every browser sends one.
    if host and not open.is_here(host):
        return HTTPStatus.FORBIDDEN, "The Host of the request is no name of this server."
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    has_body = environ.get("CONTENT_LENGTH", "0").strip("0") or "HTTP_TRANSFER_ENCODING" in environ
    # A body without a type comes from a page with an Origin only, and from clients of old.
    if has_body and kind not in ("", _JSON):
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The body is not {_JSON}."
    return None


def _name(host: str) -> str:
    """The name or address in a ``Host``, without its port."""
    name, colon, port = host.strip().lower().rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or (":" in name and name[-1] != "]"):
        name = host.strip().lower()
    return name.removesuffix(".")


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname().lower()
    return (name, name.partition(".")[0])
