"""The driver killed before and after each thing that it does for a swarm's network."""

from __future__ import annotations

import pytest

from tests import chance

from .bed import Bed
from .deaths import deaths, lost
from .docker import Plan
from .plans import CLOSED, portmap
from .swarm import Swarm, live

NAMES = {"ovn.dns": "10.21.0.253"}
PLANS = {
    "closed": Plan("10.21.0.0/24", "10.21.0.9", options={**CLOSED, **NAMES, "ovn.gateway": "none"}),
    "gateway": Plan(
        "10.22.0.0/24", "10.22.0.9", options={"ovn.gateway": "ovn"}, port=portmap(8082)
    ),
    "adopted": Plan("10.5.0.0/24", "10.5.0.8", options={"ovn.network": "blue"}),
}


def undisturbed(made: Bed, plan: Plan, early: bool) -> list[tuple[str, int]]:
    for _ in range(2):
        before = made.state()
        swarm = Swarm(made, plan, made.driver(), again=False, early=early)
        live(swarm)
        reached = swarm.driver.reached()
        swarm.driver.end()
    assert made.state() == before
    return deaths(reached)


@pytest.mark.parametrize(("name", "early"), [("closed", False), ("adopted", True)])
def test_asked_again_nothing_stays(made: Bed, name: str, early: bool) -> None:
    plan = PLANS[name]
    ways = undisturbed(made, plan, early)
    assert len(ways) > 5
    before = made.state()
    wrong = []
    for point, count in chance.some(ways, f"again {name}"):
        swarm = Swarm(made, plan, made.driver(point, count), again=True, early=early)
        said = _life(swarm)
        swarm.driver.end()
        swarm.collect()
        after = made.state()
        if said or lost(before, after) or swarm.deaths != 1:
            wrong.append((point, count, swarm.deaths, said, lost(before, after)))
            before = after
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("name", PLANS)
def test_of_what_fails_for_good_everybody_is_told(made: Bed, name: str) -> None:
    """A leader asks once for a network to be freed: whether another host needs what is left cannot
    be told from here, so it is named, until it is freed again."""
    plan = PLANS[name]
    ways = undisturbed(made, plan, False)
    before = made.state()
    wrong = []
    for point, count in chance.some(ways, f"failed {name}"):
        swarm = Swarm(made, plan, made.driver(point, count), again=False, early=False)
        said = _life(swarm)
        swarm.collect()
        left = lost(before, made.state())
        told = {one.owner for one in made.collector(swarm.known).find() if not one.sure}
        if bool(left) != (told == {swarm.id}):
            wrong.append((point, count, "told", told, left))
        swarm.free()
        swarm.driver.end()
        swarm.collect()
        after = made.state()
        if said or lost(before, after) or swarm.deaths != 1:
            wrong.append((point, count, swarm.deaths, said, lost(before, after)))
            before = after
    assert not wrong, "\n".join(map(str, wrong))


def _life(swarm: Swarm) -> str:
    """What went wrong in a life with a death in it, in words."""
    try:
        live(swarm)
    except AssertionError as error:
        return str(error)
    return ""
