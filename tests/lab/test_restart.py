"""Every restart that Docker, the driver or a host can have: afterwards the containers that run
talk, others can be started, and nothing is left of those that ended.

What Docker tells the driver of, and when, was read in its source and seen here with 20.10.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from . import owners, power
from .cluster import Cluster, address, cluster, run_container
from .command import CommandError
from .host import DOCKER_LOG, Host
from .lab import Lab
from .waiting import wait_for

NETWORK = "blue"
SUBNET = "192.168.1.0/24"
PARTS = ("192.168.1.64/26", "192.168.1.128/26")
DRIVER_LOG = "/var/log/ovn-integrate/driver.log"
# Of the containers on the first host, one is started again by Docker and two are not.
KEPT, STARTED, GONE = "kept", "started", "gone"
PEER = "peer"


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Cluster]:
    with cluster(lab, "restart") as made:
        made.first.cli("network", "create", NETWORK, "--subnet", SUBNET)
        for host, part in zip(made.hosts, PARTS, strict=True):
            serve(host, "--gc-interval", "0")
            words = ("--subnet", SUBNET, "--ip-range", part, "-o", f"ovn.network={NETWORK}")
            host.docker("network", "create", "-d", "openvswitch", *words, NETWORK)
        # Process 1 of a container ignores SIGTERM, and dockerd would wait for it.
        run_container(made.second, PEER, NETWORK, "--stop-signal", "KILL")
        run_container(made.first, KEPT, NETWORK, "--stop-signal", "KILL", "--restart", "always")
        for name in (STARTED, GONE):
            run_container(made.first, name, NETWORK, "--stop-signal", "KILL")
        yield made


@pytest.fixture(autouse=True)
def whole(made: Cluster) -> Iterator[None]:
    """Each begins and ends with all containers running and talking, and nothing else."""
    yield
    for name in (KEPT, STARTED, GONE):
        made.first.docker("start", name)
        talk(made, name)
    assert owners.ownerless(made) == []


def serve(host: Host, *options: str) -> None:
    """The driver of a host, started anew."""
    host.cli("driver", "stop", check=False)
    host.cli("driver", "start", "--detach", *options)


def serve_ipam(made: Cluster) -> None:
    listen = f"{made.central.address}:9696"
    made.central.cli("ipam", "start", "--detach", "--listen", listen, "--insecure")


def talk(made: Cluster, name: str) -> None:
    """Fails unless a container and the one on the other host reach each other."""
    ping(made.first, name, address(made.second, PEER, NETWORK))
    ping(made.second, PEER, address(made.first, name, NETWORK))


def ping(host: Host, name: str, target: str) -> None:
    # The first packet to a tunnel's new end is lost in the userspace datapath; and ping waits a
    # second before it sends another.
    once = f"ping -c 1 -W 1 {target}"
    host.docker("exec", name, "sh", "-c", " || ".join([once] * 5))


def running(host: Host) -> set[str]:
    return set(host.docker("ps", "--format", "{{.Names}}").split())


def collect(host: Host) -> list[str]:
    """What ``driver gc`` removed, by kind."""
    answer = json.loads(host.cli("driver", "gc", "-o", "json").stdout)
    assert all(stray["removed"] for stray in answer["strays"]), answer
    return sorted(stray["kind"] for stray in answer["strays"])


def workers(host: Host) -> list[str]:
    """The driver's processes, the master first."""
    master = host.read("/run/ovn-integrate/driver.pid").strip()
    children = host.read(f"/proc/{master}/task/{master}/children").split()
    return [master, *children]


def calls(host: Host) -> list[str]:
    """The ids of Docker's calls in flight."""
    code = (
        "from ovn_integrate import paths, servers; "
        "print(*servers.fetch(f'unix:{paths.plugin_socket()}', '/calls')['ids'])"
    )
    return host.run(host.program, "-c", code).stdout.split()


