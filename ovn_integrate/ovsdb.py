"""One connection to one OVSDB database (RFC 7047), with deadlines.

The ``ovs`` package's IDL keeps a replica of the columns that are asked for. This module is its
only user, and hides its sharp edges: a call that blocks without a timeout, a value of a wrong type
that is logged and dropped, a write of the same value that counts as a change.
"""

from __future__ import annotations

import errno
import functools
import os
import threading
import time
import uuid as uuids
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ovs.db.data
import ovs.db.error
import ovs.db.idl
import ovs.jsonrpc
import ovs.poller
import ovs.stream

from ovn_integrate.errors import Conflict, DatabaseUnavailable, Invalid

T = TypeVar("T")

HOST = "Open_vSwitch"
NB = "OVN_Northbound"
SB = "OVN_Southbound"

TIMEOUT = 5.0

# Read-only (not replicated) columns can still be written to by key; see Session.open.
Tables = Mapping[str, Sequence[str]]
Row = Any  # ovs.db.idl.Row has one attribute per column of its table
Notice = Callable[[str, Row, Row | None], None]


class Rejected(Conflict):
    """The server refused a transaction: a constraint or an index of the schema."""


@dataclass(frozen=True)
class Result(Generic[T]):
    """What became of a change.

    :param changed: whether the database differs from before.
    :param value: what the change function returned.
    :param incremented: the new value of the column given to :meth:`Change.increment`, if any.
    """

    changed: bool
    value: T
    incremented: int | None = None


class Change:
    """One transaction while it is being put together. Reads see its own writes."""

    def __init__(self, session: Session, transaction: ovs.db.idl.Transaction) -> None:
        self._session = session
        self._transaction = transaction
        self.writes = 0
        self.scratch: dict[Any, Any] = {}
        """For the change functions that share this attempt; empty again at each attempt."""

    def rows(self, table: str) -> Iterable[Row]:
        return self._session.rows(table)

    def find(self, table: str, **columns: Any) -> Row | None:
        return self._session.find(table, **columns)

    def row(self, table: str, uuid: uuids.UUID) -> Row | None:
        return self._session.row(table, uuid)

    def has(self, table: str, column: str) -> bool:
        return self._session.has(table, column)

    def insert(self, table: str, uuid: uuids.UUID | None = None, **columns: Any) -> Row:
        """Add a row; with ``uuid`` it gets that id (OVS 3.0 and newer)."""
        row = self._transaction.insert(
            self._session.table(table), new_uuid=uuid, persist_uuid=uuid is not None
        )
        self.writes += 1
        for column, value in columns.items():
            self._checked(row, column, value)
            setattr(row, column, value)
        return row

    def set(self, row: Row, **columns: Any) -> None:
        """Set whole columns, those that differ. Maps and sets are better changed by key."""
        for column, value in columns.items():
            wanted = self._checked(row, column, value)
            if self._current(row, column) != wanted:
                setattr(row, column, value)
                self.writes += 1

    def set_keys(self, row: Row, column: str, values: Mapping[str, str | None]) -> None:
        """Set keys of a map column, leaving the others alone; ``None`` removes a key."""
        current = getattr(row, column, {})
        for key, value in values.items():
            if current.get(key) == value:
                continue
            if value is None:
                row.delkey(column, key)
            else:
                self._checked(row, column, {key: value})
                row.setkey(column, key, value)
            self.writes += 1

    def add(self, row: Row, column: str, value: Any) -> None:
        """Put a value into a set column that need not be replicated."""
        self._checked(row, column, [value])
        row.addvalue(column, value)
        self.writes += 1

    def remove(self, row: Row, column: str, value: Any) -> None:
        """Take a value out of a set column that need not be replicated."""
        self._checked(row, column, [value])
        row.delvalue(column, value)
        self.writes += 1

    def delete(self, row: Row) -> None:
        """Delete a row of a root table. Others go when the last reference to them does."""
        row.delete()
        self.writes += 1

    def verify(self, row: Row, *columns: str) -> None:
        """Run the change again if these columns change meanwhile.

        To be called before the row is written, and of no effect unless it is (or is deleted).
        """
        for column in columns:
            row.verify(column)

    def increment(self, row: Row, column: str) -> None:
        """Add one to an integer column if anything else changes; see :attr:`Result.incremented`."""
        row.increment(column)

    def _checked(self, row: Row, column: str, value: Any) -> ovs.db.data.Datum:
        # Without this the IDL logs a wrong type, drops the value and reports success.
        kind = row._table.columns[column].type
        try:
            return ovs.db.data.Datum.from_python(kind, value, _reference)
        except (ovs.db.error.Error, AttributeError, TypeError) as error:
            where = f"{row._table.name}.{column}"
            raise Invalid(where, f"{value!r} does not fit: {error}") from None

    def _current(self, row: Row, column: str) -> ovs.db.data.Datum | None:
        if column in row._changes:
            return row._changes[column]
        return row._data[column] if row._data else None


