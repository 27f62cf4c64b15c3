"""A host's settings as a file, on a real ovsdb-server."""

from __future__ import annotations

import json

import pytest

from tests.functional.daemons import OvsdbServer
from tests.functional.switch import Verb, every_key, keys, own_address, transactions


def test_what_show_prints_apply_takes_back_unchanged(switch: OvsdbServer, verb: Verb) -> None:
    verb("set-ipam", "192.0.2.1,2001:db8::1")
    verb("set", "ovn-encap-ip", "203.0.113.77", "--chassis", "other", "--force")
    verb("set", "ovn-trim-timeout-ms", "100")
    # What others have written there is not right in every respect, and stays as it is.
    switch.ctl("set", "Open_vSwitch", ".", "external_ids:ovn-monitor-all=maybe")
    switch.ctl("set", "Open_vSwitch", ".", "external_ids:ovn-encap-ip=203.0.113.78")
    before, count = every_key(switch), transactions(switch)
    for form in ("yaml", "json"):
        file = verb("show", "-o", form).stdout
        done = verb("apply", "-f", "-", input=file)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "nothing to change: all is as the file says\n"
    assert (every_key(switch), transactions(switch)) == (before, count)


def test_the_file_of_one_host_sets_up_an_empty_one(switch: OvsdbServer, verb: Verb) -> None:
    verb("set-ipam", "192.0.2.1")
    verb("set-tep", own_address())
    verb("set", "ovn-encap-ip", own_address(), "--chassis", "other")
    wanted, file = keys(switch), verb("show", "-o", "yaml").stdout
    switch.ctl("clear", "Open_vSwitch", ".", "external_ids")
    assert verb("apply", "-f", "-", input=file).returncode == 0
    assert keys(switch) == wanted


def test_a_file_in_peoples_words_is_one_transaction_and_may_be_applied_twice(
    switch: OvsdbServer, verb: Verb
) -> None:
    file = f"""
settings:
  ovn-monitor-all: true
  ovn-trim-timeout-ms: 250
  ovn-encap-ip: [{own_address()}]
  ovn-bridge-mappings: {{physnet1: br-one, physnet2: br-two}}
  ovn-nb:
chassis:
  other: {{ovn-bridge: br-other}}
"""
    switch.ctl("set", "Open_vSwitch", ".", 'external_ids:ovn-nb="tcp:192.0.2.1:6641"')
    before = transactions(switch)
    done = verb("apply", "-f", "-", input=file)
    assert done.returncode == 0, done.stderr
    assert "ovn-nb: tcp:192.0.2.1:6641 -> (unset)" in done.stdout
    assert keys(switch) == {
        "system-id": "chassis-1",
        "ovn-monitor-all": "true",
        "ovn-trim-timeout-ms": "250",
        "ovn-encap-ip": own_address(),
        "ovn-bridge-mappings": "physnet1:br-one,physnet2:br-two",
        "ovn-bridge-other": "br-other",
    }
    assert transactions(switch) == before + 1
    assert json.loads(verb("apply", "-f", "-", "-o", "json", input=file).stdout)["changed"] is False
    assert transactions(switch) == before + 1


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("settings: [", "is no YAML"),
        ("", "has no settings"),
        ("\x00", "is no YAML"),
        ("setings: {}", "setings: is unknown; did you mean 'settings'?"),
        (
            "settings: {ovn-monitor-all: true, ovn-encap-typ: geneve}",
            "settings.ovn-encap-typ: is unknown; did you mean 'ovn-encap-type'?",
        ),
        ("settings: {ovn-monitor-all: [true]}", "settings.ovn-monitor-all: is of a wrong type"),
        ("settings: 5", "settings: is of a wrong type"),
        ("settings: {ovn-encap-csum: true, ct-zone-range: 9-1}", "settings.ct-zone-range '9-1'"),
        ("settings: {ovn-encap-csum: true, ovn-encap-ip: 203.0.113.7}", "no interface of this"),
        ("chassis: {a: {ovn-nb: x}}", "chassis.a.ovn-nb: is not read for one chassis alone"),
        ("chassis: {a: {ovn-bridge: a b}}", "chassis.a.ovn-bridge 'a b': does not fit"),
    ],
)
def test_a_refused_file_changes_nothing_and_exits_2_with_one_line(
    switch: OvsdbServer, verb: Verb, file: str, said: str
) -> None:
    before = transactions(switch)
    done = verb("apply", "-f", "-", input=file)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert transactions(switch) == before


def test_apply_can_be_undone(switch: OvsdbServer, verb: Verb) -> None:
    before = keys(switch)
    assert verb("apply", "-f", "-", input="settings: {ovn-monitor-all: true}").returncode == 0
    assert verb("undo").returncode == 0
    assert keys(switch) == before


def test_without_a_file_apply_says_where_to_get_one(verb: Verb) -> None:
    done = verb("apply")
    assert done.returncode == 2
    assert "show -o yaml" in done.stderr
