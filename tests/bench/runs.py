"""Whole containers, from ``docker run --rm`` to its end, on this driver and on the default bridge.

``python -m tests.bench.runs ROUNDS NETWORK`` inside a host with Docker; they take turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from tests.lab.image import IMAGE

BRIDGE = "docker run, bridge"
OURS = "docker run, ovn-integrate"


def measure(rounds: int, network: str) -> dict[str, list[float]]:
    """The times of each, in seconds."""
    networks = {BRIDGE: "bridge", OURS: network}
    for one in networks.values():
        _run(one)  # reads what it needs from the disk
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(rounds):
        for name, one in networks.items():
            taken[name].append(_run(one))
    return taken


def _run(network: str) -> float:
    began = time.monotonic()
    words = ["docker", "run", "--rm", "--network", network, IMAGE, "true"]
    subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), sys.argv[2])))