def _reference(value: Any) -> Any:
    return value.uuid if isinstance(value, ovs.db.idl.Row) else value


class _Idl(ovs.db.idl.Idl):  # type: ignore[misc]  # the ovs package has no types
    notice: Notice | None = None

    def notify(self, event: str, row: Row, updates: Row | None = None) -> None:
        if self.notice is not None:
            self.notice(event, row, updates)


class Session:
    """A replica of some columns of a database, and the way to change it.

    Not thread safe by itself: one thread runs it; others may read rows while they hold ``lock``.
    """

    def __init__(self, idl: _Idl, remote: str, timeout: float) -> None:
        self._idl = idl
        self.remote = remote
        self.timeout = timeout
        self.lock = threading.RLock()

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
    ) -> Session:
        """Connect and wait for the first replica.

        :param remote: ``unix:PATH``, ``tcp:HOST:PORT``, ``ssl:HOST:PORT``, or a comma list of them,
            of which a raft cluster's leader is used.
        :param tables: the columns to replicate, by table. A column that this server's schema does
            not have is left out, so that versions may differ; see :meth:`has`.
        :param unread: columns that are written to but never replicated, by table.
        :param notice: called with (``create``, ``update`` or ``delete``, row, old values) for every
            change of the replica, in the thread that runs the session.
        :param timeout: seconds for this call, and for each later one that names none.
        :raises DatabaseUnavailable: no server answered in time.
        """
        deadline = time.monotonic() + timeout
        helper = ovs.db.idl.SchemaHelper(schema_json=get_schema(remote, database, timeout))
        for table, columns in _known(helper.schema_json, tables, unread or {}).items():
            helper.register_columns(table, columns, list((unread or {}).get(table, ())))
        idl = _Idl(remote, helper)
        idl.notice = notice
        session = cls(idl, remote, timeout)
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

    def table(self, name: str) -> Any:
        return self._idl.tables[name]

    def has(self, table: str, column: str) -> bool:
        """Whether the server's schema has a column that was asked for."""
        known = self._idl.tables.get(table)
        return known is not None and column in known.columns

    def rows(self, table: str) -> list[Row]:
        return list(self._idl.tables[table].rows.values())

    def row(self, table: str, uuid: uuids.UUID) -> Row | None:
        """The row of that id, if there is one."""
        # IndexedRows answers a missing key with a KeyError on [] and None on get().
        return self._idl.tables[table].rows.get(uuid)

    def find(self, table: str, **columns: Any) -> Row | None:
        """A row whose columns have these values. It reads the whole table: for small ones."""
        for row in self._idl.tables[table].rows.values():
            if all(getattr(row, column) == value for column, value in columns.items()):
                return row
        return None

    def transact(
        self, change: Callable[[Change], T], comment: str, *, timeout: float | None = None
    ) -> Result[T]:
        """Apply ``change``, which is run again on the new state when another writer got in between.

        :param comment: goes into the database's log (``ovsdb-tool show-log``).
        :raises DatabaseUnavailable: no answer in time; the change may still have been applied.
        :raises Rejected: the schema's constraints do not allow it.
        """
        deadline = self._deadline(timeout)
        while True:
            self._run_until(self._synced, deadline)
            transaction, result, seqno = self._put_together(change, comment)
            if transaction is None:
                return result
            status = self._commit(transaction, deadline)
            if status == transaction.SUCCESS:
                incremented = (
                    transaction.get_increment_new_value() if transaction._inc_row else None
                )
                return Result(True, result.value, incremented)
            if status == transaction.UNCHANGED:
                return Result(False, result.value)
            if status != transaction.TRY_AGAIN:
                raise Rejected(self.remote, f"the change was refused: {transaction.get_error()}")
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

    def block(self, timeout: float, wake: int | None = None) -> None:
        """Wait until the server sends something, ``wake`` becomes readable, or time is up."""
        poller = ovs.poller.Poller()
        with self.lock:
            self._idl.wait(poller)
        if wake is not None:
            poller.fd_wait(wake, ovs.poller.POLLIN)
        poller.timer_wait(max(1, int(timeout * 1000)))
        poller.block()

    def _put_together(
        self, change: Callable[[Change], T], comment: str
    ) -> tuple[ovs.db.idl.Transaction | None, Result[T], int]:
        with self.lock:
            transaction = ovs.db.idl.Transaction(self._idl)
            draft = Change(self, transaction)
            try:
                value = change(draft)
                if draft.writes == 0:
                    transaction.abort()
                    return None, Result(False, value), 0
                transaction.add_comment(f"ovn-integrate: {comment}")
                seqno = self._idl.change_seqno
                transaction.commit()
            except BaseException:
                transaction.abort()
                raise
        return transaction, Result(True, value), seqno

    def _commit(self, transaction: ovs.db.idl.Transaction, deadline: float) -> str:
        # Transaction.commit_block() has no timeout, so its loop stands here with one.
        self._run_until(
            lambda: transaction.commit() != transaction.INCOMPLETE,
            deadline,
            "the change may have been applied all the same: it is safe to run it again",
        )
        return str(transaction.commit())

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
                    self.remote, "no answer before the deadline", hint or _reach_hint(self.remote)
                )
            self.block(left)


