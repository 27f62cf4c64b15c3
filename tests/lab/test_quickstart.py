"""The first command of a new user, on a host without systemd and without the kernel's module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .host import Host
from .lab import Lab

STATE = "/run/lab/quickstart"
SCRIPT = Path(__file__).parents[2] / "scripts" / "quickstart"


@pytest.fixture
def bare(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("bare")
    yield host
    host.stop()


def quickstart(host: Host, *words: str) -> str:
    # The packages are here already; that they get installed only a bare machine can show.
    env = {"QUICKSTART_STATE": STATE, "PATH": os.environ["PATH"]}
    return host.run(str(SCRIPT), *words, timeout=240, env=env).stdout


def processes(host: Host) -> set[str]:
    return set(host.run("ps", "-e", "-o", "comm=").stdout.split()) - {"ps"}


def traces(host: Host) -> dict[str, str]:
    return {
        "links": host.run("sh", "-c", "ip -o link | cut -d: -f2").stdout,
        "run": host.run("ls", "/run").stdout,
        "state": host.run("ls", "/run/lab").stdout,
    }


def test_quickstart_ends_in_a_ping_and_down_leaves_nothing(bare: Host) -> None:
    before = processes(bare)
    said = quickstart(bare)
    assert "3 packets transmitted, 3 packets received" in said
    assert "(aka quickstart)" in said

    again = quickstart(bare)
    assert "this host was up already" in again
    assert "3 packets transmitted, 3 packets received" in again

    assert "nothing of the quickstart is left" in quickstart(bare, "--down")
    assert processes(bare) == before
    assert "quickstart" not in traces(bare)["state"]
    links = set(traces(bare)["links"].split())
    # docker0 and docker_gwbridge are Docker's own, which it leaves when it stops.
    assert {link.split("@")[0] for link in links} <= {"lo", "eth0", "docker0", "docker_gwbridge"}
    assert "nothing of the quickstart is left" in quickstart(bare, "--down")
