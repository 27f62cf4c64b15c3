"""The driver killed before and after each thing that it does: nothing is lost, nothing stays.

Every point that a network and a container come by is a death of its own, twice: once Docker asks
the same again, once it takes the call for failed, as it does. Of two points that follow each other,
after one thing and before the next, one is enough: nothing has changed between them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functional.namespaces import own_network

from .bed import Bed, bed
from .docker import Container, Docker, Failed, Plan

PORTS = {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]}
CLOSED = {
    "ovn.allow": "web:db:tcp/5432",
    "com.docker.network.driver.mtu": "1400",
    "ovn.dns": "10.2.0.253",
}
PLANS = {
    "plain": Plan("10.1.0.0/24", "10.1.0.9"),
    "closed": Plan("10.2.0.0/24", "10.2.0.9", options=CLOSED, port={"ovn.group": "web"}),
    "gateway": Plan("10.3.0.0/24", "10.3.0.9", options={"ovn.gateway": "ovn"}, port=PORTS),
    "pool": Plan("10.4.0.0/24", "10.4.0.9", own=False, aux="10.4.0.5"),
    "adopted": Plan(
        "10.5.0.0/24", "10.5.0.9", options={"ovn.network": "blue"}, port={"ovn.port": "db"}
    ),
}


@pytest.fixture(scope="module")
def made() -> Iterator[Bed]:
    if shutil.which("ovs-vswitchd") is None:
        pytest.skip("needs ovs-vswitchd")
    with own_network(), tempfile.TemporaryDirectory(prefix="ovn") as name, bed(Path(name)) as made:
        blue = made.neutron.create("networks", name="blue")
        cidr = {"cidr": "10.5.0.0/24", "ip_version": 4}
        subnet = made.neutron.create("subnets", network_id=blue["id"], **cidr)
        fixed = [{"subnet_id": subnet["id"], "ip_address": "10.5.0.9"}]
        made.neutron.create("ports", network_id=blue["id"], name="db", fixed_ips=fixed)
        yield made


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
    counts: Counter[str] = Counter()
    found = []
    for name, last in zip(reached, ["", *reached], strict=False):
        counts[name] += 1
        if not (name.startswith("before") and last.startswith("after")):
            found.append((name, counts[name]))
    return found


@pytest.mark.parametrize("again", [True, False], ids=["asked-again", "failed"])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_killed_at_every_step(made: Bed, plan: Plan, again: bool) -> None:
    deaths = points(made, plan)
    assert len(deaths) > 10
    before = made.state()
    wrong = []
    for name, count in deaths:
        docker = Docker(made, plan, made.driver(name, count), again=again)
        said = _life(docker)
        docker.driver.end()
        docker.collect()
        after = made.state()
        lost = {key: after[key] for key in after if after[key] != before[key]}
        if said or lost or docker.deaths != 1:
            wrong.append((name, count, docker.deaths, said, lost))
            before = after  # what one left is not the fault of the next
    assert not wrong, "\n".join(map(str, wrong))


def _life(docker: Docker) -> str:
    """What went wrong in a life with a death in it, in words."""
    try:
        first, second = live(docker, 2)
    except AssertionError as error:
        return str(error)
    return "" if first == second else f"had {first}, then {second}"
