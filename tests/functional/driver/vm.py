"""The tests' host as a VM on a chassis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ovn_integrate.core.link import veth
from tests.functional.driver.bed import REMOVE, SET, VMS, Host, run

BRIDGE, NIC, MAC = "breth7", "eth7", "0a:00:00:00:00:07"
NIC_MTU = 1400


class Vm:
    """The host as a VM: a bridge with its NIC, whose MAC address a port in Neutron has."""

    def __init__(self, host: Host) -> None:
        self.host = host
        network = host.neutron.create("networks", name=VMS)
        self.network = str(network["id"])
        self.port = str(self.make_port()["id"])

    def make_port(self, mac: str = MAC) -> dict[str, Any]:
        return self.host.neutron.create("ports", network_id=self.network, mac_address=mac)

    def remove(self) -> None:
        for port in self.host.neutron.query("ports", network_id=self.network):
            self.host.neutron.delete("ports", port["id"])
        self.host.neutron.delete("networks", self.network)

    def profile(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        (port,) = self.host.neutron.query("ports", device_id=endpoint["EndpointID"])
        profile: dict[str, Any] = port["binding:profile"]
        return profile

    def vlan(self, endpoint: dict[str, Any]) -> str:
        name = veth.outer(endpoint["EndpointID"])
        assert self.host.ovs.ctl("port-to-br", name).strip() == BRIDGE
        return self.host.ovs.ctl("get", "Port", name, "tag").strip()


@contextmanager
def booted(host: Host) -> Iterator[Vm]:
    """Makes a VM of a host, and a chassis again."""
    run("ip", "link", "add", NIC, "mtu", str(NIC_MTU), "address", MAC, "type", "veth")
    add = ("add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=netdev")
    host.ovs.ctl(*add, "--", "add-port", BRIDGE, NIC)
    host.ovs.ctl(*SET, "external_ids:ovn-mode=underlay", f"external_ids:ovn-nested-bridge={BRIDGE}")
    made = Vm(host)
    yield made
    made.remove()
    for key in ("ovn-mode", "ovn-nested-bridge", "ovn-vif-id"):
        host.ovs.ctl(*REMOVE, key)
    host.ovs.ctl("del-br", BRIDGE)
    run("ip", "link", "delete", NIC)
