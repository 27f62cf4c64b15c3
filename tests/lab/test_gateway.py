"""North-south: ``docker network create -o ovn.gateway=ovn|none``, seen from a third host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import GWBRIDGE, IMAGE, Cluster, address, run_container
from .command import CommandError
from .host import Host
from .lab import Lab
from .udp import ask_by_udp, echo_udp
from .waiting import wait_for

SUBNET = "192.168.1.0/24"
TABLES = ("Logical_Router", "Logical_Router_Port", "NAT", "Gateway_Chassis", "DHCP_Options")
LOG = "/tmp/httpd.log"
AS_GATEWAY = "enable-chassis-as-gw"
REACH = "ovn-integrate-containers-reach"


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Cluster:
    return shared


@pytest.fixture(scope="module")
def outside(lab: Lab) -> Iterator[Host]:
    """A host beside the overlay that serves on port 80, and writes down who asked."""
    host = lab.add_host("gw-out")
    serve(host.run, host.popen)
    yield host
    host.stop()


@pytest.fixture(autouse=True)
def unchanged(path: Cluster) -> Iterator[None]:
    """What a test makes and deletes again leaves no trace, on the hosts and in NB."""
    before = everything(path)
    yield

    def as_before() -> bool:
        assert everything(path) == before
        return True

    # ovn-controller takes its patch port to the bridge off br-int when it sees that that is gone.
    wait_for(as_before, 10, "the end of all traces")


def everything(path: Cluster) -> dict[str, Any]:
    found = path.state()
    found["L3"] = {
        table: path.nbctl("--columns=_uuid,external_ids", "list", table) for table in TABLES
    }
    for host in path.hosts:
        rules = host.run("iptables-save").stdout.splitlines()
        found[f"{host.name} L3"] = (
            host.run("ovs-vsctl", "list-br").stdout,
            external_ids(host),
            # Docker's own way out comes with the first container that needs it, and stays.
            [
                one
                for one in host.run("ip", "-4", "route").stdout.splitlines()
                if GWBRIDGE not in one
            ],
            [rule for rule in rules if "OVN-" in rule or "100.64." in rule],
        )
    return found


def external_ids(host: Host) -> str:
    return host.run("ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids").stdout


def serve(run: Any, popen: Any) -> None:
    run("sh", "-c", "mkdir -p /srv && echo outside > /srv/index.html")
    popen("sh", "-c", f"exec busybox httpd -f -v -p 80 -h /srv > {LOG} 2>&1")


def clients(host: Host) -> set[str]:
    """The addresses that asked a host's server, and forget them."""
    log = host.read(LOG)
    host.run("sh", "-c", f": > {LOG}")
    return {line.split(":ffff:")[1].split("]")[0] for line in log.splitlines() if ":ffff:" in line}


def create(host: Host, *options: str, name: str = "foo", subnet: str = SUBNET) -> None:
    words = ("network", "create", "-d", "openvswitch", "--subnet", subnet, *options)
    host.docker(*words, name)


def get(host: Host, container: str, ip: str, file: str = "") -> str:
    return host.docker("exec", container, "wget", "-q", "-O", "-", f"http://{ip}/{file}")


def web(host: Host, name: str, network: str, *options: str) -> None:
    """A container whose server tells each client its address."""
    script = (
        "mkdir -p /www/cgi-bin && "
        r"printf '#!/bin/sh\necho\necho $REMOTE_ADDR\n' > /www/cgi-bin/who && "
        "chmod 755 /www/cgi-bin/who && exec httpd -f -p 80 -h /www"
    )
    words = ("run", "-d", "--name", name, "--network", network, "--stop-signal", "KILL")
    host.docker(*words, *options, IMAGE, "sh", "-c", script)


def who(host: Host, target: str) -> str:
    """The address under which a container's server sees a host."""
    url = f"http://{target}/cgi-bin/who"
    said = host.run("busybox", "wget", "-q", "-O", "-", url, timeout=20).stdout
    return said.strip().strip("[]").removeprefix("::ffff:")


