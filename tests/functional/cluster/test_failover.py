"""A client of several IPAM servers, one of which is killed, frozen, or on a host that is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate.clients.neutron.client import Client
from tests.functional.cluster.bed import Bed, IpamServer, cluster, until
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network

_LIMIT = 2.0


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with (
        tempfile.TemporaryDirectory(prefix="ovn") as folder,
        own_network(),
        cluster(Path(folder), 2) as made,
    ):
        yield made


@pytest.fixture
def client(bed: Bed) -> Client:
    return Client(bed.urls)


@pytest.fixture
def network(bed: Bed) -> Iterator[str]:
    """A network that has no ports after the test."""
    client = Client(bed.urls[1:])
    id = client.create("networks", name="one")["id"]
    client.create("subnets", network_id=id, cidr="10.0.0.0/24", ip_version=4)
    yield id
    assert client.delete("networks", id)


class Failure:
    """A way in which a server fails, and is mended."""

    def __init__(self, way: str, server: IpamServer) -> None:
        self._way = way
        self._server = server
        self._failed = False

    def __call__(self) -> None:
        if self._failed:
            return
        self._failed = True
        if self._way == "killed":
            self._server.kill()
        elif self._way == "frozen":
            self._server.freeze()
        else:
            self._packets("-A")

    def mend(self) -> None:
        """It serves again when this returns."""
        if self._way == "cut off" and self._failed:
            self._packets("-D")
        self._failed = False
        if self._server.running:
            self._server.thaw()
        else:
            self._server.start()
        assert until(self._server.ready)

    def _packets(self, what: str) -> None:
        port = self._server.bind.rpartition(":")[2]
        rule = ["INPUT", "-p", "tcp", "--dport", port, "-j", "DROP"]
        subprocess.run(["iptables", "-w", what, *rule], check=True)


@pytest.fixture(params=["killed", "frozen", "cut off"])
def fail(request: pytest.FixtureRequest, bed: Bed) -> Iterator[Failure]:
    """Makes the first server fail, when it is called."""
    failure = Failure(request.param, bed.servers[0])
    yield failure
    failure.mend()


def timed(do: Callable[[], Any]) -> tuple[Any, float]:
    begin = time.monotonic()
    return do(), time.monotonic() - begin


def test_another_server_answers(client: Client, network: str, fail: Failure) -> None:
    client.ping()
    fail()
    found, seconds = timed(lambda: client.query("networks", name="one"))
    assert [one["id"] for one in found] == [network]
    assert seconds < _LIMIT
    # From now on it is asked first.
    assert timed(client.ping)[1] < 0.5


def test_what_was_sent_is_done_once(bed: Bed, client: Client, network: str, fail: Failure) -> None:
    client.ping()
    told: list[str | None] = []

    def meanwhile(id: str | None) -> None:
        told.append(id)
        fail()

    port, seconds = timed(
        lambda: client.meanwhile(meanwhile).create("ports", network_id=network, name="db")
    )
    assert seconds < _LIMIT
    assert set(told) == {port["id"]}  # whichever server made it
    assert client.query("ports", network_id=network) == [port]
    assert client.delete("ports", port["id"])
    # What the first server still has of it is of no effect.
    fail.mend()
    first = Client(bed.urls[:1])
    for _ in range(3):
        assert first.delete("ports", first.create("ports", network_id=network)["id"])
    assert first.query("ports", network_id=network) == []


def test_the_command_line_does_not_wait_for_a_frozen_server(
    bed: Bed, network: str, folder: Path
) -> None:
    host = OvsdbServer(folder, "host")
    host.start()
    try:
        host.ctl("init")
        addresses = ",".join(server.bind for server in bed.servers)
        host.ctl("set", "Open_vSwitch", ".", f'external_ids:ipam="{addresses}"')
        argv = [sys.executable, "-m", "ovn_integrate", "--db", host.remote, "network", "list"]
        bed.servers[0].freeze()
        done, seconds = timed(
            lambda: subprocess.run(
                argv, check=True, capture_output=True, text=True, env=os.environ, timeout=20
            )
        )
    finally:
        bed.servers[0].thaw()
        host.stop()
    assert network in done.stdout
    assert seconds < _LIMIT + 1  # and a Python to start


def test_an_unreachable_host_is_passed_over(bed: Bed, network: str) -> None:
    # Nobody answers at the other end of the link.
    for words in (
        "link add hole type veth peer name end",
        "addr add 192.0.2.1/24 dev hole",
        "link set hole up",
        "link set end up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    client = Client(["http://192.0.2.2:9696", *bed.urls])
    found, seconds = timed(lambda: client.query("networks"))
    assert [one["id"] for one in found] == [network]
    assert seconds < _LIMIT
