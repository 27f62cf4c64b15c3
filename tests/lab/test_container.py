"""Containers without a network plugin: ``ovn-container``, as its ancestor's users knew it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .cluster import IMAGE, Cluster, inside, mtu, ping
from .command import Done
from .host import Host
from .waiting import wait_for

OF_IMAGE = ("--image", IMAGE)


@pytest.fixture(scope="module")
def made(shared: Cluster) -> Iterator[Cluster]:
    yield shared
    for host in shared.hosts:
        # `init` says which bridge is OVN's, and in which mode.
        keys = ("ovn-bridge", "ovn-mode")
        host.run("ovs-vsctl", "remove", "Open_vSwitch", ".", "external_ids", *keys)


@pytest.fixture(autouse=True)
def nothing_left(made: Cluster) -> Iterator[None]:
    before = made.state()
    yield
    assert made.state() == before


@pytest.fixture
def network(made: Cluster) -> Iterator[str]:
    """Its name; with the endpoints db and web."""
    script(made.first, "net-create", "ls0", "192.168.1.0/24")
    for name in ("db", "web"):
        script(made.first, "endpoint-create", "ls0", name)
    yield "ls0"
    for name in ("db", "web"):
        script(made.first, "endpoint-delete", name)
    script(made.first, "net-delete", "ls0")


def script(host: Host, *words: str) -> str:
    return host.script("ovn-container", *words).stdout.strip()


def refused(host: Host, code: int, *words: str) -> str:
    """What a verb says that fails, in one line."""
    done: Done = host.cli("container", *words, check=False)
    assert done.returncode == code, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


def container(host: Host, *endpoints: str) -> str:
    words = [word for one in endpoints for word in ("--network", one)]
    return script(host, "container-create", *words, *OF_IMAGE)


def works(host: Host, name: str, target: str) -> bool:
    once = ("docker", "exec", name, "ping", "-q", "-c", "1", "-W", "1", target)
    return host.run(*once, check=False).returncode == 0


def test_the_first_documents_walk(made: Cluster) -> None:
    """Step by step what the ancestor's own set-up did on two nodes."""
    first, second = made.hosts
    for host in made.hosts:
        script(host, "init", "--bridge", "br-int", "--overlay-mode")
    network = script(first, "net-create", "ls0", "192.168.1.0/24")
    assert network in made.nbctl("show")
    assert [one["id"] for one in json.loads(script(first, "net-list", "-o", "json"))] == [network]
    endpoints = [
        script(first, "endpoint-create", "ls0"),
        script(second, "endpoint-create", network),
    ]
    listed = json.loads(script(second, "endpoint-list", "-o", "json"))
    assert {one["id"] for one in listed} == set(endpoints)
    containers = [container(host, id) for host, id in zip(made.hosts, endpoints, strict=True)]
    for host, id in zip(made.hosts, containers, strict=True):
        joined = ("run", "-d", "--name", "busybox", "--network", f"container:{id}")
        host.docker(*joined, IMAGE, "sleep", "3600")
    addresses = [inside(host, "busybox", "eth1") for host in made.hosts]
    assert addresses == ["192.168.1.2", "192.168.1.3"]
    assert mtu(first, "busybox", "eth1") == 1442
    ping(first, "busybox", addresses[1], "-s", "1414")
    ping(second, "busybox", addresses[0])
    # The driver's collector knows that it is none of its own.
    assert json.loads(first.cli("driver", "gc", "-o", "json").stdout)["strays"] == []
    for host, id in zip(made.hosts, containers, strict=True):
        host.docker("rm", "-f", "busybox")
        assert "deleted" in script(host, "container-delete", id)
        assert "not there" in script(host, "container-delete", id)
    for id in endpoints:
        assert "deleted" in script(first, "endpoint-delete", id)
        assert "not there" in script(first, "endpoint-delete", id)
    assert "deleted" in script(second, "net-delete", "ls0")
    assert "not there" in script(second, "net-delete", "ls0")


