"""A raft cluster of Northbound and IPAM servers on it, as processes that may be killed.

To be used inside a network namespace of its own: the servers listen on fixed ports.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ovn_integrate import servers
from tests.functional.daemons import Member, make_cluster

_PORT = 9700


class IpamServer:
    """One ``ovn-integrate ipam start``, with all its processes in a group of their own."""

    def __init__(self, folder: Path, number: int, nb: str) -> None:
        self.bind = f"127.0.0.1:{_PORT + number}"
        self.url = f"http://{self.bind}"
        self._folder = folder
        self._nb = nb
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it; it answers, if only that NB is away, when this returns."""
        argv = [sys.executable, "-m", "ovn_integrate", "ipam", "start"]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*argv, "--listen", self.bind, "--nb", self._nb],
                env={**os.environ, "OVN_INTEGRATE_RUNDIR": str(self._folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        assert until(lambda: servers.ask(self.bind, "GET", "/") == 200), self.log()

    def kill(self) -> None:
        """Kill all its processes as kill -9 does."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def ready(self) -> bool:
        """Whether it serves what NB holds."""
        return servers.ask(self.bind, "GET", "/v2.0/networks?limit=1") == 200

    def log(self) -> str:
        return (self._folder / "log").read_text()

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)


class Bed:
    """The members and the servers, the first of which are to be asked first."""

    def __init__(self, folder: Path, size: int) -> None:
        self.members = make_cluster(folder, "nb")
        self.nb = ",".join(member.remote for member in self.members)
        self.servers: list[IpamServer] = []
        for number in range(size):
            own = folder / f"ipam{number}"
            own.mkdir()
            self.servers.append(IpamServer(own, number, self.nb))

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def start(self) -> None:
        for server in self.servers:
            server.start()
        for server in self.servers:
            assert until(server.ready), server.log()

    def leader(self) -> Member | None:
        """The member that leads now; None while none does."""
        return next((one for one in self.members if one.running and one.leads()), None)

    def nbctl(self, *words: str) -> str:
        """What ovn-nbctl prints, on the whole cluster."""
        done = subprocess.run(
            ["ovn-nbctl", f"--db={self.nb}", "--timeout=20", *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout

    def end(self) -> None:
        for server in self.servers:
            server.kill()
        for member in self.members:
            member.stop(kill=True)


@contextmanager
def cluster(folder: Path, size: int = 3) -> Iterator[Bed]:
    """A cluster of three members with ``size`` IPAM servers on it, all of which are ready."""
    bed = Bed(folder, size)
    try:
        bed.start()
        yield bed
    finally:
        bed.end()


def until(ask: Callable[[], Any], limit: float = 30.0) -> Any:
    """Ask again until the answer is true; the last answer after ``limit`` seconds."""
    tick = threading.Event()
    deadline = time.monotonic() + limit
    while not (answer := ask()) and time.monotonic() < deadline:
        tick.wait(0.02)
    return answer