def published(host: Host) -> str:
    return host.run("iptables", "-t", "nat", "-S", "OVN-GATEWAY-IN").stdout


def links(host: Host, container: str) -> set[str]:
    shown = host.docker("exec", container, "ip", "-o", "link")
    return {line.split(": ")[1].split("@")[0] for line in shown.splitlines()} - {"lo"}


def test_a_container_goes_out_and_is_reached_through_ovn(path: Cluster, outside: Host) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    assert links(host, "web") == {"eth0"}
    assert GWBRIDGE not in host.run("ip", "-br", "link").stdout
    assert "default via 192.168.1.1" in host.docker("exec", "web", "ip", "route")

    assert get(host, "web", outside.address) == "outside"
    assert clients(outside) == {host.address}

    assert who(outside, f"{host.address}:8080") == outside.address
    # From this host itself, and from the container through the host.
    assert who(host, f"{host.address}:8080") == host.address
    who(host, "127.0.0.1:8080")
    assert get(host, "web", f"{host.address}:8080", "cgi-bin/who")

    # Another container cannot have the port, and the host is not open but for that.
    with pytest.raises(CommandError, match="in use by endpoint"):
        web(host, "second", "foo", "-p", "8080:80")
    host.docker("rm", "-f", "second")
    with pytest.raises(CommandError, match="-p 8080:80"):
        host.docker("run", "--rm", "--network", "foo", "-p", "80", IMAGE, "true")
    floating = published(host).split("--to-destination ")[1].split(":")[0]
    outside.run("ip", "route", "add", f"{floating}/32", "via", host.address)
    with pytest.raises(CommandError):
        outside.run("busybox", "timeout", "3", "busybox", "wget", "-O", "-", f"http://{floating}/")
    outside.run("ip", "route", "del", f"{floating}/32")

    host.docker("rm", "-f", "web")
    assert "DNAT" not in published(host)
    host.docker("network", "rm", "foo")


def test_two_hosts_on_one_network_go_out_each_by_its_own(path: Cluster, outside: Host) -> None:
    path.first.cli("network", "create", "foo", "--subnet", SUBNET)
    own = ("Open_vSwitch", ".", "external_ids")
    path.second.run("ovs-vsctl", "set", *own[:2], f"external_ids:ovn-cms-options={AS_GATEWAY}")
    for host, part in zip(path.hosts, ("192.168.1.64/26", "192.168.1.128/26"), strict=True):
        options = ("--ip-range", part, "-o", "ovn.network=foo", "-o", "ovn.gateway=ovn")
        create(host, *options)
        web(host, f"on-{host.name}", "foo", "-p", "8080:80")
    for host, other in (path.hosts, path.hosts[::-1]):
        name = f"on-{host.name}"
        target = address(other, f"on-{other.name}", "foo")
        host.docker("exec", name, "ping", "-c", "3", "-W", "5", target)
        get(host, name, target, "cgi-bin/who")
        assert get(host, name, outside.address) == "outside"
        assert clients(outside) == {host.address}
        assert who(outside, f"{host.address}:8080") == outside.address

    assert AS_GATEWAY in external_ids(path.first)
    # The first host leaves, whose chassis the router's gateway port is on.
    path.first.docker("rm", "-f", f"on-{path.first.name}")
    path.first.docker("network", "rm", "foo")
    assert get(path.second, f"on-{path.second.name}", outside.address) == "outside"
    path.second.docker("rm", "-f", f"on-{path.second.name}")
    path.second.docker("network", "rm", "foo")
    path.first.cli("network", "delete", "foo")
    # What its operator set stays.
    assert AS_GATEWAY in external_ids(path.second)
    path.second.run("ovs-vsctl", "remove", *own, "ovn-cms-options")


