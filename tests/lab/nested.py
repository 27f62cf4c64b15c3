"""VMs on the lab's chassis: each one more host, whose second NIC is a link to a chassis.

Its first NIC stands for the network by which a VM reaches the IPAM server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .cluster import serve
from .host import Host
from .lab import Lab
from .secured import serve_by_tls, token

NIC, BRIDGE = "eth1", "breth1"
MTU = 1442  # of a VM's NIC, as its network has it


@dataclass(frozen=True)
class Vm:
    """:ivar port: the id of its own port."""

    host: Host
    port: str


@dataclass(frozen=True)
class Cloud:
    """A central host, two chassis, and a VM on each."""

    central: Host
    vms: tuple[Vm, Vm]

    def below(self) -> list[tuple[str, int]]:
        """The parent and the tag of each port below another, by what Northbound has."""
        words = ("--format=json", "--columns=parent_name,tag", "list", "Logical_Switch_Port")
        rows = json.loads(self.central.run("ovn-nbctl", *words).stdout)["data"]
        return sorted((parent, tag) for parent, tag in rows if isinstance(parent, str))


@contextmanager
def cloud(lab: Lab, prefix: str, *, tls: bool = False) -> Iterator[Cloud]:
    """All of it on hosts of its own, which end with the block.

    :param tls: in the secure mode; the VMs are to join.
    """
    hosts = [lab.add_host(f"{prefix}{part}") for part in ("-c", "-1", "-2", "-v1", "-v2")]
    central, *others = hosts
    try:
        (serve_by_tls if tls else serve)(central)
        up = ("up", "--ipam", central.address)
        for chassis in others[:2]:
            chassis.start_ovs()
            chassis.put_nic_in_bridge()
            words = ("join", token(central, chassis.name)) if tls else up
            chassis.cli("--timeout", "20", *words, "--no-driver", "--tep", chassis.address)
        others[0].cli("network", "create", "vms", "--subnet", "10.50.0.0/24")
        pairs = zip(others[:2], others[2:], strict=True)
        first, second = (
            _boot(chassis, host, f"vm{number}.vms") for number, (chassis, host) in enumerate(pairs)
        )
        for vm in () if tls else (first, second):
            vm.host.cli("set-ipam", central.address)
        yield Cloud(central, (first, second))
    finally:
        for host in reversed(hosts):
            host.stop()


def _boot(chassis: Host, host: Host, name: str) -> Vm:
    """What a cloud makes of a VM, and what its user has in it."""
    port = json.loads(chassis.cli("port", "create", name, "-o", "json").stdout)["port"]
    tap = "tap0"
    veth = ("link", "add", tap, "mtu", str(MTU), "type", "veth")
    peer = ("peer", "name", NIC, "address", port["mac"], "mtu", str(MTU), "netns", str(host.pid))
    # Of the machine's process ids, so not from inside of the host.
    chassis.reach("ip", *veth, *peer)
    chassis.run("ip", "link", "set", tap, "up")
    chassis.run(
        *("ovs-vsctl", "add-port", "br-int", tap),
        *("--", "set", "Interface", tap, f"external_ids:iface-id={port['id']}"),
    )
    host.start_ovs()
    host.run(
        *("ovs-vsctl", "add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=netdev"),
        *("--", "add-port", BRIDGE, NIC),
    )
    # As of each link of the userspace datapath: without it TCP does not work (see Host.start_nic).
    for link in (NIC, BRIDGE):
        host.run("ethtool", "-K", link, "tx", "off")
        host.run("ip", "link", "set", link, "up")
    host.run("ip", "address", "add", f"{port['addresses'][0]}/24", "dev", BRIDGE)
    host.start_docker()
    host.load_image()
    return Vm(host, port["id"])
