"""`doctor`: each fault made on a real host, and seen; and a right host, on which all is well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .cluster import Cluster, cluster, run_container
from .faults import CONTROLLER, FAULTS, Fault, set_key, without_tunnels
from .host import Host
from .lab import Lab
from .waiting import wait_for

Found = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def path(lab: Lab) -> Iterator[Cluster]:
    with cluster(lab, "doctor") as made:
        words = ("network", "create", "-d", "openvswitch", "--subnet", "192.168.77.0/24", "doctor")
        made.first.docker(*words)
        run_container(made.first, "patient", "doctor")
        yield made


def look(host: Host, *checks: str, fix: bool = False) -> Found:
    words = ("--timeout", "3", "doctor", *checks, *(("--fix",) if fix else ()), "-o", "json")
    done = host.cli(*words, check=False)
    assert done.returncode in (0, 10), done.stderr
    found: list[dict[str, str]] = json.loads(done.stdout)
    wrong = [one for one in found if one["state"] in ("failed", "unknown")]
    assert (done.returncode == 10) == bool(wrong)
    return {one["check"]: one for one in found}


def complaints(host: Host) -> dict[str, str]:
    return {name: one["found"] for name, one in look(host).items() if one["state"] != "ok"}


def await_health(host: Host) -> None:
    """A tunnel takes a moment to come up, at this host and at the other."""
    wait_for(lambda: not complaints(host), 30, f"{host.name} to be right")


def test_a_right_host(path: Cluster) -> None:
    for host in path.hosts:
        await_health(host)
    assert len(look(path.first)) >= 25


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.check)
def test_a_fault_is_seen_and_gone_when_it_is_mended(path: Cluster, fault: Fault) -> None:
    with fault.make(path) as host:
        seen = look(host, fault.check)[fault.check]
        assert seen["state"] == fault.state, seen
        assert fault.word in seen["found"] + seen["remedy"], seen
        assert seen["remedy"]
    wait_for(lambda: look(host, fault.check)[fault.check]["state"] == "ok", 20, fault.check)


def test_a_tunnel_that_was_refused_once_is_no_fault(path: Cluster) -> None:
    """ovs-vswitchd hands a packet of a tunnel to the kernel while it reads the routes anew."""
    with ThreadPoolExecutor() as pool:
        with without_tunnels(path.second) as host:
            before = refused(host)
            seen = pool.submit(look, path.first, "tunnel-ports")
            wait_for(lambda: refused(host) > before, 20, "a datagram to be refused")
            assert not seen.done()
        assert seen.result()["tunnel-ports"]["state"] == "ok"


def refused(host: Host) -> int:
    """How many datagrams came to ports of the host's kernel that nobody has."""
    names, numbers = (
        line.split() for line in host.read("/proc/net/snmp").splitlines() if line[:4] == "Udp:"
    )
    return int(dict(zip(names, numbers, strict=True))["NoPorts"])


def test_every_check_has_a_fault(path: Cluster) -> None:
    below = {"datapath", "kernel-modules", "obsolete-keys", "raft", "controller", "driver"}
    below |= {"checksum-errors"}
    assert set(look(path.first)) == {fault.check for fault in FAULTS} | below


def test_a_bridge_of_a_datapath_that_is_not_there(path: Cluster) -> None:
    host = path.second
    host.run("ovs-vsctl", "--no-wait", "set", "Bridge", "br-int", "datapath_type=system")
    seen = look(host, "datapath", "kernel-modules")
    assert "modprobe openvswitch" in seen["datapath"]["remedy"]
    assert seen["kernel-modules"]["remedy"] == "modprobe geneve"
    assert "set right" in look(host, "bridge", fix=True)["bridge"]["mended"]
    await_health(host)


def test_rules_of_the_packet_filter_come_back(path: Cluster) -> None:
    host = path.first
    host.cli("driver", "stop")
    host.run("sh", "-c", "iptables -F && iptables -t mangle -F")
    assert "is missing" in look(host, "packet-filter")["packet-filter"]["found"]
    assert "set right" in look(host, "packet-filter", fix=True)["packet-filter"]["mended"]
    host.cli("driver", "start", "--detach")


