"""A full disk under one member of a raft cluster of Northbound: the others go on.

What becomes of the member is up to ovsdb-server (3.1 to 4.0): a leader gives up for good, a
follower goes on in memory alone, with holes in its file.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.cluster.bed import until
from tests.functional.daemons import Member, make_cluster
from tests.functional.disks import full, small_disk

_TABLE = ("--bare", "--columns=name", "list", "Logical_Switch_Port")


@pytest.fixture
def members(folder: Path) -> Iterator[list[Member]]:
    """Each has a disk of 4 MB."""
    with ExitStack() as disks:
        for number in range(3):
            disks.enter_context(small_disk(folder / f"nb{number}", 4))
        made = make_cluster(folder, "nb")
        try:
            yield made
        finally:
            for member in made:
                member.stop(kill=True)


class Ports:
    """Makes ports, and knows which were acknowledged."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self._network = self._made("network", name="foo")
        self._made("subnet", network_id=self._network, cidr="10.0.0.0/16", ip_version=4)
        self.acknowledged: set[str] = set()

    def make(self, count: int) -> None:
        for _ in range(count):
            self.acknowledged.add(self._made("port", network_id=self._network))

    def refusal(self) -> str:
        """Ask for ports until one is refused for want of a database; what is said then."""
        while True:
            answer = self._ask("port", network_id=self._network)
            if answer.status_code == 503:
                return str(answer.get_json()["NeutronError"]["message"])
            assert answer.status_code == 201, answer.get_json()
            self.acknowledged.add(answer.get_json()["port"]["id"])

    def are_all(self, member: Member) -> bool:
        """Whether a member has them, and no others."""
        ask = ["ovn-nbctl", "--no-leader-only", f"--db={member.remote}", "--timeout=2", *_TABLE]
        done = subprocess.run(ask, capture_output=True, text=True, timeout=10, check=False)
        return set(done.stdout.split()) == self.acknowledged

    def _made(self, collection: str, **attributes: object) -> str:
        answer = self._ask(collection, **attributes)
        assert answer.status_code == 201, answer.get_json()
        return str(answer.get_json()[collection]["id"])

    def _ask(self, collection: str, **attributes: object) -> TestResponse:
        return self._client.post(f"/v2.0/{collection}s", json={collection: attributes})


@pytest.fixture
def ports(members: list[Member], stores: Callable[[str], Store]) -> Ports:
    store = stores(",".join(member.remote for member in members))
    return Ports(create_app(Service(store)).test_client())


def leader(members: list[Member]) -> Member:
    found: Member = until(lambda: next((one for one in members if one.leads()), None))
    return found


def test_under_the_leader(members: list[Member], ports: Ports) -> None:
    """Another one leads; this one has failed until it is started anew, and has lost nothing."""
    old = leader(members)
    others = [member for member in members if member is not old]
    with full(old.folder):
        ports.make(20)
        assert "\nStatus: failed\n" in old.status()
        assert leader(others) is not old
    ports.make(1)
    assert "\nStatus: failed\n" in old.status()
    old.stop(kill=True)
    old.start()
    assert until(lambda: all(map(ports.are_all, members)))


@pytest.fixture
def behind(members: list[Member], ports: Ports) -> Member:
    """A follower whose disk was full for a while, and has room again."""
    # Not the first one, which knows of no other to join.
    follower = next(member for member in members[1:] if member is not leader(members))
    with full(follower.folder):
        ports.make(60)
        assert "No space left on device" in (follower.folder / "nb.log").read_text()
    ports.make(5)
    # In its memory.
    assert "\nStatus: cluster member\n" in follower.status()
    assert until(lambda: ports.are_all(follower))
    return follower


def test_under_a_follower_that_writes_all_anew(
    members: list[Member], ports: Ports, behind: Member
) -> None:
    """Told so before it ends, it has lost nothing."""
    behind.tell("ovsdb-server/compact")
    behind.stop(kill=True)
    behind.start()
    ports.make(1)
    assert until(lambda: all(map(ports.are_all, members)))


def test_under_a_follower_that_joins_again(
    members: list[Member], ports: Ports, behind: Member
) -> None:
    """Started anew as it is it refuses its own file; the others drop it, and it joins as a new
    member."""
    (id,) = (one for one in behind.status().splitlines() if one.startswith("Server ID: "))
    behind.stop(kill=True)
    with pytest.raises(subprocess.CalledProcessError):
        behind.start()
    behind.forget()
    assert leader(members).tell("cluster/kick", id.split()[2]) == "started removal\n"
    behind.start()
    ports.make(1)
    assert until(lambda: all(map(ports.are_all, members)))


def test_under_all_of_them(members: list[Member], ports: Ports) -> None:
    """What was acknowledged is there when they have room and are started anew."""
    with ExitStack() as disks:
        for member in members:
            disks.enter_context(full(member.folder))
        assert "no answer before the deadline" in ports.refusal()
    for member in members:
        member.stop(kill=True)
        member.start()
    assert until(lambda: all(map(ports.are_all, members)))
    ports.make(1)
