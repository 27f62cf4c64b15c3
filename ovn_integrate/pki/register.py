"""The certificates that the authority of the central hosts signed for others, and took back."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace

from ovn_integrate.errors import Conflict, NotFound
from ovn_integrate.pki import x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import CERTIFICATE, Entries, Ledger


@dataclass(frozen=True)
class Issued:
    """A certificate that was issued.

    :ivar name: its common name: a chassis' system-id.
    :ivar host: the host name that the join token was for.
    :ivar not_after: seconds since the epoch.
    :ivar revoked: when it was, in seconds since the epoch; 0 when it is not.
    """

    name: str
    role: str
    host: str
    serial: str
    not_after: float
    revoked: float = 0.0

    @property
    def valid(self) -> bool:
        return not self.revoked and self.not_after > time.time()


class Register:
    """What is signed is written down in the same step, so that it can be revoked.

    :param authority: whichever central host has its keys may sign.
    """

    def __init__(self, authority: Authority, ledger: Ledger) -> None:
        self.authority = authority
        self.ledger = ledger

    def issued(self) -> list[Issued]:
        """What was issued and has not ended, the oldest first."""
        return _issued(self.ledger.entries())

    def sign(self, entries: Entries, request: bytes, host: str) -> bytes:
        """A certificate for the chassis that a signing request names.

        :param entries: of a change of the ledger.
        :param host: the host that may be that chassis.
        :raises Conflict: another host is that chassis.
        """
        name, _ = x509.requested(request)
        for one in _issued(entries):
            if one.name == name and one.valid and one.host != host:
                hint = f"two hosts with one system-id? or: certificates revoke {one.host}"
                raise Conflict(f"chassis {name}", f"is host {one.host}, not {host}", hint)
        return self._sign(entries, request, name, host)

    def enrol(self, request: bytes, host: str) -> bytes:
        """A certificate for a chassis on the central host itself, which needs no token.

        :raises Conflict: another host is that chassis.
        """
        return self.ledger.change(lambda entries: self.sign(entries, request, host), "enrol")

    def renew(self, request: bytes, serial: str) -> bytes:
        """A new certificate for who has the one of a serial number.

        :raises Conflict: that one is revoked, unknown, or of another chassis.
        """
        name, _ = x509.requested(request)

        def sign(entries: Entries) -> bytes:
            old = next((one for one in _issued(entries) if one.serial == serial), None)
            if old is None or not old.valid or old.name != name:
                hint = "ovn-integrate central token HOST, there"
                raise Conflict(f"chassis {name}", f"may not renew certificate {serial}", hint)
            return self._sign(entries, request, name, old.host)

        return self.ledger.change(sign, f"renew the certificate of {name}")

    def revoke(self, name: str) -> list[Issued]:
        """Take back all certificates of a chassis or of a host; what of them was good.

        :raises NotFound: it never had one.
        """

        def revoke(entries: Entries) -> list[Issued]:
            found = [one for one in _issued(entries) if name in (one.name, one.host)]
            if not found:
                hint = "ovn-integrate certificates list"
                raise NotFound(f"certificate of {name}", "does not exist", hint)
            good = [one for one in found if one.valid]
            for one in good:
                _write(entries, replace(one, revoked=time.time()))
            return good

        return self.ledger.change(revoke, f"revoke the certificates of {name}")

    def _sign(self, entries: Entries, request: bytes, name: str, host: str) -> bytes:
        signed = self.authority.sign(request, name, x509.CHASSIS)
        said = x509.parse(signed)
        _write(entries, Issued(name, x509.CHASSIS, host, said.serial, said.not_after))
        return signed


def _issued(entries: Entries) -> list[Issued]:
    found = [Issued(**entry) for key, entry in entries.items() if key.startswith(CERTIFICATE)]
    return sorted(found, key=lambda one: one.not_after)


def _write(entries: Entries, one: Issued) -> None:
    entries[CERTIFICATE + one.serial] = asdict(one)