def test_docker_stopped_and_started(made: Cluster) -> None:
    """Docker tells of every endpoint before it ends; the network is not made again."""
    host = made.first
    host.stop_docker()
    assert owners.northbound(made, host) == owners.bridge(host) == owners.links(host) == set()
    host.start_docker()
    assert running(host) == {KEPT}
    talk(made, KEPT)
    assert owners.ownerless(made) == []


def test_docker_killed(made: Cluster) -> None:
    """Nobody is told of the endpoints that were: the driver finds out by itself."""
    host = made.first
    before = address(host, KEPT, NETWORK)
    old = owners.known(host)
    host.stop_docker("KILL")
    serve(host, "--gc-interval", "1")  # it serves, and does not wait for Docker
    assert owners.northbound(made, host) == old
    host.start_docker()
    wait_for(lambda: KEPT in running(host), 20, f"{KEPT} to run")
    # The address was given out again, and its old port gave way.
    assert address(host, KEPT, NETWORK) == before
    talk(made, KEPT)
    wait_for(lambda: not owners.northbound(made, host) & old, 30, "the driver to collect")
    assert owners.ownerless(made) == []
    serve(host, "--gc-interval", "0")


def test_docker_restarted_under_living_containers(made: Cluster) -> None:
    host = made.first
    host.stop_docker()
    host.start_docker("--live-restore")
    host.docker("start", STARTED, GONE)
    addresses = {name: address(host, name, NETWORK) for name in (KEPT, STARTED, GONE)}
    alive = owners.known(host)
    for signal in ("TERM", "KILL"):
        host.stop_docker(signal)
        for ip in addresses.values():
            ping(made.second, PEER, ip)
        # Without an answer from Docker nothing can be told, and nothing goes.
        done = host.cli("--timeout", "2", "driver", "gc", check=False)
        assert done.returncode == 7
        assert "Docker engine: does not answer" in done.stderr
        assert owners.bridge(host) == alive
        host.start_docker("--live-restore")
        assert {name: address(host, name, NETWORK) for name in addresses} == addresses
        assert collect(host) == []
        for name in addresses:
            talk(made, name)
    # The engine tells a driver that it has not spoken to yet.
    host.docker("stop", GONE)
    assert owners.ownerless(made) == []
    host.stop_docker()
    host.start_docker()


def test_the_driver_dead_while_docker_restarted_under_living_containers(made: Cluster) -> None:
    """Docker cannot let go of an endpoint without the driver, and keeps it until it starts anew."""
    host = made.first
    host.stop_docker()
    host.start_docker("--live-restore")
    host.docker("start", GONE)
    host.cli("driver", "stop")
    host.stop_docker()
    host.start_docker("--live-restore")
    host.docker("stop", GONE)
    serve(host, "--gc-interval", "0")
    with pytest.raises(CommandError, match="already exists"):
        host.docker("start", GONE)
    assert collect(host) == []  # what Docker knows is not ours to take
    host.stop_docker()
    host.start_docker()
    host.docker("start", GONE)
    talk(made, KEPT)
    collect(host)
    assert owners.ownerless(made) == []


def test_the_driver_killed_between_calls(made: Cluster) -> None:
    host = made.first
    master, worker = workers(host)
    host.run("kill", "-9", worker)
    host.docker("stop", GONE)  # asked of the next worker, by way of the master's socket
    assert workers(host)[0] == master
    assert owners.ownerless(made) == []
    host.docker("start", GONE)

    # The master too: Docker dials again for 15 seconds, with the whole request.
    host.run("kill", "-9", *workers(host))
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(host.docker, "stop", GONE)
        serve(host, "--gc-interval", "0")
        stopped.result()
    assert owners.ownerless(made) == []
    talk(made, KEPT)


def test_the_driver_killed_during_a_call(made: Cluster) -> None:
    """The request's body is lost with the connection: the start fails, and the next one works."""
    host = made.first
    host.docker("stop", GONE)
    ipam = _ipam(made)
    made.central.run("kill", "-STOP", *ipam)
    with ThreadPoolExecutor(1) as pool:
        failed = pool.submit(host.docker, "start", GONE)
        endpoint = wait_for(lambda: set(calls(host)) - owners.known(host), 20, "a call in flight")
        assert endpoint
        host.run("kill", "-9", workers(host)[1])
        made.central.run("kill", "-CONT", *ipam)
        with pytest.raises(CommandError, match="body: is empty"):
            failed.result()
    host.docker("start", GONE)
    talk(made, GONE)
    collect(host)
    assert owners.ownerless(made) == []


