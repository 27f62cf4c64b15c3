"""Two Docker hosts and a central one, set up by this program alone, as its users would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .host import Host
from .lab import Lab

IMAGE = "busybox:lab"
GWBRIDGE = "docker_gwbridge"


class Cluster:
    """:ivar central: has OVN's databases and the IPAM server; no containers."""

    def __init__(self, central: Host, first: Host, second: Host) -> None:
        self.central = central
        self.first = first
        self.second = second

    @property
    def hosts(self) -> tuple[Host, Host]:
        return self.first, self.second

    def nbctl(self, *words: str) -> str:
        return self.central.run("ovn-nbctl", *words).stdout

    def state(self) -> dict[str, Any]:
        """All that a network or a container leaves a trace in, to compare before and after."""
        northbound = {
            table: self.nbctl("--columns=_uuid,name,external_ids", "list", table)
            for table in ("Logical_Switch", "Logical_Switch_Port")
        }
        northbound["DHCP_Options"] = self.nbctl("--columns=_uuid,cidr", "list", "DHCP_Options")
        return {**northbound, **{host.name: _host_state(host) for host in self.hosts}}


@contextmanager
def cluster(lab: Lab, prefix: str) -> Iterator[Cluster]:
    """A cluster of its own hosts, which end with the block."""
    central, first, second = (lab.add_host(f"{prefix}{part}") for part in ("-c", "-1", "-2"))
    try:
        serve(central)
        for host in (first, second):
            prepare(host)
            host.cli("up", "--ipam", central.address, "--tep", host.address)
        yield Cluster(central, first, second)
    finally:
        for host in (first, second, central):
            host.stop()


def serve(central: Host) -> None:
    """OVN's databases and the IPAM server, for the other hosts."""
    central.cli("central", "start", "--listen", central.address, "--insecure")
    listen = ("--listen", f"{central.address}:9696")
    central.cli("ipam", "start", "--detach", *listen, "--insecure")


def prepare(host: Host) -> None:
    """What a host has before this program comes: Open vSwitch, its NIC in a bridge, Docker."""
    host.start_ovs()
    host.put_nic_in_bridge()
    host.start_docker()
    host.load_image()


def run_container(host: Host, name: str, network: str, *options: str) -> None:
    """A container that idles."""
    words = ("run", "-d", "--name", name, "--network", network, *options)
    host.docker(*words, IMAGE, "sleep", "3600")


def address(host: Host, container: str, network: str) -> str:
    """A container's IPv4 address as Docker sees it, or as it is inside where Docker does not."""
    inspected = json.loads(host.docker("inspect", container))[0]
    known = inspected["NetworkSettings"]["Networks"][network]["IPAddress"]
    return known or inside(host, container, "eth0")


def ping(host: Host, container: str, target: str, *options: str) -> None:
    """Fails unless an answer comes.

    The userspace datapath drops the first packet to a tunnel whose other end's MAC address it has
    to ask for, so more than one is sent.
    """
    host.docker("exec", container, "ping", "-c", "3", "-W", "5", *options, target)


def inside(host: Host, container: str, link: str) -> str:
    """The IPv4 address that an interface has inside of a container."""
    shown = host.docker("exec", container, "ip", "-4", "addr", "show", link)
    return shown.split("inet ")[1].split("/")[0]


def mtu(host: Host, container: str, link: str = "eth0") -> int:
    """The MTU, in bytes, that an interface has inside of a container."""
    shown = host.docker("exec", container, "ip", "link", "show", link)
    return int(shown.split(" mtu ")[1].split()[0])


def _host_state(host: Host) -> dict[str, Any]:
    """Without Docker's own way out: it makes that with the first container and keeps it."""
    links = json.loads(host.run("ip", "-json", "link").stdout)
    networks = host.docker("network", "ls", "--format", "{{.Name}}")
    return {
        "ports": sorted(host.run("ovs-vsctl", "list-ports", "br-int").stdout.split()),
        "links": sorted({link["ifname"] for link in links} - {GWBRIDGE}),
        "networks": sorted({*networks.split()} - {GWBRIDGE}),
        "containers": host.docker("ps", "-aq"),
    }
