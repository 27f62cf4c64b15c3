"""What goes on by the clock, in the process that serves Docker and beside its calls: collecting,
and keeping the bridge to the host."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ovn_integrate import netlink
from ovn_integrate.driver.gc import PAUSE, Collector
from ovn_integrate.errors import Error
from ovn_integrate.host import gateway

log = logging.getLogger(__name__)

INTERVAL = 300.0
"""Seconds from one time to the next."""

# After a worker whose master was killed has ended: it is out of reach, and may still answer a call.
_FIRST = 20.0

_LOOK = 1.0  # seconds


class Clock:
    """Collects some seconds after the start, and then again and again.

    In a thread of its own, so that serving never waits for Docker: at boot, Docker waits for this
    driver and answers nobody.

    :param collector: makes the collector, given what waits between two looks.
    :param interval: in seconds, also the time to the first when it is less than usual.
    """

    def __init__(
        self, collector: Callable[[Callable[[], object]], Collector], interval: float
    ) -> None:
        self._interval = interval
        self._stopped = threading.Event()
        self._collector = collector(lambda: self._stopped.wait(PAUSE))
        self._thread = threading.Thread(target=self._run, name="gc", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing is collected any more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        wait = min(_FIRST, self._interval)
        while not self._stopped.wait(wait):
            wait = self._interval
            try:
                self._collect()
            except Error as error:
                log.warning("nothing was collected: %s", error)
            except Exception:
                # The edge of this thread: a bug must be seen, and the next time may go better.
                log.exception("collecting")

    def _collect(self) -> None:
        found = self._collector.find()
        if self._stopped.is_set():
            return  # the pause between the looks was cut short
        for stray, gone in self._collector.remove(found):
            if gone:
                log.warning("removed %s %s: %s", stray.kind, stray.name, stray.why)


class Keeper:
    """Gives the bridge to the host its addresses and rules when Open vSwitch has made it anew.

    A restart of ovs-vswitchd that cleans up does so (``exit --cleanup``, ovs-vswitchd(8)), and
    tells nobody; to look which number the link has is one system call.

    :param restore: does it.
    :param every: seconds between two looks.
    """

    def __init__(self, restore: Callable[[], object], every: float = _LOOK) -> None:
        self._restore = restore
        self._every = every
        self._seen: int | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            now = netlink.index(gateway.NAME)
            if now == self._seen:
                continue
            try:
                if now is not None:
                    self._restore()
                self._seen = now
            except Error as error:
                log.warning("%s has not all that it needs: %s", gateway.NAME, error)
            except Exception:
                # The edge of this thread, as above.
                log.exception("restoring %s", gateway.NAME)