def test_networks_reach_each_other_at_published_ports_only(path: Cluster) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    create(host, "-o", "ovn.gateway=ovn", name="bar", subnet="192.168.2.0/24")
    web(host, "web", "foo", "-p", "8080:80")
    run_container(host, "other", "bar")
    floating = published(host).split("--to-destination ")[1].split(":")[0]
    wget = ("exec", "other", "timeout", "3", "wget", "-q", "-O", "-")
    assert host.docker(*wget, f"http://{host.address}:8080/cgi-bin/who")
    with pytest.raises(CommandError):
        host.docker(*wget, f"http://{floating}/cgi-bin/who")
    with pytest.raises(CommandError):
        host.docker(*wget, f"http://{address(host, 'web', 'foo')}/cgi-bin/who")

    # The first network goes, and takes its own addresses along.
    host.docker("rm", "-f", "web")
    host.docker("network", "rm", "foo")
    assert "100.64.0.1/" not in host.run("ip", "address").stdout
    assert "100.64.16.1/" in host.run("ip", "address").stdout
    host.docker("exec", "other", "ping", "-c", "2", "-W", "5", path.second.address)
    host.docker("rm", "-f", "other")
    host.docker("network", "rm", "bar")


def test_what_it_made_outlives_the_driver_and_is_restored_after_a_boot(
    path: Cluster, outside: Host
) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    host.cli("driver", "stop")
    # As a restart of Open vSwitch's userspace datapath does, which makes its links anew.
    host.run("ip", "address", "flush", "dev", "br-ovn-gw")
    host.cli("driver", "start", "--detach")
    assert get(host, "web", outside.address) == "outside"
    assert who(outside, f"{host.address}:8080") == outside.address
    host.docker("rm", "-f", "web")
    assert "DNAT" not in published(host)

    # A database of Open vSwitch that was made anew.
    host.run("ovs-vsctl", "del-br", "br-ovn-gw")
    host.run("ovs-vsctl", "remove", "Open_vSwitch", ".", "external_ids", "ovn-bridge-mappings")
    web(host, "web", "foo")
    assert get(host, "web", outside.address) == "outside"
    host.docker("rm", "-f", "web")

    # What a host has lost when it comes up again.
    host.run("ip", "address", "flush", "dev", "br-ovn-gw")
    host.run("ip", "link", "set", "br-ovn-gw", "down")
    for table in ("nat", "filter"):
        host.run("sh", "-c", f"iptables-save -t {table} | grep -v OVN- | iptables-restore")
    web(host, "web", "foo", "-p", "8080:80")
    assert get(host, "web", outside.address) == "outside"
    assert who(outside, f"{host.address}:8080") == outside.address
    host.docker("rm", "-f", "web")
    host.docker("network", "rm", "foo")


def test_the_way_out_is_back_after_a_restart_of_ovs_vswitchd(path: Cluster, outside: Host) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    before = host.read("/sys/class/net/br-ovn-gw/ifindex")
    host.restart_vswitchd()
    wait_for(lambda: goes_out(host, "web", outside), 20, "the way out")
    assert host.read("/sys/class/net/br-ovn-gw/ifindex") != before
    assert who(outside, f"{host.address}:8080") == outside.address
    host.docker("rm", "-f", "web")
    host.docker("network", "rm", "foo")


def goes_out(host: Host, container: str, outside: Host) -> bool:
    words = ("docker", "exec", container, "timeout", "3", "wget", "-q", "-O", "-")
    return host.run(*words, f"http://{outside.address}/", check=False).stdout == "outside\n"


def test_with_two_families_ipv6_stays_inside_and_other_networks_are_no_way_out(
    path: Cluster, outside: Host
) -> None:
    host = path.first
    create(host, "--ipv6", "--subnet", "fd01::/64", "-o", "ovn.gateway=ovn")
    create(host, "-o", "ovn.gateway=none", name="bar", subnet="192.168.2.0/24")
    run_container(host, "one", "foo", "--ip6", "fd01::9")
    run_container(host, "two", "foo")
    host.docker("network", "connect", "bar", "two")
    assert links(host, "two") == {"eth0", "eth1"}
    assert "default via 192.168.1.1" in host.docker("exec", "two", "ip", "route")
    assert "default" not in host.docker("exec", "two", "ip", "-6", "route")
    host.docker("exec", "two", "ping", "-c", "3", "-W", "5", "fd01::9")
    assert get(host, "two", outside.address) == "outside"
    host.docker("rm", "-f", "one", "two")
    host.docker("network", "rm", "foo", "bar")


