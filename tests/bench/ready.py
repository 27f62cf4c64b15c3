"""When OVN has installed an endpoint's flows: ``external_ids:ovn-installed`` of its Interface.

Seen by a monitor of the host's database (RFC 7047, 4.1.5), as the moment its update arrives.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from .jsonrpc import HOST, Connection, Failed

_INSTALLED = "ovn-installed"


class Watcher:
    """Notes the moment for every endpoint, whichever driver made it. Any thread may ask."""

    def __init__(self, path: str) -> None:
        """:param path: of the socket of the host's database."""
        self._connection = Connection(path)
        self._news = threading.Condition()
        self._moments: dict[str, float] = {}
        request = {"columns": ["external_ids"], "select": {"initial": False}}
        self._connection.call("monitor", HOST, None, {"Interface": request})
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def moment(self, endpoint_id: str, timeout: float) -> float | None:
        """When (`time.monotonic`) the endpoint was ready; None if not within ``timeout`` seconds.

        It can be asked once for each endpoint.
        """
        with self._news:
            self._news.wait_for(lambda: endpoint_id in self._moments, timeout)
            return self._moments.pop(endpoint_id, None)

    def close(self) -> None:
        self._connection.close()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while True:
                update = self._connection.update()
                now = time.monotonic()
                with self._news:
                    self._note(update, now)
                    self._news.notify_all()
        except (OSError, Failed):
            return  # closed

    def _note(self, update: Any, now: float) -> None:
        for row in update.get("Interface", {}).values():
            if "new" not in row:
                continue
            values = dict(row["new"].get("external_ids", ["map", []])[1])
            if values.get(_INSTALLED) == "true":
                # Drivers keep an endpoint's id under keys of their own (iface-id, iface-id-ver).
                for value in values.values():
                    self._moments.setdefault(value, now)
