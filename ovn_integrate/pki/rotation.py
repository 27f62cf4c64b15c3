"""Another authority in the place of the first, without an hour in which somebody trusts nobody.

It goes in three steps, each of which may be killed and done again, and begins when all have what
the one before gave them:

1. *begin*: two new authorities, of servers and of hosts, each vouched for by the old one. All that
   is signed is signed by the old ones still, and both are trusted.
2. *change*: the new ones sign, when each host and each central one trusts the new one's servers.
   Servers show certificates by it, hosts get theirs by it as they renew.
3. *finish*: the old ones are trusted no more, when nothing that is good is by them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ovn_integrate.pki import files, x509
from ovn_integrate.pki.authority import CENTRAL, HOSTS, Authority, trusts
from ovn_integrate.pki.ledger import Issued

NONE, BEGUN, CHANGED = "none", "begun", "changed"
"""How far it has come."""

_KINDS = (CENTRAL, HOSTS)


@dataclass(frozen=True)
class Missing:
    """Who the next step has to wait for, and what it lacks."""

    issued: Issued
    lacks: str


class Rotation:
    """:param authority: the files of which, on this central host, it changes."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._folder = authority.folder

    @property
    def state(self) -> str:
        if any(self._next(kind) for kind in _KINDS):
            return BEGUN
        several = (len(x509.read_all(self._folder / f"{kind}.pem")) > 1 for kind in _KINDS)
        return CHANGED if any(several) else NONE

    def begin(self, host: str) -> None:
        """Make the new ones, and trust them.

        :param host: of this host, for people who read certificates.
        """
        with files.locked(self._folder):
            for kind in _KINDS:
                every = x509.read_all(self._folder / f"{kind}.pem")
                new = self._next(kind)
                if new is None and len(every) > 1:
                    continue  # it signs already
                new = new or self._make(kind, host)
                if new not in every:
                    self._write(kind, [*every, new])
            self._authority.combine()

    def change(self) -> None:
        """Have the new ones sign. The keys of the old ones are gone then."""
        with files.locked(self._folder):
            for kind in _KINDS:
                new = self._next(kind)
                if new is not None:
                    every = x509.read_all(self._folder / f"{kind}.pem")
                    self._write(kind, [new, *(each for each in every if each != new)])
                    key = self._folder / f"{kind}.next.key"
                    files.write(self._folder / f"{kind}.key", key.read_bytes())
                    key.unlink()
            self._authority.combine()

    def finish(self) -> None:
        """Trust the old ones no more."""
        with files.locked(self._folder):
            for kind in _KINDS:
                self._write(kind, [self._authority.signer(kind)])
            self._authority.combine()
            for kind in _KINDS:
                for end in ("key", "pem"):
                    (self._folder / f"{kind}.next.{end}").unlink(missing_ok=True)

    def ahead(self, issued: list[Issued]) -> str:
        """Another central host that knows an authority that this one has not; empty for none: two
        that begin by themselves would make two that are not to be one.

        :param issued: what the ledger has.
        """
        here = set(self._authority.trusts().split(","))
        central = [each for each in _newest(issued) if each.role == x509.CENTRAL and each.valid]
        more = (each for each in central if set(filter(None, each.trusts.split(","))) - here)
        return next((each.name for each in more if each.issuer != FOREIGN), "")

    def missing(self, issued: list[Issued]) -> list[Missing]:
        """Whom the next step would leave without trust, or untrusted.

        :param issued: what the ledger has.
        """
        good = [each for each in _newest(issued) if each.valid and each.issuer != FOREIGN]
        if self.state == BEGUN:
            new = self._next(CENTRAL) or self._authority.signer(CENTRAL)
            word = trusts([new])
            # An operator's trust is no file that this program keeps.
            holders = [each for each in good if each.role != x509.OPERATOR]
            lacking = [each for each in holders if word not in each.trusts.split(",")]
            return [Missing(each, _lacks(each, "does not trust the new one")) for each in lacking]
        keys = {each.key for each in map(self._authority.signer, _KINDS)}
        old = [each for each in good if each.issuer not in keys]
        return [Missing(each, _lacks(each, "is signed by the old one")) for each in old]

    def _next(self, kind: str) -> x509.Certificate | None:
        """The new one that does not sign yet; of files that were copied some may be older."""
        key, certificate = (self._folder / f"{kind}.next.{end}" for end in ("key", "pem"))
        if not (key.exists() and certificate.exists()):
            return None
        new = next(each for each in x509.read_all(certificate) if x509.signed_by(each, each))
        return None if new == self._authority.signer(kind) and self._signs(kind, new) else new

    def _signs(self, kind: str, certificate: x509.Certificate) -> bool:
        return x509.of_key(certificate, (self._folder / f"{kind}.key").read_bytes())

    def _make(self, kind: str, host: str) -> x509.Certificate:
        # Two of one name would be taken one for the other.
        name = f"{kind} CA {secrets.token_hex(4)} of {host}"[:64]
        key, certificate = x509.new_authority(name)
        old = self._authority.signer(kind).pem
        signer = (self._folder / f"{kind}.key").read_bytes()
        voucher = x509.vouch(key, name, (signer, old))
        files.write(self._folder / f"{kind}.next.pem", certificate + voucher, files.PUBLIC)
        files.write(self._folder / f"{kind}.next.key", key)
        return x509.parse(certificate)

    def _write(self, kind: str, every: list[x509.Certificate]) -> None:
        content = b"".join(each.pem for each in every)
        files.write(self._folder / f"{kind}.pem", content, files.PUBLIC)


def _newest(issued: list[Issued]) -> list[Issued]:
    """Without those of central hosts that newer ones replaced; those of chassis end then."""
    central = [each for each in issued if each.role == x509.CENTRAL]
    last = {each.name: each.number for each in sorted(central, key=lambda each: each.number)}
    return [each for each in issued if each.role != x509.CENTRAL or each.number == last[each.name]]


_MENDS = {
    x509.CENTRAL: "; certificates renew, there, with a copy of authority/",
    x509.OPERATOR: "; certificates revoke, and issue",
}


def _lacks(issued: Issued, what: str) -> str:
    return what + _MENDS.get(issued.role, "")


FOREIGN = "foreign"
"""The issuer, in the ledger, of what an authority of an operator's own signed."""


def offered(authority: Authority) -> bytes:
    """All that a host is to trust servers by, and what vouches for it."""
    vouchers = authority.folder / f"{CENTRAL}.next.pem"
    every = list(x509.read_all(authority.certificate))
    if vouchers.exists():
        # Of another rotation, where files were copied, it vouches for nothing here.
        every += [each for each in x509.read_all(vouchers) if not x509.signed_by(each, each)]
    return b"".join(each.pem for each in every)
