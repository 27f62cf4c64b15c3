"""``scripts/soak``: see --help."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tabulate import tabulate

from tests.lab import Host, Lab
from tests.lab.cluster import IMAGE, Cluster, cluster
from tests.lab.command import CommandError

from . import figures
from .figures import Sample, sample

NETWORK = "soak"
SERVERS = ("driver", "driver", "ipam")


class Soak:
    """:ivar samples: of the driver of each host, and of the IPAM server."""

    def __init__(self, made: Cluster, starts: int, minutes: float) -> None:
        self._made = made
        self._starts = starts
        self._until = time.monotonic() + minutes * 60
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self.done = 0
        self.failed = 0
        hosts = (*made.hosts, made.central)
        self._watched = list(zip(hosts, SERVERS, strict=True))
        self.samples: dict[str, list[Sample]] = {
            f"{server} of {host.name}": [] for host, server in self._watched
        }

    def run(self, every: int) -> None:
        """Start and stop containers on both hosts, and look at the servers now and then.

        :param every: starts between two looks.
        """
        with ThreadPoolExecutor(2) as pool:
            while self.done < self._starts and time.monotonic() < self._until:
                self._look()
                share = min(every, self._starts - self.done) // 2 or 1
                list(pool.map(self._some, self._made.hosts, [share] * 2))
        self._look()

    def _some(self, host: Host, number: int) -> None:
        for _ in range(number):
            try:
                host.docker("run", "--rm", "--network", NETWORK, IMAGE, "true")
            except CommandError as error:
                print(error, file=sys.stderr)
                with self._lock:
                    self.failed += 1
            with self._lock:
                self.done += 1

    def _look(self) -> None:
        seconds = time.monotonic() - self._began
        for host, server in self._watched:
            found = self.samples[f"{server} of {host.name}"]
            found.append(sample(host, server, self.done, seconds))
        print(f"{self.done} starts in {seconds:.0f} s, {self.failed} failed", file=sys.stderr)


def attach(made: Cluster) -> None:
    made.first.cli("network", "create", NETWORK, "--subnet", "192.168.0.0/20")
    for host in made.hosts:
        host.cli("network", "attach", NETWORK)


def burst(made: Cluster, number: int) -> bool:
    """Start that many containers on one host at once; whether all of them came up."""
    host = made.first
    names = [f"burst{one}" for one in range(number)]
    began = time.monotonic()

    def start(name: str) -> bool:
        words = ("run", "-d", "--name", name, "--network", NETWORK, IMAGE, "sleep", "3600")
        try:
            host.docker(*words, timeout=600)
        except CommandError as error:
            print(error, file=sys.stderr)
            return False
        return True

    with ThreadPoolExecutor(number) as pool:
        up = sum(pool.map(start, names))
    found = sample(host, "driver", number, time.monotonic() - began)
    print(f"{up} of {number} containers, started at once, up after {found.seconds:.0f} s")
    print(f"the driver then has {found.rss:.0f} MB in its worker, {found.whole:.0f} MB in all")
    host.docker("rm", "-f", *names, timeout=600)
    return up == number


def told(soak: Soak) -> bool:
    """Print what was seen; whether all of it was flat."""
    flat = soak.failed == 0
    for name, samples in soak.samples.items():
        rows = [
            (one.starts, round(one.seconds), round(one.rss, 1), round(one.whole, 1), one.fds)
            for one in samples
        ]
        heads = ("starts", "s", "worker, MB", "all, MB", "files")
        rss, fds = figures.grew(samples)
        kept = rss <= figures.RSS_MOST and fds <= figures.FDS_MOST
        flat = flat and kept
        print(f"\n{name}: {'flat' if kept else 'GROWS'}, {rss:+.1f} MB and {fds:+.1f} files")
        print(tabulate(rows, heads))
    return flat


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--starts", type=int, default=2000, help="containers to start and stop")
    parser.add_argument("--minutes", type=float, default=60, help="end after that time at last")
    parser.add_argument("--every", type=int, default=100, help="starts between two looks")
    parser.add_argument("--burst", type=int, default=0, help="first start so many at once")
    asked = parser.parse_args()
    with Lab() as lab, cluster(lab, "soak") as made:
        attach(made)
        came_up = burst(made, asked.burst) if asked.burst else True
        if not asked.starts:
            return 0 if came_up else 1
        soak = Soak(made, asked.starts, asked.minutes)
        soak.run(asked.every)
        return 0 if told(soak) and came_up else 1


if __name__ == "__main__":
    sys.exit(main())
