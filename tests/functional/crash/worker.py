"""Drivers to be killed: each a process of its own, forked from one that has imported everything.

What a driver is asked comes as lines of JSON on a connection to the socket of the first process, of
which each makes one driver; it ends with that connection. Beside Docker's calls these are ``gc``,
for what ``driver gc`` does, and ``clock``, for the same as the driver does it by itself.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ovn_integrate import faultpoint
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.collector import gc
from ovn_integrate.core.collector.reconcile import Clock
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.way_out.gateways import Gateways
from ovn_integrate.errors import Error
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.plugins.libnetwork.network_driver import Driver
from tests.functional.driver.bed import IPAM

from .collecting import collector

# Not part of a driver's start: a process that has imported it forks with all of it.
PRELOADED = ("pyroute2", "requests", "psutil")


def main(remote: str, path: str) -> None:
    for name in PRELOADED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                # Ignored, it would leave every command that the driver runs without its status.
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                try:
                    _serve(remote, connection)
                finally:
                    os._exit(0)
            connection.close()


def _serve(remote: str, connection: socket.socket) -> None:
    reached: list[str] = []
    lines = connection.makefile("rw")
    first = json.loads(lines.readline())
    die = faultpoint.reach

    def reach(name: str) -> None:
        reached.append(name)
        die(name)

    faultpoint.reach = reach
    faultpoint._AT, faultpoint._left = first["point"], first["count"]
    links = Links(remote, 5)
    with suppress(Error):  # as the server does when it starts
        Gateways(links).restore()
    client = app.create(Driver(links, ready_timeout=0)).test_client()

    def call(method: str, body: Any) -> Any:
        if method in _OWN:
            known = Known(**{key: frozenset(ids) for key, ids in body.items()})
            return _OWN[method](collector(links, Client([f"http://{IPAM}"]), known))
        return client.post(f"/{method}", json=body).get_json()

    for line in lines:
        asked = json.loads(line)
        answer = reached if asked is None else call(*asked)
        lines.write(json.dumps(answer) + "\n")
        lines.flush()


def _collect(made: gc.Collector) -> dict[str, Any]:
    return {stray.name: gone for stray, gone in made.remove(made.find())}


def _tick(made: gc.Collector) -> dict[str, Any]:
    Clock(lambda _: made, 1)._do()
    return {}


_OWN: dict[str, Callable[[gc.Collector], dict[str, Any]]] = {"gc": _collect, "clock": _tick}


if __name__ == "__main__":
    main(*sys.argv[1:])
