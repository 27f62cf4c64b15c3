"""The central host's side: signing, in front of the IPAM server's own application.

``GET /v1/ca`` gives the certificate by which servers are trusted, ``POST /v1/join`` signs for a
join token, ``POST /v1/renew`` for a client certificate, and ``GET /v1/certificate`` tells whether
that is let in. ``GET /v1/authorities`` tells a host of which authorities servers are, and
``POST /v1/trust`` is how it says that it trusts them. Everything else is the inner application's.

Strangers may ask, so that each address may so often, and the secret of a token is looked up before
anything else of it is read.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

from ovn_integrate import audit, jsontext
from ovn_integrate.enrol.limit import Limit, network
from ovn_integrate.errors import Conflict, Error, Invalid, NotConfigured, NotPermitted
from ovn_integrate.pki import rotation, tokens, x509
from ovn_integrate.pki.authority import HOSTS, Authority
from ovn_integrate.pki.ledger import Issued
from ovn_integrate.pki.shown import refusal

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

CA, JOIN, RENEW, CERTIFICATE = "/v1/ca", "/v1/join", "/v1/renew", "/v1/certificate"
AUTHORITIES, TRUST = "/v1/authorities", "/v1/trust"

BURST, RATE = 120, 2.0
"""Of one address: hosts of a site join at once, and may have one address for others."""

_RENEWALS, _RENEWAL_RATE = 10, 1 / 60
"""Of one chassis: each is a line of the ledger for a while."""

_LONGEST = 16384
_TRUSTS = re.compile(r"[0-9a-f]{16}(,[0-9a-f]{16}){0,3}")
_UPGRADE = "upgrade ovn-integrate on that host before its certificate ends"
_TEXT = "application/x-pem-file"

log = logging.getLogger(__name__)


class Watched(Protocol):
    """What the server knows of Northbound without asking it; raises DatabaseUnavailable."""

    def certificate(self, serial: str) -> Issued | None:
        """What the ledger says of a certificate."""

    def confirm(self, serial: str, trusts: str) -> bool:
        """Write down that a certificate was used, by who trusts these authorities."""

    def has_token(self, key: str) -> bool:
        """Whether the ledger has a join token."""

    def holds(self, name: str) -> Sequence[str]:
        """What is a chassis' of that name, for people."""


class Signs(Protocol):
    """Who signs: a :class:`Desk` in this process, or the :class:`Signer` in another one."""

    def redeem(self, secret: str, host: str, request: str, held: str, address: str) -> bytes: ...

    def renew(self, request: str, certificate: str, proof: str, address: str) -> bytes: ...


def application(inner: Wsgi, folder: Path, signer: Signs, watched: Watched) -> Wsgi:
    """The application that answers these paths itself and leaves the others to ``inner``.

    A host that joins has no certificate yet: what serves this must ask for one, and not demand it.

    :param folder: :func:`ovn_integrate.paths.pki`; there may be no authority in it.
    :param watched: Northbound, where what is signed is written down.
    """
    return _Enrolment(inner, Authority(folder), signer, watched)


