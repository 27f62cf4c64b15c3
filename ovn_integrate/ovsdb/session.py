"""A replica of some columns of a database, kept up to date, and the way to change it."""

from __future__ import annotations

import functools
import threading
import time
import uuid as uuids
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import ovs.db.idl
import ovs.jsonrpc
import ovs.poller

from ovn_integrate.errors import Conflict, DatabaseUnavailable
from ovn_integrate.ovsdb import transaction as transactions
from ovn_integrate.ovsdb.change import Change, Result, Row
from ovn_integrate.ovsdb.replica import Replica, Table
from ovn_integrate.ovsdb.schema import TIMEOUT, get_schema, reach_hint, split_remotes
from ovn_integrate.ovsdb.transaction import Transaction

T = TypeVar("T")

Tables = Mapping[str, Sequence[str]]
Notice = Callable[[str, Row], None]


# Milliseconds. The ovs package waits 1 s, 2 s, 4 s, 8 s between attempts, and while a cluster
# elects a leader each server that is asked costs one: a change's deadline would be over.
_SHORTEST_BACKOFF, _LONGEST_BACKOFF = 250, 1000
# Half of the time after which a silent server of several is given up for another one. A server
# that puts together a large replica is silent for long.
_PROBE, _PROBE_WHILE_LOADING = 1500, 15000


class Rejected(Conflict):
    """The server refused a transaction: a constraint or an index of the schema."""


