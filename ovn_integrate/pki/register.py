"""The certificates that the authority of the central hosts signed for others, and took back.

A name is its key's: it is given to another key only where nobody is known to have, or to have had,
that name, or where an operator says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ovn_integrate.errors import Conflict, NotFound
from ovn_integrate.pki import x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import JOIN, Entries, Issued, Ledger, issued

__all__ = ["Issued", "Place", "Register", "Revoked", "enter"]

_SERVERS = 3
"""Certificates of a central host that are known: who serves by an older one for a moment more is
let in as well, and two hosts of one name do not end each other's."""

_UNUSED = 2
"""Certificates that may have been renewed with one and not used yet: their answers were lost."""


@dataclass(frozen=True)
class Place:
    """Where a chassis' name is known beside the ledger.

    :ivar what: for people.
    :ivar host: the name of the host that has it there; None where that is not told.
    """

    what: str
    host: str | None = None


Places = Callable[[str], list[Place]]
"""Where a name is known beside the ledger; raises DatabaseUnavailable where nobody can tell."""


@dataclass(frozen=True)
class Revoked:
    """What was taken back.

    :ivar certificates: those that were good, as far as is known here.
    :ivar tokens: how many join tokens.
    """

    certificates: list[Issued]
    tokens: int

    def __bool__(self) -> bool:
        return bool(self.certificates or self.tokens)


class Register:
    """What is signed is written down in the same step, so that it can be revoked.

    :param authority: whichever central host has its keys may sign.
    :param places: is asked before a name is given to somebody without an operator's word.
    """

    def __init__(self, authority: Authority, ledger: Ledger, places: Places) -> None:
        self.authority = authority
        self.ledger = ledger
        self._places = places

    def issued(self) -> list[Issued]:
        """What was issued and not replaced since, those that end first at the head."""
        return issued(self.ledger.entries())

    def sign(self, entries: Entries, request: bytes, host: str, *, chosen: bool) -> bytes:
        """A certificate for the chassis that a signing request names.

        :param entries: of a change of the ledger.
        :param host: the host that may be that chassis.
        :param chosen: whether an operator said that it is.
        :raises Conflict: somebody else is, or may be, that chassis.
        """
        name, _ = x509.requested(request)
        refuse_other_host(entries, name, host)
        if not chosen:
            places = [Place("the certificates", each.host) for each in _of(entries, name)]
            places += [Place("a join token", each) for each in _promised(entries, name)]
            _refuse_known(name, host, [*places, *self._places(name)])
        return self._take_over(entries, request, name, host)

    def enrol(self, request: bytes, host: str) -> bytes:
        """A certificate for a chassis on the central host itself, which needs no token: whoever
        is root there is an operator. That another host is that chassis is no wish of his.

        :raises Conflict: another host is, or was, that chassis.
        """
        name, _ = x509.requested(request)

        def sign(entries: Entries) -> bytes:
            places = [Place("the certificates", each.host) for each in _of(entries, name)]
            places += [Place("a join token", each) for each in _promised(entries, name)]
            for place in [*places, *self._places(name)]:
                if place.host is not None and not _same(place.host, host):
                    hint = f"ovn-integrate certificates revoke {name}; or another system-id here"
                    what = f"is known to {place.what}, of host {place.host or 'unknown'}"
                    raise Conflict(f"chassis {name}", what, hint)
            return self._take_over(entries, request, name, host)

        return self.ledger.change(sign, "enrol")

    def renew(self, request: bytes, serial: str) -> bytes:
        """A new certificate for who has the one of a serial number, and has shown it.

        What is older than that one ends: it was used, so the others are not needed any more.

        :raises Conflict: that one is revoked, unknown, or of another chassis.
        """
        name, _ = x509.requested(request)

        def sign(entries: Entries) -> bytes:
            same = [each for each in _of(entries, name) if not each.revoked]
            old = next((each for each in same if each.serial == serial), None)
            if old is None or not old.valid:
                hint = "ovn-integrate central token HOST, there"
                raise Conflict(f"chassis {name}", f"may not renew certificate {serial}", hint)
            later = sorted((each.number, each.serial) for each in same if each.number > old.number)
            ended = {each.serial for each in same if each.number < old.number}
            ended |= {each for _, each in later[: max(0, len(later) + 1 - _UNUSED)]}
            for each in same:
                if each.serial in ended:
                    del entries[each.key]
            return self._sign(entries, request, name, old.host)

        return self.ledger.change(sign, f"renew the certificate of {name}")

    def issue(self, request: bytes) -> bytes:
        """A certificate for the operator that a signing request names.

        :raises Conflict: there is one of that name.
        """
        name, _ = x509.requested(request)

        def sign(entries: Entries) -> bytes:
            if any(not each.revoked for each in _of(entries, name, x509.OPERATOR)):
                hint = f"ovn-integrate certificates revoke {name} --role {x509.OPERATOR}"
                raise Conflict(f"operator {name}", "has a certificate", hint)
            return self._sign(entries, request, name, "", x509.OPERATOR)

        return self.ledger.change(sign, f"a certificate for operator {name}")

    def revoke(self, name: str, role: str | None = None, own: str | None = None) -> Revoked:
        """Take back all certificates of a chassis, of an operator or of a host, and its tokens.

        :param role: of those only, and no tokens but a chassis'.
        :param own: the serial number of the server that this is done on, which must not be of them.
        :raises NotFound: it never had any.
        :raises Conflict: it is the own one, or the last of a central host.
        """

        def revoke(entries: Entries) -> Revoked:
            every = issued(entries)
            named = [each for each in every if name in (each.name, each.host)]
            named = [each for each in named if role in (None, each.role)]
            names = {name} | {word for each in named for word in (each.name, each.host) if word}
            chassis = role in (None, x509.CHASSIS)
            tokens = [key for key in entries if chassis and _concerns(key, entries[key], names)]
            if not named and not tokens:
                hint = "ovn-integrate certificates list"
                raise NotFound(f"certificate of {name}", "does not exist", hint)
            _refuse_last(name, named, every, own)
            good = [each for each in named if each.valid]
            for each in named:
                if not each.revoked:
                    _write(entries, replace(each, revoked=time.time()))
            for key in tokens:
                del entries[key]
            return Revoked(good, len(tokens))

        return self.ledger.change(revoke, f"revoke the certificates of {name}")

    def _take_over(self, entries: Entries, request: bytes, name: str, host: str) -> bytes:
        """Sign, and end what other keys have of that name."""
        for each in _of(entries, name):
            if not each.revoked:
                del entries[each.key]
        return self._sign(entries, request, name, host)

    def _sign(
        self, entries: Entries, request: bytes, name: str, host: str, role: str = x509.CHASSIS
    ) -> bytes:
        signed = self.authority.sign(request, name, role)
        certificate = x509.parse(signed)
        _add(entries, certificate, host, self.authority.issuer(certificate))
        return signed