class _Enrolment:
    def __init__(self, inner: Wsgi, authority: Authority, signer: Signs, watched: Watched) -> None:
        self._inner = inner
        self._authority = authority
        self._signer = signer
        self._watched = watched
        self._limit = Limit(BURST, RATE)
        self._renewals = Limit(_RENEWALS, _RENEWAL_RATE)
        self._pages: dict[str, tuple[str, Callable[[dict[str, Any]], bytes]]] = {
            CA: ("GET", self._ca),
            JOIN: ("POST", self._join),
            RENEW: ("POST", self._renew),
            CERTIFICATE: ("GET", self._certificate),
            AUTHORITIES: ("GET", self._authorities),
            TRUST: ("POST", self._trust),
        }

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        page = self._pages.get(environ["PATH_INFO"])
        if page is None:
            return self._inner(environ, start)
        environ["ovn_integrate.route"] = environ["PATH_INFO"]
        method, answer = page
        try:
            self._count(self._limit, network(environ.get("REMOTE_ADDR") or ""))
            if environ["REQUEST_METHOD"] != method:
                audit.note(environ, why=f"Invalid: {method} it")
                return _refusal(405, "Invalid", f"{method} it", start)
            if not self._authority.made:
                raise NotConfigured("certification authority", "is not on this host")
            body = answer(environ)
        except _TooOften as error:
            audit.note(environ, why=str(error))
            return _refusal(429, "OverLimit", str(error), start, error.seconds)
        except Error as error:
            log.warning("%s: %s", environ["PATH_INFO"], error)
            audit.note(environ, why=f"{type(error).__name__}: {error}")
            return _refusal(error.status, type(error).__name__, str(error), start)
        return _reply(200, _TEXT, body, start)

    def admit(self, environ: dict[str, Any]) -> int | None:
        """None for who is known; else how many bytes of a body are read: those of who joins, and of
        who renews with a certificate that may be no more than that."""
        allowed: int | None = getattr(self._inner, "admit", _everybody)(environ)
        path = environ["PATH_INFO"]
        joins = path == JOIN or (
            path in (RENEW, TRUST) and environ.get("ovn_integrate.certificate")
        )
        return _LONGEST if allowed is not None and joins else allowed

    def _count(self, limit: Limit, key: str) -> None:
        seconds = math.ceil(limit.wait(key))
        if seconds:
            raise _TooOften(seconds)

    def _ca(self, _: dict[str, Any]) -> bytes:
        return self._authority.shown().pem

    def _authorities(self, environ: dict[str, Any]) -> bytes:
        """How a host is to trust servers, and whether its certificate is by an older authority."""
        issued = self._issued(environ)
        old = issued.issuer != self._authority.signer(HOSTS).key and self._authority.rotates
        answer = {"authorities": rotation.offered(self._authority).decode(), "renew": old}
        return jsontext.dumps(answer).encode()

    def _trust(self, environ: dict[str, Any]) -> bytes:
        issued = self._issued(environ)
        trusts = _text(_body(environ), "trusts")
        if not _TRUSTS.fullmatch(trusts):
            raise Invalid("body: 'trusts'", "is no list of authorities")
        self._watched.confirm(issued.serial, trusts)
        return b""

    def _join(self, environ: dict[str, Any]) -> bytes:
        body = _body(environ)
        secret, host = _text(body, "secret"), _text(body, "host")
        audit.note(environ, ids=[host])
        if not self._watched.has_token(tokens.key(secret)):
            raise tokens.unknown()
        request = _text(body, "request")
        name, _ = x509.requested(request.encode())
        held = ", ".join(self._watched.holds(name))
        signed = self._signer.redeem(secret, host, request, held, _address(environ))
        return _noted(environ, [host], signed)

    def _renew(self, environ: dict[str, Any]) -> bytes:
        serial = _serial(environ)
        audit.note(environ, ids=[serial])
        issued, why = self._look_up(environ)
        if issued is None or why:
            hint = "ovn-integrate central token HOST, there"
            raise Conflict(f"certificate {serial}", f"may not renew itself: {why}", hint)
        self._count(self._renewals, issued.name)
        body = _body(environ)
        request = _text(body, "request")
        if "proof" not in body:
            raise NotPermitted("renewal", "comes without a proof", _UPGRADE)
        words = _text(body, "certificate"), _text(body, "proof")
        signed = self._signer.renew(request, *words, _address(environ))
        return _noted(environ, [serial], signed)

    def _certificate(self, environ: dict[str, Any]) -> bytes:
        return f"{self._issued(environ).serial}\n".encode()

    def _look_up(self, environ: dict[str, Any]) -> tuple[Issued | None, str]:
        """What the ledger says of the certificate that was shown, and why that is not good."""
        issued = self._watched.certificate(_serial(environ))
        return issued, refusal(environ["ovn_integrate.certificate"], issued)

    def _issued(self, environ: dict[str, Any]) -> Issued:
        issued, why = self._look_up(environ)
        if issued is None or why:
            raise NotPermitted(f"certificate {_serial(environ)}", why, "join again")
        return issued


def _address(environ: Mapping[str, Any]) -> str:
    return str(environ.get("REMOTE_ADDR") or "")


class _TooOften(Exception):
    def __init__(self, seconds: int) -> None:
        super().__init__(f"this address: asks too often; try again in {seconds} s")
        self.seconds = seconds


def _everybody(_: Mapping[str, Any]) -> int | None:
    return None


def _serial(environ: dict[str, Any]) -> str:
    """The serial number of the certificate that the connection came with.

    :raises NotPermitted: it came with none.
    """
    said = environ.get("ovn_integrate.certificate")
    if not said:
        raise NotPermitted("client certificate", "is needed", "ovn-integrate join TOKEN")
    subject = dict(pair for part in said["subject"] for pair in part)
    name, role = (subject.get(one, "") for one in ("commonName", "organizationalUnitName"))
    audit.note(environ, name=name, role=role)
    return f"{int(said['serialNumber'], 16):x}"


def _noted(environ: dict[str, Any], ids: list[str], signed: bytes) -> bytes:
    """The certificate that was signed, after it stands in the notes for the audit log."""
    made = x509.parse(signed)
    audit.note(environ, ids=[*ids, made.name, made.serial])
    return signed


def _body(environ: Mapping[str, Any]) -> dict[str, Any]:
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > _LONGEST:
        raise Invalid("body", f"has more than {_LONGEST} bytes, or no length")
    try:
        body = jsontext.parse(environ["wsgi.input"].read(int(length)))
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Invalid("body", "is no JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise Invalid(f"body: {name!r}", "is missing, or no text")
    return value


def _refusal(
    status: int, kind: str, said: str, start: Callable[..., Any], after: int = 0
) -> Iterable[bytes]:
    """:param after: seconds after which to try again; 0 for no word of that."""
    # As the API's errors are, which clients of this server can read.
    body = {"NeutronError": {"type": kind, "message": said, "detail": ""}}
    later = [("Retry-After", str(after))] if after else []
    return _reply(status, "application/json", jsontext.dumps(body).encode(), start, later)


def _reply(
    status: int,
    kind: str,
    body: bytes,
    start: Callable[..., Any],
    more: Sequence[tuple[str, str]] = (),
) -> Iterable[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), *more]
    start(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
