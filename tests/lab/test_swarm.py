"""A Swarm of two nodes whose service is on a network of the managed plugin.

The plugin is built on each node from its own Python: no registry is asked. Its cgroup folders lie
beside the lab's and not in them, so the plugin is disabled before its host ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .cluster import IMAGE, Cluster, cluster, inside, ping
from .host import Host
from .lab import Lab
from .waiting import wait_for

# The tag belongs to the name by which a managed plugin is found (moby#30024).
DRIVER = "openvswitch:latest"
FOLDER = "/run/lab/plugin"
NETWORK, SERVICE = "blue", "web"


@pytest.fixture(scope="module")
def swarm(lab: Lab) -> Iterator[Cluster]:
    with cluster(lab, "swarm") as made:
        try:
            for host in made.hosts:
                host.cli("driver", "stop")
                enable_plugin(host)
            join(made.first, made.second)
            yield made
        finally:
            for host in made.hosts:
                disable_plugin(host)


def enable_plugin(host: Host) -> None:
    build = host.suite.checkout / "scripts" / "docker-plugin" / "build.py"
    host.run(host.program, str(build), FOLDER)
    host.docker("plugin", "create", DRIVER, FOLDER)
    host.run("rm", "-rf", FOLDER)
    host.docker("plugin", "set", DRIVER, "GC_INTERVAL=60", "docker.source=/var/run/docker.sock")
    host.docker("plugin", "enable", DRIVER)


def disable_plugin(host: Host) -> None:
    found = host.run("docker", "plugin", "inspect", "--format", "{{.ID}}", DRIVER, check=False)
    host.run("docker", "plugin", "disable", "--force", DRIVER, check=False)
    for folder in Path("/sys/fs/cgroup").glob(f"**/{found.stdout.strip() or 'none'}"):
        raise AssertionError(f"left behind by the plugin: {folder}")


def join(leader: Host, worker: Host) -> None:
    """A Swarm of both, which knows what its nodes can do and has its own networks."""
    leader.docker("swarm", "init", "--advertise-addr", leader.address, "--task-history-limit", "0")
    token = leader.docker("swarm", "join-token", "--quiet", "worker")
    words = ("--token", token, "--advertise-addr", worker.address)
    worker.docker("swarm", "join", *words, f"{leader.address}:2377")
    for host in (leader, worker):
        wait_for(partial(knows_plugin, leader, host), 60, f"the plugin of {host.name}")
        wait_for(partial(has_ingress, host), 60, f"the ingress network of {host.name}")


def knows_plugin(leader: Host, node: Host) -> bool:
    shown = json.loads(leader.docker("node", "inspect", node.name))[0]
    plugins = shown["Description"]["Engine"]["Plugins"]
    return shown["Status"]["State"] == "ready" and DRIVER in {one["Name"] for one in plugins}


def has_ingress(host: Host) -> bool:
    (found,) = json.loads(host.docker("network", "inspect", "ingress"))
    return "ingress-sbox" in found["Containers"]


def create(swarm: Cluster, *options: str) -> None:
    """The network, and a service with a task on each node."""
    words = ("--driver", DRIVER, "--subnet", "10.20.0.0/24", *options)
    swarm.first.docker("network", "create", *words, NETWORK)
    swarm.first.docker(
        *("service", "create", "--detach", "--name", SERVICE, "--network", NETWORK),
        *("--replicas", "2", "--replicas-max-per-node", "1", "--endpoint-mode", "dnsrr"),
        # There is no registry; and process 1 of a container ignores SIGTERM.
        *("--no-resolve-image", "--stop-signal", "KILL", IMAGE, "sleep", "3600"),
    )


def remove(swarm: Cluster) -> None:
    swarm.first.docker("service", "rm", SERVICE)
    for host in swarm.hosts:
        wait_for(partial(is_idle, host), 60, f"the tasks of {host.name} to go")
    swarm.first.docker("network", "rm", NETWORK)
    wait_for(lambda: not swarm.nbctl("ls-list"), 30, "the logical network to go")


def make_available(leader: Host, how: str) -> None:
    """``drain`` ends the leader's tasks, ``active`` lets it have some again."""
    leader.docker("node", "update", "--availability", how, leader.name)


