"""Containers in VMs, as ports below those of the VMs, on real OVN."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .cluster import IMAGE, address, mtu, ping, run_container
from .host import Host
from .lab import Lab
from .nested import BRIDGE, MTU, Cloud, cloud

NETWORK = "foo"
START = ("driver", "start", "--detach", "--gc-interval", "0")
MODE = ("--underlay-mode", "--bridge", BRIDGE)


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Cloud]:
    with cloud(lab, "under") as made:
        first, second = made.vms
        first.host.cli("network", "create", NETWORK, "--subnet", "192.168.7.0/24")
        first.host.cli(*START, *MODE)  # finds its own port by the MAC address of its NIC
        second.host.cli(*START, *MODE, env={"OS_VIF_ID": second.port})
        for vm in made.vms:
            vm.host.cli("network", "attach", NETWORK)
        yield made


@pytest.fixture(autouse=True)
def nothing_left(made: Cloud) -> Iterator[None]:
    yield
    for vm in made.vms:
        names = vm.host.docker("ps", "-aq").split()
        if names:
            vm.host.docker("rm", "-f", *names)
        assert vm.host.run("ovs-vsctl", "list-ports", BRIDGE).stdout.split() == ["eth1"]
    assert made.below() == []


def reach(host: Host, container: str, other: str) -> None:
    """Fails unless large packets and TCP go from one to the other."""
    ping(host, container, other)
    # 28 bytes of headers (RFC 791, 792); nothing of it is cut into pieces on the way.
    ping(host, container, other, "-s", str(MTU - 4 - 28))
    host.docker("exec", container, "wget", "-q", "-O", "/dev/null", f"http://{other}/bin/busybox")


def run(host: Host, name: str) -> str:
    """A container that serves its files; its address."""
    run_container(host, name, NETWORK)
    host.docker("exec", name, "httpd", "-h", "/")
    return address(host, name, NETWORK)


def test_containers_of_two_vms_and_of_one_reach_each_other(made: Cloud) -> None:
    (one, other) = made.vms
    first, second = run(one.host, "first"), run(one.host, "second")
    third = run(other.host, "third")
    below = made.below()
    assert sorted(parent for parent, _ in below) == sorted([one.port, one.port, other.port])
    assert len({tag for parent, tag in below if parent == one.port}) == 2
    assert mtu(one.host, "first") == MTU - 4
    reach(one.host, "first", third)
    reach(other.host, "third", first)
    reach(one.host, "first", second)


def test_a_driver_that_is_started_anew_goes_on(made: Cloud) -> None:
    host = made.vms[0].host
    first = run(host, "first")
    host.cli("driver", "stop")
    second = run(made.vms[1].host, "second")
    reach(host, "first", second)
    host.cli(*START)  # in the mode of the last time
    run(host, "third")
    reach(host, "third", first)
    host.docker("restart", "-t", "0", "first")
    # Who talked to it before remembers the MAC address that it had.
    ping(host, "first", run(made.vms[1].host, "fourth"))


def test_what_ended_while_the_driver_was_down_is_collected(made: Cloud) -> None:
    host = made.vms[0].host
    run(host, "gone")
    run(host, "kept")
    host.cli("driver", "stop")
    host.docker("rm", "-f", "gone")
    host.cli(*START)
    answer = json.loads(host.cli("driver", "gc", "-o", "json").stdout)
    assert sorted(one["kind"] for one in answer["strays"]) == ["OVS port", "port"]
    assert all(one["removed"] for one in answer["strays"])
    assert len(made.below()) == 1


def test_a_container_without_a_plugin_is_below_its_vm_too(made: Cloud) -> None:
    vm, other = made.vms
    target = run(other.host, "first")
    endpoint = vm.host.script("ovn-container", "endpoint-create", NETWORK).stdout.strip()
    create = ("container-create", "--image", IMAGE, "--network", endpoint)
    container = vm.host.script("ovn-container", *create).stdout.strip()
    assert vm.port in [parent for parent, _ in made.below()]
    assert mtu(vm.host, container, "eth1") == MTU - 4
    ping(vm.host, container, target)
    vm.host.script("ovn-container", "container-delete", container)
    assert [parent for parent, _ in made.below()] == [other.port]
    vm.host.script("ovn-container", "endpoint-delete", endpoint)


def test_a_chassis_way_out_is_refused_and_the_others_are_not(made: Cloud) -> None:
    host = made.vms[0].host
    create = ("docker", "network", "create", "-d", "openvswitch", "--subnet", "192.168.8.0/24")
    refused = host.run(*create, "-o", "ovn.gateway=ovn", "bar", check=False)
    assert "is not for a VM" in refused.stderr
    for way in ("docker", "none"):
        host.run(*create, "-o", f"ovn.gateway={way}", "bar")
        run_container(host, "one", "bar")
        routes = host.docker("exec", "one", "ip", "route")
        assert ("default" in routes) is (way == "docker")
        host.docker("rm", "-f", "one")
        host.docker("network", "rm", "bar")
