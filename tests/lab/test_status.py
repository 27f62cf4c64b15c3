"""`status`: what a right host says, and what it says of a server or a tunnel that is away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .cluster import Cluster
from .faults import CONTROLLER, ELSEWHERE, frozen, ghost, key, unplugged_vm
from .host import Host
from .waiting import wait_for


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Cluster:
    return shared


def status(host: Host) -> dict[str, Any]:
    done = host.cli("--timeout", "3", "status", "-o", "json", check=False)
    answer: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (10 if answer["problems"] else 0)
    return answer


def test_a_right_host(path: Cluster) -> None:
    for host, other in (path.hosts, path.hosts[::-1]):
        wait_for(lambda: not status(host)["problems"], 20, f"{host.name} to be right")  # noqa: B023
        answer = status(host)
        assert answer["registered"]
        assert answer["controller"] == "connected"
        assert answer["driver"] == "serves"
        assert [one["state"] for one in (*answer["remotes"], *answer["ipam"])] == ["answers"] * 2
        (tunnel,) = [one for one in answer["others"] if one["hostname"] == other.name]
        assert (tunnel["remote_ip"], tunnel["state"]) == (other.address, "up")
    shown = path.first.cli("status").stdout
    assert f"tunnel          {path.second.name} geneve {path.second.address} up" in shown


def test_servers_that_are_away(path: Cluster) -> None:
    nowhere = "127.0.0.1:9"
    with key(path.first, "ipam", nowhere), key(path.second, "ovn-remote", f"tcp:{nowhere}"):
        problems = status(path.first)["problems"]
        assert f"http://{nowhere}: does not answer" in problems
        assert "driver: refuses Docker with status 502" in problems
        problems = status(path.second)["problems"]
        assert f"tcp:{nowhere}: does not answer" in problems
        assert "this chassis is not registered as it is set" in problems
        # The tunnels that are there are told of all the same.
        assert [one["state"] for one in status(path.second)["others"]] == ["up"]


def test_a_chassis_without_a_tunnel(path: Cluster) -> None:
    with frozen(path.first, CONTROLLER), ghost(path, "geneve", ELSEWHERE, "far"):
        assert "tunnel to far: no tunnel" in status(path.first)["problems"]


def test_a_vm_that_nobody_started(path: Cluster) -> None:
    with unplugged_vm(path) as host:
        answer = status(host)
        assert answer["vms without interface"] == ["vm-7"]
        assert answer["problems"] == []  # it may just not run
        assert "VM's port       vm-7 has no interface here" in host.cli("status").stdout
        assert status(path.second)["vms without interface"] == []
    assert status(path.first)["vms without interface"] == []
