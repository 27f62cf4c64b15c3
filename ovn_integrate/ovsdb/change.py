"""A transaction while it is put together."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ovn_integrate.errors import Invalid
from ovn_integrate.ovsdb import replica
from ovn_integrate.ovsdb.column import Column
from ovn_integrate.ovsdb.row_changes import Operation, Written, operations

if TYPE_CHECKING:
    from ovn_integrate.ovsdb.session import Session

T = TypeVar("T")

Row = Any  # replica.Row, which has one attribute per column of its table


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

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[uuids.UUID, replica.Row] = {}
        self._increment: tuple[replica.Row, str] | None = None
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
        home = self._session.table(table)
        row = replica.Row(home, uuid or uuids.uuid4(), {})
        values = {name: _checked(row, home.columns[name], value) for name, value in columns.items()}
        row._written = Written(new=True, fixed=uuid is not None)
        row._written.values = values
        home.rows[row.uuid] = self._rows[row.uuid] = row
        self.writes += 1
        return row

    def set(self, row: Row, **columns: Any) -> None:
        """Set whole columns, those that differ. Maps and sets are better changed by key."""
        for name, value in columns.items():
            column = row._table.columns[name]
            wanted = _checked(row, column, value)
            if row.plain(column) != wanted:
                self._written(row).set(column, wanted)
                self.writes += 1

    def set_keys(self, row: Row, column: str, values: Mapping[str, str | None]) -> None:
        """Set keys of a map column, leaving the others alone; ``None`` removes a key."""
        place = row._table.columns[column]
        current = row.plain(place)
        for key, value in values.items():
            if current.get(key) == value:
                continue
            if value is not None:
                _checked(row, place, {key: value})
            self._written(row).set_key(place, key, value, row._data)
            self.writes += 1

    def add(self, row: Row, column: str, value: Any) -> None:
        """Put a value into a set column that need not be replicated."""
        self._move(row, column, value, into=True)

    def remove(self, row: Row, column: str, value: Any) -> None:
        """Take a value out of a set column that need not be replicated."""
        self._move(row, column, value, into=False)

    def delete(self, row: Row) -> None:
        """Delete a row of a root table. Others go when the last reference to them does."""
        self._written(row).deleted = True
        del row._table.rows[row.uuid]
        self.writes += 1

    def verify(self, row: Row, *columns: str) -> None:
        """Run the change again if these columns change meanwhile."""
        part = self._written(row)
        if not part.new:
            part.verified.update(dict.fromkeys(columns))

    def increment(self, row: Row, column: str) -> None:
        """Add one to an integer column if anything else changes; see :attr:`Result.incremented`."""
        self._increment = (row, column)

    def close(self) -> None:
        """Take all of it out of the replica again: what comes of it, the server will tell."""
        for row in self._rows.values():
            part, row._written = row._written, None
            if part is not None and part.new:
                row._table.rows.pop(row.uuid, None)
            elif part is not None and part.deleted:
                row._table.rows[row.uuid] = row
        self._rows.clear()

    def operations(self, comment: str) -> tuple[list[Operation], int | None]:
        """All of it as operations, and the place of the one with the incremented number."""
        done = operations((row, row._written) for row in self._rows.values() if row._written)
        place = None
        if self._increment is not None:
            row, column = self._increment
            where = [["_uuid", "==", ["uuid", str(row.uuid)]]]
            what = {"table": row._table.name, "where": where}
            place = len(done) + 1
            done += [
                {"op": "mutate", **what, "mutations": [[column, "+=", 1]]},
                {"op": "select", **what, "columns": [column]},
            ]
        return [*done, {"op": "comment", "comment": comment}], place

    def _move(self, row: Row, name: str, value: Any, *, into: bool) -> None:
        column = row._table.columns[name]
        try:
            member = column.checked_atom(value)
        except ValueError as error:
            raise _unfit(row, name, value, error) from None
        self._written(row).move(column, member, row._data, into=into)
        self.writes += 1

    def _written(self, row: replica.Row) -> Written:
        if row._written is None:
            row._written = Written()
            self._rows[row.uuid] = row
        return row._written


def _checked(row: Row, column: Column, value: Any) -> Any:
    try:
        return column.checked(value)
    except ValueError as error:
        raise _unfit(row, column.name, value, error) from None


def _unfit(row: Row, column: str, value: Any, error: ValueError) -> Invalid:
    return Invalid(f"{row._table.name}.{column}", f"{value!r} does not fit: {error}")


def table_of(row: Row) -> str:
    """The name of the table that a row is in."""
    return str(row._table.name)
