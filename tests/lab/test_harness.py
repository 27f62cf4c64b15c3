"""The harness proves itself: hosts are apart, reach each other, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from . import CommandError, Host, Lab, lab_ready, remains, wait_for
from .suite import CHECKOUT

# It waits on its input so as not to outlive these tests, should they be the ones killed.
ENDLESS = """
import sys
sys.path.insert(0, {tests!r})
from {package} import Lab
lab = Lab()
host = lab.add_host("doomed")
host.start_ovs()
host.start_docker()
host.docker("run", "--detach", host.load_image(), "sleep", "1000")
print(lab.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Iterator[tuple[Host, Host]]:
    hosts = lab.add_host("left"), lab.add_host("right")
    for host in hosts:
        host.start_ovs()
    yield hosts
    for host in hosts:
        host.stop()


def listen(host: Host, port: int) -> None:
    """A TCP server that answers every request with the host's name."""
    host.run("mkdir", "-p", "/run/www")
    host.run("tee", "/run/www/name", input=host.name)
    host.popen("busybox", "httpd", "-f", "-p", str(port), "-h", "/run/www")


def fetch(host: Host, server: Host, port: int) -> str:
    url = f"http://{server.address}:{port}/name"
    return host.run("busybox", "wget", "-q", "-O", "-", url, timeout=3).stdout


def test_hosts_reach_each_other_by_ping_and_tcp(pair: tuple[Host, Host]) -> None:
    left, right = pair
    left.run("ping", "-c", "1", "-W", "2", right.address)
    listen(right, 8001)
    assert wait_for(lambda: fetch(left, right, 8001), 10, "TCP from left to right") == "right"


def test_the_nic_in_a_bridge_still_carries_full_size_packets_and_tcp(lab: Lab) -> None:
    bridged, plain = lab.add_host("bridged"), lab.add_host("plain")
    bridged.start_ovs()
    bridged.put_nic_in_bridge()
    plain.run("ping", "-c", "1", "-W", "5", "-M", "do", "-s", "1472", bridged.address)
    for server, client in ((bridged, plain), (plain, bridged)):
        listen(server, 8002)
        answer = wait_for(partial(fetch, client, server, 8002), 10, f"TCP to {server.name}")
        assert answer == server.name
    bridged.stop()
    plain.stop()


def test_each_host_has_its_own_name_processes_and_open_vswitch(pair: tuple[Host, Host]) -> None:
    bridge = ("add-br", "only-left", "--", "set", "Bridge", "only-left", "datapath_type=netdev")
    pair[0].run("ovs-vsctl", *bridge)
    assert pair[1].run("ovs-vsctl", "list-br").stdout == ""
    assert "only-left" in pair[0].run("ls", "/sys/class/net").stdout.split()
    assert "only-left" not in pair[1].run("ls", "/sys/class/net").stdout.split()
    for key in ("hostname", "system-id"):
        words = ("ovs-vsctl", "get", "Open_vSwitch", ".", f"external_ids:{key}")
        assert len({host.run(*words).stdout for host in pair}) == 2
    assert [host.run("hostname", "-f").stdout.strip() for host in pair] == ["left", "right"]
    assert pair[0].run("pgrep", "-c", "ovs-vswitchd").stdout.strip() == "1"


def test_a_host_runs_the_programs_of_its_suite_and_sees_no_others(
    pair: tuple[Host, Host],
) -> None:
    left, _ = pair
    vswitch = left.run("ovs-vsctl", "get", "Open_vSwitch", ".", "ovs_version").stdout
    ovn = left.run("ovn-controller", "--version").stdout.split()[1]
    docker = left.run("dockerd", "--version").stdout.split()[2].split("+")[0].strip(",")
    script = "import sys; print('{}.{}'.format(*sys.version_info))"
    python = left.run(left.program, "-c", script).stdout.strip()
    assert left.suite.versions == (
        f"Open vSwitch {json.loads(vswitch)}, OVN {ovn}, Docker {docker}, Python {python}"
    )
    mounts = left.read("/proc/self/mountinfo").splitlines()
    assert len([line for line in mounts if line.split()[4] == "/"]) == 1
    inside = left.run("test", "-e", str(CHECKOUT), check=False).returncode == 0
    assert inside is (left.suite.checkout == CHECKOUT)


def test_what_a_host_writes_stays_in_it(pair: tuple[Host, Host]) -> None:
    left, right = pair
    for path in ("/etc/lab-was-here", "/var/lib/lab-was-here", "/run/docker/plugins/lab.spec"):
        left.run("mkdir", "-p", str(Path(path).parent))
        left.run("tee", path, input="left")
        assert left.read(path) == "left"
        for root in (Path("/"), *left.suite.layers):
            assert not (root / path.lstrip("/")).exists()
        assert right.run("cat", path, check=False).returncode != 0


def test_orphans_of_a_host_are_reaped(pair: tuple[Host, Host]) -> None:
    left, _ = pair
    left.run("sh", "-c", "(true & true &) ; (setsid true &)")
    wait_for(lambda: "Z" not in left.run("ps", "-eo", "stat=").stdout, 5, "no zombie")


def test_a_failed_command_tells_all(pair: tuple[Host, Host]) -> None:
    with pytest.raises(CommandError, match=r"(?s)left\$ sh -c.*status 3.*word.*complaint"):
        pair[0].run("sh", "-c", "echo word; echo complaint >&2; exit 3")


def test_a_command_past_its_time_does_not_run_on(pair: tuple[Host, Host]) -> None:
    left, _ = pair
    with pytest.raises(CommandError, match=r"still running after 0\.2 s"):
        left.run("sleep", "4321", timeout=0.2)
    wait_for(lambda: left.run("pgrep", "-f", "sleep 4321", check=False).returncode, 5, "its end")


def test_a_container_runs_and_docker_comes_back_after_a_crash(pair: tuple[Host, Host]) -> None:
    left, _ = pair
    left.start_docker()
    image = left.load_image()
    assert left.docker("run", "--rm", image, "echo", "hello") == "hello"
    container = left.docker("run", "--detach", "--stop-signal", "KILL", image, "httpd", "-f")
    assert left.docker("exec", container, "pidof", "httpd")
    left.stop_docker("KILL")
    left.start_docker()
    assert left.docker("ps", "--all", "--quiet", "--no-trunc") == container


def test_the_program_under_test_runs_in_a_host(pair: tuple[Host, Host]) -> None:
    assert pair[0].cli("--version").stdout.startswith("ovn-integrate")


def test_nothing_is_left_of_a_closed_lab() -> None:
    with Lab() as lab:
        host = lab.add_host("only")
        host.start_ovs()
        host.start_docker()
        host.docker("run", "--detach", host.load_image(), "sleep", "1000")
        assert any("process" in line for line in remains(lab.name))
        assert any("cgroup" in line for line in remains(lab.name))
        pid = host.pid
    assert remains(lab.name) == []
    assert not Path(f"/proc/{pid}").exists()


def test_nothing_is_left_of_a_killed_run() -> None:
    here = Path(__file__).parent
    package = __package__ or here.name
    tests = str(Path(__file__).parents[package.count(".") + 1])
    script = ENDLESS.format(tests=tests, package=package)
    pipe = subprocess.PIPE
    run = subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True)
    assert run.stdout is not None
    name = run.stdout.readline().strip()
    assert remains(name)
    os.kill(run.pid, signal.SIGKILL)
    with run:
        wait_for(lambda: not remains(name), 30, f"the end of {name}: {remains(name)}")


def test_a_machine_that_cannot_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert lab_ready() == "the lab needs root"


def test_a_suite_that_cannot_be_made_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    reason = lab_ready("no-suite")
    assert reason is not None
    assert "debootstrap" in reason
