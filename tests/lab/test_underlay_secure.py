"""Containers in VMs that joined: their drivers ask the IPAM server by certificates of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .host import Host
from .lab import Lab
from .nested import BRIDGE, Cloud, cloud
from .secured import token
from .test_underlay import NETWORK, reach, run

MODE = ("--underlay-mode", "--bridge", BRIDGE)


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Cloud]:
    with cloud(lab, "unders", tls=True) as made:
        for vm in made.vms:
            join(made, vm.host)
        made.vms[0].host.cli("network", "create", NETWORK, "--subnet", "192.168.7.0/24")
        for vm in made.vms:
            vm.host.cli("network", "attach", NETWORK)
        yield made


def join(made: Cloud, host: Host) -> None:
    host.cli("--timeout", "20", "join", token(made.central, host.name), *MODE)


def test_containers_of_vms_that_joined(made: Cloud) -> None:
    (one, other) = made.vms
    first, second = run(one.host, "first"), run(one.host, "second")
    third = run(other.host, "third")
    assert sorted(parent for parent, _ in made.below()) == sorted([one.port, one.port, other.port])
    reach(one.host, "first", third)
    reach(other.host, "third", first)
    reach(one.host, "first", second)
    # What it looks for it may see, and all of it has an owner.
    assert json.loads(one.host.cli("driver", "gc", "-o", "json").stdout)["strays"] == []
    # A VM is no chassis of OVN.
    shown = made.central.run("ovn-sbctl", "--bare", "--columns=hostname", "list", "Chassis").stdout
    assert not {vm.host.name for vm in made.vms} & {*shown.split()}


def test_down_and_joined_again(made: Cloud) -> None:
    host = made.vms[1].host
    host.docker("rm", "-f", "third")
    host.docker("network", "rm", NETWORK)
    host.cli("--timeout", "20", "down")
    shown = json.loads(host.cli("show", "-o", "json").stdout)["settings"]
    assert (shown["ipam"], shown["ovn-remote"]) == ("", "")
    join(made, host)
    assert host.cli("driver", "status").returncode == 0
    host.cli("network", "attach", NETWORK)
    run(host, "third")
    host.docker("rm", "-f", "third")
