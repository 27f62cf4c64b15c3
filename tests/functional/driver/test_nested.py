"""The driver in a VM: its endpoints are ports below the VM's own.

The tags are ovn-northd's. There is no chassis: a test binds a port as one would.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovn_integrate import netlink
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.contract.device_owners import HOST
from ovn_integrate.core.collector import orphans
from ovn_integrate.core.endpoint import nested
from ovn_integrate.core.link import veth
from ovn_integrate.host import interfaces
from tests.functional import northd
from tests.functional.daemons import OvsdbServer
from tests.functional.driver.bed import (
    CHASSIS,
    REMOVE,
    SET,
    Call,
    Host,
    Lan,
    collecting,
    delete,
    ids,
)
from tests.functional.driver.vm import BRIDGE, MAC, NIC, NIC_MTU, Vm


@pytest.fixture
def sb(host: Host, tmp_path: Path) -> Iterator[OvsdbServer]:
    """A Southbound with ovn-northd, which chooses tags, and one chassis."""
    with northd.beside(host.nb, tmp_path / "n") as made:
        made.ctl("chassis-add", "hypervisor", "geneve", "192.0.2.1")
        yield made


@pytest.fixture
def inner(vm: Vm, sb: OvsdbServer, lan: Lan) -> Lan:
    """A Docker network of a VM."""
    return lan


def test_an_endpoint_is_a_port_below_the_vm_in_a_vlan_of_its_own(
    host: Host, vm: Vm, inner: Lan
) -> None:
    endpoints = [inner.endpoint(7), inner.endpoint(8)]
    for endpoint in endpoints:
        host.ok("NetworkDriver.CreateEndpoint", endpoint)
        told = vm.profile(endpoint)
        assert told == {"parent_name": vm.port, "tag": told["tag"], HOST: CHASSIS}
        assert vm.vlan(endpoint) == str(told["tag"])
        joined = host.ok("NetworkDriver.Join", ids(endpoint))
        assert interfaces.mtus()[joined["InterfaceName"]["SrcName"]] == NIC_MTU - 4
        assert "ready" not in host.ok("NetworkDriver.EndpointOperInfo", ids(endpoint))["Value"]
    assert len({vm.vlan(one) for one in endpoints}) == 2
    for endpoint in endpoints:
        host.ok("NetworkDriver.Leave", ids(endpoint))
        delete(host, endpoint)


def test_join_waits_for_neutron_to_say_that_the_port_is_active(
    host: Host, vm: Vm, inner: Lan, sb: OvsdbServer, driver: Call
) -> None:
    endpoint = inner.endpoint(7)
    assert not driver("NetworkDriver.CreateEndpoint", endpoint).get("Err")
    error = driver("NetworkDriver.Join", ids(endpoint))["Err"]
    assert "DOWN" in error
    assert vm.port in error
    (port,) = host.neutron.query("ports", device_id=endpoint["EndpointID"])
    binding = threading.Timer(0.1, sb.ctl, ("lsp-bind", port["id"], "hypervisor"))
    binding.start()
    answer = driver("NetworkDriver.Join", ids(endpoint))
    binding.join()
    assert answer["InterfaceName"]["SrcName"] == veth.inner(endpoint["EndpointID"])
    delete(host, endpoint)


def test_a_driver_that_was_started_again_plugs_with_the_same_tag(
    host: Host, vm: Vm, inner: Lan, sb: OvsdbServer, driver: Call
) -> None:
    endpoint = inner.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    (port,) = host.neutron.query("ports", device_id=endpoint["EndpointID"])
    sb.ctl("lsp-bind", port["id"], "hypervisor")
    before = vm.vlan(endpoint)
    assert driver("NetworkDriver.Leave", ids(endpoint)) == {}
    assert not driver("NetworkDriver.Join", ids(endpoint)).get("Err")
    assert vm.vlan(endpoint) == before
    assert driver("NetworkDriver.DeleteEndpoint", ids(endpoint)) == {}


def test_what_docker_forgot_goes(host: Host, vm: Vm, inner: Lan) -> None:
    dead, alive = inner.endpoint(7), inner.endpoint(8)
    for endpoint in (dead, alive):
        host.ok("NetworkDriver.CreateEndpoint", endpoint)
    known = Known(frozenset({inner.id}), frozenset({alive["EndpointID"]}))
    with collecting(host, lambda: known) as collector:
        gone = [stray.kind for stray, _ in collector.remove(collector.find())]
    assert gone == [orphans.BRIDGE_PORT, orphans.PORT]
    assert vm.vlan(alive)
    assert not netlink.exists(veth.outer(dead["EndpointID"]))
    for endpoint in (dead, alive):
        delete(host, endpoint)


def test_an_address_of_a_dead_endpoint_is_given_again(
    host: Host, vm: Vm, inner: Lan, driver: Call
) -> None:
    cut_short, again = inner.endpoint(7), inner.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", cut_short)
    assert not driver("NetworkDriver.CreateEndpoint", again).get("Err")
    delete(host, again)


def test_a_port_that_stays_is_below_no_vm_afterwards(host: Host, vm: Vm, inner: Lan) -> None:
    network = next(one for one in host.neutron.query("networks") if one["name"] == inner.id)
    port = host.neutron.create("ports", network_id=network["id"], name="db")
    (v4,) = (one["ip_address"] for one in port["fixed_ips"] if ":" not in one["ip_address"])
    (v6,) = (one["ip_address"] for one in port["fixed_ips"] if ":" in one["ip_address"])
    endpoint = inner.endpoint(7, Address=f"{v4}/24", AddressIPv6=f"{v6}/64")
    endpoint["Options"]["ovn.port"] = "db"
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert vm.profile(endpoint)["parent_name"] == vm.port
    delete(host, endpoint)
    left = host.neutron.show("ports", port["id"])
    assert (left["binding:profile"], left["binding:host_id"]) == ({}, "")
    host.neutron.delete("ports", port["id"])


def test_without_a_tag_nothing_is_made(
    host: Host, vm: Vm, lan: Lan, driver: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody chooses one: there is no ovn-northd."""
    monkeypatch.setattr(nested, "_TAG_WAIT", 0.2)
    before = host.left()
    error = driver("NetworkDriver.CreateEndpoint", lan.endpoint(7))["Err"]
    assert "no VLAN tag within 0.2 s" in error
    assert host.left() == before


