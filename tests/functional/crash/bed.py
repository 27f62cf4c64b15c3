"""A host for drivers that are killed: Open vSwitch, Northbound and the IPAM server are real."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.collector import gc
from ovn_integrate.core.link import links
from tests.functional.daemons import OvsdbServer, end, start_vswitchd
from tests.functional.driver.bed import IPAM, SETTINGS, run, serve

from .collecting import collector

# Of interfaces, ovs-vswitchd writes down what they are like by and by.
_LEFT_OUT = {"NB_Global", "Connection", "Open_vSwitch", "Interface"}
# What tells of changes that were made and undone.
_COUNTERS = re.compile(
    r'\["(neutron:revision_number|ovn-integrate:(updated_at|allocations))", *"[^"]*"\],? *'
)


class Died(Exception):
    """A driver was killed before it answered."""


class Worker:
    """A driver, in a process of its own.

    :param point: the fault point at which it is to be killed.
    :param count: which time.
    """

    def __init__(self, path: Path, point: str = "", count: int = 1) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rw")
        try:
            self._write({"point": point, "count": count})
            self.reached()  # it is there, and what it restores at its start is restored
        except Died:
            self.end()
            raise

    def call(self, method: str, body: Any) -> dict[str, Any]:
        """:raises Died: it was killed."""
        answer: dict[str, Any] = self._ask([method, body])
        return answer

    def reached(self) -> list[str]:
        """The fault points that it came by until now."""
        found: list[str] = self._ask(None)
        return found

    def end(self) -> None:
        self._lines.close()
        self._socket.close()

    def _ask(self, what: Any) -> Any:
        try:
            self._write(what)
            line = self._lines.readline()
        except ConnectionError:
            line = ""
        if not line:
            raise Died
        return json.loads(line)

    def _write(self, what: Any) -> None:
        self._lines.write(json.dumps(what) + "\n")
        self._lines.flush()


class Bed:
    """:ivar neutron: a client of the IPAM server."""

    def __init__(self, nb: OvsdbServer, ovs: OvsdbServer, path: Path) -> None:
        self.nb, self.ovs = nb, ovs
        self._path = path
        self.neutron = Client([f"http://{IPAM}"])
        self._links = links.Links(ovs.remote, 5)

    def driver(self, point: str = "", count: int = 1) -> Worker:
        return Worker(self._path, point, count)

    def collector(self, known: Known) -> gc.Collector:
        """What collects while Docker knows that."""
        return collector(self._links, self.neutron, known)

    def collect(self, known: Known) -> list[tuple[str, str]]:
        """What was collected: kinds and names. All that is surely nobody's must go."""
        made = self.collector(known)
        done = list(made.remove(made.find()))
        assert all(gone for stray, gone in done if stray.sure), done
        return [(stray.kind, stray.name) for stray, gone in done if gone]

    def state(self) -> dict[str, Any]:
        """All that there is of networks and endpoints, anywhere."""
        found: dict[str, Any] = {}
        for server in (self.nb, self.ovs):
            words = ("ovsdb-client", "dump", "-f", "json", server.remote, server.database)
            for line in filter(None, run(*words).splitlines()):
                table = json.loads(line)
                rows = [_COUNTERS.sub("", json.dumps(row)) for row in table["data"]]
                name = table["caption"].removesuffix(" table")
                if name not in _LEFT_OUT:
                    found[name] = sorted(rows)
        interfaces = ("--bare", "--columns=name,external_ids", "list", "Interface")
        found["interfaces"] = self.ovs.ctl(*interfaces)
        root = ("--columns=bridges,external_ids", "list", "Open_vSwitch")
        found["root"] = self.ovs.ctl(*root)
        found["links"] = sorted(name for _, name in socket.if_nameindex())
        # What iptables leaves of a table that was looked at is no rule.
        rules = run("iptables-save").splitlines()
        found["rules"] = [line for line in rules if line.startswith("-A")]
        return found

    def close(self) -> None:
        self._links.close()


@contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """To be used in a network namespace of its own."""
    servers = []
    processes = []
    vswitchd = None
    run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    try:
        for kind in ("nb", "host"):
            (folder / kind).mkdir()
            servers.append(OvsdbServer(folder / kind, kind))
            servers[-1].start()
        nb, ovs = servers
        ovs.ctl("init")
        ovs.ctl("set", "Open_vSwitch", ".", *(f"external_ids:{one}" for one in SETTINGS))
        vswitchd = start_vswitchd(folder, ovs)
        words = ("--", "set", "Bridge", "br-int", "datapath_type=netdev", "fail_mode=secure")
        run("ovs-vsctl", f"--db={ovs.remote}", "--timeout=10", "add-br", "br-int", *words)
        processes.append(
            serve(f"ipam.application({nb.remote!r})", IPAM, folder / "i", keep_alive=True)
        )
        path = folder / "worker"
        argv = [sys.executable, "-m", "tests.functional.crash.worker", ovs.remote, str(path)]
        processes.append(subprocess.Popen(argv, stdout=subprocess.PIPE))
        stdout = processes[-1].stdout
        assert stdout is not None
        with stdout:
            assert stdout.readline() == b"ready\n"
        made = Bed(nb, ovs, path)
        yield made
        made.close()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
        if vswitchd is not None:
            end(vswitchd)
        for server in servers:
            server.stop()
