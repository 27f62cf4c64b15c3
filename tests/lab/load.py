"""A load of containers that come and go, under which faults are made, and what must hold then."""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests import chance

from . import owners
from .cluster import IMAGE, Cluster, address, run_container
from .command import CommandError
from .host import Host
from .waiting import wait_for

NETWORK = "blue"
KEPT, PEER = "kept", "peer"
SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))
COLLECTING = ("--gc-interval", "3")

Act = Callable[[Cluster], object]


@dataclass(frozen=True)
class Fault:
    """:ivar make: makes it, and has what an init would start again running.
    :ivar talks: whether the data path is to hold throughout.
    """

    name: str
    make: Act
    talks: bool = True


def make_talkers(made: Cluster) -> None:
    """A network on both hosts, and on each a container that stays."""
    made.first.cli("network", "create", NETWORK, "--subnet", "192.168.1.0/24")
    for host in made.hosts:
        serve(host)
        words = ("--ipam-driver", "openvswitch", "--ipam-opt", f"ovn.network={NETWORK}")
        host.docker(
            *("network", "create", "-d", "openvswitch", "--subnet", "192.168.1.0/24", *words),
            *("-o", f"ovn.network={NETWORK}", NETWORK),
        )
    # Process 1 of a container ignores SIGTERM, and dockerd would wait for it.
    options = ("--stop-signal", "KILL", "--restart", "always")
    run_container(made.first, KEPT, NETWORK, "--ip", "192.168.1.10", *options)
    run_container(made.second, PEER, NETWORK, *options)
    wait_for(lambda: pinged(made) > 0, 20, "the two to talk")


def serve(host: Host, env: dict[str, str] | None = None) -> None:
    host.cli("driver", "stop", check=False)
    host.cli("driver", "start", "--detach", *COLLECTING, env=env)


class Load:
    """Containers that come and go on both hosts. What fails of them during a fault may fail.

    :ivar started: how many ran to their end.
    """

    def __init__(self, made: Cluster) -> None:
        self.started = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(host,)) for host in made.hosts]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, number: int) -> None:
        """Wait until that many more have come and gone."""
        wanted = self.started + number
        wait_for(lambda: self.started >= wanted, 90, f"{number} more containers to come and go")

    def _run(self, host: Host) -> None:
        while not self._ended.is_set():
            try:
                host.docker("run", "--rm", "--network", NETWORK, IMAGE, "true")
            except CommandError:
                self._ended.wait(0.2)
            else:
                self.started += 1


def under_load(made: Cluster, fault: Fault) -> None:
    """Make a fault under load, and see that afterwards all is as it was."""
    moments = random.Random(f"{chance.seed()} {fault.name}")
    before = [address(host, name, NETWORK) for host, name in both(made)]
    with Load(made) as load:
        load.more(moments.randint(1, 4))
        with talking(made, fault.talks):
            threading.Event().wait(moments.random())
            fault.make(made)
        load.more(2)
    settled(made)
    assert [address(host, name, NETWORK) for host, name in both(made)] == before


@contextmanager
def talking(made: Cluster, throughout: bool) -> Iterator[None]:
    """The two long-lived containers talk as long as the block lasts, if they are to."""
    lost: list[str] = []
    ended = threading.Event()

    def talk() -> None:
        while not ended.is_set():
            if pinged(made, 2) == 0:
                lost.append("two in a row")

    thread = threading.Thread(target=talk)
    if throughout:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if throughout:
            thread.join()
    assert not lost, f"answers were lost: {lost}"


def both(made: Cluster) -> tuple[tuple[Host, str], tuple[Host, str]]:
    return (made.first, KEPT), (made.second, PEER)


def settled(made: Cluster) -> None:
    """All talk, and nothing is without an owner: the driver sees to that by itself."""
    wait_for(lambda: pinged(made) > 0, 60, "the two to talk")

    def owned() -> bool:
        wrong = owners.ownerless(made)
        assert not wrong, wrong
        return True

    wait_for(owned, 60, "all to have an owner")


def pinged(made: Cluster, count: int = 1) -> int:
    """How many answers the one gets from the other."""
    words = ("ping", "-c", str(count), "-W", "1", "192.168.1.10")
    try:
        said = made.second.docker("exec", PEER, *words)
    except CommandError as error:
        said = str(error)
    found = re.search(r"(\d+) packets received", said)
    return int(found[1]) if found else 0


def kill(host: Host, pidfile: str) -> None:
    """Kill a daemon, its worker and its monitor."""
    number = host.read(pidfile).strip()
    status = host.read(f"/proc/{number}/status")
    parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid"))
    command = host.run("cat", f"/proc/{parent}/cmdline", check=False).stdout
    children = host.read(f"/proc/{number}/task/{number}/children").split()
    monitor = [parent] if "monitoring" in command else []
    host.run("kill", "-9", *monitor, number, *children)