def test_published_ports_after_a_crash_of_docker(path: Cluster, outside: Host) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80", "--ip", "192.168.1.9")
    host.stop_docker("KILL")
    host.start_docker()
    # Docker starts it anew with the same address, and says nothing of the endpoint that it had.
    host.docker("start", "web")
    wait_for(lambda: serves(host, "web"), 20, "the container's server")
    assert who(outside, f"{host.address}:8080") == outside.address
    assert published(host).count("DNAT") == 1
    host.docker("rm", "-f", "web")
    assert "DNAT" not in published(host)
    host.docker("network", "rm", "foo")


def serves(host: Host, container: str) -> bool:
    words = ("docker", "exec", container, "wget", "-q", "-O", "-", "http://127.0.0.1/cgi-bin/who")
    return host.run(*words, check=False).returncode == 0


def test_ports_are_published_once_however_often_docker_says_so(
    path: Cluster, outside: Host
) -> None:
    """Docker 29 may program an endpoint twice, and revoke what it is to program again."""
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    (network,) = json.loads(host.docker("network", "inspect", "foo"))
    (end,) = network["Containers"].values()
    asked = {"NetworkID": network["Id"], "EndpointID": end["EndpointID"]}
    options = {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]}

    def say(method: str, **more: Any) -> None:
        code = (
            "import sys; from ovn_integrate import paths, servers\n"
            "driver = servers.Connection(str(paths.plugin_socket()), 20)\n"
            "driver.request('POST', '/NetworkDriver.' + sys.argv[1], sys.argv[2])\n"
            "print(driver.getresponse().read().decode())"
        )
        body = json.dumps({**asked, **more})
        assert host.run(host.program, "-c", code, method, body).stdout.strip() == "{}"

    before = published(host)
    for _ in range(2):
        say("ProgramExternalConnectivity", Options=options)
        assert published(host) == before
    for _ in range(2):
        say("RevokeExternalConnectivity")
        assert "DNAT" not in published(host)
    say("ProgramExternalConnectivity", Options=options)
    assert published(host) == before
    assert who(outside, f"{host.address}:8080") == outside.address
    host.docker("rm", "-f", "web")
    host.docker("network", "rm", "foo")


def test_a_range_of_udp_ports(path: Cluster, outside: Host) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    ports = ("-p", "5300-5301:53/udp")
    run_container(host, "echo", "foo", *ports)
    echo_udp(host, "echo")
    assert ask_by_udp(outside, host.address, 5300) == "hello"
    # The first of the range is taken.
    run_container(host, "two", "foo", *ports)
    assert "--dport 5301" in published(host)
    host.docker("rm", "-f", "echo", "two")
    host.docker("network", "rm", "foo")


def test_none_has_no_way_out_and_resolves_names(path: Cluster, outside: Host) -> None:
    host = path.first
    before = "docker_gwbridge" in host.run("ip", "-br", "link").stdout
    create(host, "-o", "ovn.gateway=none")
    run_container(host, "one", "foo")
    run_container(host, "two", "foo", "-p", "8080:80")
    assert links(host, "one") == {"eth0"}
    assert ("docker_gwbridge" in host.run("ip", "-br", "link").stdout) is before
    assert "default" not in host.docker("exec", "one", "ip", "route")
    host.docker("exec", "one", "ping", "-c", "2", "-W", "5", "two")
    with pytest.raises(CommandError):
        host.docker("exec", "one", "ping", "-c", "1", "-W", "1", outside.address)
    with pytest.raises(CommandError):
        who(outside, f"{host.address}:8080")
    host.docker("rm", "-f", "one", "two")
    host.docker("network", "rm", "foo")


