"""The record of a host's changes: in the change's own transaction, and the way back."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ovn_integrate.host import history, settings
from ovn_integrate.ovsdb import HOST, Session
from tests.functional.daemons import OvsdbServer
from tests.functional.switch import Verb, every_key, keys, transactions


def record(verb: Verb) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(verb("history", "-o", "json").stdout)
    return answer


def test_a_change_and_its_record_are_one_transaction(switch: OvsdbServer, verb: Verb) -> None:
    before = transactions(switch)
    assert verb("set-ipam", "192.0.2.1").returncode == 0
    assert transactions(switch) == before + 1
    (entry,) = record(verb)
    assert (entry["number"], entry["verb"], entry["undone"]) == (1, "set-ipam", None)
    assert [line["key"] for line in entry["plan"]] == ["ipam", "ovn-remote", "ovn-nb"]


def test_what_changes_nothing_is_not_recorded(verb: Verb) -> None:
    verb("set-ipam", "192.0.2.1")
    verb("set-ipam", "192.0.2.1")
    verb("unset-tep")
    assert len(record(verb)) == 1


def test_undo_goes_one_further_back_each_time_and_ends(switch: OvsdbServer, verb: Verb) -> None:
    first = keys(switch)
    verb("set-ipam", "192.0.2.1")
    second = keys(switch)
    verb("set-ipam", "192.0.2.2")
    count = transactions(switch)
    assert verb("undo").returncode == 0
    assert keys(switch) == second
    assert transactions(switch) == count + 1
    assert verb("undo").returncode == 0
    assert keys(switch) == first
    done = verb("undo")
    assert (done.returncode, done.stdout) == (0, "nothing to undo\n")
    assert all(entry["undone"] for entry in record(verb))


def test_undo_of_a_number_may_be_run_twice(switch: OvsdbServer, verb: Verb) -> None:
    verb("set-ipam", "192.0.2.1")
    verb("set-encap-type", "geneve")
    assert verb("undo", "1").returncode == 0
    left = every_key(switch)
    assert "ovn-remote" not in left
    assert left["ovn-encap-type"] == "geneve"
    done = verb("undo", "1")
    assert (done.returncode, done.stdout) == (0, "change 1 is undone already\n")
    assert every_key(switch) == left


def test_a_key_that_was_changed_since_is_not_undone(switch: OvsdbServer, verb: Verb) -> None:
    verb("set-ipam", "192.0.2.1")
    switch.ctl("set", "Open_vSwitch", ".", 'external_ids:ovn-remote="tcp:192.0.2.7:6642"')
    before = every_key(switch)
    done = verb("undo", "1")
    assert done.returncode == 6
    assert "ovn-remote has been changed since, to tcp:192.0.2.7:6642" in done.stderr
    assert every_key(switch) == before
    assert verb("undo", "1", "--force").returncode == 0
    assert keys(switch) == {"system-id": "chassis-1"}


def test_a_number_that_is_not_there_exits_5(verb: Verb) -> None:
    assert verb("undo", "1").returncode == 5


def test_a_record_that_is_none_stops_undo_and_not_set(switch: OvsdbServer, verb: Verb) -> None:
    switch.ctl("set", "Open_vSwitch", ".", f"external_ids:{history.KEY}=nonsense")
    for words in (("history",), ("undo",)):
        done = verb(*words)
        assert done.returncode == 2
        assert f"external_ids {history.KEY}" in done.stderr
    assert verb("set-ipam", "192.0.2.1").returncode == 0
    assert len(record(verb)) == 1


def test_changes_at_the_same_time_are_all_recorded(switch: OvsdbServer) -> None:
    workers, each = 4, history.ENTRIES // 4

    def work(name: int) -> None:
        with Session.open(switch.remote, HOST, settings.TABLES) as session:
            for number in range(each):
                history.apply(session, {f"key-{name}": str(number)}, f"work {name}")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    with Session.open(switch.remote, HOST, settings.TABLES) as session:
        entries = history.read(session)
    assert [entry.number for entry in entries] == list(range(1, workers * each + 1))
    made = sorted((line.key, line.wanted) for entry in entries for line in entry.lines)
    assert made == [(f"key-{name}", str(one)) for name in range(workers) for one in range(each)]
