"""What goes on by the clock, in the process that serves Docker and beside its calls: collecting,
and keeping the bridge to the host."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ovn_integrate import netlink
from ovn_integrate.driver.gc import PAUSE, Collector
from ovn_integrate.host import gateway
from ovn_integrate.repeated import Repeated

log = logging.getLogger(__name__)

INTERVAL = 300.0
"""Seconds from one time to the next."""

# After a worker whose master was killed has ended: it is out of reach, and may still answer a call.
_FIRST = 20.0

_LOOK = 1.0  # seconds


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
        for stray, gone in self._collector.remove(found):
            if gone:
                log.warning("removed %s %s: %s", stray.kind, stray.name, stray.why)


class Keeper(Repeated):
    """Gives the bridge to the host its addresses and rules when Open vSwitch has made it anew.

    A restart of ovs-vswitchd that cleans up does so (``exit --cleanup``, ovs-vswitchd(8)), and
    tells nobody; to look which number the link has is one system call.

    :param restore: does it.
    """

    def __init__(self, restore: Callable[[], object]) -> None:
        super().__init__(f"restoring {gateway.NAME}", _LOOK, _LOOK)
        self._restore = restore
        self._seen: int | None = None

    def _do(self) -> None:
        now = netlink.index(gateway.NAME)
        if now == self._seen:
            return
        if now is not None:
            self._restore()
        self._seen = now