def enter(
    ledger: Ledger,
    certificate: x509.Certificate,
    host: str,
    *,
    chosen: bool,
    issuer: str = "",
    trusts: str = "",
) -> bool:
    """Write down a certificate that was signed without a register; whether that is new.

    :param chosen: whether an operator says that it is to be let in.
    :param issuer: as of :class:`Issued`; ``trusts`` too.
    :raises Conflict: it was revoked, or all of its name were and nobody says that it is another.
    """

    def add(entries: Entries) -> bool:
        same = _of(entries, certificate.name, certificate.role)
        known = next((each for each in same if each.serial == certificate.serial), None)
        hint = "ovn-integrate certificates accept FILE, on another central host"
        if known is not None and known.revoked:
            raise Conflict(f"certificate {known.serial}", f"of {known.name} was revoked", hint)
        if known is None and same and all(each.revoked for each in same) and not chosen:
            subject = f"{certificate.role} {certificate.name}"
            raise Conflict(subject, "was revoked", hint)
        if known is not None and (known.issuer, known.trusts) != (issuer, trusts):
            _write(entries, replace(known, issuer=issuer, trusts=trusts))
            return True
        if known is None:
            _add(entries, certificate, host, issuer, trusts)
            good = [
                each for each in _of(entries, certificate.name, x509.CENTRAL) if not each.revoked
            ]
            for each in sorted(good, key=lambda each: each.number)[:-_SERVERS]:
                del entries[each.key]
        return known is None

    return ledger.change(add, f"the certificate of {certificate.name}")


def refuse_other_host(entries: Entries, name: str, host: str) -> None:
    """:raises Conflict: another host has a certificate of that chassis that is good."""
    for each in _of(entries, name):
        if each.valid and each.host != host:
            hint = f"two hosts with one system-id? or: certificates revoke {each.host}"
            raise Conflict(f"chassis {name}", f"is host {each.host}, not {host}", hint)


def _refuse_known(name: str, host: str, places: Iterable[Place]) -> None:
    for place in places:
        whose = f" of host {place.host}" if place.host else ""
        command = f"ovn-integrate central token {host} --system-id {name}"
        raise Conflict(
            f"chassis {name}",
            f"is known to {place.what}{whose}",
            f"{command}, on the central host, if it is the same host",
        )


def _refuse_last(name: str, named: list[Issued], every: list[Issued], own: str | None) -> None:
    going = {each.serial for each in named if not each.revoked}
    central = {each.serial for each in every if each.role == x509.CENTRAL and not each.revoked}
    if own in going:
        hint = "on another central host; of a chassis of that name: --role chassis"
        raise Conflict(name, "is this host, which serves by that certificate", hint)
    if going & central and not central - going:
        hint = "nobody would serve; ovn-integrate certificates list"
        raise Conflict(name, "has the only certificate of a central host", hint)


def _concerns(key: str, entry: dict[str, object], names: set[str]) -> bool:
    """Whether an entry is that of a join token for somebody of these names."""
    words = (entry.get(word) for word in ("host", "system_id", "name"))
    return key.startswith(JOIN) and any(word in names for word in words)


def _of(entries: Entries, name: str, role: str = x509.CHASSIS) -> list[Issued]:
    return [each for each in issued(entries) if (each.name, each.role) == (name, role)]


def _promised(entries: Entries, name: str) -> list[str]:
    """The hosts that a join token gives a chassis' name to."""
    tokens = [entry for key, entry in entries.items() if key.startswith(JOIN)]
    return [str(entry.get("host")) for entry in tokens if entry.get("system_id") == name]


def _same(one: str, other: str) -> bool:
    """Whether two names are of one host: some programs know it by its domain name."""
    return one.partition(".")[0] == other.partition(".")[0]


def _add(
    entries: Entries, certificate: x509.Certificate, host: str, issuer: str, trusts: str = ""
) -> None:
    numbers = [each.number for each in _of(entries, certificate.name, certificate.role)]
    made = Issued(
        certificate.name,
        certificate.role,
        host,
        certificate.serial,
        certificate.not_after,
        number=max(numbers, default=0) + 1,
        issuer=issuer,
        trusts=trusts,
    )
    _write(entries, made)


def _write(entries: Entries, each: Issued) -> None:
    entries[each.key] = each.entry()
