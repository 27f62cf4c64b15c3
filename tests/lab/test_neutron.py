"""Containers whose network is a real Neutron's: across two hosts, and out and in by OVN."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ovn_integrate.clients.neutron.client import Client
from tests.neutron.installed import installed
from tests.neutron.server import Neutron

from .cluster import Cluster, address, ping, prepare, run_container
from .host import Host
from .lab import Lab
from .test_gateway import clients, create, everything, get, outside, web, who
from .waiting import wait_for

__all__ = ["outside"]  # a fixture

pytestmark = pytest.mark.neutron
_CLONE_NEWNET = 0x40000000  # linux/sched.h


@contextmanager
def network_of(host: Host) -> Iterator[None]:
    """Be in a host's network, with this thread and what it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    before, inside = (
        os.open(f"/proc/{of}/ns/net", os.O_RDONLY) for of in ("thread-self", host.pid)
    )
    try:
        assert libc.setns(inside, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert libc.setns(before, _CLONE_NEWNET) == 0
        os.close(before)
        os.close(inside)


@pytest.fixture(scope="module")
def path(lab: Lab) -> Iterator[Cluster]:
    central, first, second = (lab.add_host(f"neutron{part}") for part in ("-c", "-1", "-2"))
    with tempfile.TemporaryDirectory(prefix="ovn") as folder:
        central.cli("central", "start", "--listen", central.address, "--insecure")
        nb, sb = (f"tcp:{central.address}:{port}" for port in (6641, 6642))
        bind = f"{central.address}:9696"
        neutron = Neutron(installed(), Path(folder), bind=bind, nb=nb, sb=sb)
        try:
            with network_of(central):
                neutron.start()
            for host in (first, second):
                prepare(host)
                host.cli("up", "--ipam", central.address, "--tep", host.address)
            yield Cluster(central, first, second)
        finally:
            neutron.stop()
            for host in (first, second, central):
                host.stop()


def test_a_network_over_two_hosts(path: Cluster) -> None:
    path.first.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    for host, part in zip(path.hosts, ("192.168.1.64/26", "192.168.1.128/26"), strict=True):
        create(host, "--ip-range", part, "-o", "ovn.network=foo")
        run_container(host, f"on-{host.name}", "foo")
    for host, other in (path.hosts, path.hosts[::-1]):
        ping(host, f"on-{host.name}", address(other, f"on-{other.name}", "foo"))
    for host in path.hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        host.docker("network", "rm", "foo")
    path.first.cli("network", "delete", "foo")


def test_out_and_in_by_ovn(path: Cluster, outside: Host) -> None:
    """Neutron puts a router's gateway on chassis that offer themselves, and closes ports that are
    in no group of the driver's."""
    path.second.cli("set", "ovn-cms-options", "rack:7")
    before, made = everything(path), resources(path)
    path.first.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    for host, part in zip(path.hosts, ("192.168.1.64/26", "192.168.1.128/26"), strict=True):
        create(host, "--ip-range", part, "-o", "ovn.network=foo", "-o", "ovn.gateway=ovn")
        web(host, f"on-{host.name}", "foo", "-p", "8080:80")
    for host, other in (path.hosts, path.hosts[::-1]):
        assert get(host, f"on-{host.name}", outside.address) == "outside"
        assert clients(outside) == {host.address}
        assert who(outside, f"{host.address}:8080") == outside.address
        ping(host, f"on-{host.name}", address(other, f"on-{other.name}", "foo"))
    # A second one with that port finds the group there.
    web(path.first, "second", "foo", "-p", "8081:80")
    assert who(outside, f"{path.first.address}:8081") == outside.address
    path.first.docker("rm", "-f", "second")
    for host in path.hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        host.docker("network", "rm", "foo")
    path.first.cli("network", "delete", "foo")
    assert resources(path) == made

    def as_before() -> bool:
        assert everything(path) == before
        return True

    wait_for(as_before, 10, "the end of all traces")


def resources(path: Cluster) -> dict[str, list[str]]:
    """What is in Neutron, by its names."""
    kinds = ("networks", "subnets", "routers", "floatingips", "security-groups", "ports")
    with network_of(path.central):
        client = Client([f"http://{path.central.address}:9696"])
        return {kind: sorted(one.get("name", "") for one in client.query(kind)) for kind in kinds}


def test_what_looks_for_faults_knows_a_neutron(path: Cluster) -> None:
    """`test`, and `trace` of what its security groups let pass and not."""
    here, there = path.hosts
    done = here.cli("--timeout", "20", "test", "--to", there.name, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✓ names" in done.stdout
    here.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    create(here, "-o", "ovn.network=foo", "-o", "ovn.icc=false")
    for name in ("one", "two"):
        run_container(here, name, "foo")
    done = here.cli("trace", "one", "two:80", check=False)
    assert (done.returncode, "by the policy of network foo" in done.stdout) == (10, True)
    here.docker("rm", "-f", "one", "two")
    here.docker("network", "rm", "foo")
    here.cli("network", "delete", "foo")
