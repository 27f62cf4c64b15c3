"""Figures of the IPAM server: ``python -m tests.bench.ipam ROUNDS [CHECKOUT]`` inside a host
without OVN; the server of that other checkout is measured by TLS too, in turns.

It makes an NB of its own, starts the server as a user does, and fills NB from outside. The floor
inserts the same rows into an NB of its own, which is as full: one insert and one mutation.
"""

from __future__ import annotations

import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ovn_integrate import servers
from tests.certificates import Authority, enter
from tests.functional.daemons import OvsdbServer
from tests.lab import wait_for

from .crowd import Crowd, copy
from .goals import MANY, Goal
from .jsonrpc import Connection, Failed
from .neutron import Api, Maker, Network, one_at_a_time, rate
from .stats import spread

FLOOR = "floor"
OURS = "ovn-integrate"
SECURE = "… by TLS"
BEFORE = "… by TLS, before"
NEUTRON = "Neutron"
FEW, FULL, HUGE = 100, 20_000, 100_000

_ADDRESS = "127.0.0.1:9696"
_CIDR = "10.0.0.0/8"
_POSTS = 50  # one at a time, in each round; eight times as many 8 at a time
_SLOW_POSTS = 4  # of a Neutron, which takes a quarter of a second for each
_BULK = 1000
_PAGE = 500
_START = 120.0  # seconds
_THREADS = 50  # more than the server has

Figures = dict[str, dict[str, float]]
"""By what is measured, for each contender."""

P50 = "{} ports: POST one at a time, p50 ms"
P95 = "{} ports: POST one at a time, p95 ms"
CPU = "{} ports: CPU time of the server, ms a POST"
RATE = "{} ports: ports a second, 8 at a time"
BULK = f"{FULL} ports: {_BULK} in one request, s"
START = "{} ports: start until it answers, s"
MEMORY = "{} ports: memory, MB"
PAGE = f"{FULL} ports: page of {_PAGE}, the {{}}, ms"
PAGES = f"{FULL} ports: all of them in such pages, s"
GROWTH = f"{FULL} ports: memory that the pages after the first add, MB"


