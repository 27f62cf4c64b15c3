"""Three central hosts whose process 1 is systemd, beside the units of Debian's packages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .booted import Booted
from .command import ENVIRONMENT
from .lab import Lab
from .raft import CENTRAL, RAFT_PORTS, give_authority, status
from .suite import CHECKOUT
from .waiting import wait_for

THEIRS = "ovn-central.service"
DEFAULTS = "/etc/default/ovn-central"
UNITS = (
    *("ovn-integrate-member.service", "ovn-ovsdb-server-nb.service", "ovn-northd.service"),
    *("ovn-ovsdb-server-sb.service", "ovn-integrate-ipam.service"),
)

pytestmark = pytest.mark.needs("systemctl")


@pytest.fixture(scope="module")
def members(own_lab: Lab) -> Iterator[list[Booted]]:
    """At first each has the databases that its package made. The first one's has a switch, and an
    option of its operator's."""
    made = [Booted(own_lab, f"boot-c{number}", THEIRS) for number in (1, 2, 3)]
    made[0].run("ovn-nbctl", "ls-add", "kept")
    made[0].host.run("tee", "-a", DEFAULTS, input='OVN_CTL_OPTS="--ovn-northd-n-threads=2"\n')
    for member in made:
        give_authority(made[0].host, member.host)
        join(made, member)
    yield made
    for member in made:
        member.host.stop()


def join(members: list[Booted], member: Booted) -> None:
    program = Path(member.host.program).parent
    words = (member.host.address, ",".join(one.host.address for one in members))
    path = {"PATH": f"{program}:{ENVIRONMENT['PATH']}"}
    member.run(str(CHECKOUT / "scripts" / "central-member"), *words, env=path, timeout=180)


def switches(member: Booted) -> str:
    return member.run("ovn-nbctl", "--no-leader-only", "--timeout=20", "ls-list").stdout


def serves(member: Booted) -> bool:
    """Whether its units run, it is of the cluster, and its ports are closed to others."""
    assert {member.properties(unit)["ActiveState"] for unit in UNITS} == {"active"}
    assert "Status: cluster member" in status(member, "nb")
    rules = member.run("iptables", "-S", "INPUT").stdout.splitlines()
    closed = [line for line in rules if str(RAFT_PORTS["sb"]) in line]
    assert len(closed) == 4
    assert closed[-1].endswith("-j DROP")
    ipam = ("-connect", f"{member.host.address}:9696", "-CAfile", CENTRAL, "-verify_return_error")
    return member.run("openssl", "s_client", *ipam, check=False).returncode == 0


def test_units_run_all_of_it(members: list[Booted]) -> None:
    for member in members:
        assert serves(member)
        assert status(member, "nb").count(" at ssl:") == 3
        assert "kept" in switches(member)


def test_options_of_others_stay(members: list[Booted]) -> None:
    found = [member.host.read(DEFAULTS).count("\nOVN_CTL_OPTS=") for member in members]
    assert found == [1, 1, 1]
    northd = [member.run("pgrep", "-a", "ovn-northd").stdout for member in members]
    assert ["--n-threads=2" in one for one in northd] == [True, False, False]


def test_again_it_changes_nothing(members: list[Booted]) -> None:
    for member in members:
        before = [member.properties(unit)["MainPID"] for unit in UNITS]
        join(members, member)
        assert [member.properties(unit)["MainPID"] for unit in UNITS] == before


def test_a_boot_needs_no_more(members: list[Booted]) -> None:
    """Of the one that made the clusters, which go on without it."""
    first, second, _ = members
    first.power_off()
    wait_for(lambda: "kept" in switches(second), 20, "the others")
    second.cli("central", "token", "h1", "--address", second.host.address)
    wait_for(
        lambda: second.run("ovn-nbctl", "--no-leader-only", "ls-add", "meanwhile").returncode == 0,
        20,
        "another leader",
    )
    first.boot()
    wait_for(lambda: serves(first), 30, "the first one")
    assert "meanwhile" in switches(first)
