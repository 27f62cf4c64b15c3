"""What is in Northbound, as far as it is somebody's wish and not OVN's own bookkeeping."""

from __future__ import annotations

import json
from typing import Any

from tests.functional.daemons import OvsdbServer

TABLES = (
    "Logical_Switch",
    "Logical_Switch_Port",
    "DHCP_Options",
    "DNS",
    "Port_Group",
    "ACL",
    "Logical_Router",
    "Logical_Router_Port",
    "Logical_Router_Static_Route",
    "NAT",
)
# What ovn-northd writes, or what only refers from row to row.
_LEFT_OUT = {"_uuid", "up", "dynamic_addresses", "tag", "status"}
# Columns of newer schemas than that of the recorded Neutron; neither writes them.
_LEFT_OUT |= {"tier"}

Row = dict[str, Any]


class Reference(str):
    """A row's uuid; the same text in a column of text is the id of a thing, not a reference."""


class Snapshot:
    """All rows of the tables, at one moment."""

    def __init__(self, nb: OvsdbServer) -> None:
        self._rows = {table: _rows(nb, table) for table in TABLES}

    def since(self, before: Snapshot, tables: tuple[str, ...]) -> dict[str, list[Row]]:
        """The rows of these tables that were not there before, without their references."""
        names = {
            uuid: f"{table} {row.get('name') or row.get('cidr') or ''}".strip()
            for table, rows in self._rows.items()
            for uuid, row in rows.items()
        }
        return {
            table: [
                _shown(row, names)
                for uuid, row in self._rows[table].items()
                if uuid not in before._rows[table]
            ]
            for table in tables
        }


def _rows(nb: OvsdbServer, table: str) -> dict[str, Row]:
    found = json.loads(nb.ctl("-f", "json", "list", table))
    headings = found["headings"]
    rows = (
        {key: _value(one) for key, one in zip(headings, row, strict=True)} for row in found["data"]
    )
    return {row["_uuid"]: row for row in rows}


def _value(found: Any) -> Any:
    """A column's value: a set as a list, a map as an object (RFC 7047, 5.1)."""
    if not isinstance(found, list):
        return found
    kind, what = found
    if kind == "uuid":
        return Reference(what)
    if kind == "map":
        return {_value(key): _value(value) for key, value in what}
    return [_value(one) for one in what]


def _shown(row: Row, names: dict[str, str]) -> Row:
    return {
        key: _named(value, names)
        for key, value in row.items()
        if key not in _LEFT_OUT and value not in ([], {}, "")
    }


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, Reference):
        return names.get(value, value)
    if isinstance(value, list):
        return sorted(_named(one, names) for one in value)
    return value
