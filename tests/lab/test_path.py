"""The whole path: from two plain hosts to containers that talk, and back to how it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import clients

from .cluster import IMAGE, Cluster, address, inside, mtu, ping, run_container
from .command import Done
from .host import Host
from .lab import Lab
from .waiting import wait_for

MEGABYTES = 4


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Cluster:
    return shared


def fetch(host: Host, container: str, source: Host, server: str, ip: str) -> None:
    """Some megabytes over TCP, in packets as large as the path lets pass."""
    file = f"dd if=/dev/urandom of=/file bs=1048576 count={MEGABYTES}"
    source.docker("exec", server, "sh", "-c", f"{file} && httpd -p 80 -h /")
    wanted = source.docker("exec", server, "md5sum", "/file").split()[0]
    got = host.docker("exec", container, "sh", "-c", f"wget -q -O - http://{ip}/file | md5sum")
    assert got.split()[0] == wanted


@pytest.mark.usefixtures("unchanged")
def test_containers_on_two_hosts_talk_over_one_logical_network(path: Cluster) -> None:
    path.first.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    for host, part in zip(path.hosts, ("192.168.1.64/26", "192.168.1.128/26"), strict=True):
        host.docker(
            *("network", "create", "-d", "openvswitch", "--subnet", "192.168.1.0/24"),
            *("--ip-range", part, "-o", "ovn.network=foo", "foo"),
        )
        run_container(host, f"on-{host.name}", "foo")
    first, second = (f"on-{host.name}" for host in path.hosts)
    ip = address(path.second, second, "foo")

    ping(path.first, first, ip)
    ping(path.second, second, address(path.first, first, "foo"))
    assert mtu(path.first, first) == mtu(path.second, second) == 1442
    # ICMP's 8 bytes and IP's 20 make this a packet of 1442.
    ping(path.first, first, ip, "-s", "1414")
    fetch(path.first, first, path.second, second, ip)
    fetch(path.second, second, path.first, first, address(path.first, first, "foo"))

    shown = path.nbctl("show")
    assert "(aka foo)" in shown
    assert ip in shown

    for host in path.hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        host.docker("network", "rm", "foo")
    path.first.cli("network", "delete", "foo")


@pytest.mark.usefixtures("unchanged")
def test_an_address_that_comes_to_another_container_is_reached_at_once(path: Cluster) -> None:
    """Its neighbours remember the MAC of the one before, as Docker makes up another one. Docker 28
    tells them, older ones do not."""
    subnets = ("--subnet", "192.168.1.0/24", "--subnet", "fd01::/64")
    path.first.cli("network", "create", "foo", *subnets)
    for host in path.hosts:
        host.cli("network", "attach", "foo")
    run_container(path.second, "peer", "foo", "--ip", "192.168.1.9", "--ip6", "fd01::9")
    for number in range(3):
        run_container(path.first, "one", "foo", "--ip", "192.168.1.5", "--ip6", "fd01::5")
        # The first of all may get lost on its way to a tunnel whose other end is unknown yet.
        for target in ("192.168.1.5", "fd01::5"):
            count = "1" if number else "5"
            path.second.docker("exec", "peer", "ping", "-c", count, "-W", "2", target)
        path.first.docker("rm", "-f", "one")
    path.second.docker("rm", "-f", "peer")
    for host in path.hosts:
        host.docker("network", "rm", "foo")
    path.first.cli("network", "delete", "foo")


@pytest.mark.usefixtures("unchanged")
def test_the_founding_documents_own_order(path: Cluster) -> None:
    neutron = _neutron(path)
    words = ("network", "create", "-d", "openvswitch", "--ipam-driver", "null")
    network = path.first.docker(*words, "foo")
    assert path.nbctl("ls-list") == ""  # not made here, but looked up when an endpoint comes
    neutron("net-create", network)
    neutron("subnet-create", network, "192.168.1.0/24")
    path.second.docker(*words, "-o", f"ovn.network={network}", "foo")
    for host in path.hosts:
        run_container(host, f"on-{host.name}", "foo")

    first, second = (inside(host, f"on-{host.name}", "eth0") for host in path.hosts)
    assert {first, second} == {"192.168.1.2", "192.168.1.3"}
    ping(path.first, f"on-{path.first.name}", second)
    ping(path.second, f"on-{path.second.name}", first)
    assert network in neutron("net-list")
    listed = neutron("port-list")
    assert first in listed
    assert second in listed

    for host in path.hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        host.docker("network", "rm", "foo")
    # What the driver did not make it does not delete.
    assert network in neutron("net-list")
    neutron("net-delete", network)


def _neutron(path: Cluster) -> Any:
    """The founding document's command line, and the same with its variables."""
    command = str(clients.neutron())
    url = f"http://{path.central.address}:9696/"

    def run(*words: str) -> str:
        if words[0].endswith("-list"):
            env = {"OS_URL": url, "OS_AUTH_STRATEGY": "noauth"}
            return path.first.reach(command, *words, env=env).stdout
        said = ("--tenant-id", "admin") if words[0].endswith("-create") else ()
        options = (f"--os-url={url}", "--os-auth-strategy=noauth")
        return path.first.reach(command, *words, *said, *options).stdout

    return run


