"""Plans: what writing keys would change, and what of it needs saying."""

from __future__ import annotations

from ovn_integrate.host import plan
from ovn_integrate.host.plan import KeyChange

CURRENT = {"a": "1", "b": "2", "c": "3"}


def test_a_line_for_each_key_that_is_wanted_and_no_other() -> None:
    lines = plan.plan(CURRENT, {"a": "1", "b": None, "d": "4", "e": None})
    assert lines == [
        KeyChange("a", "1", "1"),
        KeyChange("b", "2", None),
        KeyChange("d", None, "4"),
        KeyChange("e", None, None),
    ]
    assert [line.key for line in plan.needed(lines)] == ["b", "d"]


def test_the_outcome_keeps_what_the_plan_does_not_name() -> None:
    lines = plan.plan(CURRENT, {"b": None, "d": "4"})
    assert plan.outcome(CURRENT, lines) == {"a": "1", "c": "3", "d": "4"}
    assert CURRENT == {"a": "1", "b": "2", "c": "3"}


def test_a_key_is_hidden_by_this_chassis_own_alone() -> None:
    lines = plan.plan({}, {"ovn-remote": "x", "ovn-bridge": "y"})
    current = {"ovn-remote-here": "z", "ovn-bridge-there": "z"}
    said = plan.hidden(lines, current, "here")
    assert said == ["ovn-remote: no effect on this chassis, ovn-remote-here goes first"]
    assert plan.hidden(lines, current, None) == []