def gets(host: Host, container: str, url: str) -> bool:
    """Whether a container gets an answer of HTTP, whichever."""
    words = ("docker", "exec", container, "timeout", "4", "wget", "-S", "-O", "-", f"http://{url}")
    done = host.run(*words, check=False)
    return "HTTP/1." in done.stdout + done.stderr


def lists_databases(host: Host, container: str, ip: str, port: int) -> bool:
    """Whether a container gets an answer of OVSDB."""
    asked = '{"method":"list_dbs","id":0,"params":[]}'
    script = f"echo '{asked}' | timeout 3 nc -w 2 {ip} {port}"
    return "result" in host.run("docker", "exec", container, "sh", "-c", script, check=False).stdout


def rules_are_right(host: Host) -> bool:
    done = host.cli("doctor", "packet-filter", "-o", "json", check=False)
    return bool(json.loads(done.stdout)[0]["state"] == "ok")


def plain(host: Host, name: str, *options: str) -> str:
    """A container of Docker's own that serves; its address."""
    script = "mkdir -p /www && echo plain >/www/index.html && exec httpd -f -p 80 -h /www"
    host.docker("run", "-d", "--name", name, *options, IMAGE, "sh", "-c", script)
    found = json.loads(host.docker("inspect", name))[0]["NetworkSettings"]["Networks"]
    return str(next(iter(found.values()))["IPAddress"])


def test_from_ovn_into_dockers_bridges_and_back_only_to_what_is_published(path: Cluster) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    host.docker("network", "create", "mine")
    host.docker("network", "create", "-o", "com.docker.network.bridge.name=my.net", "named")
    wait_for(lambda: rules_are_right(host), 10, "the rules")
    floating = published(host).split("--to-destination ")[1].split(":")[0]
    for number, network in enumerate(("bridge", "mine", "named")):
        ip = plain(host, f"on-{network}", "--network", network, "-p", f"809{number}:80")
        assert not gets(host, "web", ip)
        assert gets(host, "web", f"{host.address}:809{number}")
        assert not gets(host, f"on-{network}", floating)
        assert gets(host, f"on-{network}", f"{host.address}:8080/cgi-bin/who")
    host.docker("rm", "-f", "web", *(f"on-{one}" for one in ("bridge", "mine", "named")))
    host.docker("network", "rm", "foo", "mine", "named")


def test_docker_user_goes_first_whoever_starts_last(path: Cluster, outside: Host) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    rule = ("DOCKER-USER", "-d", outside.address, "-j", "DROP")
    for restart in ("driver", "docker"):
        assert goes_out(host, "web", outside)
        host.run("iptables", "-I", *rule)
        assert not goes_out(host, "web", outside)
        host.run("iptables", "-D", *rule)
        if restart == "driver":
            host.cli("driver", "stop")
            host.cli("driver", "start", "--detach")
        else:
            host.stop_docker()
            host.start_docker()
            host.docker("start", "web")
        wait_for(lambda: rules_are_right(host), 10, "the rules")
        shown = host.run("iptables", "-S", "FORWARD").stdout.splitlines()
        jumps = [one for one in shown if one.startswith("-A")][:2]
        assert jumps == ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j OVN-GATEWAY"]
    wait_for(lambda: goes_out(host, "web", outside), 10, "the way out")
    host.docker("rm", "-f", "web")
    host.docker("network", "rm", "foo")


@pytest.mark.parametrize(
    "flush",
    [
        *("iptables -F", "iptables -t nat -F", "iptables -t mangle -F"),
        pytest.param("nft flush ruleset", marks=pytest.mark.needs("nft")),
    ],
)
def test_rules_that_others_took_come_back_in_seconds(
    path: Cluster, outside: Host, flush: str
) -> None:
    host = path.first
    create(host, "-o", "ovn.gateway=ovn")
    web(host, "web", "foo", "-p", "8080:80")
    before = published(host)
    host.run(*flush.split())
    wait_for(lambda: rules_are_right(host), 5, "the rules")
    assert published(host) == before
    assert who(outside, f"{host.address}:8080") == outside.address
    assert goes_out(host, "web", outside)
    assert not gets(host, "web", f"{path.central.address}:9696")
    host.docker("rm", "-f", "web")
    host.docker("network", "rm", "foo")
    host.stop_docker()  # its own rules it makes at its start only
    host.start_docker()


