"""The rows of a database as the server tells of them: ``ovs.db.idl`` without its rows.

The ``ovs`` package's Idl knows how to stay connected, to a cluster's leader where there is one, and
how to ask for what changes. What it makes of that is replaced here (see ``column``), by methods
that stand under its private names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import ovs.db.error
import ovs.db.idl

from ovn_integrate.ovsdb.column import Column

if TYPE_CHECKING:
    from ovn_integrate.ovsdb.row_changes import Written

CREATE, UPDATE, DELETE = "create", "update", "delete"

Event = tuple[str, "Row"]


class Row:
    """A row, with one attribute for each column that is replicated, not to be changed in place.

    A column that refers to rows has those of them that are replicated. During a transaction, its
    writes are seen.
    """

    __slots__ = ("_data", "_table", "_written", "uuid")

    def __init__(self, table: Table, uuid: UUID, data: dict[str, Any]) -> None:
        self._table = table
        self._data = data
        self._written: Written | None = None
        self.uuid = uuid

    def __getattr__(self, name: str) -> Any:
        column = self._table.columns.get(name)
        if column is None:
            raise AttributeError(f"{self._table.name} has no column {name}")
        value = self.plain(column)
        return self._table.resolved(column, value) if column.refers else value

    def __repr__(self) -> str:
        return f"<{self._table.name} {self.uuid}>"

    def plain(self, column: Column) -> Any:
        """The value of a column, in which rows are ids."""
        if self._written is None:
            return self._data.get(column.name, column.default)
        return self._written.value(column, self._data)


class Table:
    """The rows of a table, and its columns.

    :ivar is_root: whether rows live without a reference to them.
    """

    def __init__(self, schema: Any, tables: Mapping[str, Table]) -> None:
        self.name: str = schema.name
        self.is_root: bool = schema.is_root
        self.columns = {name: Column(name, one.type) for name, one in schema.columns.items()}
        self.rows: dict[UUID, Row] = {}
        self._tables = tables

    def take(self, uuid: UUID, update: Mapping[str, Any]) -> Event:
        """Take in what the server says of a row (ovsdb-server(7), 4.1.14).

        :raises ovs.db.error.Error: it does not fit to what was said before.
        """
        if "insert" in update or "initial" in update:
            row = Row(self, uuid, self._read(update.get("insert") or update.get("initial") or {}))
            self.rows[uuid] = row
            return CREATE, row
        known = self.rows.get(uuid)
        if known is None:
            raise ovs.db.error.Error(f"{self.name} {uuid} was not there, and changes")
        if "modify" not in update:
            del self.rows[uuid]
            return DELETE, known
        changes = self._read(update["modify"])
        new = {
            name: self.columns[name].changed(known.plain(self.columns[name]), value)
            for name, value in changes.items()
        }
        # Others may still hold the old values, so these do not change.
        known._data = {**known._data, **new}
        return UPDATE, known

    def resolved(self, column: Column, value: Any) -> Any:
        """The rows of these ids, those that are there; the ids where the schema names no table."""
        if column.table is None:
            return [UUID(one) for one in value] if isinstance(value, list) else UUID(value)
        table = self._tables.get(column.table)
        if table is None:
            raise AttributeError(f"{self.name}.{column.name}: {column.table} is not replicated")
        if not isinstance(value, list):
            return table.rows.get(UUID(value))
        found = (table.rows.get(UUID(one)) for one in value)
        return [row for row in found if row is not None]

    def _read(self, update: Mapping[str, Any]) -> dict[str, Any]:
        columns = self.columns
        return {name: columns[name].from_wire(wire) for name, wire in update.items()}


class Replica(ovs.db.idl.Idl):  # type: ignore[misc]  # the ovs package has no types
    """The connection to a database and its rows.

    :ivar content: the tables.
    """

    def __init__(
        self,
        remote: str,
        helper: ovs.db.idl.SchemaHelper,
        notice: Callable[[str, Row], None] | None,
        *,
        leader_only: bool = True,
    ) -> None:
        """:param notice: called with what happens to each row, and the row."""
        super().__init__(remote, helper, leader_only=leader_only)
        self.content: dict[str, Table] = {}
        for name, schema in self.tables.items():
            self.content[name] = Table(schema, self.content)
        self._notice = notice

    def _Idl__do_parse_update(self, updates: Any, version: str, tables: Any) -> None:
        if tables is not self.tables:
            # What the server says of itself.
            super()._Idl__do_parse_update(updates, version, tables)
            return
        # Of a large database the message is larger than the rows: it goes as they come.
        events = [
            self.content[name].take(UUID(id), rows.pop(id))
            for name, rows in updates.items()
            for id in list(rows)
        ]
        self.change_seqno += len(events)
        self._tell(events)

    def _Idl__clear(self) -> None:
        # After a lost connection the replica is filled anew.
        events = [(DELETE, row) for table in self.content.values() for row in table.rows.values()]
        for table in self.content.values():
            table.rows.clear()
        self.change_seqno += len(events)
        self._tell(events)
        super()._Idl__clear()

    def _tell(self, events: list[Event]) -> None:
        if self._notice is not None:
            for event, row in events:
                self._notice(event, row)
