"""Whole containers, from ``docker run --rm`` to its end, on this driver and on Docker's bridges.

``python -m tests.bench.runs ROUNDS`` inside a host with Docker that has the networks of
:data:`NETWORKS`; they take turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

from tests.lab.image import IMAGE

BRIDGE = "docker run, bridge"
# What `docker network create` makes: Docker gives the containers its DNS server on any network but
# the default bridge, which alone takes it as long as a driver's calls.
MADE = "docker run, bridge that was made"
OURS = "docker run, ovn-integrate"
# The first has Docker's own bridge too, for the way out; the last has one link, as the default
# bridge has.
NETWORKS = {
    OURS: "docker",
    f"{OURS}, ovn.gateway=ovn": "ovn",
    f"{OURS}, ovn.gateway=none": "none",
}
"""The contenders, and the gateway that is also their network's name."""


def measure(rounds: int) -> dict[str, list[float]]:
    """The times of each, in seconds."""
    subprocess.run(["docker", "network", "create", "made"], stdout=subprocess.DEVNULL, check=True)
    networks = {
        BRIDGE: "bridge",
        MADE: "made",
        **{name: f"to-{one}" for name, one in NETWORKS.items()},
    }
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
    print(json.dumps(measure(int(sys.argv[1]))))