def test_ports_of_ovn_are_closed_to_containers_of_all_ways_out(
    path: Cluster, outside: Host
) -> None:
    host, central = path.first, path.central
    own, unusual = f"{host.address}:9696", f"{host.address}:9797"
    northbound = f"tcp:{central.address}:6641"
    create(host, "-o", "ovn.gateway=ovn")
    create(host, name="bar", subnet="192.168.2.0/24")
    run_container(host, "by-ovn", "foo")
    run_container(host, "by-docker", "bar")
    plain(host, "of-docker")
    host.run("ovs-vsctl", "set-manager", "ptcp:6649")
    try:
        for listen in (own, unusual):
            words = ("ipam", "start", "--detach", "--listen", listen, "--nb", northbound)
            host.cli(*words, "--insecure")
            host.cli("driver", "stop")
            host.cli("driver", "start", "--detach")
            assert get_from(outside, listen)
            for name in ("by-ovn", "by-docker", "of-docker"):
                assert gets(host, name, f"{outside.address}/")
                assert not gets(host, name, listen)
                assert not gets(host, name, f"172.17.0.1:{listen.rpartition(':')[2]}")
                assert not gets(host, name, f"{central.address}:9696")
                assert not lists_databases(host, name, central.address, 6641)
                assert not lists_databases(host, name, central.address, 6642)
                assert not lists_databases(host, name, host.address, 6649)
            host.cli("ipam", "stop")
            host.run("rm", "/run/ovn-integrate/ipam.json", "/run/ovn-integrate/ipam.pid")
        # Where it is said that they may:
        reach = f'"{central.address}:6641,9696"'
        host.run("ovs-vsctl", "set", "Open_vSwitch", ".", f"external_ids:{REACH}={reach}")
        wait_for(lambda: rules_are_right(host), 10, "the rules")
        assert gets(host, "by-ovn", f"{central.address}:9696")
        assert lists_databases(host, "by-docker", central.address, 6641)
        assert not lists_databases(host, "by-docker", central.address, 6642)
    finally:
        host.run("ovs-vsctl", "remove", "Open_vSwitch", ".", "external_ids", REACH)
        host.run("ovs-vsctl", "del-manager")
    host.docker("rm", "-f", "by-ovn", "by-docker", "of-docker")
    host.docker("network", "rm", "foo", "bar")


def get_from(host: Host, place: str) -> bool:
    return bool(host.run("busybox", "wget", "-q", "-O", "-", f"http://{place}/", timeout=20).stdout)


def test_an_internal_network_has_no_way_out(path: Cluster, outside: Host) -> None:
    host = path.first
    create(host, "--internal", "-o", "ovn.gateway=ovn")
    run_container(host, "one", "foo")
    assert links(host, "one") == {"eth0"}
    assert "br-ovn-gw" not in host.run("ovs-vsctl", "list-br").stdout
    with pytest.raises(CommandError):
        host.docker("exec", "one", "ping", "-c", "1", "-W", "1", outside.address)
    host.docker("rm", "-f", "one")
    host.docker("network", "rm", "foo")


def test_the_way_out_of_a_network_that_docker_forgot_is_collected(path: Cluster) -> None:
    host = path.first
    words = ("network", "create", "-d", "openvswitch", "--subnet", SUBNET)
    host.docker(*words, "-o", "ovn.gateway=ovn", "foo")
    host.cli("driver", "stop")
    host.docker("network", "rm", "foo")  # Docker asks for 15 s, gives up, and forgets it
    host.cli("driver", "start", "--detach")
    found = json.loads(host.cli("driver", "gc", "-o", "json").stdout)
    assert [(one["kind"], one["removed"]) for one in found["strays"]] == [("network", True)]
