"""The part of the bench inside a host: `python -m tests.bench.worker`.

Standard input and output carry one JSON object a line: first the :class:`Task`, which is answered
when the contender is ready; then requests, ``{"do": "run", …}``, each answered with its result or
``{"error": text}``. It ends with its input.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import Any

from . import northbound
from .client import Driver
from .contender import Contender, new_id
from .floor import Floor
from .jsonrpc import Connection
from .load import Load
from .ready import Watcher

HOST_SOCKET = "/run/openvswitch/db.sock"
NB_SOCKET = "/run/ovn/ovnnb_db.sock"


@dataclass(frozen=True)
class Task:
    """What to measure.

    :ivar address: of a libnetwork driver; empty for the floor.
    :ivar networks: how many logical networks the endpoints are spread over.
    :ivar ipam: address of the IPAM server, where the driver takes its ports from an open one.
    """

    address: str = ""
    networks: int = 1
    ipam: str = ""


class Work:
    """A contender with its networks, and what can be asked of it."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._contender: Contender = Floor(NB_SOCKET, HOST_SOCKET)
        if task.address:
            driver = Driver(task.address)
            driver.activate()
            self._contender = driver
        self._watcher = Watcher(HOST_SOCKET)
        self._network_ids = [new_id() for _ in range(task.networks)]
        for network_id in self._network_ids:
            self._contender.create_network(network_id)
        self._northbound = Connection(NB_SOCKET)
        self._load = Load(self._contender, self._watcher, self._network_ids, self._settle)

    def run(self, endpoints: int, at_a_time: int) -> dict[str, Any]:
        """The result of a pass."""
        return self._load.run(endpoints, at_a_time).to_json()

    def fill(self, ports: int, beside: bool) -> None:
        """Put ports into NB, on another switch or on the first of the contender's networks."""
        network_id = self._network_ids[0]
        if beside:
            northbound.fill_beside(self._northbound, ports)
        elif self._task.ipam:
            northbound.fill_by_ipam(self._task.ipam, network_id, ports)
        else:
            northbound.fill_switch(self._northbound, network_id, ports)
        self._settle()

    def close(self) -> None:
        for network_id in self._network_ids:
            self._contender.delete_network(network_id)
        self._watcher.close()
        self._northbound.close()

    def _settle(self) -> None:
        northbound.settle(self._northbound)


def main() -> None:
    task = Task(**json.loads(sys.stdin.readline()))
    try:
        work = Work(task)
    except Exception as error:  # the edge: the other side has to know why
        return _answer({"error": _told(error)})
    _answer(asdict(task))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            _answer(getattr(work, request.pop("do"))(**request))
        except Exception as error:  # as above
            _answer({"error": _told(error)})
    return None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _answer(result: Any) -> None:
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
