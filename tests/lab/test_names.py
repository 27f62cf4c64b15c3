"""Names over hosts: OVN answers for containers that the asking host's Docker does not know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cluster import IMAGE, Cluster, address, run_container
from .host import Host
from .waiting import wait_for

SUBNET = "192.168.5.0/24"
# Nobody has it. OVN takes the questions off the way to it, and answers ARP for it as a port does.
SERVER = "192.168.5.253"


@pytest.fixture(scope="module")
def named(shared: Cluster) -> Iterator[Cluster]:
    shared.first.cli("network", "create", "foo", "--subnet", SUBNET)
    shared.first.cli("port", "create", "dns.foo", "--ip", SERVER)
    for host, part in zip(shared.hosts, ("192.168.5.64/26", "192.168.5.128/26"), strict=True):
        host.docker(
            *("network", "create", "-d", "openvswitch", "--subnet", SUBNET),
            *("--ip-range", part, "-o", "ovn.network=foo", "foo"),
        )
    yield shared
    for host in shared.hosts:
        host.docker("network", "rm", "foo")
    shared.first.cli("port", "delete", "dns.foo")
    shared.first.cli("network", "delete", "foo")


def resolves(host: Host, container: str, name: str, ip: str) -> bool:
    shown = host.run("docker", "exec", container, "nslookup", name, check=False).stdout
    return ip in shown.partition("\n\n")[2]


def test_a_container_is_found_from_the_other_host_by_name_and_alias(named: Cluster) -> None:
    first, second = named.hosts
    run_container(first, "Web", "foo", "--network-alias", "www")
    run_container(second, "asking", "foo", "--dns", SERVER)
    ip = address(first, "Web", "foo")
    for name in ("web", "www"):
        wait_for(lambda name=name: resolves(second, "asking", name, ip), 20, f"the name {name}")
    second.docker("exec", "asking", "ping", "-c", "3", "-W", "5", "www")

    first.docker("rename", "Web", "shop")
    wait_for(lambda: resolves(second, "asking", "shop", ip), 20, "the new name")
    first.docker("rm", "-f", "shop")
    assert not resolves(second, "asking", "shop", ip)
    second.docker("rm", "-f", "asking")


def test_ovns_dns_has_an_address_where_a_docker_network_names_one(named: Cluster) -> None:
    """On a closed network as well, whose containers reach nothing else of it."""
    server = "192.168.6.253"
    named.first.cli("network", "create", "bar", "--subnet", "192.168.6.0/24")
    for host in named.hosts:
        options = ("--opt", f"ovn.dns={server}", "--opt", "ovn.icc=false")
        host.cli("network", "attach", "bar", *options)
        run_container(host, f"on-{host.name}", "bar", "--dns", server)
    for host, other in (named.hosts, named.hosts[::-1]):
        ip = address(other, f"on-{other.name}", "bar")
        wait_for(
            lambda host=host, other=other, ip=ip: resolves(
                host, f"on-{host.name}", f"on-{other.name}", ip
            ),
            20,
            "the name",
        )
    for host in named.hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        host.cli("network", "detach", "bar")
    assert server not in named.nbctl("show")
    named.first.cli("network", "delete", "bar")


def test_containers_that_ran_before_the_driver_are_named(named: Cluster) -> None:
    first, second = named.hosts
    first.cli("driver", "stop")
    first.cli("driver", "start", "--detach")
    run_container(first, "early", "foo")
    first.cli("driver", "stop")
    first.docker("rename", "early", "late")
    first.cli("driver", "start", "--detach")
    run_container(second, "asking", "foo", "--dns", SERVER)
    ip = address(first, "late", "foo")
    wait_for(lambda: resolves(second, "asking", "late", ip), 20, "the name")
    first.docker("rm", "-f", "late")
    second.docker("rm", "-f", "asking")


def test_a_port_that_outlives_its_container_loses_only_the_containers_names(
    named: Cluster,
) -> None:
    first = named.first
    first.cli("port", "create", "db.foo")
    first.docker("run", "-d", "--name", "one", IMAGE, "sleep", "3600")
    first.cli("port", "attach", "one", "db.foo")
    wait_for(lambda: "one=" in named.nbctl("list", "DNS"), 20, "the name")
    first.cli("port", "detach", "one", "db.foo")
    assert "one=" not in named.nbctl("list", "DNS")
    first.docker("rm", "-f", "one")
    first.cli("port", "delete", "db.foo")
    assert named.nbctl("list", "DNS") == ""
