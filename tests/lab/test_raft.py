"""Faults of a central that is a raft cluster, under a load of containers that come and go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

import pytest

from . import power
from .cluster import Cluster
from .lab import Lab
from .load import Act, Fault, kill, make_talkers, under_load
from .raft import DATABASES, Raft, raft


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Raft]:
    with raft(lab, "raft") as made:
        make_talkers(made)
        yield made


def leader_killed(kind: str) -> Act:
    """Another one leads before it comes back."""

    def make(made: Cluster) -> None:
        central = cast(Raft, made)
        leader = central.leader(kind)
        kill(leader, f"/run/ovn/ovn{kind}_db.pid")
        assert central.leader(kind) is not leader
        central.start(leader)

    return make


def host_lost(made: Cluster) -> None:
    """The one that made the clusters, and so leads them, and whose IPAM server is asked first."""
    central = cast(Raft, made)
    lost = central.central
    power.cut(lost)
    for kind in DATABASES:
        assert central.leader(kind) is not lost
    central.start(lost)
    central.serve_ipam(lost)


FAULTS = (
    Fault("central-host", host_lost),
    Fault("northbound-leader", leader_killed("nb")),
    Fault("southbound-leader", leader_killed("sb")),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_under_load(made: Raft, fault: Fault) -> None:
    under_load(made, fault)


def test_each_central_host_may_be_asked(made: Raft) -> None:
    """Whichever leads: verbs there ask the databases of their own host."""
    for member in made.members:
        told = json.loads(member.cli("central", "status", "-o", "json").stdout)
        assert told["running"], member
        assert told["listeners"] == ["ptcp:6641:0.0.0.0", "ptcp:6642:0.0.0.0"]
        assert not json.loads(member.cli("central", "start", "-o", "json").stdout)["changed"]
        for words in (("chassis", "list"), ("topology",)):
            said = member.cli(*words).stdout
            assert all(host.name in said for host in made.hosts)
