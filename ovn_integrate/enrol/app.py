"""The central host's side: signing, in front of the IPAM server's own application.

``GET /v1/ca`` gives the certificate by which servers are trusted, ``POST /v1/join`` signs for a
join token, ``POST /v1/renew`` for a client certificate. Everything else is the inner application's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ovn_integrate import audit, jsontext
from ovn_integrate.enrol.fresh import Fresh
from ovn_integrate.errors import Error, Invalid, NotConfigured, NotPermitted
from ovn_integrate.host.secure import host_name
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Register

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

CA, JOIN, RENEW = "/v1/ca", "/v1/join", "/v1/renew"

_LONGEST = 16384
_TEXT = "application/x-pem-file"

log = logging.getLogger(__name__)


def application(inner: Wsgi, folder: Path, nb_remote: str) -> Wsgi:
    """The application that answers these paths itself and leaves the others to ``inner``.

    A host that joins has no certificate yet: what serves this must ask for one, and not demand it.

    The certificate of the servers, which this one shows as well, is renewed when it is due.

    :param folder: :func:`ovn_integrate.paths.pki`; there may be no authority in it.
    :param nb_remote: of Northbound, where what is signed is written down.
    """
    authority = Authority(folder)
    Fresh(lambda: authority.made and authority.serve(host_name(), [])).start()
    return _Enrolment(inner, Register(authority, Ledger(nb_remote)))


class _Enrolment:
    def __init__(self, inner: Wsgi, register: Register) -> None:
        self._inner = inner
        self._register = register
        self._authority = register.authority
        self._pages: dict[str, tuple[str, Callable[[dict[str, Any]], bytes]]] = {
            CA: ("GET", self._ca),
            JOIN: ("POST", self._join),
            RENEW: ("POST", self._renew),
        }

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        page = self._pages.get(environ["PATH_INFO"])
        if page is None:
            return self._inner(environ, start)
        environ["ovn_integrate.route"] = environ["PATH_INFO"]
        method, answer = page
        if environ["REQUEST_METHOD"] != method:
            audit.note(environ, why=f"Invalid: {method} it")
            return _refusal(405, "Invalid", f"{method} it", start)
        try:
            if not self._authority.made:
                raise NotConfigured("certification authority", "is not on this host")
            body = answer(environ)
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
        joins = path == JOIN or (path == RENEW and environ.get("ovn_integrate.certificate"))
        return _LONGEST if allowed is not None and joins else allowed

    def _ca(self, _: dict[str, Any]) -> bytes:
        return self._authority.certificate.read_bytes()

    def _join(self, environ: dict[str, Any]) -> bytes:
        body = _body(environ)
        request, host = _text(body, "request").encode(), _text(body, "host")
        audit.note(environ, ids=[host])
        signed = tokens.redeem(self._register, _text(body, "secret"), host, request)
        return _noted(environ, [host], signed)

    def _renew(self, environ: dict[str, Any]) -> bytes:
        serial = _serial(environ)
        audit.note(environ, ids=[serial])
        request = _text(_body(environ), "request").encode()
        return _noted(environ, [serial], self._register.renew(request, serial))


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
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Invalid("body", "is no JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.isascii():
        raise Invalid(f"body: {name!r}", "is missing, or no text")
    return value


def _refusal(status: int, kind: str, said: str, start: Callable[..., Any]) -> Iterable[bytes]:
    # As the API's errors are, which clients of this server can read.
    body = {"NeutronError": {"type": kind, "message": said, "detail": ""}}
    return _reply(status, "application/json", jsontext.dumps(body).encode(), start)


def _reply(status: int, kind: str, body: bytes, start: Callable[..., Any]) -> Iterable[bytes]:
    headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
    start(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
