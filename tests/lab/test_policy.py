"""Closed networks on real OVN: what is dropped, what goes, and what is left when they are gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cluster import Cluster, address, run_container
from .host import Host
from .waiting import wait_for

SUBNET = ("network", "create", "-d", "openvswitch", "--subnet", "192.168.1.0/24")
PORTS = (80, 81)
CONTROLLER_LOG = "/var/log/ovn/ovn-controller.log"


@pytest.fixture(scope="module")
def policy(shared: Cluster) -> Cluster:
    return shared


@pytest.fixture
def nothing_left(policy: Cluster) -> Iterator[None]:
    before, complaints = policy.state(), [complaint(host) for host in policy.hosts]
    yield
    assert policy.state() == before
    for table in ("Port_Group", "ACL"):
        assert policy.nbctl("--bare", "--columns=_uuid", "list", table) == ""
    sets = policy.central.run("ovn-sbctl", "--bare", "--columns=name", "list", "Address_Set").stdout
    assert "pg_" not in sets
    assert [complaint(host) for host in policy.hosts] == complaints


def complaint(host: Host) -> int:
    """How often ovn-controller did not understand a rule."""
    return host.read(CONTROLLER_LOG).count("error parsing match")


def works(host: Host, container: str, *words: str) -> bool:
    return host.run("docker", "exec", container, *words, check=False).returncode == 0


def pings(host: Host, container: str, target: str) -> bool:
    """Whether one of several answers; the first packets may be lost to MAC address resolution."""
    return works(host, container, "ping", "-q", "-c", "3", "-W", "2", target)


def fetches(host: Host, container: str, target: str, port: int) -> bool:
    url = f"http://{target}:{port}/etc/hosts"
    return works(host, container, "timeout", "5", "wget", "-q", "-O", "/dev/null", url)


def serve(host: Host, container: str) -> None:
    for port in PORTS:
        host.docker("exec", container, "httpd", "-p", str(port), "-h", "/")
        assert fetches(host, container, "127.0.0.1", port)


@pytest.mark.usefixtures("nothing_left")
def test_icc_false_drops_what_an_open_network_lets_pass(policy: Cluster) -> None:
    host = policy.first
    both = ("--ipv6", "--subnet", "fd00:1::/64")
    for options, passes in (
        ((), True),
        (("-o", "ovn.icc=false"), False),
        (("-o", "ovn.allow=*:*:icmp,*:*:udp/5-9,a:*:sctp"), True),
    ):
        host.docker(*SUBNET, *both, *options, "foo")
        for name in ("one", "two"):
            run_container(host, name, "foo")
        assert pings(host, "one", address(host, "two", "foo")) is passes
        assert pings(host, "one", _ipv6(host, "two")) is passes
        host.docker("rm", "-f", "one", "two")
        host.docker("network", "rm", "foo")


def _ipv6(host: Host, container: str) -> str:
    form = "{{.NetworkSettings.Networks.foo.GlobalIPv6Address}}"
    return host.docker("inspect", "-f", form, container).strip()


@pytest.mark.usefixtures("nothing_left")
def test_a_network_that_another_host_closes_is_closed_for_containers_that_run(
    policy: Cluster,
) -> None:
    here, there = policy.hosts
    here.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    here.cli("network", "attach", "foo")
    for name in ("one", "two"):
        run_container(here, name, "foo")
    target = address(here, "two", "foo")
    assert pings(here, "one", target)
    there.cli("network", "attach", "foo", "--opt", "ovn.allow=*:*:tcp/80")
    serve(here, "two")
    wait_for(lambda: not pings(here, "one", target), 20, "the end of what the network let pass")
    assert fetches(here, "one", target, 80)
    assert not fetches(here, "one", target, 81)
    here.docker("rm", "-f", "one", "two")
    for host in policy.hosts:
        host.cli("network", "detach", "foo")
    here.cli("network", "delete", "foo")


@pytest.mark.usefixtures("nothing_left")
def test_the_gateway_reaches_containers_that_do_not_reach_each_other(policy: Cluster) -> None:
    """A container plays the gateway: what lets it in is its address."""
    host = policy.first
    host.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    closed = ("-o", "ovn.network=foo", "-o", "ovn.icc=false")
    host.docker(*SUBNET, "--gateway", "192.168.1.254", *closed, "foo")
    run_container(host, "gateway", "foo", "--ip", "192.168.1.1")
    run_container(host, "one", "foo")
    assert pings(host, "gateway", address(host, "one", "foo"))
    assert not pings(host, "one", "192.168.1.1")
    host.docker("rm", "-f", "gateway", "one")
    host.docker("network", "rm", "foo")
    host.cli("network", "delete", "foo")


@pytest.mark.usefixtures("nothing_left")
def test_an_allow_rule_lets_exactly_the_named_through_on_two_hosts(policy: Cluster) -> None:
    policy.first.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    allow = ("-o", "ovn.network=foo", "-o", "ovn.allow=web:db:tcp/80")
    for host, part in zip(policy.hosts, ("192.168.1.64/26", "192.168.1.128/26"), strict=True):
        host.docker(*SUBNET, "--ip-range", part, *allow, "foo")
    here, there = policy.hosts
    for host, name, group in ((here, "web1", "web"), (there, "web2", "web"), (there, "db1", "db")):
        run_container(host, name, f"name=foo,driver-opt=ovn.group={group}")
    run_container(here, "plain", "foo")
    serve(there, "db1")
    serve(here, "web1")
    db, web = address(there, "db1", "foo"), address(here, "web1", "foo")

    assert fetches(here, "web1", db, 80)
    assert fetches(there, "web2", db, 80)
    assert not fetches(here, "web1", db, 81)
    assert not pings(here, "web1", db)
    assert not fetches(here, "plain", db, 80)
    assert not fetches(there, "db1", web, 80)
    assert not fetches(there, "web2", web, 80)

    # Into a group and out of it again, while it runs.
    here.docker("network", "disconnect", "foo", "plain")
    here.docker("network", "connect", "--driver-opt", "ovn.group=web+cache", "foo", "plain")
    assert fetches(here, "plain", db, 80)

    groups = policy.nbctl("--bare", "--columns=name", "find", "Port_Group", "name!=neutron_pg_drop")
    assert len(groups.split()) == 4  # web, db, cache, every container: one each for both hosts
    for host, names in ((here, ("web1", "plain")), (there, ("web2", "db1"))):
        host.docker("rm", "-f", *names)
        host.docker("network", "rm", "foo")
    policy.first.cli("network", "delete", "foo")
