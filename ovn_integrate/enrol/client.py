"""A host's side: asking the central host for a certificate."""

from __future__ import annotations

import hmac
import http.client
import json
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ovn_integrate import errors
from ovn_integrate.enrol.app import CA, JOIN, RENEW
from ovn_integrate.errors import DatabaseUnavailable, Error, NotPermitted, ServiceFailed
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.host.settings import endpoint
from ovn_integrate.pki import x509
from ovn_integrate.pki.tokens import Token

T = TypeVar("T")

_HINT = "is the IPAM server running there, with its certificate? ovn-integrate central start --tls"


def join(token: Token, request: bytes, timeout: float) -> tuple[bytes, bytes]:
    """The certificate for a signing request, and that by which to trust the central hosts.

    :param timeout: seconds for each of the token's addresses.
    :raises NotPermitted: who answers is not who made the token, or takes the token no more.
    :raises ServiceFailed: nobody answers.
    """
    body = {"secret": token.secret, "host": token.host, "request": request.decode()}

    def ask(address: str) -> tuple[bytes, bytes]:
        authority = _ask(address, "GET", CA, None, _unverified(), timeout)
        _compare(address, authority, token.fingerprint)
        context = ssl.create_default_context(cadata=authority.decode())
        return _ask(address, "POST", JOIN, body, context, timeout), authority

    return _first(token.addresses, ask)


def renew(
    addresses: Sequence[str], credentials: Credentials, request: bytes, timeout: float
) -> bytes:
    """A new certificate for who has one that is still good.

    :raises ServiceFailed: nobody answers.
    :raises Conflict: the old one is revoked.
    """
    context = credentials.context()
    body = {"request": request.decode()}
    return _first(addresses, lambda one: _ask(one, "POST", RENEW, body, context, timeout))


def _compare(address: str, authority: bytes, wanted: str) -> None:
    found = x509.parse(authority).fingerprint
    if not hmac.compare_digest(found, wanted):
        raise NotPermitted(
            address,
            f"is not the central host that made this token (its authority is {found[:16]}…)",
            "who stands in between? or: ovn-integrate central token HOST, there",
        )


def _unverified() -> ssl.SSLContext:
    """For the one question whose answer is compared with a fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _first(addresses: Sequence[str], ask: Callable[[str], T]) -> T:
    """The first answer; of several hosts that cannot give any, the last one's error."""
    for address in addresses[:-1]:
        try:
            return ask(address)
        except (ServiceFailed, DatabaseUnavailable):
            continue
    return ask(addresses[-1])


def _ask(
    address: str,
    method: str,
    path: str,
    body: dict[str, str] | None,
    context: ssl.SSLContext,
    timeout: float,
) -> bytes:
    host, port = endpoint(address)
    connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    try:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        said = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise ServiceFailed(
            f"https://{address}", str(error) or type(error).__name__, _HINT
        ) from None
    finally:
        connection.close()
    if response.status != 200:
        raise _refusal(address, response.status, said)
    return said


def _refusal(address: str, status: int, said: bytes) -> Error:
    try:
        answer: dict[str, Any] = json.loads(said)["NeutronError"]
        kind, message = str(answer["type"]), str(answer["message"])
    except (ValueError, KeyError, TypeError):
        return ServiceFailed(f"https://{address}", f"status {status}", _HINT)
    known = getattr(errors, kind, None)
    is_ours = isinstance(known, type) and issubclass(known, Error)
    subject, _, what = message.partition(": ")
    return (known if is_ours and known is not None else ServiceFailed)(subject, what)
