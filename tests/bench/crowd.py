"""Ports in NB, row by row as the IPAM server writes them, put there without it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from .jsonrpc import NB, Connection, Row, insert, mutate

_BATCH = 1000
_FIRST = (10 << 24) + (64 << 16)  # 10.64.0.0: the server itself begins with 10.0.0.2
_NOTHING: tuple[Any, ...] = ("", ["set", []], ["map", []])
_PORT = "Logical_Switch_Port"


class Crowd:
    """Like the only port of an NB, each with an id, a MAC and an address of its own.

    :param northbound: where that port is; on the network 10.0.0.0/8.
    """

    def __init__(self, northbound: Connection) -> None:
        (port,) = _rows(northbound, _PORT)
        self._row = json.dumps(port)
        self._id: str = port["name"]
        self._mac, self._address = port["addresses"].split()
        self._numbers = count()
        (switch,) = _rows(northbound, "Logical_Switch", "_uuid")
        self._where = [["_uuid", "==", switch["_uuid"]]]

    def fill(self, northbound: Connection, number: int) -> None:
        """Add so many, in as few transactions as is good."""
        numbers = iter(range(number))
        while batch := len(list(islice(numbers, _BATCH))):
            self.add(northbound, batch)

    def add(self, northbound: Connection, number: int = 1) -> None:
        """Add so many, in one transaction."""
        rows = list(islice(self._rows(), number))
        names = [["named-uuid", f"p{n}"] for n in range(number)]
        inserts = [insert(_PORT, row, name) for row, (_, name) in zip(rows, names, strict=True)]
        ports = mutate("Logical_Switch", self._where, "ports", "insert", ["set", names])
        northbound.transact(NB, *inserts, ports)

    def _rows(self) -> Iterator[Row]:
        for number in self._numbers:
            address = ".".join(map(str, (_FIRST + number).to_bytes(4, "big")))
            mac = "06:00:" + number.to_bytes(4, "big").hex(":")
            text = self._row.replace(self._id, str(uuid.uuid4())).replace(self._mac, mac)
            for end in ("/", '"'):
                text = text.replace(self._address + end, address + end)
            yield json.loads(text)


def copy(source: Connection, target: Connection) -> None:
    """The networks of one NB into another, without their ports."""
    for table in ("Logical_Switch", "DHCP_Options"):
        for row in _rows(source, table, "_uuid"):
            id = row.pop("_uuid")[1]
            row.pop("ports", None)
            target.transact(NB, {**insert(table, row), "uuid": id})


def _rows(northbound: Connection, table: str, *further: str) -> list[Row]:
    (found,) = northbound.transact(NB, {"op": "select", "table": table, "where": []})
    return [
        {
            name: value
            for name, value in row.items()
            if value not in _NOTHING and (name in further or not name.startswith("_"))
        }
        for row in found["rows"]
    ]
