"""What the central hosts know together of certificates and join tokens: entries in Northbound.

Northbound is what they have in common, however many they are, and lets no other host in. An entry
is JSON under a key of NB_Global's external_ids.

Nothing is taken out because of the time that a process has, which may be wrong: what was revoked
stays revoked for good, what is not in the ledger is good for nothing, and a certificate that has
ended still tells that its name was somebody's. What ends an entry is a fact: that a newer one was
used, or that somebody revoked it.
"""

from __future__ import annotations

import copy
import json
import math
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from ovn_integrate.ovsdb import NB, TIMEOUT, Change, Session

T = TypeVar("T")

Entries = dict[str, dict[str, Any]]
"""By their keys. ``not_after`` of each is when what it tells of ends, in seconds of the epoch."""

TABLE, COLUMN = "NB_Global", "external_ids"
CERTIFICATE, JOIN = "certificate:", "join:"
"""How keys begin; in hexadecimal a serial number follows, or the SHA-256 of a token's secret."""

_PREFIX = "ovn-integrate:"

_NUMBER = (int, float)
_KINDS: dict[str, Any] = {
    "name": str,
    "role": str,
    "host": str,
    "serial": str,
    "not_after": _NUMBER,
    "revoked": _NUMBER,
    "number": int,
    "issuer": str,
    "trusts": str,
}
_NEEDED = {"name", "role", "host", "serial", "not_after"}
_SERIAL = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class Issued:
    """A certificate that was issued.

    :ivar name: its common name: a chassis' system-id.
    :ivar host: the host name that the join token was for.
    :ivar not_after: seconds since the epoch.
    :ivar revoked: when it was, in seconds since the epoch; 0 when it is not.
    :ivar number: which one of its name and role it is: a later one has a higher number.
    :ivar issuer: the SHA-256 of the key of the authority that signed it; empty of older ones.
    :ivar trusts: the authorities by which its holder has said that it trusts servers.
    """

    name: str
    role: str
    host: str
    serial: str
    not_after: float
    revoked: float = 0.0
    number: int = 0
    issuer: str = ""
    trusts: str = ""

    @property
    def valid(self) -> bool:
        return not self.revoked and self.not_after > time.time()

    @property
    def key(self) -> str:
        """Of its entry."""
        return CERTIFICATE + self.serial

    def entry(self) -> dict[str, Any]:
        return asdict(self)


class Ledger:
    """Any number of threads, processes and hosts may use it.

    :param remote: of Northbound, any member of a cluster's.
    :param timeout: seconds that each method may take.
    """

    def __init__(self, remote: str, timeout: float = TIMEOUT) -> None:
        self._remote = remote
        self._timeout = timeout

    def entries(self) -> Entries:
        """All that there are.

        :raises DatabaseUnavailable: Northbound does not answer.
        """
        with self._session() as session:
            return _read(session.rows(TABLE))

    def change(self, plan: Callable[[Entries], T], comment: str) -> T:
        """Do all that ``plan`` does to the entries, or nothing of it.

        It is run again on what there is then when another host changed something meanwhile.

        :raises DatabaseUnavailable: Northbound does not answer; it may have been done all the same.
        """

        with self._session() as session:
            return session.transact(lambda transaction: apply(plan, transaction), comment).value

    def _session(self) -> Session:
        tables = {TABLE: [COLUMN]}
        return Session.open(self._remote, NB, tables, timeout=self._timeout, any_member=True)


def apply(plan: Callable[[Entries], T], transaction: Change) -> T:
    """Do what ``plan`` does to the entries, as a part of a transaction."""
    rows = list(transaction.rows(TABLE))
    before = _read(rows)
    after = copy.deepcopy(before)
    value = plan(after)
    changed = {
        _PREFIX + key: None if key not in after else json.dumps(after[key])
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    }
    # In a Northbound that is new ovn-northd may not have made it yet.
    row = rows[0] if rows else transaction.insert(TABLE)
    transaction.verify(row, COLUMN)
    transaction.set_keys(row, COLUMN, changed)
    return value


class Copy:
    """The entries as a replica of Northbound has them. One thread takes in, any may ask."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._certificates: dict[int, Issued] = {}
        self._tokens: frozenset[str] = frozenset()

    def take(self, external_ids: Mapping[str, str]) -> None:
        """Take in NB_Global's, of which those that did not change are not read again."""
        texts = {key: text for key, text in external_ids.items() if key.startswith(_PREFIX)}
        if texts == self._texts:
            return
        news = _parse({key: text for key, text in texts.items() if self._texts.get(key) != text})
        gone = {
            key.removeprefix(_PREFIX) for key in self._texts if self._texts[key] != texts.get(key)
        }
        left = {serial: each for serial, each in self._certificates.items() if each.key not in gone}
        # In one step each, for those who ask meanwhile.
        self._certificates = left | {int(each.serial, 16): each for each in issued(news)}
        kept = {key for key in self._tokens if key not in gone}
        self._tokens = frozenset(kept | {key for key in news if key.startswith(JOIN)})
        self._texts = texts

    def certificate(self, serial: str, *, wait: bool = False) -> Issued | None:
        """What is known of the certificate of a serial number, in hexadecimal; nothing is waited
        for."""
        return self._certificates.get(int(serial, 16))

    def has_token(self, key: str) -> bool:
        """Whether there is an entry of a join token's key, whatever it says."""
        return key in self._tokens


def confirm(entries: Entries, serial: str, trusts: str) -> bool:
    """Write down that a certificate was used, by who trusts these authorities; whether that is new.

    The older ones of its name end.
    """
    every = issued(entries)
    used = next((each for each in every if int(each.serial, 16) == int(serial, 16)), None)
    if used is None or used.revoked:
        return False
    same = [each for each in every if (each.name, each.role) == (used.name, used.role)]
    older = [each for each in same if each.number < used.number and not each.revoked]
    for each in older:
        del entries[each.key]
    entries[used.key] = replace(used, trusts=trusts).entry()
    return bool(older) or used.trusts != trusts


def issued(entries: Entries) -> list[Issued]:
    """The certificates among entries, those that end first at the head.

    What is no certificate's entry, or another serial number's than its key says, is none: it lets
    nobody in.
    """
    read = (_issued(key, entry) for key, entry in entries.items() if key.startswith(CERTIFICATE))
    return sorted((each for each in read if each is not None), key=lambda each: each.not_after)


def _issued(key: str, entry: Mapping[str, Any]) -> Issued | None:
    # Keys that a newer version writes are left out.
    known = {name: entry[name] for name in _KINDS if name in entry}
    fits = all(isinstance(value, _KINDS[name]) for name, value in known.items())
    if not (fits and known.keys() >= _NEEDED and math.isfinite(known["not_after"])):
        return None
    if CERTIFICATE + known["serial"] != key or not _SERIAL.fullmatch(known["serial"]):
        return None
    return Issued(**known)


def _read(rows: list[Any]) -> Entries:
    return _parse(rows[0].external_ids) if rows else {}


def _parse(external_ids: Mapping[str, str]) -> Entries:
    """What an administrator's own hand made unreadable is left out, and left alone."""
    found = {}
    for key, text in external_ids.items():
        if key.startswith(_PREFIX):
            with suppress(ValueError, RecursionError):
                found[key.removeprefix(_PREFIX)] = json.loads(text)
    return {
        key: entry
        for key, entry in found.items()
        if isinstance(entry, dict) and isinstance(entry.get("not_after"), (int, float))
    }