class Session:
    """A replica of some columns of a database, and the way to change it.

    Not thread safe by itself: one thread runs it; others may read rows while they hold ``lock``.
    """

    def __init__(self, idl: Replica, remote: str, timeout: float) -> None:
        self._idl = idl
        self.remote = remote
        self.timeout = timeout
        self.lock = threading.RLock()
        self._several = len(split_remotes(remote)) > 1

    @classmethod
    def open(
        cls,
        remote: str,
        database: str,
        tables: Tables,
        *,
        timeout: float = TIMEOUT,
        unread: Tables | None = None,
        notice: Notice | None = None,
        patient: bool = False,
        only: Mapping[str, Sequence[Any]] | None = None,
        any_member: bool = False,
    ) -> Session:
        """Connect and wait for the first replica.

        :param remote: ``unix:PATH``, ``tcp:HOST:PORT``, ``ssl:HOST:PORT``, or a comma list of them,
            of which a raft cluster's leader is used.
        :param tables: the columns to replicate, by table. A column that this server's schema does
            not have is left out, so that versions may differ; see :meth:`has`.
        :param unread: columns that are written to but never replicated, by table.
        :param notice: called with (``create``, ``update`` or ``delete``, row) for every change of
            the replica, in the thread that runs the session.
        :param timeout: seconds for this call, and for each later one that names none.
        :param patient: try again until then when a server refuses, as one that is starting does.
        :param only: conditions (RFC 7047 5.1, ``<condition>``) of the rows to replicate, any of
            them, by table: the server sends no others.
        :param any_member: take a raft cluster's other members too: what they have is the leader's
            of a moment ago, and they hand on to it what is to change.
        :raises DatabaseUnavailable: no server answered in time.
        """
        deadline = time.monotonic() + timeout
        helper = ovs.db.idl.SchemaHelper(schema_json=get_schema(remote, database, timeout, patient))
        for table, columns in _known(helper.schema_json, tables, unread or {}).items():
            helper.register_columns(table, columns, list((unread or {}).get(table, ())))
        replica = Replica(remote, helper, notice, leader_only=not any_member)
        for table, conditions in (only or {}).items():
            if table in replica.content:
                replica.cond_change(table, list(conditions))
        connection = replica._session.reconnect
        # Set as attributes: set_backoff() allows nothing below 1 s.
        connection.min_backoff, connection.max_backoff = _SHORTEST_BACKOFF, _LONGEST_BACKOFF
        session = cls(replica, remote, timeout)
        try:
            session._run_until(session._synced, deadline)
        except DatabaseUnavailable:
            session.close()
            raise
        return session

    def close(self) -> None:
        self._idl.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether the replica is live: connected, and to the leader where there is a cluster."""
        return bool(self._idl._session.is_connected()) and self._synced()

    def echo(self) -> Callable[[], bool]:
        """A predicate to wait for: that the server answers now (RFC 7047 4.1.11).

        A server that froze stays connected, on a Unix socket for ever. All that it sent before its
        answer has been taken in by then, as one connection keeps the order.
        """
        heard: list[int] = []

        def answered() -> bool:
            if not self.connected:
                return False
            connection = self._idl._session
            heard.append(connection.rpc.get_received_bytes())
            if len(heard) == 1:
                connection.send(ovs.jsonrpc.Message.create_request("echo", []))
            return heard[-1] != heard[0]

        return answered

    def table(self, name: str) -> Table:
        return self._idl.content[name]

    def has(self, table: str, column: str) -> bool:
        """Whether the server's schema has a column that was asked for."""
        known = self._idl.content.get(table)
        return known is not None and column in known.columns

    def rows(self, table: str) -> list[Row]:
        return list(self._idl.content[table].rows.values())

    def row(self, table: str, uuid: uuids.UUID) -> Row | None:
        """The row of that id, if there is one."""
        return self._idl.content[table].rows.get(uuid)

    def find(self, table: str, **columns: Any) -> Row | None:
        """A row whose columns have these values. It reads the whole table: for small ones."""
        for row in self._idl.content[table].rows.values():
            if all(getattr(row, column) == value for column, value in columns.items()):
                return row
        return None

    def transact(
        self, change: Callable[[Change], T], comment: str, *, timeout: float | None = None
    ) -> Result[T]:
        """Apply ``change``, which is run again on the new state when another writer got in between.

        :param comment: goes into the database's log (``ovsdb-tool show-log``).
        :raises DatabaseUnavailable: no answer in time; the change may still have been applied. Or
            the server's disk is full.
        :raises Rejected: the schema's constraints do not allow it.
        """
        deadline = self._deadline(timeout)
        while True:
            self._run_until(self._synced, deadline)
            if time.monotonic() > deadline:
                # Its process was stopped meanwhile: whoever asked for it has gone elsewhere.
                raise DatabaseUnavailable(self.remote, "the deadline is over", "try again")
            transaction, value, seqno = self._put_together(change, comment)
            if transaction is None:
                return Result(False, value)
            self._run_until(
                transaction.ended,
                deadline,
                "the change may have been applied all the same: it is safe to run it again",
            )
            if transaction.status == transactions.DONE:
                return Result(True, value, transaction.number)
            if transaction.io_error:
                raise DatabaseUnavailable(
                    self.remote,
                    f"cannot write the change down, and made none: {transaction.io_error}",
                    "make room on the disk of that ovsdb-server; it goes on by itself",
                )
            if transaction.status == transactions.REFUSED:
                raise Rejected(self.remote, f"the change was refused: {transaction.error}")
            self._run_until(functools.partial(self._moved_on, seqno), deadline)

    def wait_until(self, predicate: Callable[[], T], *, timeout: float | None = None) -> T:
        """Follow the database until ``predicate`` is true, and return its value.

        At the deadline it returns the last, false, value: the caller knows what to say of it.
        """
        deadline = self._deadline(timeout)
        while True:
            self.run()
            value = predicate()
            if value or time.monotonic() >= deadline:
                return value
            self.block(deadline - time.monotonic())

    def run(self) -> None:
        """Take in what the server has sent; never blocks."""
        with self.lock:
            # One Idl.run() takes at most 50 messages, so go on until nothing changes.
            while self._idl.run():
                pass
            if self._several:
                self._probe()

    def block(self, timeout: float, wake: int | None = None) -> None:
        """Wait until the server sends something, ``wake`` becomes readable, or time is up."""
        poller = ovs.poller.Poller()
        with self.lock:
            self._idl.wait(poller)
        if wake is not None:
            poller.fd_wait(wake, ovs.poller.POLLIN)
        poller.timer_wait(max(1, int(timeout * 1000)))
        poller.block()

    def _probe(self) -> None:
        loading = self._idl.state > self._idl.IDL_S_SERVER_MONITOR_REQUESTED and not self._synced()
        interval = _PROBE_WHILE_LOADING if loading else _PROBE
        self._idl._session.reconnect.set_probe_interval(interval)

    def _put_together(
        self, change: Callable[[Change], T], comment: str
    ) -> tuple[Transaction | None, T, int]:
        with self.lock:
            draft = Change(self)
            try:
                value = change(draft)
                if draft.writes == 0:
                    return None, value, 0
                done, place = draft.operations(f"ovn-integrate: {comment}")
            finally:
                draft.close()
            seqno = self._idl.change_seqno
            return Transaction(self._idl, done, place), value, seqno

    def _synced(self) -> bool:
        return bool(self._idl.state == self._idl.IDL_S_MONITORING)

    def _moved_on(self, seqno: int) -> bool:
        return bool(self._idl.change_seqno != seqno)

    def _deadline(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def _run_until(self, done: Callable[[], bool], deadline: float, hint: str = "") -> None:
        while True:
            self.run()
            if done():
                return
            left = deadline - time.monotonic()
            if left <= 0:
                raise DatabaseUnavailable(
                    self.remote, "no answer before the deadline", hint or reach_hint(self.remote)
                )
            self.block(left)


def _known(schema: Mapping[str, Any], tables: Tables, unread: Tables) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for table in dict.fromkeys([*tables, *unread]):
        have = schema["tables"].get(table, {}).get("columns", {})
        asked = [*tables.get(table, ()), *unread.get(table, ())]
        if have:
            known[table] = [column for column in asked if column in have]
    return known