class Server:
    """The server under test, as ``ovn-integrate ipam start`` makes it."""

    def __init__(self, northbound: str) -> None:
        self._northbound = northbound
        self.tls: tuple[list[str], ssl.SSLContext] | None = None
        """The options that have it serve TLS, and what a client needs; None for none."""
        self.checkout: str | None = None
        """Where its program is; None for this checkout."""

    def start(self) -> float:
        """How long that takes, until it answers a list."""
        program = [sys.executable, "-m", "ovn_integrate"]
        words = ["ipam", "start", "--detach", "--listen", _ADDRESS, "--nb", self._northbound]
        words += self.tls[0] if self.tls else []
        began = time.monotonic()
        path = {} if self.checkout is None else {"PYTHONPATH": self.checkout}
        # Its files are in a folder of root's, which another account does not reach.
        environment = {**os.environ, "OVN_INTEGRATE_USER": "root", **path}
        command = [*program, *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        wait_for(self._answers, _START, "the IPAM server")
        return time.monotonic() - began

    def stop(self) -> None:
        servers.stop("ipam", _START)

    @property
    def memory(self) -> float:
        """In MB, what it has in memory now."""
        lines = (self._process / "status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return int(fields["VmRSS"].split()[0]) / 1024

    @property
    def cpu(self) -> float:
        """Seconds of CPU time until now."""
        fields = (self._process / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def _process(self) -> Path:
        master = servers.pid("ipam")
        children = Path(f"/proc/{master}/task/{master}/children").read_text()
        return Path("/proc", children.split()[0])

    def _answers(self) -> bool:
        context = self.tls[1] if self.tls else None
        return servers.ask(_ADDRESS, "GET", "/v2.0/ports?limit=1", context=context) == 200


class Bench:
    """Two NBs with the same in them, one of which has a server."""

    def __init__(self, folder: Path, rounds: int, before: str | None) -> None:
        self._rounds = rounds
        self._before = before
        self._folder = folder
        self.figures: Figures = {}
        self._databases = [_northbound(folder / name) for name in (OURS, FLOOR)]
        self._ours, self._raw = (Connection(one.remote[5:]) for one in self._databases)
        self._server = Server(self._databases[0].remote)
        self._server.start()
        self._network = Network(_ADDRESS, _CIDR)
        self._network.maker()()
        copy(self._ours, self._raw)
        self._crowd = Crowd(self._ours)
        self._crowd.fill(self._raw, 1)
        self._ports = {OURS: 1, FLOOR: 1}

    def run(self) -> None:
        for size in (FEW, FULL):
            self._fill(OURS, self._ours, size)
            self._fill(FLOOR, self._raw, size)
            self._restart(size)
            self._posts(size)
            self._secure(size)
        self._bulk()
        self._pages()
        self._fill(OURS, self._ours, HUGE)
        self._restart(HUGE)

    def close(self) -> None:
        self._server.stop()
        for database in self._databases:
            database.stop()

    def _note(self, what: str, who: str, value: float) -> None:
        self.figures.setdefault(what, {})[who] = value

    def _fill(self, who: str, northbound: Connection, size: int) -> None:
        self._crowd.fill(northbound, size - self._ports[who])
        self._ports[who] = size

    def _restart(self, size: int) -> None:
        self._server.stop()
        self._note(START.format(size), OURS, self._server.start())
        self._note(MEMORY.format(size), OURS, self._server.memory)
        self._network.api.close()

    def _posts(self, size: int) -> None:
        makers: dict[str, Callable[[], Maker]] = {FLOOR: self._inserter, OURS: self._network.maker}
        taken: dict[str, list[float]] = {who: [] for who in makers}
        rates: dict[str, list[float]] = {who: [] for who in makers}
        kept = {who: maker() for who, maker in makers.items()}
        for make in kept.values():
            one_at_a_time(make, 10)  # not counted: first times are special
        used = 0.0
        for _ in range(self._rounds):
            for who, make in kept.items():
                cpu = self._server.cpu
                taken[who] += one_at_a_time(make, _POSTS)
                used += self._server.cpu - cpu if who == OURS else 0.0
        for _ in range(self._rounds):
            for who, maker in makers.items():
                rates[who].append(rate(maker, MANY * _POSTS, MANY))
        for who in makers:
            one = spread(taken[who])
            self._note(P50.format(size), who, one.p50)
            self._note(P95.format(size), who, one.p95)
            self._note(RATE.format(size), who, statistics.median(rates[who]))
            self._ports[who] += 10 + self._rounds * _POSTS * (1 + MANY)
        self._note(CPU.format(size), OURS, 1000 * used / len(taken[OURS]))

    def _secure(self, size: int) -> None:
        """The same by TLS, with a client certificate."""
        servers = {SECURE: None, **({BEFORE: self._before} if self._before else {})}
        taken: dict[str, list[float]] = {who: [] for who in servers}
        rates: dict[str, list[float]] = {who: [] for who in servers}
        used = dict.fromkeys(servers, 0.0)
        self._server.stop()
        northbound = self._databases[0].remote
        self._server.tls = _credentials(self._folder / f"tls-{size}", northbound)
        context = self._server.tls[1]
        for _ in range(self._rounds):
            for who, checkout in servers.items():
                self._server.checkout = checkout
                self._server.start()
                make = self._network.maker(context)
                # At its first start in the secure mode it has all that is there to go over.
                wait_for(partial(_serves, make), _START, "the server")
                one_at_a_time(make, 10)
                cpu = self._server.cpu
                taken[who] += one_at_a_time(make, _POSTS)
                used[who] += self._server.cpu - cpu
                rates[who].append(rate(lambda: self._network.maker(context), MANY * _POSTS, MANY))
                self._ports[OURS] += 11 + _POSTS * (1 + MANY)
                self._server.stop()
        for who in servers:
            one = spread(taken[who])
            self._note(P50.format(size), who, one.p50)
            self._note(P95.format(size), who, one.p95)
            self._note(RATE.format(size), who, statistics.median(rates[who]))
            self._note(CPU.format(size), who, 1000 * used[who] / len(taken[who]))
        self._server.tls = self._server.checkout = None
        self._server.start()

    def _inserter(self) -> Maker:
        northbound = Connection(self._databases[1].remote[5:])
        return lambda: self._crowd.add(northbound)

    def _bulk(self) -> None:
        taken: dict[str, list[float]] = {FLOOR: [], OURS: []}
        for _ in range(self._rounds):
            taken[FLOOR] += one_at_a_time(lambda: self._crowd.add(self._raw, _BULK), 1)
            taken[OURS] += one_at_a_time(lambda: self._network.make_many(_BULK), 1)
            self._ports[OURS] += _BULK
        for who, seconds in taken.items():
            self._note(BULK, who, statistics.median(seconds))

    def _pages(self) -> None:
        api = Api(_ADDRESS)
        for _ in range(_THREADS):
            _page(api)
        # What a page takes, each of the server's threads may keep: other pages must not add to it.
        began = self._server.memory
        total: list[float] = []
        for _ in range(self._rounds):
            taken = _walk(api)
            total.append(sum(taken))
        self._note(PAGE.format("first"), OURS, 1000 * taken[0])
        self._note(PAGE.format("last but one"), OURS, 1000 * taken[-3])
        self._note(PAGES, OURS, statistics.median(total))
        self._note(GROWTH, OURS, self._server.memory - began)
        api.close()


def _serves(make: Maker) -> bool:
    try:
        make()
    except Failed:
        return False
    return True


def _credentials(folder: Path, northbound: str) -> tuple[list[str], ssl.SSLContext]:
    authority = Authority(folder)
    server, client = authority.issue("server", "central"), authority.issue("chassis-1")
    enter(northbound, client)
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(client.certificate, client.private_key)
    options = ["--certificate", server.certificate, "--private-key", server.private_key]
    return [*map(str, options), "--ca-certificate", str(server.ca)], context


def _walk(api: Api) -> list[float]:
    """Seconds for each page, from the first to an empty one."""
    taken: list[float] = []
    last = ""
    while True:
        began = time.perf_counter()
        ports = _page(api, last)
        taken.append(time.perf_counter() - began)
        if not ports:
            return taken
        last = ports[-1]["id"]


def _page(api: Api, after: str = "") -> list[dict[str, Any]]:
    marker = f"&marker={after}" if after else ""
    ports: list[dict[str, Any]] = api.call("GET", f"/v2.0/ports?limit={_PAGE}{marker}")["ports"]
    return ports


def _northbound(folder: Path) -> OvsdbServer:
    folder.mkdir()
    server = OvsdbServer(folder, "nb")
    server.start()
    return server


def measure_neutron(url: str, rounds: int, figures: Figures) -> None:
    """Add what a running Neutron takes. It gets a network, which goes again."""
    address = url.removeprefix("http://").rstrip("/")
    network = Network(address, "10.0.0.0/16")
    try:
        make = network.maker()
        make()
        one = spread(one_at_a_time(make, rounds * _SLOW_POSTS))
        rates = [rate(network.maker, MANY * _SLOW_POSTS, MANY) for _ in range(rounds)]
    finally:
        network.remove()
    figures[P50.format(FEW)][NEUTRON] = one.p50
    figures[P95.format(FEW)][NEUTRON] = one.p95
    figures[RATE.format(FEW)][NEUTRON] = statistics.median(rates)


@dataclass(frozen=True)
class _Bound:
    what: str
    bound: float
    least: bool = False


_BOUNDS = (
    _Bound(P50.format(FEW), 5.0),
    _Bound(RATE.format(FEW), 300.0, least=True),
    _Bound(RATE.format(FULL), 300.0, least=True),
    _Bound(BULK, 1.0),
    _Bound(START.format(FULL), 5.0),
    _Bound(GROWTH, 10.0),
)


# What a change may cost.
_COMPARED = tuple(
    _Bound(what.format(size), bound, least)
    for size in (FEW, FULL)
    for what, bound, least in ((P50, 1.05, False), (CPU, 1.05, False), (RATE, 0.95, True))
)


def goals(figures: Figures) -> list[Goal]:
    """Those that can be told from what was measured."""
    known = {what: by_name.get(OURS) for what, by_name in figures.items()}
    found = [
        Goal(f"IPAM, {one.what}", value, one.bound, one.least)
        for one in _BOUNDS
        if (value := known.get(one.what)) is not None
    ]
    secure = {what: by_name.get(SECURE) for what, by_name in figures.items()}
    found += [
        Goal(f"IPAM by TLS, {one.what}", value, one.bound, one.least)
        for one in _BOUNDS
        if (value := secure.get(one.what)) is not None
    ]
    before = {what: by_name.get(BEFORE) for what, by_name in figures.items()}
    for one in _COMPARED:
        now, then = secure.get(one.what), before.get(one.what)
        if now and then:
            what = f"IPAM by TLS, {one.what}, times before"
            found.append(Goal(what, now / then, one.bound, one.least))
    full, few = known.get(P50.format(FULL)), known.get(P50.format(FEW))
    if full and few:
        what = f"IPAM, POST one at a time with {FULL} ports, times that with {FEW}"
        found.append(Goal(what, full / few, 1.3, least=False))
    rates = figures.get(RATE.format(FEW), {})
    if rates.get(NEUTRON):
        what = f"IPAM, ports a second, {MANY} at a time, times Neutron"
        found.append(Goal(what, rates[OURS] / rates[NEUTRON], 40.0, least=True))
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), int(sys.argv[1]), next(iter(sys.argv[2:]), None))
        try:
            bench.run()
        finally:
            bench.close()
    print(json.dumps(bench.figures))


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(str(error))
