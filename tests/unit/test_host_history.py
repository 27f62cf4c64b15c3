"""The record of changes as text: what fits into it, and the way back."""

from __future__ import annotations

import pytest

from ovn_integrate.errors import Conflict, Invalid, NotFound
from ovn_integrate.host import history
from ovn_integrate.host.history import Entry
from ovn_integrate.host.plan import KeyChange


def entry(number: int, undone: int | None = None, size: int = 1) -> Entry:
    line = KeyChange("ovn-remote", None, "x" * size)
    return Entry(number, 1_700_000_000 + number, "set-ipam", (line,), undone)


def test_a_record_is_read_as_it_was_written() -> None:
    entries = [entry(1, undone=1_700_000_009), entry(2)]
    assert history.parse(history.format(entries)) == entries
    assert history.parse("") == []


def test_the_last_changes_are_kept() -> None:
    kept = history.parse(history.format([entry(one) for one in range(1, 31)]))
    assert [one.number for one in kept] == list(range(11, 31))


def test_a_record_has_a_size_and_the_last_change_in_any_case() -> None:
    text = history.format([entry(one, size=history.SIZE // 4) for one in range(1, 11)])
    assert len(text) <= history.SIZE
    assert [one.number for one in history.parse(text)] == [8, 9, 10]
    huge = history.format([entry(1), entry(2, size=2 * history.SIZE)])
    assert [one.number for one in history.parse(huge)] == [2]


@pytest.mark.parametrize(
    "text", ["x", "5", "{}x", '["x"]', "[{}]", '[{"number":1,"at":1,"verb":"x","keys":{"a":1}}]']
)
def test_what_is_no_record_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Invalid, match="is no record of ovn-integrate's"):
        history.parse(text)


def test_without_a_number_it_is_the_last_that_stands() -> None:
    entries = [entry(1), entry(2), entry(3, undone=5)]
    assert history.choose(entries, None) == entries[1]
    assert history.choose(entries, 3) == entries[2]
    assert history.choose([entry(1, undone=5)], None) is None
    assert history.choose([], None) is None
    with pytest.raises(NotFound, match="change 9"):
        history.choose(entries, 9)


def test_the_way_back_is_refused_where_a_key_was_changed_since() -> None:
    lines = (KeyChange("a", "1", "2"), KeyChange("b", None, "3"))
    made = Entry(1, 0, "apply", lines)
    back = [KeyChange("a", "2", "1"), KeyChange("b", None, None)]
    assert history.way_back(made, {"a": "2"}, force=False) == back
    with pytest.raises(Conflict, match="a has been changed since, to 9"):
        history.way_back(made, {"a": "9", "b": "3"}, force=False)
    forced = history.way_back(made, {"a": "9", "b": "3"}, force=True)
    assert forced == [KeyChange("a", "9", "1"), KeyChange("b", "3", None)]
