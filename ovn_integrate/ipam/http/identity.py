"""Who asks: a client certificate, or a token, becomes a name and a role.

A certificate's organization is ``ovn-integrate``, its unit the role, its common name the name. A
token comes in ``X-Auth-Token``, as OpenStack's clients send it, or as ``Authorization: Bearer``.
One that is known counts before the certificate; one that is unknown is as none, as the old clients
send words of no meaning. Of a chassis nothing but its certificate tells.

A certificate is good where the ledger in Northbound says so, by its serial number: that it was
signed, for which name and role, and that it is not revoked. Without Northbound nobody is let in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from ovn_integrate import audit
from ovn_integrate.errors import DatabaseUnavailable, Error
from ovn_integrate.ipam.http.tokens import Tokens
from ovn_integrate.ipam.http.watched import Wsgi
from ovn_integrate.ipam.neutron_errors import Unauthorized
from ovn_integrate.ipam.permit.rules import Identity
from ovn_integrate.pki.ledger import Issued
from ovn_integrate.pki.shown import refusal

IDENTITY = "ovn_integrate.identity"
"""In the environment of a request: who asks, as ``permit`` has it; nothing where all may do all."""

OPEN = ("/", "/healthz")
"""What is answered to anybody: which versions there are, and whether the server can serve."""

_CERTIFICATE = "ovn_integrate.certificate"
_KNOWN = "ovn_integrate.known"
_BEARER = "bearer "


class Issuing(Protocol):
    """What the ledger says of the certificate of a serial number, in hexadecimal; see
    :meth:`ovn_integrate.ipam.engine.store.Store.certificate`."""

    def __call__(self, serial: str, *, wait: bool = True) -> Issued | None: ...


class Known:
    """Knows who asks.

    :param issued: what the ledger says of certificates.
    :param tokens: None where there are none.
    """

    def __init__(self, issued: Issuing, tokens: Tokens | None = None) -> None:
        self._issued = issued
        self._tokens = tokens

    def identity(self, environ: Mapping[str, Any], *, wait: bool = True) -> Identity:
        """:param wait: for Northbound, if need be; else by what was known of it last.
        :raises Unauthorized: nobody that is known.
        :raises DatabaseUnavailable: nobody knows now whether the certificate is good.
        """
        token = _token(environ)
        found = self._tokens.find(token) if self._tokens is not None and token else None
        if found is not None:
            return found
        certificate = environ.get(_CERTIFICATE)
        if certificate:
            return self._of(certificate, wait)
        raise Unauthorized(reason="a client certificate or a token is needed")

    def _of(self, certificate: Mapping[str, Any], wait: bool) -> Identity:
        issued = self._issued(str(certificate["serialNumber"]), wait=wait)
        why = refusal(certificate, issued)
        if issued is None or why:
            raise Unauthorized(reason=why)
        return Identity(issued.name, issued.role)


class Guarded:
    """The application for those who are known.

    :param refuse: answers an error, as the application does.
    """

    def __init__(
        self, inner: Wsgi, known: Known, refuse: Callable[[Error], tuple[str, bytes]]
    ) -> None:
        self._inner = inner
        self._known = known
        self._refuse = refuse

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] in OPEN:
            with suppress(Unauthorized, DatabaseUnavailable):
                environ[IDENTITY] = self._known.identity(environ, wait=False)
                environ[_KNOWN] = True
            return self._inner(environ, start)
        environ[_KNOWN] = False
        try:
            environ[IDENTITY] = self._known.identity(environ)
            environ[_KNOWN] = True
        except (Unauthorized, DatabaseUnavailable) as error:
            audit.note(environ, why=str(error))
            kind, body = self._refuse(error)
            headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
            if isinstance(error, Unauthorized):
                start("401 Unauthorized", [*headers, ("WWW-Authenticate", "Bearer")])
            else:
                start("503 Service Unavailable", headers)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        return self._inner(environ, start)

    def admit(self, environ: Mapping[str, Any]) -> int | None:
        """None for who is known; else how many bytes of a body are read, which are none: all that
        nobody may ask has no body. The server asks before it reads one, in few threads, so that
        nothing is waited for; whether it is answered is decided afterwards."""
        try:
            self._known.identity(environ, wait=False)
        except (Unauthorized, DatabaseUnavailable):
            return 0
        return None


def _token(environ: Mapping[str, Any]) -> str:
    said = str(environ.get("HTTP_AUTHORIZATION") or "")
    if said.lower().startswith(_BEARER):
        return said[len(_BEARER) :].strip()
    return str(environ.get("HTTP_X_AUTH_TOKEN") or "")
