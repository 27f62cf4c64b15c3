"""What a server's clients may take of its memory and its time, all together."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable

from ovn_integrate.web.connection import Connection

MOST = {False: 16 << 20, True: 256 << 20}
"""Bytes that all those who are not known have in memory, and all those who are: of what they sent,
and of answers that they have yet to take. By TLS as much again may lie in OpenSSL."""


class Room:
    """Counts what connections hold while they wait. To be used under a lock."""

    def __init__(self) -> None:
        self._held = {False: 0, True: 0}

    def count(self, connection: Connection, held: int) -> None:
        """Note what a connection holds now."""
        known, before = connection.counted
        self._held[known] -= before
        connection.counted = connection.known, held
        self._held[connection.known] += held

    def full(self, *, known: bool) -> bool:
        return self._held[known] > MOST[known]


class Pace:
    """Lets something be done so many times in a second, and some of it at once.

    :param rate: None for any number of times.
    """

    def __init__(self, rate: float | None, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._left = float(burst)
        self._seen = time.monotonic()

    def may(self) -> bool:
        """Whether it may be done once now."""
        if self._rate is None:
            return True
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def holds_most(connections: Iterable[Connection], *, known: bool) -> Connection | None:
    """Who is to go where there is no more room: who takes most of it."""
    waiting = (each for each in connections if each.waiting and each.counted[0] == known)
    return max(waiting, key=lambda each: each.counted[1], default=None)


def least_wanted(connections: Iterable[Connection], *, known: bool) -> list[Connection]:
    """Who are to go where others come: who have waited longest, first of those who are not known
    and never asked anything.

    :param known: whether somebody who is known may be among them.
    """
    waiting = [each for each in connections if each.waiting and (known or not each.known)]
    # Several at once, as looking through all of them for each that comes would be much work.
    return heapq.nsmallest(
        1 + len(waiting) // 64,
        waiting,
        key=lambda each: (each.known, each.answered > 0, each.deadline),
    )
