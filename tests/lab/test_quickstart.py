"""The first command of a new user, on a host without systemd and without the kernel's module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .host import Host
from .lab import Lab

# The packages are here already; that they get installed only a bare machine can show.
ENVIRONMENT = {"QUICKSTART_STATE": "/run/lab/quickstart", "PATH": os.environ["PATH"]}
FOLDERS = "/run /etc/docker /etc/openvswitch /var/log /var/lib/docker"
SCRIPT = Path(__file__).parents[2] / "scripts" / "quickstart"


@pytest.fixture
def bare(own_lab: Lab) -> Iterator[Host]:
    host = own_lab.add_host("bare")
    yield host
    host.stop()


def quickstart(host: Host, *words: str) -> str:
    return host.run(str(SCRIPT), *words, timeout=240, env=ENVIRONMENT).stdout


def traces(host: Host) -> dict[str, set[str]]:
    """What of a host could tell that something ran there."""
    commands = {
        "processes": "ps -e -o comm= | grep -vx -e ps -e sh -e grep",
        "links": "ip -o link | cut -d: -f2 | cut -d@ -f1",
        "files": f"find {FOLDERS} -path /run/lab/upper -prune -o -print",
        "packet filter": "iptables-save | grep -e ^-A -e DOCKER -e DROP",
        "forwarding": "cat /proc/sys/net/ipv4/ip_forward",
    }
    return {
        name: set(host.run("sh", "-c", f"{command} || true").stdout.splitlines())
        for name, command in commands.items()
    }


def test_quickstart_ends_in_a_ping_and_down_leaves_nothing(bare: Host) -> None:
    before = traces(bare)
    said = quickstart(bare)
    assert "3 packets transmitted, 3 packets received" in said
    assert "(aka quickstart)" in said

    again = quickstart(bare)
    assert "this host was up already" in again
    assert "3 packets transmitted, 3 packets received" in again

    bare.cli("network", "create", "mine")
    refused = bare.run(str(SCRIPT), "--down", env=ENVIRONMENT, check=False)
    assert refused.returncode == 1
    assert "other logical networks are here: mine;" in refused.stderr
    bare.cli("network", "delete", "mine")

    assert "nothing of the quickstart is left" in quickstart(bare, "--down")
    after = traces(bare)
    assert {name: after[name] ^ before[name] for name in before} == {name: set() for name in before}
    assert "nothing of the quickstart is left" in quickstart(bare, "--down")
