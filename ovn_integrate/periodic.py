"""A job that goes on by the clock, in a server's process and beside its requests."""

from __future__ import annotations

import logging
import threading

from ovn_integrate.errors import Error

log = logging.getLogger(__name__)


class Repeated:
    """A job that is done again and again in a thread of its own, so that serving never waits for
    it.

    :param first: seconds until the first time.
    :param every: seconds from one time to the next.
    """

    def __init__(self, name: str, first: float, every: float) -> None:
        self._name = name
        self._first = first
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when it is not done any more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        wait = self._first
        while not self._stopped.wait(wait):
            wait = self._every
            try:
                self._do()
            except Error as error:
                log.warning("%s: %s", self._name, error)
            except Exception:
                # The edge of this thread: a bug must be seen, and the next time may go better.
                log.exception("%s", self._name)

    def _do(self) -> None:
        raise NotImplementedError