@pytest.mark.usefixtures("unchanged")
def test_a_port_keeps_its_addresses_from_one_container_to_the_next(path: Cluster) -> None:
    host = path.first
    host.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    made = json.loads(host.cli("port", "create", "db.foo", "-o", "json").stdout)["port"]
    words = ("network", "create", "-d", "openvswitch", "--subnet", "192.168.1.0/24")
    host.docker(*words, "-o", "ovn.network=foo", "foo")
    for name in ("one", "two"):
        host.docker("run", "-d", "--name", name, IMAGE, "sleep", "3600")

    for name in ("one", "two"):
        host.cli("port", "attach", name, "db.foo")
        assert json.loads(host.cli("port", "attach", name, "db.foo", "-o", "json").stdout) == {
            "changed": False
        }
        assert inside(host, name, "eth1") == made["addresses"][0]
        assert made["mac"] in host.docker("exec", name, "ip", "link", "show", "eth1")
        shown = json.loads(host.cli("port", "show", "db.foo", "-o", "json").stdout)
        assert (shown["id"], shown["status"]) == (made["id"], "ACTIVE")
        assert host.cli("port", "delete", "db.foo", check=False).returncode == 6
        host.cli("port", "detach", name, "db.foo")
        assert json.loads(host.cli("port", "detach", name, "db.foo", "-o", "json").stdout) == {
            "changed": False
        }

    host.docker("rm", "-f", "one", "two")
    host.docker("network", "rm", "foo")
    host.cli("port", "delete", "db.foo")
    host.cli("network", "delete", "foo")


@pytest.mark.usefixtures("unchanged")
def test_a_logical_network_is_attached_to_a_host_and_detached(path: Cluster) -> None:
    path.first.cli("network", "create", "dual", "--subnet", "10.6.0.0/24", "--subnet", "fd06::/64")
    for host in path.hosts:
        for changed in (True, False):
            words = ("network", "attach", "dual", "--as", "blue", "-o", "json")
            assert json.loads(host.cli(*words).stdout) == {"changed": changed}
        run_container(host, f"on-{host.name}", "blue")
    first, second = (f"on-{host.name}" for host in path.hosts)
    found = json.loads(path.second.docker("inspect", second))[0]["NetworkSettings"]["Networks"]
    for key in ("IPAddress", "GlobalIPv6Address"):
        ping(path.first, first, found["blue"][key])

    refused = path.first.cli("network", "detach", "dual", check=False)
    assert refused.returncode == 6
    assert f"has containers: {first}" in refused.stderr
    refused = path.first.cli("network", "attach", "nowhere", check=False)
    assert refused.returncode == 5
    for host in path.hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        for changed in (True, False):
            words = ("network", "detach", "dual", "-o", "json")
            assert json.loads(host.cli(*words).stdout) == {"changed": changed}
    path.first.cli("network", "delete", "dual")


@pytest.mark.usefixtures("unchanged")
def test_an_engine_elsewhere_is_asked_on_its_socket_and_without_its_command(path: Cluster) -> None:
    host = path.first
    here, there = "/run/docker.sock", "/run/engine.sock"
    host.cli("network", "create", "foo", "--subnet", "10.6.0.0/24")
    host.docker("run", "-d", "--name", "one", IMAGE, "sleep", "3600")
    # No program is on the path, docker the least.
    bare = ("env", f"PATH={host.suite.program.parent}")
    named = (*bare, f"DOCKER_HOST=unix://{there}")

    def cli(env: tuple[str, ...], *words: str, check: bool = True) -> Done:
        return host.run(*env, host.program, "-m", "ovn_integrate", *words, check=check)

    host.run("mv", here, there)  # whoever has its new name still reaches it
    try:
        refused = host.cli("network", "attach", "foo", check=False)
        assert refused.returncode == 7
        assert "--docker-host" in refused.stderr
        for url in ("tcp://192.0.2.1:2375", "ssh://host"):
            remote = host.cli("--docker-host", url, "network", "attach", "foo", check=False)
            assert remote.returncode == 2
            assert "unix:///run/docker.sock" in remote.stderr
        # What the driver's own engine does not know must not be taken for dead.
        foreign = cli(named, "driver", "gc", check=False)
        assert foreign.returncode == 6
        assert f"unix://{here}" in foreign.stderr

        host.cli("driver", "stop")
        cli(bare, "--docker-host", f"unix://{there}", "driver", "start", "--detach")
        cli(named, "network", "attach", "foo")
        host.cli("port", "create", "db.foo")
        cli(named, "port", "attach", "one", "db.foo")
        assert json.loads(cli(named, "driver", "gc", "-o", "json").stdout) == {
            "changed": False,
            "strays": [],
        }
        # By what follows Docker's events.
        wait_for(lambda: "one=" in path.nbctl("list", "DNS"), 20, "the container's name")
        assert cli(named, "network", "detach", "foo", check=False).returncode == 6
        cli(named, "port", "detach", "one", "db.foo")
        cli(named, "network", "detach", "foo")
    finally:
        host.run("mv", there, here)
        host.cli("driver", "stop")
        host.cli("driver", "start", "--detach")
    host.docker("rm", "-f", "one")
    host.cli("port", "delete", "db.foo")
    host.cli("network", "delete", "foo")


