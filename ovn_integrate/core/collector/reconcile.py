"""What goes on by the clock, in the process that serves Docker and beside its calls: collecting,
keeping the bridge to the host and the host's rules, and answering the tests of other chassis."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ovn_integrate import netlink
from ovn_integrate.core.collector.gc import PAUSE, Collector
from ovn_integrate.core.probe.responder import Responder
from ovn_integrate.errors import Error
from ovn_integrate.host import gateway
from ovn_integrate.netlink.rules import RuleChanges
from ovn_integrate.periodic import Repeated

log = logging.getLogger(__name__)

INTERVAL = 300.0
"""Seconds from one time to the next."""

# After a worker whose master was killed has ended: it is out of reach, and may still answer a call.
_FIRST = 20.0

_LOOK = 1.0  # seconds
# Who changes one rule may change many, and each look costs two forks.
_MORE = 0.1  # seconds
_AGAIN = 5.0  # seconds


class Clock(Repeated):
    """Collects some seconds after the start, and then again and again.

    At boot, Docker waits for this driver and answers nobody.

    :param collector: makes the collector, given what waits between two looks.
    :param interval: in seconds, also the time to the first when it is less than usual.
    """

    def __init__(
        self, collector: Callable[[Callable[[], object]], Collector], interval: float
    ) -> None:
        super().__init__("collecting", min(_FIRST, interval), interval)
        self._collector = collector(lambda: self._stopped.wait(PAUSE))

    def _do(self) -> None:
        found = self._collector.find()
        if self._stopped.is_set():
            return  # the pause between the looks was cut short
        for orphan, gone in self._collector.remove(found):
            if gone:
                log.warning("removed %s %s: %s", orphan.kind, orphan.name, orphan.why)


class Keeper(Repeated):
    """Restores the addresses of the bridge to the host when Open vSwitch has replaced the bridge,
    and the host's rules when somebody removed them.

    A restart of ovs-vswitchd that cleans up replaces the bridge (``exit --cleanup``,
    ovs-vswitchd(8)) without notice; comparing the link's number is one system call. The kernel
    reports changes of rules where nf_tables has them; they are compared periodically as well.

    :param restore: does it.
    :param state: what the rules are made of; another one is a reason to look.
    """

    def __init__(self, restore: Callable[[], object], state: Callable[[], object]) -> None:
        super().__init__("keeping the way out and the packet filter's rules", 0.0, 0.0)
        self._restore = restore
        self._state = state
        self._seen: object = None
        self._next = 0.0  # of the clock
        self._changes: RuleChanges | None = None

    def _do(self) -> None:
        # In the thread itself: a socket belongs to the network namespace of who makes it.
        if self._changes is None:
            self._changes = RuleChanges()
        changed = self._changes.wait(_LOOK)
        if self._stopped.is_set():
            return
        if changed:
            self._stopped.wait(_MORE)
        now = (netlink.index(gateway.NAME), self._state())
        if not changed and now == self._seen and time.monotonic() < self._next:
            return
        # Also what fails is tried again by the clock only, or by the next change.
        self._next = time.monotonic() + _AGAIN
        self._seen = now
        self._restore()


class Answerer(Repeated):
    """Answers the tests of other chassis, and begins anew when that ends: the settings changed, or
    Southbound was out of reach."""

    def __init__(self, responder: Responder) -> None:
        super().__init__("answering tests", _LOOK, _AGAIN)
        self._responder = responder

    def _do(self) -> None:
        try:
            self._responder.follow()
        except Error as error:
            # ovn-controller says so louder, and nothing but a test misses it.
            log.info("no tests are answered: %s", error)
