"""Who asks: a client certificate, or a token, becomes a name and a role.

A certificate's organization is ``ovn-integrate``, its unit the role, its common name the name. A
token comes in ``X-Auth-Token``, as OpenStack's clients send it, or as ``Authorization: Bearer``.
One that is known counts before the certificate; one that is unknown is as none, as the old clients
send words of no meaning. Of a chassis nothing but its certificate tells.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ovn_integrate import audit
from ovn_integrate.ipam.faults import Unauthorized
from ovn_integrate.ipam.permit import CENTRAL, CHASSIS, OPERATOR, Identity
from ovn_integrate.ipam.tokens import Tokens
from ovn_integrate.ipam.watched import Wsgi

IDENTITY = "ovn_integrate.identity"
"""In the environment of a request: who asks, as ``permit`` has it; nothing where all may do all."""

ORGANIZATION = "ovn-integrate"

OPEN = ("/", "/healthz")
"""What is answered to anybody: which versions there are, and whether the server can serve."""

_CERTIFICATE = "ovn_integrate.certificate"
_KNOWN = "ovn_integrate.known"
_BEARER = "bearer "


class Known:
    """Knows who asks.

    :param revoked: whether the certificate of a serial number, in hexadecimal, was revoked.
    :param tokens: None where there are none.
    """

    def __init__(self, revoked: Callable[[str], bool], tokens: Tokens | None = None) -> None:
        self._revoked = revoked
        self._tokens = tokens

    def identity(self, environ: Mapping[str, Any]) -> Identity:
        """:raises Unauthorized: nobody that is known."""
        token = _token(environ)
        found = self._tokens.find(token) if self._tokens is not None and token else None
        if found is not None:
            return found
        certificate = environ.get(_CERTIFICATE)
        if certificate:
            return self._of(certificate)
        raise Unauthorized(reason="a client certificate or a token is needed")

    def _of(self, certificate: Mapping[str, Any]) -> Identity:
        serial = str(certificate["serialNumber"])
        if self._revoked(serial):
            raise Unauthorized(reason=f"the certificate {serial} was revoked")
        if ssl.cert_time_to_seconds(certificate["notAfter"]) < time.time():
            # The connection may be older than that.
            raise Unauthorized(reason=f"the certificate {serial} has ended")
        subject = dict(pair for part in certificate["subject"] for pair in part)
        role, name = subject.get("organizationalUnitName"), subject.get("commonName")
        known = role in (CHASSIS, CENTRAL, OPERATOR) and name
        if not known or subject.get("organizationName") != ORGANIZATION:
            raise Unauthorized(reason=f"the certificate {serial} is of no role here")
        return Identity(str(name), str(role))


class Guarded:
    """The application for those who are known.

    :param refuse: answers an error, as the application does.
    """

    def __init__(
        self, inner: Wsgi, known: Known, refuse: Callable[[Unauthorized], tuple[str, bytes]]
    ) -> None:
        self._inner = inner
        self._known = known
        self._refuse = refuse

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        try:
            environ[IDENTITY] = self._known.identity(environ)
            environ[_KNOWN] = True
        except Unauthorized as error:
            audit.note(environ, why=str(error))
            if environ["PATH_INFO"] not in OPEN:
                kind, body = self._refuse(error)
                headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
                start("401 Unauthorized", [*headers, ("WWW-Authenticate", "Bearer")])
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        return self._inner(environ, start)

    def admit(self, environ: Mapping[str, Any]) -> int | None:
        """None for who is known; else how many bytes of a body are read, which are none: all that
        nobody may ask has no body. The server asks before it reads one."""
        try:
            self._known.identity(environ)
        except Unauthorized:
            return 0
        return None


def _token(environ: Mapping[str, Any]) -> str:
    said = str(environ.get("HTTP_AUTHORIZATION") or "")
    if said.lower().startswith(_BEARER):
        return said[len(_BEARER) :].strip()
    return str(environ.get("HTTP_X_AUTH_TOKEN") or "")
