"""Chains of requests by chassis A, each of which is allowed: what they change together.

What A makes on its way is among the things of the next step. Chains come of a seed, which a failure
names, and are shortened to the steps that it takes. ``CHAINS=10 scripts/test …`` tries ten times as
many.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

from ovn_integrate.contract import idempotency
from tests.functional.matrix.cases import Case, Cases, Route, routes
from tests.functional.matrix.invariants import broken
from tests.functional.matrix.values import ALL
from tests.functional.matrix.world import A, World

_CHAINS = 60 * int(os.environ.get("CHAINS", "1"))
_LONGEST = 6
_TRIES = 40  # until a request is allowed

Step = tuple[str, str, Any, dict[str, str]]


def test_no_chain_of_what_is_allowed_changes_what_is_others(world: World) -> None:
    seed = int(os.environ.get("SEED", "1"))
    cases = Cases(world)
    known = [route for route in routes(world.app) if route.template.startswith("/v2.0/")]
    writing = [route for route in known if not route.reads]
    wrong: list[str] = []
    for number in range(seed, seed + _CHAINS):
        steps, found = _walked(world, cases, writing, random.Random(number))
        world.restore()
        if found:
            steps = _shortened(world, steps)
            wrong.append("\n".join([f"seed {number}", *map(str, steps), *_broken_by(world, steps)]))
    assert not wrong, "\n\n".join(wrong)


def _walked(
    world: World, cases: Cases, writing: list[Route], choice: random.Random
) -> tuple[list[Step], list[str]]:
    before = dict(world.things)
    steps: list[Step] = []
    try:
        for _ in range(choice.randint(2, _LONGEST)):
            step = _allowed_step(world, cases, writing, choice)
            if step is None:
                continue
            steps.append(step)
            found = broken(world, world.northbound.rows())
            if found:
                return steps, found
    finally:
        world.things.clear()
        world.things.update(before)
    return steps, []


def _allowed_step(
    world: World, cases: Cases, writing: list[Route], choice: random.Random
) -> Step | None:
    for _ in range(_TRIES):
        case = _any_of(cases, choice.choice(writing), choice)
        # What is made has the same id when the chain is gone again.
        key = {idempotency.HEADER: f"{choice.random()}"}
        answer = world.asker(A).ask(case.route.method, case.path, case.body, key)
        if answer.status < 300:
            _adopt(world, case, answer.body)
            return case.route.method, case.path, case.body, key
    return None


def _any_of(cases: Cases, route: Route, choice: random.Random) -> Case:
    """A request of a route; where there are many, one on what is A's as often as on the rest."""
    found = list(cases.of(route))
    own = [case for case in found if case.thing.startswith("a.")]
    case = choice.choice(own if own and choice.random() < 0.5 else found)
    if case.route.method == "POST" and isinstance(case.body, dict) and choice.random() < 0.5:
        # Two attributes at once.
        name = next(iter(case.body))
        more = choice.choice([one for one in found if one.thing == case.thing])
        if isinstance(case.body[name], dict) and isinstance(more.body.get(name), dict):
            both = {**case.body[name], **more.body[name]}
            return Case(route, case.path, case.thing, "two", {name: both})
    return case


def _adopt(world: World, case: Case, body: Any) -> None:
    """Have what was made among the things that further steps are on."""
    collection = case.route.template.rpartition("/")[2]
    if case.route.method == "POST" and collection in ALL and isinstance(body, dict):
        made = next(iter(body.values()))
        if isinstance(made, dict) and "id" in made:
            world.things[f"a.new-{len(world.things)}"] = collection, made


def _broken_by(world: World, steps: list[Step]) -> list[str]:
    for step in steps:
        world.asker(A).ask(*step)
    found = broken(world, world.northbound.rows())
    world.restore()
    return found


def _shortened(world: World, steps: list[Step]) -> list[Step]:
    """The same without the steps that it does not take."""
    for left in _without_one(steps):
        if _broken_by(world, left):
            return _shortened(world, left)
    return steps


def _without_one(steps: list[Step]) -> Iterator[list[Step]]:
    for place in range(len(steps)):
        yield steps[:place] + steps[place + 1 :]