def test_making_the_same_again_makes_nothing(made: Cluster, network: str) -> None:
    host = made.first
    before = made.state()
    again = [
        script(host, "net-create", "ls0", "192.168.1.0/24"),
        script(host, "endpoint-create", "ls0", "db"),
    ]
    assert all(len(id) == 36 for id in again)
    script(host, "init", "--bridge", "br-int", "--overlay-mode")
    assert made.state() == before


def test_failures_have_codes_and_leave_nothing(made: Cluster, network: str) -> None:
    here, there = made.hosts
    create = ("container-create", *OF_IMAGE)
    id = container(here, "db")
    before = made.state()
    assert "docker pull none:here" in refused(
        here, 5, "container-create", "--network", "web", "--image", "none:here"
    )
    assert id[:12] in refused(here, 6, *create, "--network", "web", "--network", "db")
    assert "is plugged on host" in refused(there, 6, *create, "--network", "db")
    assert "does not exist" in refused(here, 5, *create, "--network", "web", "--network", "no")
    refused(here, 2, *create, "--network", "web", "--network", "web")
    assert "no" in refused(here, 5, "endpoint-create", "no")
    refused(here, 2, "net-create", "ls1", "192.168.2.0/33")
    assert "br-no" in refused(here, 5, "init", "--bridge", "br-no", "--overlay-mode")
    assert "has ports" in refused(here, 6, "net-delete", "ls0")
    here.docker("run", "-d", "--name", "other", IMAGE, "sleep", "60")
    assert "docker rm" in refused(here, 6, "container-delete", "other")
    here.docker("rm", "-f", "other")
    assert made.state() == before
    script(here, "container-delete", id)


def test_a_container_that_was_started_anew_is_plugged_again(made: Cluster, network: str) -> None:
    here, there = made.hosts
    id, peer = container(here, "db"), container(there, "web")
    target = inside(there, peer, "eth1")
    assert wait_for(lambda: works(here, id, target), 20, "an answer")
    here.docker("restart", "-t", "0", id)
    assert not works(here, id, target)
    assert "plugged" in script(here, "container-replug")
    assert wait_for(lambda: works(here, id, target), 20, "an answer")
    assert script(here, "container-replug") == "all plugged already"
    # With a container that is dead its endpoint is free for another one.
    here.docker("kill", id)
    other = container(here, "db")
    assert wait_for(lambda: works(here, other, target), 20, "an answer")
    for host, one in ((here, id), (here, other), (there, peer)):
        script(host, "container-delete", one)


def test_the_container_goes_with_its_last_endpoint(made: Cluster, network: str) -> None:
    host = made.first
    id = container(host, "db", "web")
    assert inside(host, id, "eth1") != inside(host, id, "eth2")
    script(host, "endpoint-delete", "db")
    assert id[:12] in host.docker("ps", "-q")
    script(host, "endpoint-delete", "web")
    assert host.docker("ps", "-aq") == ""


def test_what_was_killed_half_way_can_be_removed_and_made_again(
    made: Cluster, network: str
) -> None:
    host = made.first
    words = (*("-m", "ovn_integrate", "container", "container-create"), *OF_IMAGE)
    process = host.popen(host.program, *words, "--network", "db")
    form = ("--format", "{{.Names}}")
    name = wait_for(lambda: host.docker("ps", "-a", *form), 20, "the container")
    process.kill()
    process.wait(20)
    script(host, "container-delete", name)
    assert host.docker("ps", "-aq") == ""
    script(host, "container-delete", container(host, "db"))


def test_a_container_that_docker_forgot_is_cleaned_up_after(made: Cluster, network: str) -> None:
    host = made.first
    id, other = container(host, "db"), container(host, "web")
    host.docker("rm", "-f", id, other)
    assert "deleted" in script(host, "container-delete", id)
    assert "freed" in script(host, "container-replug")
