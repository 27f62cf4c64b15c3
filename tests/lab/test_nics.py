"""``nics-to-bridge`` on the NIC that carries the connection to its host: nothing locks one out."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .command import Done
from .host import NIC
from .lab import Lab
from .nics import BRIDGE, DIE_AT, Controlled
from .waiting import wait_for

UNTOUCHED = "recorded"  # there is no guard yet, and nothing to be put back
STEPS = (
    *(UNTOUCHED, "guarded", "bridge", "prepared", "client-stopped", "joined", "moved"),
    *("quiet", "files", "last"),
)
BACK_STEPS = ("addresses", "client", "bridge", "finished")


@pytest.fixture(scope="module")
def pair(lab: Lab) -> Iterator[Controlled]:
    controlled = Controlled(lab)
    controlled.everything()
    yield controlled
    controlled.stop()


@pytest.fixture
def before(pair: Controlled) -> Iterator[str]:
    """What the NIC has; it has that again afterwards, and nothing is left of a bridge."""
    found = pair.look(NIC)
    yield found
    pair.host.cli("bridge-to-nics")
    pair.settled()
    assert pair.look(NIC) == found
    assert pair.bridges() == []
    pair.answers()


def die_at(pair: Controlled, point: str, *words: str) -> None:
    done = pair.host.cli(*words, env={DIE_AT: point}, check=False)
    assert done.returncode in (-9, 137), done.stderr


def put_in(pair: Controlled, *options: str) -> Done:
    return pair.host.cli("nics-to-bridge", NIC, *options)


def test_all_of_it_is_the_bridges_and_comes_back(pair: Controlled, before: str) -> None:
    put_in(pair)
    assert pair.look(BRIDGE) == before
    pair.answers()
    pair.host.cli("nics-to-bridge", "--confirm")
    pair.settled()
    assert pair.look(BRIDGE) == before
    again = json.loads(put_in(pair, "-o", "json").stdout)
    assert not again["changed"]
    assert "already confirmed" in pair.host.cli("nics-to-bridge", "--confirm").stdout
    answer = json.loads(pair.host.cli("bridge-to-nics", "-o", "json").stdout)
    assert answer == {"changed": True, "bridges": [BRIDGE]}
    assert pair.look(NIC) == before
    assert not json.loads(pair.host.cli("bridge-to-nics", "-o", "json").stdout)["changed"]


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_all_is_put_back(pair: Controlled, before: str, step: str) -> None:
    die_at(pair, f"nics-{step}", "nics-to-bridge", NIC, "--persist", "networkd")
    if step != UNTOUCHED:
        pair.settled()
    assert pair.look(NIC) == before
    assert pair.bridges() == []
    assert pair.host.run("ls", "/etc/systemd/network").stdout == ""
    pair.answers()


@pytest.mark.parametrize("step", BACK_STEPS)
def test_the_way_back_that_is_killed_is_gone_to_its_end(
    pair: Controlled, before: str, step: str
) -> None:
    put_in(pair, "--no-guard")
    die_at(pair, f"out-{step}", "bridge-to-nics")
    pair.settled()
    assert pair.look(NIC) == before
    pair.answers()


@pytest.mark.parametrize("step", BACK_STEPS)
def test_a_guard_that_is_killed_too_is_no_loss(pair: Controlled, before: str, step: str) -> None:
    point = {DIE_AT: f"guard-{step}"}
    pair.host.cli("nics-to-bridge", NIC, "--confirm-within", "1", env=point)
    wait_for(lambda: not pair.guarded(), 20, "the guard's death")
    done = put_in(pair, "--no-guard")
    assert "put back first" in done.stderr
    assert pair.look(BRIDGE) == before
    pair.answers()


def test_without_a_confirmation_all_is_put_back(pair: Controlled, before: str) -> None:
    put_in(pair, "--confirm-within", "1")
    pair.settled()
    assert pair.look(NIC) == before
    done = pair.host.cli("nics-to-bridge", "--confirm", check=False)
    assert done.returncode == 6
    assert "no move waits" in done.stderr
    assert "nobody confirmed it" in pair.host.read("/var/log/ovn-integrate/nics-guard.log")


@pytest.mark.parametrize("step", ["moved", "guarded"])
def test_where_the_guard_died_too_the_next_verb_puts_back(
    pair: Controlled, before: str, step: str
) -> None:
    # Killed before it has one, as there is none to kill without a race.
    die_at(pair, f"nics-{step}", "nics-to-bridge", NIC, "--no-guard")
    done = put_in(pair, "--no-guard")
    assert "put back first" in done.stderr
    assert pair.look(BRIDGE) == before
    pair.answers()


def test_a_dead_guard_takes_nothing_from_a_confirmation(pair: Controlled, before: str) -> None:
    put_in(pair)
    pair.kill_guard()
    pair.host.cli("nics-to-bridge", "--confirm")
    assert pair.look(BRIDGE) == before


def test_a_move_that_waits_is_not_moved_again_and_gets_its_guard_back(
    pair: Controlled, before: str
) -> None:
    put_in(pair, "--confirm-within", "4")
    pair.kill_guard()
    done = pair.host.cli("nics-to-bridge", NIC, check=False)
    assert done.returncode == 6
    assert "nics-to-bridge --confirm" in done.stderr
    pair.settled()
    assert pair.look(NIC) == before


def test_a_killed_half_is_no_move_to_confirm(pair: Controlled, before: str) -> None:
    die_at(pair, "nics-joined", "nics-to-bridge", NIC, "--no-guard")
    done = pair.host.cli("nics-to-bridge", "--confirm", check=False)
    assert done.returncode == 6
    assert "put back now" in done.stderr
    assert pair.look(NIC) == before


def test_a_bridge_that_vanishes_meanwhile_is_no_loss(pair: Controlled, before: str) -> None:
    put_in(pair)
    pair.host.run("ovs-vsctl", "--no-wait", "del-br", BRIDGE)
    pair.settled()
    assert pair.look(NIC) == before
    pair.answers()


def test_an_error_on_the_way_puts_all_back(pair: Controlled, before: str) -> None:
    # A folder in the place of a file that is to be written, the last thing of all.
    pair.host.run("mkdir", "-p", f"/etc/ovn-integrate/{BRIDGE}.json/x")
    done = pair.host.cli("nics-to-bridge", NIC, "--persist", "networkd", check=False)
    pair.host.run("rm", "-r", "/etc/ovn-integrate")
    assert done.returncode == 7, done.stderr
    pair.settled()
    assert pair.look(NIC) == before
    pair.answers()


def test_a_dry_run_shows_all_and_changes_nothing(pair: Controlled, before: str) -> None:
    plan = json.loads(put_in(pair, "--dry-run", "-o", "json", "--persist", "networkd").stdout)
    (nic,) = plan["nics"]
    assert nic["bridge"] == BRIDGE
    assert nic["datapath"] == "netdev"
    assert f"address {pair.host.address}/24" in nic["moves"]
    assert "rule 100: iif eth0 table 77" in nic["moves"]
    assert any(path.endswith(".network") for path in nic["files"])
    assert pair.look(NIC) == before
    assert pair.bridges() == []


def test_several_nics_have_a_bridge_each(pair: Controlled, before: str) -> None:
    host = pair.host
    host.run("ip", "link", "add", "eth1", "type", "veth", "peer", "name", "a-name-too-long")
    try:
        host.run("ip", "link", "set", "a-name-too-long", "up")
        host.run("ip", "address", "add", "203.0.113.200/28", "dev", "eth1")
        host.run("ip", "link", "set", "eth1", "up", "mtu", "1400")
        done = host.cli("nics-to-bridge", "eth1", "a-name-too-long", check=False)
        assert (done.returncode, "more than 15 characters" in done.stderr) == (2, True)
        host.cli("nics-to-bridge", NIC, "eth1", "--no-guard")
        assert sorted(pair.bridges()) == ["breth0", "breth1"]
        shown = json.loads(host.run("ip", "-json", "address", "show", "dev", "breth1").stdout)[0]
        assert (shown["mtu"], shown["addr_info"][0]["local"]) == (1400, "203.0.113.200")
        host.cli("bridge-to-nics", "breth1", "--no-guard")
        assert pair.bridges() == ["breth0"]
        assert pair.look(BRIDGE) == before
    finally:
        host.cli("bridge-to-nics", "--no-guard")
        host.run("ip", "link", "delete", "eth1")


def test_without_a_switch_nothing_is_begun(pair: Controlled, before: str) -> None:
    pair.host.run("ovs-appctl", "-t", "ovs-vswitchd", "exit")
    running = ("ovs-appctl", "-t", "ovs-vswitchd", "version")
    wait_for(lambda: pair.host.run(*running, check=False).returncode, 10, "the switch's end")
    done = pair.host.cli("nics-to-bridge", NIC, check=False)
    pair.host._start_vswitchd()
    assert done.returncode == 3
    assert "ovs-vswitchd" in done.stderr
    assert pair.look(NIC) == before


def test_what_cannot_come_along_is_refused(pair: Controlled, before: str) -> None:
    host = pair.host
    host.run("ip", "link", "add", "link", NIC, "name", "above", "type", "macvlan")
    done = host.cli("nics-to-bridge", NIC, check=False)
    host.run("ip", "link", "delete", "above")
    assert (done.returncode, "above" in done.stderr) == (6, True)
    for name, code in (("nope", 5), ("lo", 2)):
        assert host.cli("nics-to-bridge", name, check=False).returncode == code
    host.run("ovs-vsctl", "add-br", "br-x", "--", "set", "Bridge", "br-x", "datapath_type=netdev")
    host.run("ovs-vsctl", "add-port", "br-x", NIC)
    done = host.cli("nics-to-bridge", NIC, check=False)
    host.run("ovs-vsctl", "del-br", "br-x")
    assert (done.returncode, "br-x" in done.stderr) == (6, True)