def test_a_setting_that_this_ovn_ignores(path: Cluster) -> None:
    host = path.second
    set_key(host, "ovn-set-local-ip", "true")
    version = host.run("ovn-controller", "--version").stdout.split()[1]
    ignored = tuple(map(int, version.split(".")[:2])) >= (24, 9)
    seen = look(host, "obsolete-keys")["obsolete-keys"]
    assert seen["state"] == ("warning" if ignored else "ok")
    if ignored:
        mended = look(host, "obsolete-keys", fix=True)["obsolete-keys"]
        assert (mended["state"], mended["mended"]) == ("ok", "ovn-set-local-ip removed")
    set_key(host, "ovn-set-local-ip", None)


def test_a_controller_that_died_is_started_again(path: Cluster) -> None:
    host = path.second
    host.run("kill", "-KILL", host.read(CONTROLLER).strip())
    assert look(host, "controller")["controller"]["state"] == "failed"
    assert look(host, "controller", fix=True)["controller"]["mended"] == "ovn-controller started"
    await_health(host)


def test_a_driver_is_missed_where_a_network_needs_it(path: Cluster) -> None:
    for host in path.hosts:
        host.cli("driver", "stop")
    assert look(path.second, "driver")["driver"]["state"] == "ok"
    seen = look(path.first, "driver")["driver"]
    assert (seen["state"], seen["remedy"]) == ("failed", "ovn-integrate driver start --detach")
    for host in path.hosts:
        host.cli("driver", "start", "--detach")


@pytest.fixture
def bare(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("doctor-x")
    host.start_ovs()
    yield host
    host.stop()


BAD_DATAGRAM = """
import socket, struct, sys
listener = socket.socket(type=socket.SOCK_DGRAM)
listener.bind((sys.argv[1], 0))
port = listener.getsockname()[1]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(struct.pack("!HHHHx", port, port, 9, 0xBAD), (sys.argv[1], 0))
listener.settimeout(0.2)
try:
    listener.recv(1)
except TimeoutError:
    pass
"""


def test_packets_of_wrong_checksums_are_told_of(bare: Host) -> None:
    assert look(bare, "checksum-errors")["checksum-errors"]["state"] == "ok"
    bare.run("ip", "link", "set", "lo", "up")
    bare.run(bare.program, "-c", BAD_DATAGRAM, bare.address)
    seen = look(bare, "checksum-errors")["checksum-errors"]
    assert (seen["state"], "UdpInCsumErrors 1" in seen["found"]) == ("warning", True)


def test_a_southbound_that_lost_its_cluster(bare: Host) -> None:
    bare.run("ovsdb-tool", "create-cluster", "/run/lab/1.db", SCHEMA, "tcp:127.0.0.1:16641")
    member(bare, 1)
    join = ("ovsdb-tool", "join-cluster", "/run/lab/2.db", "OVN_Southbound")
    bare.run(*join, "tcp:127.0.0.1:16642", "tcp:127.0.0.1:16641")
    member(bare, 2)
    set_key(bare, "ovn-remote", "tcp:127.0.0.1:26641,tcp:127.0.0.1:26642")
    wait_for(lambda: "2 members" in look(bare, "raft")["raft"]["found"], 20, "the cluster")
    bare.run("kill", "-KILL", bare.read("/run/lab/2.pid").strip())
    wait_for(lambda: look(bare, "raft")["raft"]["state"] == "failed", 20, "the loss to be seen")
    assert "tcp:127.0.0.1:26641" in look(bare, "raft")["raft"]["found"]


SCHEMA = "/usr/share/ovn/ovn-sb.ovsschema"


def member(host: Host, number: int) -> None:
    folder = "/run/lab"
    host.run(
        *("ovsdb-server", "--detach", f"--pidfile={folder}/{number}.pid", "-vconsole:off"),
        *(f"--unixctl={folder}/{number}.ctl", f"--log-file={folder}/{number}.log"),
        *(f"--remote=ptcp:2664{number}:127.0.0.1", f"{folder}/{number}.db"),
    )
