"""The container of the founding document: central and the IPAM in one, for hosts around it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cache import made_once

from . import suite
from .cluster import address, ping, prepare, run_container
from .command import run
from .folder import kept_settings
from .host import Host
from .lab import Lab
from .waiting import wait_for

IMAGE = "ipam:lab"
SCRIPT = suite.CHECKOUT / "scripts" / "build-ipam-image"

# Making the base takes minutes where it was never made before.
pytestmark = [pytest.mark.needs("debootstrap"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def base() -> Path:
    """All of the image but the program, which is what changes from one run to the next."""
    locks = sorted((suite.CHECKOUT / "scripts" / "lock").glob("*.txt"))
    parts = [path.read_text() for path in (SCRIPT, *locks)]
    digest = hashlib.sha256("\n".join([suite.own_name(), *parts]).encode()).hexdigest()

    def make(made: Path) -> None:
        argv = [str(SCRIPT), "--base", str(made / "base"), "--base-only"]
        run(argv, timeout=1700, env=kept_settings())

    return made_once("ipam-image", digest, make) / "base"


@pytest.fixture
def central(own_lab: Lab, base: Path) -> Iterator[Host]:
    """A host with Docker and the image, and nothing else."""
    host = own_lab.add_host("image-c")
    host.start_docker()
    host.run(str(SCRIPT), "--base", str(base), IMAGE, timeout=120)
    yield host
    host.stop()


@pytest.fixture
def hosts(own_lab: Lab) -> Iterator[list[Host]]:
    made = [own_lab.add_host(f"image-{number}") for number in (1, 2)]
    for host in made:
        prepare(host)
    yield made
    for host in made:
        host.stop()


def logs(host: Host) -> list[str]:
    """What the container said on standard output, of all its lives."""
    return host.run("docker", "logs", "ipam").stdout.splitlines()


def ready(host: Host, times: int) -> None:
    """Wait until the container has said so often that it is ready."""

    def said() -> bool:
        state = json.loads(host.docker("inspect", "ipam"))[0]["State"]
        assert state["Running"], host.run("docker", "logs", "ipam").stderr
        return sum(line.startswith("ready: ") for line in logs(host)) == times

    wait_for(said, 60, "the IPAM's container to be ready")


def processes(host: Host) -> list[str]:
    """By name, but for those of Docker, which has some more while it works."""
    named = host.run("ps", "-e", "-o", "comm=").stdout.split()
    return sorted(name for name in named if not name.startswith(("docker", "containerd", "ps")))


def ports(host: Host) -> set[tuple[str, ...]]:
    listed = json.loads(host.cli("port", "list", "foo", "-o", "json").stdout)
    return {(port["id"], port["mac"], *port["addresses"]) for port in listed}


def test_hosts_around_the_ipams_container(central: Host, hosts: list[Host]) -> None:
    bare = processes(central)
    words: tuple[str, ...] = ("--net=host", "--name", "ipam", "-v", "ipam:/var/lib/ovn")
    again = ("--restart", "on-failure")
    central.docker("run", "-d", *words, *again, "-e", "INSECURE=1", IMAGE, "/sbin/ipam")
    ready(central, 1)
    (line,) = (line for line in logs(central) if line.startswith("ready: "))
    assert "http://0.0.0.0:9696" in line
    first, second = hosts
    for host in hosts:
        host.cli("up", "--ipam", central.address, "--tep", host.address)
    first.cli("network", "create", "foo", "--subnet", "192.168.1.0/24")
    for host in hosts:
        host.cli("network", "attach", "foo")
        run_container(host, f"on-{host.name}", "foo")
    addresses = [address(host, f"on-{host.name}", "foo") for host in hosts]
    ping(first, f"on-{first.name}", addresses[1])
    ping(second, f"on-{second.name}", addresses[0])
    before = ports(first)
    assert {port[2] for port in before} == set(addresses)
    # Both logs go to standard output: that of each request, and that of each change.
    lines = [json.loads(line) for line in logs(central) if line.startswith("{")]
    assert any(line.get("path") == "/v2.0/ports" for line in lines)
    assert any(line.get("verb") == "POST" and line["route"] == "/v2.0/ports" for line in lines)

    # An orderly restart; a crash, which leaves pid files behind; a part that is killed for good.
    central.docker("restart", "ipam")
    ready(central, 2)
    assert ports(first) == before
    central.docker("kill", "ipam")
    central.docker("start", "ipam")
    ready(central, 3)
    assert ports(second) == before
    central.docker("exec", "ipam", "sh", "-c", "kill -9 $(cat /run/ovn/ovn-northd.pid)")
    ready(central, 4)
    assert "ovn-northd: was killed by signal 9" in central.run("docker", "logs", "ipam").stderr

    run_container(second, "later", "foo")
    ping(first, f"on-{first.name}", address(second, "later", "foo"))
    second.docker("rm", "-f", "later")
    assert ports(second) == before

    begun = time.monotonic()
    central.docker("stop", "ipam")
    assert time.monotonic() - begun < 9  # at 10 s Docker kills
    state = json.loads(central.docker("inspect", "ipam"))[0]["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert processes(central) == bare

    # Another container of the same volume, told where to listen, has it all.
    central.docker("rm", "ipam")
    option = ("-e", f"LISTEN={central.address}", "-e", "INSECURE=1")
    words = ("--net=host", "--name", "ipam", "-v", "ipam:/var/lib/ovn", *option)
    central.docker("run", "-d", *words, IMAGE)
    ready(central, 1)
    assert ports(first) == before
    listening = central.run("ss", "-Hltn").stdout
    assert {line.split()[3] for line in listening.splitlines()} == {
        f"{central.address}:{port}" for port in (6641, 6642, 9696)
    }
    for host in hosts:
        host.docker("rm", "-f", f"on-{host.name}")
        host.docker("network", "rm", "foo")
    first.cli("network", "delete", "foo")
    central.docker("stop", "ipam")
    central.docker("rm", "ipam")

    # From now on with certificates: what was open is closed, and the host changes over.
    words = ("--net=host", "--name", "ipam", "-v", "ipam:/var/lib/ovn", "-e", "TLS=1")
    central.docker("run", "-d", *words, "-v", "pki:/etc/ovn-integrate", IMAGE)
    ready(central, 1)
    make = ("exec", "ipam", "ovn-integrate", "central", "token", first.name)
    assert first.cli("network", "list", check=False).returncode != 0
    # It was a chassis in the clear, so that its name is known: an operator says that it is the one.
    token = central.docker(*make)
    done = first.cli("--timeout", "20", "join", token, "--tep", first.address, check=False)
    assert done.returncode == 6, done.stderr
    id = first.run("ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids:system-id").stdout
    token = central.docker(*make, "--system-id", id.strip().strip('"'))
    first.cli("--timeout", "20", "join", token, "--tep", first.address)
    first.cli("network", "list")
    assert json.loads(first.cli("status", "-o", "json").stdout)["problems"] == []
    central.docker("stop", "ipam")
    central.docker("rm", "ipam")
    central.docker("volume", "rm", "ipam", "pki")
    assert processes(central) == bare
    assert central.docker("volume", "ls", "-q") == ""
