"""What a server's processes have, and whether it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab import Host

_KIB = 1024
# What a process of Python may differ by from one sample to the next without growing.
RSS_MOST = 5.0
FDS_MOST = 3.0


@dataclass(frozen=True)
class Sample:
    """:param starts: containers that were started before.
    :param rss: resident memory of the worker in MB.
    :param whole: of all its processes, shared pages counted once.
    """

    starts: int
    seconds: float
    rss: float
    whole: float
    fds: int


def sample(host: Host, server: str, starts: int, seconds: float) -> Sample:
    """What a server of a host has now."""
    master = host.read(f"/run/ovn-integrate/{server}.pid").strip()
    (worker, *_) = host.read(f"/proc/{master}/task/{master}/children").split()
    shares = [_kib(host.read(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in (master, worker)]
    rss = _kib(host.read(f"/proc/{worker}/status"), "VmRSS") / _KIB
    fds = len(host.run("ls", f"/proc/{worker}/fd").stdout.split())
    return Sample(starts, seconds, rss, sum(shares) / _KIB, fds)


def growth(points: Sequence[tuple[float, float]]) -> float:
    """By how much the line of least squares rises from the first of some points to the last."""
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
    return slope * (points[-1][0] - points[0][0])


def settled(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Without the first fifth, in which caches and pools come to be."""
    return samples[len(samples) // 5 :]


def grew(samples: Sequence[Sample]) -> tuple[float, float]:
    """By how much memory, in MB, and the number of files rose while it was settled."""
    late = settled(samples)
    rss = growth([(one.starts, one.rss) for one in late])
    fds = growth([(one.starts, one.fds) for one in late])
    return rss, fds


def _kib(text: str, name: str) -> int:
    line = next(line for line in text.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
