"""Logical ports plugged into a namespace by hand, as the container of an engine would have one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ovn_integrate import netlink
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.contract.device_owners import PLUGGED
from ovn_integrate.core.endpoint import plug
from ovn_integrate.core.endpoint.plug import Plugs
from ovn_integrate.core.link import veth
from ovn_integrate.errors import CommandFailed, Conflict, PortNotFound
from tests.functional.driver.bed import CHASSIS, Host, collecting, run

CONTAINER, OTHER = "c" * 64, "d" * 64


@pytest.fixture
def process() -> Iterator[int]:
    """A process in a network namespace of its own."""
    words = ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as made:
        assert made.stdout is not None
        assert made.stdout.readline() == b"ready\n"
        yield made.pid
        made.kill()


@pytest.fixture
def plugs(host: Host) -> Iterator[Plugs]:
    with plug.on_this_host(host.ovs.remote, lambda: host.neutron, 5, 0.2) as made:
        made.check()
        yield made


@pytest.fixture
def port(host: Host) -> Iterator[dict[str, Any]]:
    """Of two versions of IP."""
    network = host.neutron.create("networks", name="foo")
    for cidr, version in (("192.168.9.0/24", 4), ("fd09::/64", 6)):
        host.neutron.create("subnets", network_id=network["id"], cidr=cidr, ip_version=version)
    yield host.neutron.create("ports", network_id=network["id"], name="db")
    for one in host.neutron.query("ports", network_id=network["id"]):
        host.neutron.delete("ports", one["id"])
    host.neutron.delete("networks", network["id"])


def inside(pid: int, link: str) -> dict[str, Any]:
    words = ("nsenter", f"--target={pid}", "--net", "ip", "-json", "address", "show", link)
    found: dict[str, Any] = json.loads(run(*words))[0]
    return found


def test_a_port_is_in_the_namespace_with_all_that_it_has(
    host: Host, plugs: Plugs, port: dict[str, Any], process: int
) -> None:
    plugs.plug(port, CONTAINER, process, "eth1")
    link = inside(process, "eth1")
    assert (link["address"], link["mtu"], "UP" in link["flags"]) == (
        port["mac_address"],
        65536 - 58,  # of lo, which has the tunnel endpoint, less Geneve over IPv4
        True,
    )
    has = {f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"]}
    for fixed in port["fixed_ips"]:
        length = 64 if ":" in fixed["ip_address"] else 24
        assert f"{fixed['ip_address']}/{length}" in has
    assert host.interface(veth.outer(port["id"]))["iface-id"] == port["id"]
    now = host.neutron.show("ports", port["id"])
    assert (now["device_id"], now["device_owner"]) == (CONTAINER, PLUGGED)
    assert now["binding:host_id"] == CHASSIS
    assert plugs.ports() == plugs.ports(CONTAINER) == [now]
    assert plugs.is_plugged(now, process)
    plugs.free(now)
    assert host.neutron.show("ports", port["id"])["device_id"] == ""
    assert not netlink.exists(veth.outer(port["id"]))
    assert plugs.ports() == []
    plugs.free(now)  # again


def test_a_port_whose_container_started_anew_is_plugged_again(
    host: Host, plugs: Plugs, port: dict[str, Any], process: int
) -> None:
    plugs.plug(port, CONTAINER, process, "eth1")
    # The end in the namespace goes with that, and the other one with it.
    run("nsenter", f"--target={process}", "--net", "ip", "link", "delete", "eth1")
    (now,) = plugs.ports(CONTAINER)
    assert not plugs.is_plugged(now, process)
    plugs.plug(now, CONTAINER, process, plug.link_of(now))
    assert plugs.is_plugged(now, process)
    plugs.free(now)


def test_nothing_is_left_of_what_could_not_be_plugged(
    host: Host, plugs: Plugs, port: dict[str, Any], process: int
) -> None:
    before = host.neutron.show("ports", port["id"])
    with pytest.raises(CommandFailed, match="lo"):
        plugs.plug(port, CONTAINER, process, "lo")
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
        with pytest.raises(CommandFailed):
            plugs.plug(port, CONTAINER, ended.pid, "eth1")
    after = host.neutron.show("ports", port["id"])
    for key in ("device_id", "device_owner", "binding:profile", "binding:host_id"):
        assert after[key] == before[key]
    assert not netlink.exists(veth.outer(port["id"]))
    host.neutron.delete("ports", port["id"])
    with pytest.raises(PortNotFound):
        plugs.plug(port, CONTAINER, process, "eth1")


def test_what_cannot_be_plugged_again_stays_the_containers(
    host: Host, plugs: Plugs, port: dict[str, Any], process: int
) -> None:
    plugs.plug(port, CONTAINER, process, "eth1")
    (now,) = plugs.ports(CONTAINER)
    run("nsenter", f"--target={process}", "--net", "ip", "link", "delete", "eth1")
    with pytest.raises(CommandFailed):
        plugs.plug(now, CONTAINER, process, "lo")
    (kept,) = plugs.ports(CONTAINER)
    assert not netlink.exists(veth.outer(port["id"]))
    plugs.plug(kept, CONTAINER, process, "eth1")
    plugs.free(kept)


def test_a_port_that_another_container_gets_stays_with_that(
    host: Host, plugs: Plugs, port: dict[str, Any], process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = host.neutron.show

    def late(collection: str, id: str) -> dict[str, Any]:
        host.neutron.update(collection, id, device_id=OTHER)
        return show(collection, id)

    with monkeypatch.context() as patched:
        patched.setattr(host.neutron, "show", late)
        with pytest.raises(Conflict, match="another container"):
            plugs.plug(port, CONTAINER, process, "eth1")
    assert host.neutron.show("ports", port["id"])["device_id"] == OTHER


def test_the_drivers_collector_leaves_it_alone(
    host: Host, plugs: Plugs, port: dict[str, Any], process: int
) -> None:
    plugs.plug(port, CONTAINER, process, "eth1")
    with collecting(host, Known) as collector:
        assert collector.find() == []
    (now,) = plugs.ports()
    plugs.free(now)
