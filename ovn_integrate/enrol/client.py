"""A host's side: asking the central host for a certificate."""

from __future__ import annotations

import hmac
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ovn_integrate import errors
from ovn_integrate.enrol.app import AUTHORITIES, CA, CERTIFICATE, JOIN, RENEW, TRUST
from ovn_integrate.errors import (
    DatabaseUnavailable,
    Error,
    Invalid,
    NotFound,
    NotPermitted,
    ServiceFailed,
)
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.host.settings import endpoint
from ovn_integrate.pki import x509
from ovn_integrate.pki.proof import prove
from ovn_integrate.pki.tokens import Token

T = TypeVar("T")

_LONGEST = 1 << 16
"""Bytes of an answer, which may be anybody's."""

_TOO_OFTEN = 429

_WHO = "who stands in between? or: ovn-integrate central token HOST, there"
_HINT = "is the IPAM server running there, with its certificate? ovn-integrate central start --tls"


def join(token: Token, request: bytes, timeout: float) -> tuple[bytes, bytes]:
    """The certificate for a signing request, and that by which to trust the central hosts.

    The latter comes over a connection that nothing vouches for. It alone is compared, trusted and
    returned: nothing else of that answer, in whatever form, reaches any reader of certificates.

    :param timeout: seconds for each of the token's addresses.
    :raises NotPermitted: who answers is not who made the token, or takes the token no more.
    :raises ServiceFailed: nobody answers.
    """
    body = {"secret": token.secret, "host": token.host, "request": request.decode()}

    def ask(address: str) -> tuple[bytes, bytes]:
        authority = _authority(address, token.fingerprint, timeout)
        context = ssl.create_default_context(cadata=authority.pem.decode())
        answer = _ask(address, "POST", JOIN, body, context, timeout)
        return _certificate(address, answer), authority.pem

    return _first(token.addresses, ask)


def renew(
    addresses: Sequence[str], credentials: Credentials, request: bytes, timeout: float
) -> bytes:
    """A new certificate for who has one that is still good.

    :raises ServiceFailed: nobody answers.
    :raises Conflict: the old one is revoked.
    """
    context = credentials.context()
    body = {
        "request": request.decode(),
        # The signer does not see this connection, and so not by whose certificate it was made.
        "certificate": x509.read(Path(credentials.certificate)).pem.decode(),
        "proof": prove(Path(credentials.private_key).read_bytes(), request),
    }

    def ask(address: str) -> bytes:
        return _certificate(address, _ask(address, "POST", RENEW, body, context, timeout))

    return _first(addresses, ask)


def accepted(addresses: Sequence[str], credentials: Credentials, timeout: float) -> bool:
    """Whether this host's certificate is let in, as far as the central hosts say: where nobody
    answers, or one of an older version, nothing speaks against it."""
    context = credentials.context()
    try:
        _first(addresses, lambda one: _ask(one, "GET", CERTIFICATE, None, context, timeout))
    except NotPermitted:
        return False
    except Error:
        return True
    return True


def authorities(
    addresses: Sequence[str], credentials: Credentials, timeout: float
) -> tuple[bytes, bool] | None:
    """How the central hosts want to be trusted, and whether they want this host's certificate to
    be renewed; None where they are of an older version.

    :raises ServiceFailed: nobody answers.
    """
    context = credentials.context()
    try:
        answer = _first(
            addresses, lambda one: _ask(one, "GET", AUTHORITIES, None, context, timeout)
        )
        parsed: dict[str, Any] = json.loads(answer)
        return str(parsed["authorities"]).encode(), parsed["renew"] is True
    except (NotFound, NotPermitted):
        return None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ServiceFailed(f"https://{addresses[0]}", "answered something else", _HINT) from None


def trust(addresses: Sequence[str], credentials: Credentials, trusts: str, timeout: float) -> None:
    """Tell the central hosts by which authorities this host trusts them."""
    context, body = credentials.context(), {"trusts": trusts}
    _first(addresses, lambda one: _ask(one, "POST", TRUST, body, context, timeout))


