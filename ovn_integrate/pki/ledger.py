"""What the central hosts know together of certificates and join tokens: entries in Northbound.

Northbound is what they have in common, however many they are, and lets no other host in. An entry
is JSON under a key of NB_Global's external_ids, and tells when it ends.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from ovn_integrate.ovsdb import NB, TIMEOUT, Change, Session

T = TypeVar("T")

Entries = dict[str, dict[str, Any]]
"""By their keys. ``not_after`` of each is when it may be forgotten, in seconds since the epoch."""

TABLE, COLUMN = "NB_Global", "external_ids"
CERTIFICATE, JOIN = "certificate:", "join:"
"""How keys begin; in hexadecimal a serial number follows, or the SHA-256 of a token's secret."""

_PREFIX = "ovn-integrate:"


class Ledger:
    """Any number of threads, processes and hosts may use it.

    :param remote: of Northbound, any member of a cluster's.
    :param timeout: seconds that each method may take.
    """

    def __init__(self, remote: str, timeout: float = TIMEOUT) -> None:
        self._remote = remote
        self._timeout = timeout

    def entries(self) -> Entries:
        """All that have not ended.

        :raises DatabaseUnavailable: Northbound does not answer.
        """
        with self._session() as session:
            return _lasting(_read(session.rows(TABLE)))

    def change(self, plan: Callable[[Entries], T], comment: str) -> T:
        """Do all that ``plan`` does to the entries, or nothing of it.

        It is run again on what there is then when another host changed something meanwhile.

        :raises DatabaseUnavailable: Northbound does not answer; it may have been done all the same.
        """

        def change(transaction: Change) -> T:
            rows = list(transaction.rows(TABLE))
            before = _read(rows)
            after = copy.deepcopy(_lasting(before))
            value = plan(after)
            # In a Northbound that is new ovn-northd may not have made it yet.
            row = rows[0] if rows else transaction.insert(TABLE)
            transaction.verify(row, COLUMN)
            changed = {
                _PREFIX + key: None if key not in after else json.dumps(after[key])
                for key in {**before, **after}
                if before.get(key) != after.get(key)
            }
            transaction.set_keys(row, COLUMN, changed)
            return value

        with self._session() as session:
            return session.transact(change, comment).value

    def _session(self) -> Session:
        tables = {TABLE: [COLUMN]}
        return Session.open(self._remote, NB, tables, timeout=self._timeout, any_member=True)


def revoked(external_ids: Mapping[str, str]) -> frozenset[int]:
    """The serial numbers of the certificates that were taken back.

    :param external_ids: NB_Global's.
    """
    return frozenset(
        int(key.removeprefix(CERTIFICATE), 16)
        for key, entry in _parse(external_ids).items()
        if key.startswith(CERTIFICATE) and entry.get("revoked")
    )


def _read(rows: list[Any]) -> Entries:
    return _parse(rows[0].external_ids) if rows else {}


def _parse(external_ids: Mapping[str, str]) -> Entries:
    """What an administrator's own hand made unreadable is left out, and left alone."""
    found = {}
    for key, text in external_ids.items():
        if key.startswith(_PREFIX):
            with suppress(ValueError):
                found[key.removeprefix(_PREFIX)] = json.loads(text)
    return {
        key: entry
        for key, entry in found.items()
        if isinstance(entry, dict) and isinstance(entry.get("not_after"), (int, float))
    }


def _lasting(entries: Entries) -> Entries:
    return {key: entry for key, entry in entries.items() if entry["not_after"] > time.time()}
