"""A session on a raft cluster, whose leader goes, comes back or says nothing any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.ovsdb import NB, Change, Session, get_schema
from tests.functional.cluster.bed import until
from tests.functional.daemons import Member, OvsdbServer, make_cluster

_TABLES = {"Logical_Switch": ["name"]}


@pytest.fixture
def members(folder: Path) -> Iterator[list[Member]]:
    made = make_cluster(folder, "nb")
    yield made
    for member in made:
        member.stop(kill=True)


@pytest.fixture
def session(members: list[Member]) -> Iterator[Session]:
    with Session.open(remotes(members), NB, _TABLES, timeout=10) as opened:
        yield opened


def remotes(members: list[Member]) -> str:
    return ",".join(member.remote for member in members)


def leader(members: list[Member]) -> Member:
    found: Member = until(lambda: next((one for one in members if one.leads()), None))
    return found


def add(session: Session, name: str, timeout: float | None = None) -> float:
    """Makes a switch, and returns how many seconds that took."""

    def change(transaction: Change) -> None:
        if transaction.find("Logical_Switch", name=name) is None:
            transaction.insert("Logical_Switch", name=name)

    begin = time.monotonic()
    session.transact(change, "test", timeout=timeout)
    return time.monotonic() - begin


def names(session: Session) -> list[str]:
    return sorted(row.name for row in session.rows("Logical_Switch"))


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_another_leader_takes_the_change(members: list[Member], session: Session, way: str) -> None:
    add(session, "before")
    old = leader(members)
    old.stop(kill=True) if way == "killed" else old.freeze()
    assert add(session, "after", 10) < 5
    if way == "frozen":
        old.thaw()
    assert names(session) == ["after", "before"]


def test_without_a_majority_a_change_fails_at_its_deadline(
    members: list[Member], session: Session
) -> None:
    old = leader(members)
    others = [member for member in members if member is not old]
    for member in others:
        member.stop(kill=True)
    with pytest.raises(DatabaseUnavailable):
        add(session, "lost", 1)
    for member in others:
        member.start()
    add(session, "found", 10)
    assert "found" in names(session)


def test_a_frozen_first_member_does_not_hold_up_the_opening(members: list[Member]) -> None:
    first = leader(members)
    first.freeze()
    others = [member for member in members if member is not first]
    with Session.open(remotes([first, *others]), NB, _TABLES, timeout=10) as session:
        add(session, "made", 10)
    first.thaw()


def test_a_member_that_does_not_lead_may_do(members: list[Member]) -> None:
    follower = next(member for member in members if member is not leader(members))
    with pytest.raises(DatabaseUnavailable), Session.open(follower.remote, NB, _TABLES, timeout=1):
        pass
    with Session.open(follower.remote, NB, _TABLES, timeout=10, any_member=True) as session:
        add(session, "made", 10)
        assert session.wait_until(lambda: names(session) == ["made"])


def test_members_that_are_away_or_have_no_database_are_passed_over(
    members: list[Member], folder: Path
) -> None:
    stranger = OvsdbServer(folder, "host")
    stranger.start()
    try:
        remote = f"unix:{folder}/none,{stranger.remote},{remotes(members)}"
        assert get_schema(remote, NB, 5)["name"] == NB
        with pytest.raises(DatabaseUnavailable, match="has no database"):
            get_schema(f"{stranger.remote},unix:{folder}/none", NB, 5)
    finally:
        stranger.stop()
