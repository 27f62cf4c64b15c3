"""A transaction while it is put together, with the checks that the IDL does not make."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import ovs.db.data
import ovs.db.error
import ovs.db.idl

from ovn_integrate.errors import Invalid

if TYPE_CHECKING:
    from ovn_integrate.ovsdb.session import Session

T = TypeVar("T")

Row = Any  # ovs.db.idl.Row has one attribute per column of its table


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


def table_of(row: Row) -> str:
    """The name of the table that a row is in."""
    return str(row._table.name)
