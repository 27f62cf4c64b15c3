"""The calls of Docker that are being answered, for what must not act on their half-made things."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ovn_integrate import paths

PATH = "/calls"
"""Where the driver's socket tells of them. Docker itself never gets, it only posts."""


class Calls:
    """Counts calls by the ids of the networks and endpoints that they are about."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    def ids(self) -> frozenset[str]:
        """The ids that some call is about now."""
        with self._lock:
            return frozenset(self._running)

    def told(self) -> dict[str, Any]:
        """What :data:`PATH` answers: the ids, and where the engine is whose calls these are."""
        return {"ids": sorted(self.ids()), "docker": str(paths.docker_socket())}

    @contextmanager
    def about(self, *ids: str) -> Iterator[None]:
        """A call about these networks and endpoints runs as long as the block does."""
        with self._lock:
            self._running.update(ids)
        try:
            yield
        finally:
            with self._lock:
                self._running -= Counter(ids)
