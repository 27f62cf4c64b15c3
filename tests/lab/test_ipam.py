"""Docker's addresses out of OVN: unique over the hosts of one logical network, and given back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address, ip_network

import pytest

from .cluster import IMAGE, Cluster, address, inside, ping, run_container
from .host import Host
from .waiting import wait_for

CREATE = ("network", "create", "-d", "openvswitch", "--ipam-driver", "openvswitch")
FOO = (*CREATE, "--ipam-opt", "ovn.network=foo", "-o", "ovn.network=foo")
EACH = 5


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Cluster:
    return shared


def running(host: Host) -> list[str]:
    return host.docker("ps", "--format", "{{.Names}}").split()


def addresses(host: Host, names: list[str]) -> list[str]:
    found = [address(host, name, "foo") for name in names]
    assert found == [inside(host, name, "eth0") for name in names]
    return found


def ports(path: Cluster) -> set[str]:
    """The IPv4 addresses of all logical ports, as OVN has them."""
    shown = path.nbctl("--bare", "--columns=addresses", "list", "Logical_Switch_Port")
    return {word for word in shown.split() if word.count(".") == 3}


@pytest.mark.usefixtures("unchanged")
def test_no_address_is_given_twice_over_two_hosts(path: Cluster) -> None:
    path.first.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    for host in path.hosts:
        host.docker(*FOO, "foo")
    names = {host.name: [f"{host.name}-{n}" for n in range(EACH)] for host in path.hosts}

    def start(host: Host, name: str) -> None:
        run_container(host, name, "foo", "--restart", "always")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: start(*one), [(h, n) for h in path.hosts for n in names[h.name]]))
    found = {host.name: addresses(host, names[host.name]) for host in path.hosts}
    every = [one for some in found.values() for one in some]
    assert len(set(every)) == len(every) == 2 * EACH
    assert ports(path) == set(every)
    assert set(map(ip_address, every)) == {ip_address(f"192.168.1.{n}") for n in range(2, 12)}
    for n in range(EACH):
        ping(path.first, names[path.first.name][n], found[path.second.name][n])

    # An orderly end and a crash: nobody has an address that another has got meanwhile.
    host = path.first
    mine = names[host.name]
    for signal in ("TERM", "KILL"):
        host.stop_docker(signal)
        if signal == "TERM":
            assert ports(path) == set(found[path.second.name])
        run_container(path.second, f"between-{signal}", "foo")
        host.run("rm", "-f", "/run/docker.pid")
        host.start_docker()
        wait_for(lambda: set(running(host)) == set(mine), 60, "the containers, again")
        others = [*names[path.second.name], f"between-{signal}"]
        every = addresses(host, mine) + addresses(path.second, others)
        assert len(set(every)) == len(every)
        assert ports(path) == set(every)
        ping(host, mine[0], address(path.second, f"between-{signal}", "foo"))
        path.second.docker("rm", "-f", f"between-{signal}")

    for host in path.hosts:
        host.docker("rm", "-f", *names[host.name])
        host.docker("network", "rm", "foo")
    path.first.cli("network", "delete", "foo")


@pytest.mark.usefixtures("unchanged")
def test_a_network_of_one_host_with_all_that_can_be_asked_for(path: Cluster) -> None:
    host = path.first
    host.docker(*CREATE, "plain")
    host.docker(
        *(*CREATE, "--ipv6", "--subnet", "10.7.0.0/24", "--subnet", "fd07::/64"),
        *("--ip-range", "10.7.0.64/26", "--gateway", "10.7.0.254"),
        *("--aux-address", "a=10.7.0.5", "--aux-address", "b=10.7.0.65", "both"),
    )
    for n in (1, 2):
        run_container(host, f"plain-{n}", "plain")
    one, two = (address(host, f"plain-{n}", "plain") for n in (1, 2))
    (pool,) = json.loads(host.docker("network", "inspect", "plain"))[0]["IPAM"]["Config"]
    assert one != two
    assert {ip_address(one) in ip_network(pool["Subnet"]) for one in (one, two)} == {True}
    ping(host, "plain-1", two)

    run_container(host, "any", "both")
    run_container(host, "named", "both", "--ip", "10.7.0.9", "--ip6", "fd07::9")
    assert address(host, "any", "both") == "10.7.0.64"
    assert address(host, "named", "both") == "10.7.0.9"
    ping(host, "any", "10.7.0.9")
    ping(host, "any", "fd07::9")
    failed = host.run(
        *("docker", "run", "--rm", "--network", "both", "--ip", "10.7.0.9", IMAGE, "true"),
        check=False,
    )
    assert "10.7.0.9" in failed.stderr
    assert "--ip" in failed.stderr

    host.docker("rm", "-f", "plain-1", "plain-2", "any", "named")
    host.docker("network", "rm", "plain", "both")


@pytest.mark.usefixtures("unchanged")
def test_a_logical_port_is_attached_to_a_network_with_our_addresses(path: Cluster) -> None:
    host = path.first
    host.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    made = json.loads(host.cli("port", "create", "db.foo", "-o", "json").stdout)["port"]
    host.docker(*FOO, "foo")
    host.docker("run", "-d", "--name", "one", IMAGE, "sleep", "3600")
    refused = host.cli("port", "attach", "one", "db.foo", check=False)
    assert "--subnet 192.168.1.0/24" in refused.stderr
    host.docker("network", "rm", "foo")
    host.docker("rm", "-f", "one")
    # Docker takes an address only where it was told the subnet.
    host.docker(*FOO, "--subnet", "192.168.1.0/24", "foo")
    for name in ("one", "two"):
        host.docker("run", "-d", "--name", name, IMAGE, "sleep", "3600")
        host.cli("port", "attach", name, "db.foo")
        assert inside(host, name, "eth1") == made["addresses"][0]
        host.cli("port", "detach", name, "db.foo")
    after = json.loads(host.cli("port", "show", "db.foo", "-o", "json").stdout)
    assert (after["addresses"], after["mac"]) == (made["addresses"], made["mac"])
    host.docker("rm", "-f", "one", "two")
    host.docker("network", "rm", "foo")
    host.cli("port", "delete", "db.foo")
    host.cli("network", "delete", "foo")
