"""Collecting by the clock, in the process that serves Docker and beside its calls."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ovn_integrate.driver.gc import PAUSE, Collector
from ovn_integrate.errors import Error

log = logging.getLogger(__name__)

INTERVAL = 300.0
"""Seconds from one time to the next."""

# After a worker whose master was killed has ended: it is out of reach, and may still answer a call.
_FIRST = 20.0


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
