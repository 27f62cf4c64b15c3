"""Sessions on a real ovsdb-server: what is read, what is written, and what comes between."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ovn_integrate import ovsdb
from ovn_integrate.errors import Invalid
from ovn_integrate.ovsdb import Change, Rejected, Row, Session
from tests.functional.daemons import OvsdbServer

TABLES = {
    "Logical_Switch": ["name", "external_ids", "other_config", "ports"],
    "Logical_Switch_Port": ["name", "addresses", "enabled", "tag_request", "dhcpv4_options"],
    "DHCP_Options": ["cidr", "options"],
    "NB_Global": ["nb_cfg", "name"],
    "QoS": ["direction", "priority", "match", "bandwidth"],
}


@pytest.fixture
def session(nb: OvsdbServer) -> Iterator[Session]:
    with Session.open(nb.remote, ovsdb.NB, TABLES) as session:
        yield session


@pytest.fixture
def other(nb: OvsdbServer) -> Iterator[Session]:
    """A reader that has seen nothing of a change but what the server told of it."""
    with Session.open(nb.remote, ovsdb.NB, TABLES) as session:
        yield session


def insert(session: Session, table: str, **columns: Any) -> uuid.UUID:
    id = uuid.uuid4()
    session.transact(lambda change: change.insert(table, id, **columns), "insert")
    return id


def seen(other: Session, table: str, id: uuid.UUID, until: Callable[[Row], bool]) -> Row:
    def found() -> Row | None:
        row = other.row(table, id)
        return row if row is not None and until(row) else None

    row = other.wait_until(found)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("name", ["one", "", "two"]),
        ("external_ids", [{"a": "1"}, {"a": "2", "b": ""}, {"b": "", "c": "3"}, {}]),
    ],
)
def test_a_column_follows_its_values(
    session: Session, other: Session, column: str, values: list[Any]
) -> None:
    id = insert(session, "Logical_Switch")
    for value in values:
        done = session.transact(
            lambda change, value=value: change.set(
                change.row("Logical_Switch", id), **{column: value}
            ),
            "set",
        )
        assert done.changed
        seen(other, "Logical_Switch", id, lambda row, value=value: getattr(row, column) == value)


def test_optional_values_come_and_go(session: Session, other: Session) -> None:
    options = insert(session, "DHCP_Options", cidr="192.0.2.0/24")

    def create(change: Change) -> Row:
        port = change.insert(
            "Logical_Switch_Port",
            name="p",
            enabled=True,
            tag_request=7,
            dhcpv4_options=change.row("DHCP_Options", options),
        )
        change.insert("Logical_Switch", name="s", ports=[port])
        assert port.enabled == [True]
        return port

    session.transact(create, "create")
    port = other.wait_until(lambda: other.find("Logical_Switch_Port", name="p"))
    assert (port.enabled, port.tag_request) == ([True], [7])
    assert [row.uuid for row in port.dhcpv4_options] == [options]
    assert other.find("Logical_Switch", name="s").ports == [port]

    mine = session.find("Logical_Switch_Port", name="p")
    session.transact(
        lambda change: change.set(mine, enabled=[], tag_request=8, dhcpv4_options=[]), "set"
    )
    seen(other, "Logical_Switch_Port", port.uuid, lambda row: row.tag_request == [8])
    assert (port.enabled, port.dhcpv4_options) == ([], [])


def test_sets_and_maps_are_changed_by_their_members(session: Session, other: Session) -> None:
    id = insert(session, "Logical_Switch", other_config={"kept": "1", "gone": "2", "new": "3"})

    def change_it(change: Change) -> None:
        switch = change.row("Logical_Switch", id)
        ports = [change.insert("Logical_Switch_Port", name=name) for name in "abc"]
        for port in ports:
            change.add(switch, "ports", port)
        change.remove(switch, "ports", ports[0])
        change.set_keys(switch, "other_config", {"gone": None, "new": "4", "more": "5"})
        assert [port.name for port in sorted(switch.ports, key=lambda one: one.name)] == ["b", "c"]
        assert switch.other_config == {"kept": "1", "new": "4", "more": "5"}

    session.transact(change_it, "members")
    row = seen(other, "Logical_Switch", id, lambda row: len(row.ports) == 2)
    assert row.other_config == {"kept": "1", "new": "4", "more": "5"}
    assert sorted(port.name for port in row.ports) == ["b", "c"]

    last = next(port for port in session.row("Logical_Switch", id).ports if port.name == "c")
    session.transact(
        lambda change: change.remove(change.row("Logical_Switch", id), "ports", last), "remove"
    )
    seen(other, "Logical_Switch", id, lambda row: [port.name for port in row.ports] == ["b"])
    # It is not a root: it goes with the last reference.
    assert other.wait_until(lambda: other.row("Logical_Switch_Port", last.uuid) is None)


def test_what_is_so_already_changes_nothing(session: Session) -> None:
    id = insert(session, "Logical_Switch", name="s", external_ids={"a": "1"})

    def again(change: Change) -> None:
        switch = change.row("Logical_Switch", id)
        change.set(switch, name="s", external_ids={"a": "1"})
        change.set_keys(switch, "external_ids", {"a": "1", "b": None})

    assert not session.transact(again, "again").changed


def test_a_change_is_run_again_on_what_another_wrote(session: Session, other: Session) -> None:
    id = insert(session, "Logical_Switch", external_ids={"count": "1"})
    seen(other, "Logical_Switch", id, bool)
    tries = []

    def count(change: Change) -> int:
        switch = change.row("Logical_Switch", id)
        if not tries:
            # Between what this one has read and its own write.
            other.transact(
                lambda change: change.set_keys(
                    change.row("Logical_Switch", id), "external_ids", {"count": "5"}
                ),
                "other",
            )
        tries.append(switch.external_ids["count"])
        change.verify(switch, "external_ids")
        number = int(switch.external_ids["count"]) + 1
        change.set_keys(switch, "external_ids", {"count": str(number)})
        return number

    assert session.transact(count, "count").value == 6
    assert tries == ["1", "5"]


def test_a_change_that_fails_leaves_nothing(session: Session) -> None:
    id = insert(session, "Logical_Switch", name="s")

    def fail(change: Change) -> None:
        change.insert("Logical_Switch", name="new")
        change.delete(change.row("Logical_Switch", id))
        assert session.find("Logical_Switch", name="s") is None
        raise RuntimeError

    with pytest.raises(RuntimeError):
        session.transact(fail, "fail")
    assert [row.name for row in session.rows("Logical_Switch")] == ["s"]


def test_the_number_that_a_change_counted_up_to_is_told(session: Session) -> None:
    session.transact(lambda change: change.insert("NB_Global", name="first"), "first")

    def rename(change: Change) -> None:
        (root,) = change.rows("NB_Global")
        change.set(root, name="second")
        change.increment(root, "nb_cfg")

    assert session.transact(rename, "rename").incremented == 1
    again = session.transact(rename, "rename")
    assert (again.changed, again.incremented) == (False, None)


def test_what_the_schema_forbids_is_refused(session: Session) -> None:
    # NB_Global has at most one row.
    session.transact(lambda change: change.insert("NB_Global"), "first")
    with pytest.raises(Rejected, match="constraint violation"):
        session.transact(lambda change: change.insert("NB_Global"), "second")
    assert len(session.rows("NB_Global")) == 1


@pytest.mark.parametrize(
    ("table", "columns", "why"),
    [
        ("Logical_Switch", {"name": 1}, "expected string, got int"),
        ("Logical_Switch", {"external_ids": {"a": 1}}, "expected string, got int"),
        ("Logical_Switch", {"external_ids": "a"}, "a map is expected"),
        ("Logical_Switch", {"ports": ["p"]}, "expected a row, got str"),
        ("Logical_Switch_Port", {"enabled": 1}, "expected boolean, got int"),
        ("Logical_Switch_Port", {"enabled": [True, False]}, "2 values where 0 to 1 are allowed"),
        ("Logical_Switch_Port", {"tag_request": True}, "expected integer, got bool"),
        ("Logical_Switch_Port", {"tag_request": 4096}, "more than 4095"),
        ("Logical_Switch_Port", {"tag_request": -1}, "less than 0"),
        ("QoS", {"direction": "up"}, "not one of from-lport, to-lport"),
        ("QoS", {"bandwidth": {"speed": 1}}, "not one of burst, rate"),
    ],
)
def test_a_value_that_does_not_fit_is_named(
    session: Session, table: str, columns: dict[str, Any], why: str
) -> None:
    (column,) = columns
    with pytest.raises(Invalid, match=f"{table}.{column}.*{why}"):
        session.transact(lambda change: change.insert(table, **columns), "unfit")
    assert session.rows(table) == []


def test_notices_tell_of_every_row_and_again_after_a_restart(nb: OvsdbServer) -> None:
    heard: list[tuple[str, str]] = []

    def notice(event: str, row: Row) -> None:
        heard.append((event, row.name))

    nb.ctl("ls-add", "first")
    tables = {"Logical_Switch": ["name", "external_ids"]}
    with Session.open(nb.remote, ovsdb.NB, tables, notice=notice) as session:
        assert heard == [("create", "first")]
        nb.ctl("set", "Logical_Switch", "first", "external_ids:a=1")
        assert session.wait_until(lambda: ("update", "first") in heard)
        nb.ctl("ls-del", "first")
        assert session.wait_until(lambda: heard[-1] == ("delete", "first"))
        nb.ctl("ls-add", "second")
        assert session.wait_until(lambda: heard[-1] == ("create", "second"))
        nb.stop()
        nb.start()
        assert session.wait_until(
            lambda: heard[-2:] == [("delete", "second"), ("create", "second")]
        )
        assert [row.name for row in session.rows("Logical_Switch")] == ["second"]


def test_a_condition_lets_only_some_rows_in(session: Session, nb: OvsdbServer) -> None:
    mark = {"mark": "yes", "more": "x"}
    table = "Logical_Switch"
    first = insert(session, table, name="first", external_ids=mark)
    insert(session, table, name="second", external_ids={"mark": "no"})
    only = {table: [["external_ids", "includes", ["map", [["mark", "yes"]]]]]}
    with Session.open(nb.remote, ovsdb.NB, TABLES, only=only) as some:
        assert [row.name for row in some.rows(table)] == ["first"]
        third = insert(session, table, name="third", external_ids=mark)
        seen(some, table, third, lambda row: row.name == "third")
        row = session.row(table, first)
        assert row is not None
        session.transact(lambda change: change.set_keys(row, "external_ids", {"mark": None}), "out")
        assert some.wait_until(lambda: some.row(table, first) is None)
