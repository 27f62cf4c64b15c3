"""All that a Northbound holds, seen as one thing and put back as one thing."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from tests.functional.daemons import SCHEMAS, OvsdbServer

Row = dict[str, Any]
Rows = dict[tuple[str, str], Any]
"""By table and uuid; values as RFC 7047 writes them."""


class Northbound:
    """The database of a server, past all that the program knows of it."""

    def __init__(self, server: OvsdbServer) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(server.remote.removeprefix("unix:"))
        self._text = b""
        self._file = server.folder / "nb.db"
        schema = json.loads(Path(SCHEMAS["nb"][1]).read_text())
        self._tables = sorted(schema["tables"])

    def close(self) -> None:
        self._socket.close()

    def written(self) -> int:
        """Grows with each transaction that changes anything, and by nothing else: the server
        appends each to its file, and does so before it answers (ovsdb(5))."""
        return self._file.stat().st_size

    def changes(self, since: int) -> Rows:
        """The rows that were changed since then; None for one that is not there any more."""
        with self._file.open("rb") as file:
            file.seek(since)
            text = file.read().decode()
        found: Rows = {}
        # Each record is a line with its length and its hash, and a line of JSON (ovsdb(5)).
        for line in text.splitlines():
            if line.startswith("{"):
                for table, rows in json.loads(line).items():
                    if not table.startswith("_"):
                        found.update({(table, uuid): row for uuid, row in rows.items()})
        return found

    def rows(self) -> Rows:
        select = [{"op": "select", "table": table, "where": []} for table in self._tables]
        answers = self._transact(select)
        found: Rows = {}
        for table, answer in zip(self._tables, answers, strict=True):
            for row in answer["rows"]:
                del row["_version"]
                found[table, row.pop("_uuid")[1]] = row
        return found

    def restore(self, wanted: Rows, since: int) -> None:
        """Bring it to what :meth:`rows` said when so much was written, uuids included."""
        changes: list[dict[str, Any]] = []
        for key, now in self.changes(since).items():
            table, uuid = key
            where = [["_uuid", "==", ["uuid", uuid]]]
            row = wanted.get(key)
            if row is None:
                changes.append({"op": "delete", "table": table, "where": where})
            elif now is None:
                changes.append({"op": "insert", "table": table, "uuid": uuid, "row": row})
            else:
                changes.append({"op": "update", "table": table, "where": where, "row": row})
        if changes:
            self._transact(changes)

    def transact(self, *operations: Row) -> None:
        """Do what an operator does by hand, or an older version did."""
        self._transact(list(operations))

    def _transact(self, operations: list[Row]) -> list[Any]:
        params = [SCHEMAS["nb"][0], *operations]
        self._socket.sendall(json.dumps({"method": "transact", "params": params, "id": 1}).encode())
        answer = self._read()
        assert answer["error"] is None, answer
        result: list[Any] = answer["result"]
        for part in result:
            assert not (part and part.get("error")), part
        return result

    def _read(self) -> Any:
        while True:
            try:
                value, end = json.JSONDecoder().raw_decode(self._text.decode())
            except ValueError:
                self._text += self._socket.recv(1 << 20)
                continue
            self._text = self._text[end:]
            return value
