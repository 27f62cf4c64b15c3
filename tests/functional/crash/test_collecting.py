"""Whoever collects, or restores at its start, killed before and after each thing that it does: the
next one ends with nothing left, and what lives is not touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.core.collector import orphans
from ovn_integrate.core.link import veth
from ovn_integrate.host import gateway, packet_filter
from ovn_integrate.host.packet_filter.published import RECORD, RECORDED
from tests import chance
from tests.functional.driver.bed import run

from .bed import Bed, Died
from .deaths import deaths, lost
from .docker import Container, Docker, Plan
from .leftovers import LEFTOVERS, Leave, as_body
from .plans import portmap

KINDS = {
    *(orphans.PORT, orphans.BRIDGE_PORT, orphans.LINK, orphans.NETWORK),
    *(orphans.TEST_PORT, orphans.TEST_NETWORK, orphans.PUBLISHED, orphans.ROUTER, orphans.WAY_OUT),
}
OPEN = Plan("10.8.0.0/24", "10.8.0.9")
LED_OUT = Plan("10.9.0.0/24", "10.9.0.9", options={"ovn.gateway": "ovn"}, port=portmap(8081))


class Living:
    """A container that runs, while others are collected."""

    def __init__(self, bed: Bed, plan: Plan) -> None:
        self._docker = Docker(bed, plan, bed.driver(), again=False)
        self._container = Container(plan.ip, plan.port)
        self._docker.create_network()
        self._docker.start(self._container)

    @property
    def known(self) -> Known:
        return self._docker.known

    def end(self) -> None:
        self._docker.stop(self._container)
        self._docker.remove_network()
        self._docker.driver.end()


@pytest.fixture
def living(made: Bed) -> Iterator[Callable[[Plan], Living]]:
    """Starts containers, and ends them."""
    begun: list[Living] = []

    def start(plan: Plan) -> Living:
        begun.append(Living(made, plan))
        return begun[-1]

    yield start
    for one in begun:
        one.end()


CASES = [
    *((name, "gc", OPEN) for name in LEFTOVERS),
    ("gateway", "gc", LED_OUT),
    ("plain", "clock", OPEN),
]


@pytest.mark.parametrize(
    ("name", "by", "plan"), CASES, ids=[f"{name}-{by}-{plan.ip}" for name, by, plan in CASES]
)
def test_who_collects_is_killed_at_every_step(
    made: Bed, living: Callable[[Plan], Living], name: str, by: str, plan: Plan
) -> None:
    leave, known = LEFTOVERS[name], living(plan).known
    _collect(made, leave, known, by)  # of a first time something stays: a row, an empty key
    before = made.state()
    ways = deaths(_collect(made, leave, known, by))
    assert ways
    assert made.state() == before
    wrong = []
    for point, count in chance.some(ways, f"{name} {by}"):
        leave(made)
        died = _dies(made, point, count, by, known)
        _finish(made, known)
        after = made.state()
        if not died or lost(before, after):
            wrong.append((point, count, died, lost(before, after)))
            before = after  # what one left is not the fault of the next
    assert not wrong, "\n".join(map(str, wrong))


def test_all_kinds_of_what_is_collected_are_among_these(made: Bed) -> None:
    found = set()
    for leave in LEFTOVERS.values():
        leave(made)
        found |= {stray.kind for stray in made.collector(Known()).find()}
        made.collect(Known())
    assert found == KINDS


def test_who_restores_at_its_start_is_killed_at_every_step(
    made: Bed, living: Callable[[Plan], Living]
) -> None:
    living(LED_OUT)
    _forget()
    worker = made.driver()
    ways = deaths(worker.reached())
    worker.end()
    assert len(ways) >= 3  # an address, and the rules of two families
    before = made.state()
    wrong = []
    for point, count in chance.some(ways, "restores"):
        _forget()
        with pytest.raises(Died):
            made.driver(point, count)
        made.driver().end()
        if lost(before, made.state()):
            wrong.append((point, count, lost(before, made.state())))
    assert not wrong, "\n".join(map(str, wrong))


def test_ports_that_only_rules_publish_are_taken_over_once(
    made: Bed, living: Callable[[Plan], Living]
) -> None:
    """As an installation of a version has them that kept no other record."""
    living(LED_OUT)
    (port,) = packet_filter.led()
    before = made.state()
    interface = veth.outer(port.endpoint_id)
    made.ovs.ctl("remove", "Interface", interface, "external_ids", RECORD.replace(":", "\\:"))
    made.ovs.ctl("remove", "Bridge", gateway.NAME, "external_ids", RECORDED.replace(":", "\\:"))
    made.driver().end()
    assert packet_filter.led() == [port]
    assert made.state() == before
    # From now on a rule alone is what somebody left behind who died over it.
    made.ovs.ctl("remove", "Interface", interface, "external_ids", RECORD.replace(":", "\\:"))
    made.driver().end()
    assert packet_filter.led() == []


def _forget() -> None:
    """What a start of the host does to the way out, but for the bridge itself."""
    run("ip", "address", "flush", "dev", gateway.NAME)
    packet_filter.remove()


def _collect(bed: Bed, leave: Leave, known: Known, by: str) -> list[str]:
    """The points that come by who collects undisturbed."""
    leave(bed)
    worker = bed.driver()
    done = worker.call(by, as_body(known))
    assert all(done.values()), done
    reached = worker.reached()
    worker.end()
    return reached


def _dies(bed: Bed, point: str, count: int, by: str, known: Known) -> bool:
    worker = bed.driver(point, count)
    try:
        worker.call(by, as_body(known))
    except Died:
        return True
    finally:
        worker.end()
    return False


def _finish(bed: Bed, known: Known) -> None:
    worker = bed.driver()
    done = worker.call("gc", as_body(known))
    assert all(done.values()), done
    worker.end()
