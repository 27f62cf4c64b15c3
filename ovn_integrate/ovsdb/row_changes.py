"""What a transaction does to rows, and the operations for it (RFC 7047, 5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ovn_integrate.ovsdb.column import Column, Names
from ovn_integrate.ovsdb.replica import Row

Operation = dict[str, Any]


class Written:
    """What a transaction does to one row.

    :ivar values: new values of whole columns; ``keys``: of maps, None for a key that goes.
    :ivar added: members that come into sets; ``removed``: that go.
    :ivar verified: columns that must still be as they are in the replica.
    """

    __slots__ = ("added", "deleted", "fixed", "keys", "new", "removed", "values", "verified")

    def __init__(self, *, new: bool = False, fixed: bool = False) -> None:
        """:param fixed: whether the new row's id is given, not the server's choice."""
        self.new = new
        self.fixed = fixed
        self.deleted = False
        self.values: dict[str, Any] = {}
        self.keys: dict[str, dict[str, Any]] = {}
        self.added: dict[str, dict[Any, None]] = {}
        self.removed: dict[str, dict[Any, None]] = {}
        self.verified: dict[str, None] = {}

    def value(self, column: Column, data: Mapping[str, Any]) -> Any:
        """What a column's value is with this."""
        name = column.name
        if name in self.values:
            return self.values[name]
        value = data.get(name, column.default)
        if name in self.keys:
            merged = {**value, **self.keys[name]}
            return {key: text for key, text in merged.items() if text is not None}
        if name in self.added or name in self.removed:
            kept = {*value, *self.added.get(name, ())} - self.removed.get(name, {}).keys()
            return sorted(kept)
        return value

    def set(self, column: Column, value: Any) -> None:
        for parts in (self.keys, self.added, self.removed):
            parts.pop(column.name, None)
        self.values[column.name] = value

    def set_key(self, column: Column, key: str, value: str | None, data: Mapping[str, Any]) -> None:
        if self.new or column.name in self.values:
            merged = {**self.value(column, data), key: value}
            self.values[column.name] = {k: v for k, v in merged.items() if v is not None}
        else:
            self.keys.setdefault(column.name, {})[key] = value

    def move(self, column: Column, member: Any, data: Mapping[str, Any], *, into: bool) -> None:
        """Put a member into a set, or take it out."""
        if self.new or column.name in self.values:
            members = {*self.value(column, data)} - {member}
            self.values[column.name] = sorted({*members, member} if into else members)
            return
        there, back = (self.added, self.removed) if into else (self.removed, self.added)
        there.setdefault(column.name, {})[member] = None
        back.get(column.name, {}).pop(member, None)


def operations(rows: Iterable[tuple[Row, Written]]) -> list[Operation]:
    """All that a transaction does, in order; what it relies on comes first."""
    written = [(row, part) for row, part in rows if not (part.new and part.deleted)]
    names = {str(row.uuid): _name(row) for row, part in written if part.new and not part.fixed}
    waits = [_wait(row, part) for row, part in written if part.verified]
    return waits + [one for row, part in written for one in _writes(row, part, names)]


def _name(row: Row) -> str:
    return "row" + row.uuid.hex


def _where(row: Row) -> list[Any]:
    return [["_uuid", "==", ["uuid", str(row.uuid)]]]


def _wait(row: Row, part: Written) -> Operation:
    columns = row._table.columns
    known = {
        name: columns[name].to_wire(row._data.get(name, columns[name].default), {})
        for name in part.verified
    }
    return {
        "op": "wait",
        "table": row._table.name,
        "timeout": 0,
        "where": _where(row),
        "until": "==",
        "columns": list(known),
        "rows": [known],
    }


def _writes(row: Row, part: Written, names: Names) -> Iterable[Operation]:
    table = row._table
    if part.deleted:
        # A row of another table goes with the last reference to it.
        if table.is_root:
            yield {"op": "delete", "table": table.name, "where": _where(row)}
        return
    if part.new:
        yield _insert(row, part, names)
        return
    if part.values:
        values = {
            name: table.columns[name].to_wire(value, names) for name, value in part.values.items()
        }
        yield {"op": "update", "table": table.name, "where": _where(row), "row": values}
    mutations = list(_mutations(table.columns, part, names))
    if mutations:
        yield {
            "op": "mutate",
            "table": table.name,
            "where": _where(row),
            "mutations": mutations,
        }


def _insert(row: Row, part: Written, names: Names) -> Operation:
    columns = row._table.columns
    values = {
        name: columns[name].to_wire(value, names)
        for name, value in part.values.items()
        if value != columns[name].default
    }
    id = {"uuid": str(row.uuid)} if part.fixed else {"uuid-name": _name(row)}
    return {"op": "insert", "table": row._table.name, "row": values, **id}


def _mutations(columns: Mapping[str, Column], part: Written, names: Names) -> Iterable[list[Any]]:
    for name, keys in part.keys.items():
        # To insert a key that is there already changes nothing.
        yield [name, "delete", columns[name].keys_to_wire(list(keys))]
        left = {key: value for key, value in keys.items() if value is not None}
        if left:
            yield [name, "insert", columns[name].to_wire(left, names)]
    for mutator, parts in (("delete", part.removed), ("insert", part.added)):
        for name, members in parts.items():
            if members:
                yield [name, mutator, columns[name].to_wire(list(members), names)]