def test_up_again_is_already_so_and_show_has_the_tunnel(path: Cluster) -> None:
    host = path.first
    words = ("up", "--ipam", path.central.address, "--tep", host.address, "-o", "json")
    again = json.loads(host.cli(*words).stdout)
    assert again["changed"] is False, again
    assert {step["changed"] for step in again["steps"]} == {False}
    shown = json.loads(host.cli("show", "-o", "json").stdout)
    assert shown["controller"]["connection"] == "connected"
    assert shown["bridge"]["datapath_type"] == "netdev"
    tunnels = {one["remote_ip"]: one["state"] for one in shown["tunnels"]}
    assert tunnels == {path.second.address: "up"}
    for words in (("controller", "status"), ("ipam", "status"), ("driver", "status")):
        host.cli(*words)


def test_the_founding_documents_steps_one_by_one_after_down(path: Cluster) -> None:
    host = path.second
    host.cli("down")
    shown = json.loads(host.cli("show", "-o", "json").stdout)
    # What Open vSwitch itself writes there at its start.
    own = {"system-id", "hostname"}
    assert {key for key, value in shown["settings"].items() if value} == own
    assert shown["bridge"]["name"] == "br-int (does not exist)"
    assert shown["controller"]["running"] is False
    assert host.cli("down").stdout.startswith("nothing to undo")

    host.cli("set-ipam", path.central.address)
    host.cli("set-tep", host.address)
    host.cli("set-encap-type", "geneve")
    host.cli("create-integration-bridge")
    host.run("ovn-controller", "--pidfile", "--detach", "-vconsole:off", "--log-file")
    started = json.loads(host.cli("controller", "start", "-o", "json").stdout)
    assert started["changed"] is False
    assert started["chassis"] in path.central.run("ovn-sbctl", "show").stdout
    host.run("mkdir", "-p", "/usr/share/docker/plugins")
    host.script("ovn-docker-driver", "--overlay-mode", "--detach")
    assert json.loads(host.cli("driver", "status", "-o", "json").stdout)["answers"] is True
    mode = host.run("stat", "-c", "%a %U", "/run/docker/plugins/openvswitch.sock").stdout
    assert mode.strip() == "600 root"

    host.cli("driver", "stop")
    host.cli("controller", "stop")
    # Nothing of it is there before `up`, which remembers what it made.
    for verb in ("unset-encap-type", "unset-tep", "unset-ipam"):
        host.cli(verb)
    host.run("ovs-vsctl", "del-br", "br-int")
    host.cli("up", "--ipam", path.central.address, "--tep", host.address)


def forget_chassis(central: Host, hostname: str) -> None:
    """What a host that is gone left in Southbound, by another one's address as it may be."""
    words = ("--bare", "--columns=name", "find", "Chassis", f"hostname={hostname}")
    for name in central.run("ovn-sbctl", *words).stdout.split():
        central.run("ovn-sbctl", "--if-exists", "chassis-del", name)


def test_controller_start_says_what_is_missing(path: Cluster, lab: Lab) -> None:
    host = lab.add_host("path-3")
    try:
        host.start_ovs()
        host.cli("set-ipam", "10.99.0.250")
        host.cli("set-tep", host.address)
        host.cli("set-encap-type", "geneve")
        done = host.cli("--timeout", "2", "controller", "start", check=False)
        assert done.returncode == 4
        assert "tcp:10.99.0.250:6642" in done.stderr

        # The same tunnel endpoint as a chassis that is there: OVN never registers the second.
        host.run("ip", "address", "add", f"{path.first.address}/32", "dev", "lo")
        host.cli("set-ipam", path.central.address)
        host.cli("set-tep", path.first.address)
        done = host.cli("--timeout", "3", "controller", "start", check=False)
        assert done.returncode == 7
        assert f"has tunnel endpoint {path.first.address}" in done.stderr
    finally:
        host.stop()
        forget_chassis(path.central, host.name)
