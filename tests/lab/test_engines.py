"""What a container's network is made of on each generation of Docker's engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cluster import IMAGE, inside, run_container
from .host import Host
from .lab import Lab

# From this engine on there is `docker network create --ipv4=false`; before, an IPv4 pool is added.
IPV6_ALONE = 28


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("engine")
    host.start_ovs()
    host.start_docker()
    host.load_image()
    host.cli("--timeout", "20", "up", "--all-in-one")
    yield host
    host.stop()


@pytest.fixture
def nothing_left(host: Host) -> Iterator[None]:
    yield
    names = host.docker("ps", "-aq").split()
    if names:
        host.docker("rm", "-f", *names)
    host.docker("network", "prune", "-f")
    assert host.run("ovn-nbctl", "show").stdout == ""
    assert host.run("ovs-vsctl", "list-ports", "br-int").stdout == ""


def network(host: Host, name: str, *options: str) -> None:
    host.docker("network", "create", "-d", "openvswitch", *options, name)


def ping(host: Host, container: str, target: str) -> None:
    host.docker("exec", container, "ping", "-c", "2", "-W", "5", target)


def addresses(host: Host, container: str, link: str) -> str:
    return host.docker("exec", container, "ip", "addr", "show", link)


def major(host: Host) -> int:
    return int(host.docker("version", "--format", "{{.Server.Version}}").split(".")[0])


@pytest.mark.usefixtures("nothing_left")
def test_both_address_families_by_address_and_by_name(host: Host) -> None:
    network(host, "both", "--ipv6", "--subnet", "10.6.0.0/24", "--subnet", "fd06::/64")
    for name in ("one", "two"):
        run_container(host, name, "both")
    for target in ("10.6.0.3", "fd06::3", "two"):
        ping(host, "one", target)


@pytest.mark.usefixtures("nothing_left")
def test_a_network_without_ipv6_gives_a_container_none(host: Host) -> None:
    network(host, "four", "--subnet", "10.6.0.0/24", "--internal")
    run_container(host, "one", "four")
    shown = addresses(host, "one", "eth0")
    assert "inet 10.6.0.2/24" in shown
    assert "scope global flags" not in shown
    assert "eth1" not in host.docker("exec", "one", "ip", "link")


@pytest.mark.usefixtures("nothing_left")
def test_ipv6_without_ipv4_where_the_engine_lets_go_of_it(host: Host) -> None:
    alone = major(host) >= IPV6_ALONE
    family = ("--ipv4=false", "--ipv6") if alone else ("--ipv6",)
    network(host, "six", *family, "--subnet", "fd07::/64")
    for name in ("one", "two"):
        run_container(host, name, "six")
    ping(host, "one", "fd07::3")
    assert ("inet " in addresses(host, "one", "eth0")) is not alone
    rows = host.run("ovn-nbctl", "--bare", "--columns=addresses", "list", "Logical_Switch_Port")
    assert sorted(len(row.split()) for row in rows.stdout.split("\n\n")) == [2 if alone else 3] * 2


@pytest.mark.usefixtures("nothing_left")
def test_a_running_container_gets_and_leaves_a_second_network(host: Host) -> None:
    network(host, "first", "--subnet", "10.8.0.0/24", "--internal")
    network(host, "second", "--subnet", "10.9.0.0/24", "--internal")
    run_container(host, "one", "first")
    run_container(host, "two", "second")
    host.docker("network", "connect", "second", "one")
    assert inside(host, "one", "eth1") == "10.9.0.3"
    ping(host, "one", "10.9.0.2")
    host.docker("network", "disconnect", "second", "one")
    assert "eth1" not in host.docker("exec", "one", "ip", "link")
    assert "10.9.0.3" not in host.run("ovn-nbctl", "show").stdout


@pytest.mark.usefixtures("nothing_left")
def test_a_container_keeps_its_address_when_it_is_started_again(host: Host) -> None:
    network(host, "again", "--subnet", "10.8.0.0/24")
    run_container(host, "one", "again", "--stop-signal", "KILL")
    run_container(host, "two", "again")
    host.docker("restart", "one")
    assert inside(host, "one", "eth0") == "10.8.0.2"
    ping(host, "two", "10.8.0.2")
    assert host.run("ovn-nbctl", "show").stdout.count("10.8.0.2") == 1


@pytest.mark.usefixtures("nothing_left")
def test_a_published_port_answers_by_dockers_own_gateway(host: Host) -> None:
    network(host, "web", "--subnet", "10.8.0.0/24")
    words = ("run", "-d", "--network", "web", "-p", "8080:80", "--stop-signal", "KILL", IMAGE)
    host.docker(*words, "sh", "-c", "echo hello >/index.html; exec httpd -f -h /")
    url = f"http://{host.address}:8080/index.html"
    assert host.run("busybox", "wget", "-q", "-O", "-", url).stdout == "hello\n"
    assert "80/tcp" in host.docker("ps")