def get_schema(remote: str, database: str, timeout: float = TIMEOUT) -> dict[str, Any]:
    """The schema that the first server of a remote list to answer has for ``database``.

    :raises DatabaseUnavailable: none answered in time.
    """
    deadline = time.monotonic() + timeout
    trouble = ""
    for one in split_remotes(remote):
        try:
            return _request_schema(one, database, deadline)
        except OSError as error:
            trouble = error.strerror or str(error)
    raise DatabaseUnavailable(remote, f"cannot be reached ({trouble})", _reach_hint(remote))


def split_remotes(remote: str) -> list[str]:
    """The parts of a comma list of remotes."""
    return [one for one in remote.split(",") if one]


def _request_schema(remote: str, database: str, deadline: float) -> dict[str, Any]:
    error, stream = ovs.stream.Stream.open_block(
        ovs.stream.Stream.open(remote), timeout=max(1, int((deadline - time.monotonic()) * 1000))
    )
    if error:
        raise OSError(error, _strerror(error))
    connection = ovs.jsonrpc.Connection(stream)
    try:
        request = ovs.jsonrpc.Message.create_request("get_schema", [database])
        error = connection.send(request)
        while not error:
            error, message = connection.recv()
            if error == 0 and message.id == request.id:
                return _schema_of(message, remote, database)
            if error and error != errno.EAGAIN:
                break
            error = _wait(connection, deadline)
        raise OSError(error, _strerror(error))
    finally:
        connection.close()


def _schema_of(message: Any, remote: str, database: str) -> dict[str, Any]:
    if message.type != ovs.jsonrpc.Message.T_REPLY:
        raise DatabaseUnavailable(remote, f"has no database {database}", "check its port")
    schema: dict[str, Any] = message.result
    return schema


def _wait(connection: Any, deadline: float) -> int:
    left = deadline - time.monotonic()
    if left <= 0:
        return errno.ETIMEDOUT
    poller = ovs.poller.Poller()
    connection.wait(poller)
    connection.recv_wait(poller)
    poller.timer_wait(max(1, int(left * 1000)))
    poller.block()
    connection.run()
    return 0


def _known(schema: Mapping[str, Any], tables: Tables, unread: Tables) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for table in dict.fromkeys([*tables, *unread]):
        have = schema["tables"].get(table, {}).get("columns", {})
        asked = [*tables.get(table, ()), *unread.get(table, ())]
        if have:
            known[table] = [column for column in asked if column in have]
    return known


def _reach_hint(remote: str) -> str:
    if remote.startswith("unix:"):
        return "is its ovsdb-server running?"
    return "is its ovsdb-server running, and listening on that address?"


def _strerror(error: int) -> str:
    # ovs reports the end of a stream as -1.
    return os.strerror(error) if error > 0 else "the connection was closed"
