"""How often strangers may ask: a bucket of tokens for each address, of which few are kept."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST = 4096
"""Buckets that are kept, those that were asked last: whoever has more addresses than that need not
come again by one of them either."""


class Limit:
    """Any thread may ask.

    :param burst: how many a key may take at once.
    :param rate: how many come back in a second.
    """

    def __init__(
        self, burst: int, rate: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Take one for a key; 0, or the seconds after which there is one again."""
        now = self._clock()
        with self._lock:
            left, since = self._buckets.pop(key, (float(self._burst), now))
            left = min(float(self._burst), left + (now - since) * self._rate)
            granted = left >= 1
            self._buckets[key] = (left - granted, now)
            while len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
        return 0.0 if granted else (1 - left) / self._rate


def network(address: str) -> str:
    """Whom an address is counted for: of IPv6 the 64 bits that a site chooses from freely."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""  # of a Unix socket
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))