def _ipam(made: Cluster) -> list[str]:
    master = made.central.read("/run/ovn-integrate/ipam.pid").strip()
    children = made.central.read(f"/proc/{master}/task/{master}/children").split()
    return [master, *children]


def test_the_driver_dead(made: Cluster) -> None:
    """A start fails; a stop and the removal of a network succeed, and nobody is told of them."""
    host = made.first
    host.docker("stop", GONE)
    spare = host.docker(
        "network", "create", "-d", "openvswitch", "--subnet", "10.9.9.0/24", "spare"
    )
    host.cli("driver", "stop")
    with ThreadPoolExecutor(3) as pool:
        start = pool.submit(host.docker, "start", GONE)
        stop = pool.submit(host.docker, "stop", STARTED, timeout=120)
        removed = pool.submit(host.docker, "network", "rm", "spare")
        with pytest.raises(CommandError, match="openvswitch"):
            start.result()
        removed.result()
        stop.result()
    assert KEPT in running(host)
    assert STARTED not in running(host)
    serve(host, "--gc-interval", "0")
    talk(made, KEPT)
    assert spare in made.nbctl("show")
    assert collect(host) == ["OVS port", "network", "port"]
    assert spare not in made.nbctl("show")
    assert owners.ownerless(made) == []


def test_the_driver_late_for_a_call(made: Cluster) -> None:
    host = made.first
    host.cli("driver", "stop")
    host.run("truncate", "-s", "0", DOCKER_LOG)
    with ThreadPoolExecutor(1) as pool:
        words = ("-d", "openvswitch", "--subnet", "10.9.8.0/24", "late")
        created = pool.submit(host.docker, "network", "create", *words)
        wait_for(lambda: "retrying in" in host.read(DOCKER_LOG), 20, "Docker to wait")
        serve(host, "--gc-interval", "0")
        assert created.result() in made.nbctl("show")
    host.docker("network", "rm", "late")


def test_an_endpoint_that_the_driver_could_not_let_go_of(made: Cluster) -> None:
    """Docker logs the driver's error and forgets the endpoint."""
    host = made.first
    made.central.cli("ipam", "stop")
    host.docker("stop", GONE)
    assert host.cli("driver", "gc", check=False).returncode == 8  # asks before it removes
    serve_ipam(made)
    assert owners.northbound(made, host) > owners.known(host)
    assert owners.bridge(host) == owners.known(host)
    assert collect(host) == ["port"]
    assert owners.ownerless(made) == []


def test_the_driver_late_at_boot(made: Cluster) -> None:
    host = made.first
    host.stop_docker()
    host.cli("driver", "stop")
    host.run("truncate", "-s", "0", DOCKER_LOG)
    with ThreadPoolExecutor(1) as pool:
        booted: Future[None] = pool.submit(host.start_docker)
        wait_for(lambda: "Unable to locate plugin" in host.read(DOCKER_LOG), 20, "Docker to wait")
        assert not booted.done()  # it serves nobody before
        serve(host, "--gc-interval", "0")
        booted.result()
    assert running(host) == {KEPT}
    talk(made, KEPT)
    assert owners.ownerless(made) == []


def test_the_power_of_a_host_cut(made: Cluster) -> None:
    host = made.first
    before = address(host, KEPT, NETWORK)
    power.cut(host)
    power.back(made, host)
    wait_for(lambda: KEPT in running(host), 20, f"{KEPT} to run")
    assert address(host, KEPT, NETWORK) == before
    wait_for(lambda: talk(made, KEPT) is None, 20, "the tunnel to be back")
    collect(host)
    assert owners.ownerless(made) == []
