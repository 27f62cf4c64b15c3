"""Join tokens: what a host is given so that it may ask for a certificate, once.

A token is what a person carries from a central host to the other one: base64url of JSON. Of its
secret the SHA-256 only is kept, where all central hosts look it up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ovn_integrate.errors import Invalid, NotPermitted
from ovn_integrate.pki import x509
from ovn_integrate.pki.ledger import JOIN, Entries
from ovn_integrate.pki.register import Register, refuse_other_host

_KEPT, _ANSWERED = 1000, 200
"""Tokens that are kept of those that were used, and of the others; and how many of the former with
the answer, for whoever comes for it again."""

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


def offer(
    register: Register,
    host: str,
    addresses: Sequence[str],
    seconds: float,
    system_id: str | None = None,
) -> Token:
    """Make a token for a host.

    :param seconds: for which it is good.
    :param system_id: of the chassis that the host is, by an operator's word: also where another
        key had that name. None for the first one that it asks for and nobody is known by.
    :raises Conflict: another host is that chassis.
    """
    x509.checked_name(host)
    if system_id is not None:
        x509.checked_name(system_id)
    expires = int(time.time() + seconds)
    fingerprint = register.authority.fingerprint()
    token = Token(tuple(addresses), fingerprint, secrets.token_urlsafe(32), host, expires)

    def keep(entries: Entries) -> None:
        _forget(entries)
        entries[key(token.secret)] = {"host": host, "not_after": expires}
        if system_id is not None:
            refuse_other_host(entries, system_id, host)
            entries[key(token.secret)]["system_id"] = system_id

    register.ledger.change(keep, f"token for {host}")
    return token


def redeem(register: Register, secret: str, host: str, request: bytes) -> bytes:
    """A certificate for a token, which is that key's and that name's then.

    Who comes again with the same key, as its answer was lost, gets the same certificate again: only
    who has the private key can use it.

    :param host: the name of the host that asks, by its own account.
    :raises NotPermitted: there is no such token, or it was used, has expired or is for another.
    :raises Conflict: somebody else is, or may be, that chassis.
    """
    name, digest = x509.requested(request)

    def sign(entries: Entries) -> bytes:
        kept = entries.get(key(secret))
        if kept is None or kept["not_after"] < time.time():
            raise unknown()
        if "key" in kept:
            if not _is(kept, key=digest, name=name) or "certificate" not in kept:
                raise NotPermitted("join token", "was used already", _NEW)
            return str(kept["certificate"]).encode()
        if not _is(kept, host=host):
            raise NotPermitted("join token", f"is for host {kept['host']}, not {host}", _NEW)
        system_id = kept.get("system_id")
        if system_id not in (None, name):
            hint = f"ovn-integrate central token {host} --system-id {name}, on the central host"
            raise NotPermitted("join token", f"is for chassis {system_id}, not {name}", hint)
        certificate = register.sign(entries, request, host, chosen=system_id is not None)
        kept.update(key=digest, name=name, certificate=certificate.decode())
        return certificate

    return register.ledger.change(sign, f"host {host} joins")


def unknown() -> NotPermitted:
    """The error of a token that is not in the ledger, or has expired."""
    return NotPermitted("join token", "is unknown here, or has expired", _NEW)


def key(secret: str) -> str:
    """Of a token's entry in the ledger. What looks it up learns nothing from the time that it
    takes: it compares hashes of what only the one who asks can choose."""
    return JOIN + hashlib.sha256(secret.encode()).hexdigest()


def _is(entry: Mapping[str, Any], **words: str) -> bool:
    """Whether an entry says these words; what it does not say, as older versions did not, is so."""
    return all(
        hmac.compare_digest(str(entry.get(name, word)).encode(), word.encode())
        for name, word in words.items()
    )


def _forget(entries: Entries) -> None:
    """Make room, by number, as the time of this process may be wrong. That a token is gone lets
    nobody in, and the names that were given by it stand in other entries."""
    ended = [name for name, entry in entries.items() if name.startswith(JOIN) and "key" in entry]
    others = [name for name in entries if name.startswith(JOIN) and name not in ended]
    by_end = sorted(ended, key=lambda name: entries[name]["not_after"])
    for name in by_end[:-_ANSWERED]:
        entries[name].pop("certificate", None)
    unused = sorted(others, key=lambda name: entries[name]["not_after"])
    for name in [*by_end[:-_KEPT], *unused[:-_KEPT]]:
        del entries[name]
