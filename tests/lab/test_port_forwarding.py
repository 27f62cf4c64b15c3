"""A port of a floating IP reaches a container on another host than the router's chassis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import IMAGE, Cluster, address, cluster
from .command import CommandError
from .host import Host
from .lab import Lab
from .waiting import wait_for

OUTSIDE = "198.51.100"
FLOATING = f"{OUTSIDE}.50"
SUBNET = "192.168.1.0/24"
_ASK = (
    "import sys, urllib.request as r\n"
    "method, url, body = sys.argv[1:]\n"
    "kind = {'Content-Type': 'application/json'}\n"
    "asked = r.Request(url, body.encode() or None, kind, method=method)\n"
    "print(r.urlopen(asked, timeout=10).read().decode())\n"
)


@pytest.fixture(scope="module")
def path(lab: Lab) -> Iterator[Cluster]:
    with cluster(lab, "pf") as made:
        yield made


class Neutron:
    """The API of the cluster's IPAM server."""

    def __init__(self, path: Cluster) -> None:
        self._host = path.central
        self._url = f"http://{path.central.address}:9696/v2.0"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        text = "" if body is None else json.dumps(body)
        words = (self._host.program, "-c", _ASK, method, f"{self._url}/{path}", text)
        return json.loads(self._host.run(*words).stdout or "null")

    def make(self, collection: str, kind: str, **attributes: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.ask("POST", collection, {kind: attributes})[kind]
        return made


def physical_network(host: Host) -> str:
    """Have a physical network ``outside`` on a host, with the host itself on it; its chassis."""
    host.run("ovs-vsctl", "add-br", "br-out", "--", *_NETDEV)
    host.run("ip", "addr", "add", f"{OUTSIDE}.1/24", "dev", "br-out")
    host.run("ip", "link", "set", "br-out", "up")
    host.run("ethtool", "-K", "br-out", "tx", "off")
    mapping = "external_ids:ovn-bridge-mappings=outside:br-out"
    host.run("ovs-vsctl", "set", "Open_vSwitch", ".", mapping)
    said = host.run("ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids:system-id").stdout
    return said.strip().strip('"')


_NETDEV = ("set", "Bridge", "br-out", "datapath_type=netdev")


def routed(neutron: Neutron, chassis: str, network: str) -> str:
    """A router from a logical network to the physical one; a floating IP of it."""
    provider = {"provider:network_type": "flat", "provider:physical_network": "outside"}
    out = neutron.make("networks", "network", **provider, **{"router:external": True})["id"]
    cidr = {"ip_version": 4, "cidr": f"{OUTSIDE}.0/24", "enable_dhcp": False}
    neutron.make("subnets", "subnet", network_id=out, **cidr)
    gateway = {"network_id": out}
    router = neutron.make("routers", "router", external_gateway_info=gateway)["id"]
    (port,) = neutron.ask("GET", f"ports?network_id={out}")["ports"]
    neutron.ask("PUT", f"ports/{port['id']}", {"port": {"binding:host_id": chassis}})
    (subnet,) = neutron.ask("GET", f"subnets?network_id={network}")["subnets"]
    body = {"subnet_id": subnet["id"]}
    neutron.ask("PUT", f"routers/{router}/add_router_interface", body)
    asked = {"floating_network_id": out, "floating_ip_address": FLOATING}
    return str(neutron.make("floatingips", "floatingip", **asked)["id"])


def serve(host: Host, name: str) -> None:
    """A container that says its name to who asks it."""
    words = ("run", "-d", "--name", name, "--network", "foo", "--stop-signal", "KILL", IMAGE)
    script = f"mkdir /www && echo {name} > /www/index.html && exec httpd -f -p 80 -h /www"
    host.docker(*words, "sh", "-c", script)
    # To the clients behind the router, whose addresses stay as they are.
    route = ("ip", "route", "add", f"{OUTSIDE}.0/24", "via", "192.168.1.1")
    pid = host.docker("inspect", "-f", "{{.State.Pid}}", name)
    host.run("nsenter", "-t", pid, "-n", *route)


def fetch(host: Host, port: int, path: str = "") -> str:
    url = f"http://{FLOATING}:{port}/{path}"
    return host.run("busybox", "timeout", "3", "busybox", "wget", "-q", "-O", "-", url).stdout


def test_a_forwarded_port_reaches_a_container(path: Cluster) -> None:
    neutron = Neutron(path)
    chassis = physical_network(path.first)
    path.first.cli("network", "create", "foo", "--subnet", SUBNET)
    network = neutron.ask("GET", "networks?name=foo")["networks"][0]["id"]
    for host, part in zip(path.hosts, ("192.168.1.64/26", "192.168.1.128/26"), strict=True):
        words = ("network", "create", "-d", "openvswitch", "--subnet", SUBNET, "--ip-range", part)
        host.docker(*words, "-o", "ovn.network=foo", "-o", "ovn.gateway=none", "foo")
        serve(host, f"on-{host.name}")
    forwardings = f"floatingips/{routed(neutron, chassis, network)}/port_forwardings"
    for host, wish in zip(
        path.hosts,
        (
            {"external_port": 8080, "internal_port": 80},
            {"external_port_range": "9000:9001", "internal_port_range": "80:80"},
        ),
        strict=True,
    ):
        ip = address(host, f"on-{host.name}", "foo")
        (port,) = neutron.ask("GET", f"ports?fixed_ips=ip_address%3D{ip}")["ports"]
        ends = {"protocol": "tcp", "internal_port_id": port["id"], "internal_ip_address": ip}
        neutron.make(forwardings, "port_forwarding", **ends, **wish)

    def reached() -> bool:
        return fetch(path.first, 8080).strip() == f"on-{path.first.name}"

    wait_for(reached, 30, "the first answer")
    for number in (9000, 9001):
        assert fetch(path.first, number).strip() == f"on-{path.second.name}"
    for number in (80, 8081, 9002):
        with pytest.raises(CommandError):
            fetch(path.first, number)

    # It goes with its port.
    path.second.docker("rm", "-f", f"on-{path.second.name}")
    assert len(neutron.ask("GET", forwardings)["port_forwardings"]) == 1
    with pytest.raises(CommandError):
        fetch(path.first, 9000)
    assert reached()