def tasks(host: Host, *options: str) -> list[str]:
    """The containers of the service on a node."""
    label = f"label=com.docker.swarm.service.name={SERVICE}"
    return host.docker("ps", "--quiet", *options, "--filter", label).split()


def is_idle(host: Host) -> bool:
    return not tasks(host, "--all")


def task(host: Host) -> str:
    """The container that runs on a node, once it does."""
    (found,) = wait_for(lambda: tasks(host), 60, f"a task on {host.name}")
    return found


def talk(swarm: Cluster) -> set[str]:
    """Each reaches the other with the largest packets; the addresses that they have."""
    first, second = (task(host) for host in swarm.hosts)
    ips = inside(swarm.first, first, "eth0"), inside(swarm.second, second, "eth0")
    ping(swarm.first, first, ips[1], "-s", "1414")
    ping(swarm.second, second, ips[0], "-s", "1414")
    return set(ips)


def networks(host: Host) -> list[str]:
    """The networks that a node has made for its tasks."""
    found = []
    for id in host.docker("network", "ls", "--quiet", "--filter", f"name={NETWORK}").split():
        (one,) = json.loads(host.docker("network", "inspect", id))
        found += [one["Name"]] if one["Containers"] else []
    return found


@pytest.fixture
def unchanged(swarm: Cluster) -> Iterator[None]:
    before = state(swarm)
    yield
    wait_for(lambda: state(swarm) == before, 30, f"all to be as before: {before}")


def state(swarm: Cluster) -> dict[str, Any]:
    """With Docker's own links by their number: it names them at random, anew when it starts."""
    found = swarm.state()
    for host in swarm.hosts:
        links = found[host.name]["links"]
        found[host.name]["links"] = sorted(re.sub("^veth.*", "veth", name) for name in links)
    return found


@pytest.mark.usefixtures("unchanged")
def test_a_service_has_a_task_on_each_node_and_they_reach_each_other(swarm: Cluster) -> None:
    create(swarm)
    ips = talk(swarm)
    assert len(swarm.nbctl("ls-list").splitlines()) == 1
    shown = swarm.nbctl("show")
    for host in swarm.hosts:
        named = host.docker("exec", task(host), "nslookup", f"tasks.{SERVICE}", "127.0.0.11")
        for ip in ips:
            assert ip in shown
            assert ip in named
    remove(swarm)


@pytest.mark.usefixtures("unchanged")
def test_a_node_without_tasks_leaves_the_network_to_the_other(swarm: Cluster) -> None:
    create(swarm)
    before = talk(swarm)
    make_available(swarm.first, "drain")
    wait_for(lambda: NETWORK not in networks(swarm.first), 60, "the leader to leave it")
    # What was there is there, and what is new can be made.
    assert inside(swarm.second, task(swarm.second), "eth0") in before
    make_available(swarm.first, "active")
    talk(swarm)
    # And the last one takes it away.
    make_available(swarm.first, "drain")
    wait_for(lambda: NETWORK not in networks(swarm.first), 60, "the leader to leave it")
    remove(swarm)
    make_available(swarm.first, "active")


@pytest.mark.usefixtures("unchanged")
def test_the_leaders_engine_starts_anew(swarm: Cluster) -> None:
    create(swarm)
    before = talk(swarm)
    old = task(swarm.first)
    swarm.first.stop_docker()
    swarm.first.start_docker()
    # The task of before ended with the engine, and the swarm has another one started.
    wait_for(lambda: old not in tasks(swarm.first) != [], 120, "a new task on the leader")
    assert len(swarm.nbctl("ls-list").splitlines()) == 1
    assert inside(swarm.second, task(swarm.second), "eth0") in before
    talk(swarm)
    remove(swarm)
