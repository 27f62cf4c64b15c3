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
from .raft import DATABASES, NB_PORT, NORTHD_PORT, PKI, RAFT_PORTS, SB_PORT, Raft, raft, status
from .waiting import wait_for


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Raft]:
    with raft(lab, "raft") as made:
        make_talkers(made)
        yield made


def leader_killed(kind: str) -> Act:
    """Another one leads before it comes back; all have other certificates than at their start."""

    def make(made: Cluster) -> None:
        central = cast(Raft, made)
        for host in (*central.members, *central.hosts):
            host.cli("certificates", "renew")
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


FAULTS = (
    Fault("central-host", host_lost),
    Fault("northbound-leader", leader_killed("nb")),
    Fault("southbound-leader", leader_killed("sb")),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_under_load(made: Raft, fault: Fault) -> None:
    under_load(made, fault)


def test_a_host_that_lost_a_database_joins_again(made: Raft) -> None:
    """The one that made the clusters: its list has another one in front."""
    lost, other, third = made.members
    (id,) = (one for one in status(lost, "nb").splitlines() if one.startswith("Server ID: "))
    kill(lost, "/run/ovn/ovnnb_db.pid")
    lost.run("rm", "/var/lib/ovn/ovnnb_db.db")
    kick = ("-t", "/run/ovn/ovnnb_db.ctl", "cluster/kick", "OVN_Northbound", id.split()[2])
    made.leader("nb").run("ovn-appctl", *kick)
    order = ",".join(one.address for one in (other, lost, third))
    lost.script("central-member", lost.address, order, timeout=120)
    wait_for(lambda: "Status: cluster member" in status(lost, "nb"), 20, "the member")
    assert status(lost, "nb").count(" at ssl:") == 3
    assert "blue" in lost.run("ovn-nbctl", "--no-leader-only", "show").stdout


def test_each_central_host_may_be_asked(made: Raft) -> None:
    """Whichever leads: verbs there ask the databases of their own host."""
    for member in made.members:
        told = json.loads(member.cli("central", "status", "-o", "json").stdout)
        assert told["running"], member
        assert told["listeners"] == [
            f"pssl:{port}:0.0.0.0" for port in (NORTHD_PORT, NB_PORT, SB_PORT)
        ]
        for more in ((), ("--tls",)):
            started = member.cli("central", "start", *more, "-o", "json")
            assert not json.loads(started.stdout)["changed"], started.stderr
        for words in (("chassis", "list"), ("topology",)):
            said = member.cli(*words).stdout
            assert all(host.name in said for host in made.hosts)


def test_hosts_come_and_stay_and_go_without_the_first_central_host(made: Raft) -> None:
    """What it signed the others know, and each a token that another made."""
    _, second, third = made.members
    power.cut(made.central)
    for host in made.hosts:
        host.cli("certificates", "renew")
    gone = made.second
    third.cli("certificates", "revoke", gone.name)
    wait_for(lambda: gone.cli("network", "list", check=False).returncode == 9, 10, "the refusal")
    listed = json.loads(second.cli("certificates", "list", "-o", "json").stdout)
    assert {one["revoked"] for one in listed if one["host"] == gone.name} == {True}
    id = gone.run("ovs-vsctl", "get", "Open_vSwitch", ".", "external_ids:system-id").stdout
    # Either of them may lead Southbound now.
    left = f"{second.address},{third.address}"
    words = ("token", gone.name, "--address", left, "--system-id", id.strip().strip('"'))
    token = second.cli("central", *words).stdout.strip()
    gone.cli("--timeout", "20", "join", token, "--tep", gone.address)
    assert gone.cli("network", "list").returncode == 0
    # Southbound lets hosts in.
    shown = third.run("ovn-sbctl", "--no-leader-only", "list", "SB_Global").stdout
    assert "ovn-integrate:" not in shown
    made.start(made.central)


def test_what_is_for_central_hosts_is_not_for_chassis(made: Raft) -> None:
    """Northbound refuses a chassis' certificate; the rest of that is up to the packet filter."""
    host = made.first
    own = ("-p", f"{PKI}/host.pem", "-c", f"{PKI}/host.pem", "-C", f"{PKI}/ca.pem", "--timeout=5")
    for command, port, let_in in (
        ("ovn-sbctl", SB_PORT, True),
        ("ovn-sbctl", NORTHD_PORT, False),
        ("ovn-nbctl", NB_PORT, False),
    ):
        done = host.run(command, f"--db={made.remotes(port)}", *own, "show", check=False)
        assert (done.returncode == 0) is let_in, (command, port, done.stderr)
    keys = ("-cert", f"{PKI}/host.pem", "-key", f"{PKI}/host.pem", "-quiet")
    for port in RAFT_PORTS.values():
        where = f"{made.central.address}:{port}"
        words = ("timeout", "2", "openssl", "s_client", "-connect", where, *keys)
        done = host.run(*words, check=False)
        assert (done.returncode, done.stderr) == (124, ""), done
