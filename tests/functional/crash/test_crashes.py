"""The driver killed before and after each thing that it does: nothing is lost, nothing stays.

Every point that a network and a container come by is a death of its own, twice: once Docker asks
the same again, once it takes the call for failed, as it does.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests import chance

from .bed import Bed
from .deaths import deaths, lost
from .docker import Container, Docker, Failed, Plan
from .plans import PLANS


def live(docker: Docker, starts: int) -> list[str]:
    """The life of a network and a container; the addresses that the container had at each start.

    What fails is done again, as a user would.
    """
    plan = docker.plan
    container = Container(plan.ip, plan.port)
    had = []
    _persist(docker, docker.create_network)
    for _ in range(starts):
        _persist(docker, lambda: docker.start(container))
        had.append(container.ip)
        docker.stop(container)
    docker.remove_network()
    return had


def _persist(docker: Docker, act: Any) -> None:
    try:
        act()
    except Failed:
        docker.collect()
        act()


def points(bed: Bed, plan: Plan) -> list[tuple[str, int]]:
    """The points of an undisturbed life, each with which time it is."""
    # What was there before Docker keeps a trace of its first network: a row, an empty key.
    for _ in range(2):
        before = bed.state()
        docker = Docker(bed, plan, bed.driver(), again=False)
        live(docker, 1)
        reached = docker.driver.reached()
        docker.driver.end()
    assert bed.state() == before
    return deaths(reached)


@pytest.mark.parametrize("again", [True, False], ids=["asked-again", "failed"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_killed_at_every_step(made: Bed, plan: Plan, again: bool) -> None:
    ways = points(made, plan)
    assert len(ways) > 10
    before = made.state()
    wrong = []
    for name, count in chance.some(ways, f"{plan} {again}"):
        docker = Docker(made, plan, made.driver(name, count), again=again)
        said = _life(docker)
        docker.driver.end()
        docker.collect()
        after = made.state()
        other = lost(before, after)
        if said or other or docker.deaths != 1:
            wrong.append((name, count, docker.deaths, said, other))
            before = after  # what one left is not the fault of the next
    assert not wrong, "\n".join(map(str, wrong))


def _life(docker: Docker) -> str:
    """What went wrong in a life with a death in it, in words."""
    try:
        first, second = live(docker, 2)
    except AssertionError as error:
        return str(error)
    return "" if first == second else f"had {first}, then {second}"
