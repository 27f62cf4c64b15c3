"""Dry runs, and any key of ovn-controller's, on a real ovsdb-server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ovn_integrate.host import controller
from tests.functional.daemons import OvsdbServer
from tests.functional.switch import Verb, every_key, keys, own_address, transactions

NEWEST = "ovn-enable-flow-based-tunnels"


@pytest.mark.parametrize(
    "words",
    [
        ("set-ipam", "192.0.2.1"),
        ("set-tep", "203.0.113.77", "--force"),
        ("set-encap-type", "geneve"),
        ("unset-ipam",),
        ("unset-tep",),
        ("unset-encap-type",),
        ("set", "ovn-monitor-all", "true"),
        ("unset", "hostname"),
        ("apply", "-f", "-"),
        ("undo",),
    ],
    ids=" ".join,
)
def test_a_dry_run_writes_nothing_and_says_what_the_verb_then_does(
    switch: OvsdbServer, verb: Verb, words: tuple[str, ...]
) -> None:
    begin = "settings: {ovn-remote: 'unix:/nonexistent', hostname: h, ovn-bridge: b}"
    assert verb("apply", "-f", "-", input=begin).returncode == 0
    file = "settings: {ovn-monitor-all: true}" if words[0] == "apply" else None
    had, count = every_key(switch), transactions(switch)
    dry = verb(*words, "--dry-run", "-o", "json", input=file)
    assert dry.returncode == 0, dry.stderr
    assert (every_key(switch), transactions(switch)) == (had, count)
    foretold = json.loads(dry.stdout)
    assert (foretold["dry_run"], foretold["changed"]) == (True, False)
    done = json.loads(verb(*words, "-o", "json", input=file).stdout)
    assert done["plan"] == foretold["plan"]
    needed = [line for line in done["plan"] if line["needed"]]
    assert done["changed"] is bool(needed)
    assert all(keys(switch).get(line["key"]) == line["wanted"] for line in done["plan"])
    assert transactions(switch) == count + bool(needed)


def test_a_dry_run_for_people_has_a_line_for_each_key(verb: Verb) -> None:
    done = verb("set-ipam", "192.0.2.1", "--dry-run")
    assert done.stdout.splitlines() == [
        "ipam: (unset) -> 192.0.2.1",
        "ovn-remote: (unset) -> tcp:192.0.2.1:6642",
        "ovn-nb: (unset) -> tcp:192.0.2.1:6641",
    ]
    assert done.stderr.strip() == "dry run: nothing was written"


def test_up_without_open_vswitch_foretells_all_of_its_steps(
    folder: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OVS", "OVN", "OVN_INTEGRATE"):
        monkeypatch.setenv(f"{name}_RUNDIR", str(folder))
    monkeypatch.setenv("OVN_INTEGRATE_PLUGIN_DIR", str(folder))
    words = ("up", "--ipam", "192.0.2.1", "--tep", own_address(), "--dry-run")
    answer = json.loads(verb(*words, "-o", "json").stdout)
    assert [(step["step"], step["what"]) for step in answer["steps"]] == [
        ("Open vSwitch", "started"),
        ("settings", "written"),
        ("integration bridge", "made or set right"),
        ("ovn-controller", "started"),
        ("Docker driver", "started"),
    ]
    assert [line["wanted"] for line in answer["plan"]] == [
        "192.0.2.1",
        "tcp:192.0.2.1:6642",
        "tcp:192.0.2.1:6641",
        own_address(),
        "geneve",
    ]
    assert f"ovn-encap-ip: (unset) -> {own_address()}" in verb(*words).stdout


def test_a_dry_run_of_up_refuses_what_up_would(verb: Verb) -> None:
    done = verb("up", "--ipam", "192.0.2.1", "--tep", "203.0.113.77", "--dry-run")
    assert done.returncode == 2


def test_a_key_is_set_and_unset_for_all_and_for_one_chassis(
    switch: OvsdbServer, verb: Verb
) -> None:
    assert verb("set", "ovn-monitor-all", "TRUE").returncode == 0
    assert verb("set", "ovn-monitor-all", "false", "--chassis", "other").returncode == 0
    assert keys(switch)["ovn-monitor-all"] == "true"
    assert keys(switch)["ovn-monitor-all-other"] == "false"
    shown = json.loads(verb("show", "-o", "json").stdout)
    assert shown["settings"]["ovn-monitor-all"] == "true"
    assert shown["chassis"] == {"other": {"ovn-monitor-all": "false"}}
    assert verb("unset", "ovn-monitor-all").returncode == 0
    assert verb("unset", "ovn-monitor-all", "--chassis", "other").returncode == 0
    assert keys(switch) == {"system-id": "chassis-1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ovn-monitor-al", "true"), "did you mean 'ovn-monitor-all'?"),
        (("ovn-monitor-all", "yes"), "it is: true or false"),
        (("ovn-trim-wmark-perc-lflow-cache", "101"), "it is: a number from 0 to 100"),
        (("ovn-remote", "tcp:192.0.2.1"), "it is: like tcp:192.0.2.1:6642"),
        (("garp-max-timeout-sec", "1", "--chassis", "x"), "is not read for one chassis alone"),
        (("ovn-encap-ip", "203.0.113.77"), "is on no interface of this host"),
        (("ovn-encap-ip-default", "192.0.2.1", "--force"), "is none of ovn-encap-ip"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_does_not_fit_is_refused_in_one_line(
    switch: OvsdbServer, verb: Verb, words: tuple[str, ...], said: str
) -> None:
    before = transactions(switch)
    done = verb("set", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert transactions(switch) == before


def test_a_key_that_this_ovn_does_not_read_needs_force(switch: OvsdbServer, verb: Verb) -> None:
    version = controller.version()
    assert version is not None
    done = verb("set", NEWEST, "true")
    assert done.returncode == (2 if version < (26, 3) else 0)
    assert ("only 26.03 and newer do" in done.stderr) is (version < (26, 3))
    assert verb("set", NEWEST, "true", "--force").returncode == 0
    assert keys(switch)[NEWEST] == "true"


def test_an_obsolete_key_is_set_with_a_warning_of_the_version_that_dropped_it(verb: Verb) -> None:
    done = verb("set", "ovn-ofctrl-wait-before-clear", "8000")
    assert done.returncode == 0
    assert "OVN 25.09 dropped it" in done.stderr


def test_several_tunnel_endpoints_and_a_default_one(switch: OvsdbServer, verb: Verb) -> None:
    own, other = own_address(), "203.0.113.77"
    done = verb("set-tep", f"{own},{other}", "--default", other, "--force")
    assert done.returncode == 0, done.stderr
    assert keys(switch)["ovn-encap-ip"] == f"{own},{other}"
    assert keys(switch)["ovn-encap-ip-default"] == other
    assert verb("set-tep", f"{other},{own}", "--force").returncode == 0
    assert keys(switch)["ovn-encap-ip-default"] == other
    assert verb("set-tep", own).returncode == 0
    assert "ovn-encap-ip-default" not in keys(switch)
    assert verb("set-tep", own, "--default", other).returncode == 2


def test_a_key_of_this_chassis_alone_is_said_to_go_first(verb: Verb) -> None:
    assert verb("set", "ovn-encap-ip", own_address(), "--chassis", "chassis-1").returncode == 0
    done = verb("set-tep", own_address())
    assert "ovn-encap-ip-chassis-1 goes first" in done.stderr
    assert f"{own_address()} (goes first here)" in verb("show").stdout
