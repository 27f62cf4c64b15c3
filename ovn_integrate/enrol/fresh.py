"""Renewal by itself, in the processes that serve for months."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ovn_integrate.errors import Error

FIRST, EVERY = 60.0, 6 * 3600.0
"""Seconds: a host that was off for weeks renews soon after its start; a central host that is away
when it is asked is asked again a hundred times before it is too late."""

log = logging.getLogger(__name__)


class Fresh:
    """Renews what is due, again and again, in a thread of its own.

    :param renew: does it; whether anything was due.
    """

    def __init__(
        self, renew: Callable[[], bool], first: float = FIRST, every: float = EVERY
    ) -> None:
        self._renew = renew
        self._first = first
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewing", daemon=True)

    def start(self) -> Fresh:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        wait = self._first
        while not self._stopped.wait(wait):
            wait = self._every
            try:
                if self._renew():
                    log.warning("certificate renewed")
            except (Error, OSError) as error:
                log.warning("certificate not renewed: %s", error)