def _authority(address: str, wanted: str, timeout: float) -> x509.Certificate:
    """That of a fingerprint, as an address answers with it.

    :raises NotPermitted: it answers with anything else.
    """
    answer = _ask(address, "GET", CA, None, None, timeout)
    try:
        authority = x509.parse(answer)
    except Invalid:
        raise NotPermitted(address, "answers with no authority, or with several", _WHO) from None
    if not hmac.compare_digest(authority.fingerprint, wanted):
        what = "is not the central host that made this token"
        its = f"(its authority is {authority.fingerprint[:16]}…)"
        raise NotPermitted(address, f"{what} {its}", _WHO)
    if not authority.is_authority:
        raise NotPermitted(address, "answers with a certificate that is no authority's", _WHO)
    return authority


def _certificate(address: str, answer: bytes) -> bytes:
    """The one that an answer is, encoded again."""
    try:
        return x509.parse(answer).pem
    except Invalid as error:
        raise ServiceFailed(f"https://{address}", f"answered: {error}", _HINT) from None


def _require_central(connection: http.client.HTTPSConnection) -> None:
    """:raises NotPermitted: who answers has a certificate of the authority, and is not central."""
    shown: Any = connection.sock.getpeercert() or {}
    subject = [pair for part in shown.get("subject", ()) for pair in part]
    if [value for name, value in subject if name == "organizationalUnitName"] != [x509.CENTRAL]:
        raise NotPermitted(connection.host, "is no central host, by its certificate", _WHO)


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
    context: ssl.SSLContext | None,
    timeout: float,
) -> bytes:
    """:param context: tells whom to trust; None for anybody, who is sent no body then."""
    deadline = time.monotonic() + timeout
    while True:
        status, answer, after = _exchange(address, method, path, body, context, timeout)
        if status != _TOO_OFTEN or time.monotonic() + after >= deadline:
            break
        # Other hosts of this site join as well, by one address.
        threading.Event().wait(after)
    if len(answer) > _LONGEST:
        raise ServiceFailed(f"https://{address}", f"answered more than {_LONGEST} bytes", _HINT)
    if status != 200:
        raise _refusal(address, status, answer)
    return answer


def _exchange(
    address: str,
    method: str,
    path: str,
    body: dict[str, str] | None,
    context: ssl.SSLContext | None,
    timeout: float,
) -> tuple[int, bytes, float]:
    """The status, the beginning of the body, and the seconds after which to ask again."""
    host, port = endpoint(address)
    verified = context or _unverified()
    connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=verified)
    try:
        connection.connect()
        if context is not None:
            _require_central(connection)
        headers = {"Content-Type": "application/json", "Connection": "close"}
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        after = response.headers.get("Retry-After", "")
        seconds = float(after) if after.isdecimal() else 1.0
        return response.status, response.read(_LONGEST + 1), seconds
    except (OSError, http.client.HTTPException) as error:
        raise ServiceFailed(
            f"https://{address}", str(error) or type(error).__name__, _HINT
        ) from None
    finally:
        connection.close()


def _refusal(address: str, status: int, said: bytes) -> Error:
    try:
        answer: dict[str, Any] = json.loads(said)["NeutronError"]
        kind, message = str(answer["type"]), str(answer["message"])
    except (ValueError, KeyError, TypeError):
        return ServiceFailed(f"https://{address}", f"status {status}", _HINT)
    if status == NotFound.status:
        # Of an older version, which names the error otherwise.
        return NotFound(f"https://{address}", "does not know that yet", "upgrade it")
    known = getattr(errors, kind, None)
    is_ours = isinstance(known, type) and issubclass(known, Error)
    subject, _, what = message.partition(": ")
    return (known if is_ours and known is not None else ServiceFailed)(subject, what)
