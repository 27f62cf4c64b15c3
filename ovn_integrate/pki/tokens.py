"""Join tokens: what a host is given so that it may ask for a certificate, once.

A token is what a person carries from a central host to the other one: base64url of JSON. Of its
secret the SHA-256 only is kept, where all central hosts look it up.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ovn_integrate.errors import Invalid, NotPermitted
from ovn_integrate.pki import x509
from ovn_integrate.pki.ledger import JOIN, Entries
from ovn_integrate.pki.register import Register

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_NEW = "ovn-integrate central token HOST, on the central host, makes a new one"


@dataclass(frozen=True)
class Token:
    """:ivar addresses: of the IPAM servers and databases, at their usual ports.
    :ivar fingerprint: SHA-256 of the certificate by which to trust them.
    :ivar host: the name of the host that it is for.
    :ivar expires: seconds since the epoch.
    """

    addresses: tuple[str, ...]
    fingerprint: str
    secret: str
    host: str
    expires: int

    def encode(self) -> str:
        text = json.dumps(asdict(self), separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str) -> Token:
    """:raises Invalid: it is no token."""
    text = "".join(text.split())  # a terminal may have broken it
    try:
        said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        token = Token(
            addresses=tuple(map(str, said["addresses"])),
            fingerprint=str(said["fingerprint"]),
            secret=str(said["secret"]),
            host=str(said["host"]),
            expires=int(said["expires"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise Invalid("join token", "is none", _NEW) from None
    if not (_FINGERPRINT.fullmatch(token.fingerprint) and token.secret.isascii()):
        raise Invalid("join token", "is none", _NEW)
    if not token.addresses:
        raise Invalid("join token", "names no central host", _NEW)
    return token


def offer(register: Register, host: str, addresses: Sequence[str], seconds: float) -> Token:
    """Make a token for a host.

    :param seconds: for which it is good.
    """
    x509.checked_name(host)
    expires = int(time.time() + seconds)
    fingerprint = register.authority.fingerprint()
    token = Token(tuple(addresses), fingerprint, secrets.token_urlsafe(32), host, expires)

    def keep(entries: Entries) -> None:
        entries[_key(token.secret)] = {"host": host, "not_after": expires}

    register.ledger.change(keep, f"token for {host}")
    return token


def redeem(register: Register, secret: str, host: str, request: bytes) -> bytes:
    """A certificate for a token, which is worth nothing then.

    Who comes again with the same key, as its answer was lost, gets the same certificate again: only
    who has the private key can use it.

    :param host: the name of the host that asks, by its own account.
    :raises NotPermitted: there is no such token, or it was used, has expired or is for another.
    :raises Conflict: another host is that chassis.
    """
    _, key = x509.requested(request)

    def sign(entries: Entries) -> bytes:
        kept = entries.get(_key(secret))
        if kept is None:
            raise NotPermitted("join token", "is unknown here, or has expired", _NEW)
        if "key" in kept:
            if kept["key"] != key:
                raise NotPermitted("join token", "was used already", _NEW)
            return str(kept["certificate"]).encode()
        if kept["host"] != host:
            raise NotPermitted("join token", f"is for host {kept['host']}, not {host}", _NEW)
        certificate = register.sign(entries, request, host)
        kept.update(key=key, certificate=certificate.decode())
        return certificate

    return register.ledger.change(sign, f"host {host} joins")


def _key(secret: str) -> str:
    return JOIN + hashlib.sha256(secret.encode()).hexdigest()