def test_the_way_out_of_a_chassis_is_refused(host: Host, vm: Vm) -> None:
    lan = Lan(host, 11, **{"ovn.gateway": "ovn"})
    assert "ovn.gateway=docker" in host.error("NetworkDriver.CreateNetwork", lan.body)


def test_the_own_port_is_named_or_the_only_one_with_the_mac_of_the_nic(
    host: Host, vm: Vm, driver: Call
) -> None:
    assert not driver("Plugin.Activate", {}).get("Err")
    host.ovs.ctl(*SET, "external_ids:ovn-vif-id=00000000-0000-0000-0000-000000000001")
    error = host.configure(404, *SET, "external_ids:x=y")["Err"]
    assert "does not exist" in error
    assert "OS_VIF_ID" in error
    host.configure(200, *SET, f"external_ids:ovn-vif-id={vm.port}")
    host.ovs.ctl(*REMOVE, "ovn-vif-id", "x")


def test_several_ports_with_the_mac_of_the_nic_are_named(host: Host, vm: Vm, driver: Call) -> None:
    other = host.neutron.create("networks", name="other")
    twin = host.neutron.create("ports", network_id=other["id"], mac_address=MAC)
    error = driver("Plugin.Activate", {})["Err"]
    assert vm.port in error
    assert twin["id"] in error
    host.neutron.delete("ports", twin["id"])
    host.neutron.delete("networks", other["id"])
    host.neutron.delete("ports", vm.port)
    assert "OS_VIF_ID" in driver("Plugin.Activate", {})["Err"]


def test_a_bridge_without_a_nic_is_no_vms(host: Host, vm: Vm, driver: Call) -> None:
    host.ovs.ctl("del-port", BRIDGE, NIC)
    assert "has no NIC" in driver("Plugin.Activate", {})["Err"]
