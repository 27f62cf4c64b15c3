"""Every route and method, on everybody's things, with every attribute, by everybody.

Each request goes through the whole server as it is served, but for TLS (``test_tls.py``), on a real
Northbound. ``allowed.txt`` says what may be answered with anything but a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ovn_integrate.ipam.resources.bodies import RESOURCES
from tests.functional.matrix import table
from tests.functional.matrix.cases import Case, Cases, Route, routes
from tests.functional.matrix.table import Line
from tests.functional.matrix.values import ALL
from tests.functional.matrix.world import READER, A, World

_SHOWN = 200
STRANGERS = ("nobody", "unknown", "revoked", "ended", "guest", "unsigned")


def test_a_chassis_may_what_is_written_and_nothing_else(world: World) -> None:
    lines, cases = table.read(), Cases(world)
    used: set[Line] = set()
    wrong: list[str] = []
    for route in routes(world.app):
        for case in cases.of(route):
            wrong += _tried(world, A, case, lines, used)
    unused = [f"allowed.txt:{one.number}: was used by nothing" for one in _may(lines, A) - used]
    _show(wrong + unused)


@pytest.mark.parametrize("name", [READER, *STRANGERS])
def test_others_may_read_or_nothing(world: World, name: str) -> None:
    lines, cases = table.read(), Cases(world)
    wrong: list[str] = []
    for route in routes(world.app):
        for case in _few(cases, route):
            wrong += _tried(world, name, case, lines, set())
    _show(wrong)


def test_each_route_stands_in_the_table(world: World) -> None:
    lines = table.read()
    known = routes(world.app)
    missing = [str(one) for one in known if not any(line.covers(A, one) for line in lines)]
    assert not missing, f"allowed.txt has no line for: {missing}"
    there = {str(one) for one in known}
    gone = [f"{one.number}: {one.routes - there}" for one in lines if one.routes - there]
    assert not gone, f"allowed.txt has routes that the server has not: {gone}"


def test_each_attribute_is_tried(world: World) -> None:
    """An attribute that is new has values here, or this fails (KeyError)."""
    values = Cases(world).values
    for resource in ALL.values():
        for attribute, how in resource.attributes.items():
            if how.post or how.put:
                assert list(values.of(resource, attribute)), attribute


def test_each_kind_of_thing_is_of_everybody(world: World) -> None:
    for collection in RESOURCES:
        makers = {name.split(".")[0] for name in world.names(collection)}
        alone = {"subnetpools": {"operator"}, "security-group-rules": {"operator", "a", "b"}}
        assert makers >= alone.get(collection, {"operator", "a", "b", "shared"}), collection


def _tried(
    world: World, name: str, case: Case, lines: list[Line], used: set[Line]
) -> Iterator[str]:
    """What is wrong with the answer to somebody's request."""
    answer = world.asker(name).ask(case.route.method, case.path, case.body, case.headers)
    written = world.altered(name)
    world.restore()
    if case.route.method != "GET" and answer.status < 300 and not written:
        return  # it made no difference, and was told how things are
    allowing = [line for line in lines if line.allows(name, case, answer.status)]
    if not answer.refused and answer.status != 405:
        used.update(allowing)
        if not allowing:
            yield f"{name} | {case} -> {answer.status}"
    if written and (answer.refused or answer.status >= 400):
        yield f"{name} | {case} -> {answer.status}, and {_named(written)} changed"
    if written and case.route.reads:
        yield f"{name} | {case} changed {_named(written)}"


def _named(written: dict[tuple[str, str], object]) -> str:
    return ", ".join(sorted(f"{table} {uuid}" for table, uuid in written))


def _few(cases: Cases, route: Route) -> list[Case]:
    """One request for each thing: to those who are refused as who they are, bodies are the same."""
    found: dict[str, Case] = {}
    for case in cases.of(route):
        found.setdefault(case.thing, case)
    return list(found.values())


def _may(lines: list[Line], name: str) -> set[Line]:
    """The lines by which somebody may do something, not those of what may be told as an error."""
    done = [one for one in lines if not all(body.startswith("!") for body in one.bodies)]
    return {line for line in done if name in line.askers and table.NONE not in line.things}


def _show(wrong: list[str]) -> None:
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:_SHOWN])
