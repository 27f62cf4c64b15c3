"""Endpoints brought up and down, one or several at a time, as a Docker engine does.

The engine has CreateEndpoint of one network done one after another (libnetwork's networkLocker);
calls of other networks, and all other calls, run at the same time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import repeat
from typing import Any

from .client import Refused
from .contender import Contender, Endpoint
from .jsonrpc import Failed
from .ready import Watcher

READY_TIMEOUT = 60.0  # seconds

Step = Callable[[Endpoint], None]


@dataclass
class Life:
    """What an endpoint's life took, in seconds; None is a step that was not come to or failed.

    :ivar ready: from CreateEndpoint's start until OVN has installed the endpoint.
    """

    create: float | None = None
    join: float | None = None
    ready: float | None = None
    leave: float | None = None
    delete: float | None = None


@dataclass
class Pass:
    """Some endpoints' lives.

    :ivar called: seconds from the first call's start until the last Join's end, the waits for
        ready left out where endpoints came one after another.
    :ivar readied: from the first call's start until the last endpoint was ready; the sum of
        their times where they came one after another.
    :ivar ended: for all calls of Leave and DeleteEndpoint.
    """

    lives: list[Life] = field(default_factory=list)
    called: float = 0.0
    readied: float = 0.0
    ended: float = 0.0
    errors: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Pass:
        return cls(**{**data, "lives": [Life(**life) for life in data["lives"]]})


class Load:
    """Runs passes against one contender.

    :param network_ids: of existing networks, which the endpoints are spread over in turn.
    :param settle: returns when OVN has nothing more to do.
    """

    def __init__(
        self,
        contender: Contender,
        watcher: Watcher,
        network_ids: Sequence[str],
        settle: Callable[[], None],
    ) -> None:
        self._contender = contender
        self._watcher = watcher
        self._settle = settle
        self._network_ids = network_ids
        self._lockers = {id: threading.Lock() for id in network_ids}
        self._pools: dict[int, ThreadPoolExecutor] = {}
        self._made = 0

    def run(self, count: int, at_a_time: int) -> Pass:
        """Bring ``count`` endpoints up, and all of them down again; OVN is at rest afterwards."""
        endpoints = [self._new() for _ in range(count)]
        if at_a_time == 1:
            done = self._one_by_one(endpoints)
        else:
            done = self._together(endpoints, at_a_time)
        self._settle()
        return done

    def _new(self) -> Endpoint:
        self._made += 1
        network_id = self._network_ids[self._made % len(self._network_ids)]
        return Endpoint.new(network_id, self._made)

    def _one_by_one(self, endpoints: list[Endpoint]) -> Pass:
        """Each one finds OVN at rest: it works on for a while after an endpoint is ready."""
        done = Pass()
        for endpoint in endpoints:
            life, began = self._up(endpoint, done)
            self._await(endpoint, life, began, done)
            done.lives.append(life)
            done.called += (life.create or 0.0) + (life.join or 0.0)
            done.readied += life.ready or 0.0
            self._settle()
        began = time.monotonic()
        for endpoint, life in zip(endpoints, done.lives, strict=True):
            self._down(endpoint, life, done)
        done.ended = time.monotonic() - began
        return done

    def _together(self, endpoints: list[Endpoint], at_a_time: int) -> Pass:
        """Nobody waits for ready before the next call, as Docker does not."""
        done = Pass()
        pool = self._pool(at_a_time)
        began = time.monotonic()
        started = list(pool.map(self._up, endpoints, repeat(done)))
        done.called = time.monotonic() - began
        for endpoint, (life, moment) in zip(endpoints, started, strict=True):
            ready = self._await(endpoint, life, moment, done)
            done.readied = max(done.readied, ready - began)
        done.lives = [life for life, _ in started]
        began = time.monotonic()
        list(pool.map(self._down, endpoints, done.lives, repeat(done)))
        done.ended = time.monotonic() - began
        return done

    def _pool(self, size: int) -> ThreadPoolExecutor:
        # Kept from pass to pass, as the floor's connections belong to the threads.
        if size not in self._pools:
            self._pools[size] = ThreadPoolExecutor(size)
        return self._pools[size]

    def _up(self, endpoint: Endpoint, done: Pass) -> tuple[Life, float]:
        """The life so far, and when its first call began."""
        life = Life()
        with self._lockers[endpoint.network_id]:
            began = time.monotonic()
            life.create = self._time(self._contender.create, endpoint, done)
        if life.create is not None:
            life.join = self._time(self._contender.join, endpoint, done)
        return life, began

    def _await(self, endpoint: Endpoint, life: Life, began: float, done: Pass) -> float:
        """When the endpoint was ready, or was given up."""
        if life.join is None:
            return began
        moment = self._watcher.moment(endpoint.id, READY_TIMEOUT)
        if moment is None:
            done.errors.append(f"{endpoint.id[:12]}: not ready within {READY_TIMEOUT:g} s")
            return time.monotonic()
        life.ready = moment - began
        return moment

    def _down(self, endpoint: Endpoint, life: Life, done: Pass) -> None:
        """What was made is unmade, also of a life that failed half way, as Docker does."""
        if life.create is None:
            return
        if life.join is not None:
            life.leave = self._time(self._contender.leave, endpoint, done)
        life.delete = self._time(self._contender.delete, endpoint, done)

    def _time(self, step: Step, endpoint: Endpoint, done: Pass) -> float | None:
        began = time.monotonic()
        try:
            step(endpoint)
        except (Refused, Failed, OSError) as error:
            done.errors.append(str(error))
            return None
        return time.monotonic() - began
