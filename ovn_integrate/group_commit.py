"""A thread that keeps an OVSDB session alive, and a queue of changes in front of it.

An idle session that nobody runs is dropped after the server's probe, and requests that come in
many threads need one place where their changes meet: all that wait at one moment share one
transaction (group commit), and one of them failing does not fail the others.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any, Generic, TypeVar

from ovn_integrate.errors import DatabaseUnavailable, Error
from ovn_integrate.ovsdb import Change, Rejected, Session

log = logging.getLogger(__name__)

T = TypeVar("T")

_IDLE = 5.0


class _Job(Generic[T]):
    def __init__(self, change: Callable[[Change], T], comment: str, limit: float) -> None:
        self.change = change
        self.comment = comment
        self.deadline = time.monotonic() + limit
        self.future: Future[T] = Future()

    def attempt(self, change: Change) -> T:
        """:raises DatabaseUnavailable: nobody waits for it any more, so it must not be done."""
        if time.monotonic() > self.deadline:
            raise DatabaseUnavailable("change", "its time is over", "try again")
        return self.change(change)


class _Watch:
    def __init__(self, predicate: Callable[[], Any]) -> None:
        self.predicate = predicate
        self.future: Future[Any] = Future()

    def look(self) -> bool:
        """Whether the wait is over; an error of the predicate goes to the waiter."""
        try:
            value = self.predicate()
        except Exception as error:  # the waiter's own code: it must not end the thread of all
            self.future.set_exception(error)
            return True
        if value:
            self.future.set_result(value)
        return bool(value)


class _HalfWritten(BaseException):
    """A change failed after its first write: the group must be put together without it."""

    def __init__(self, job: _Job[Any], error: Exception) -> None:
        self.job = job
        self.error = error


def _nobody(changes: int, seconds: float) -> None:
    pass


class Pump:
    """Owns a session; any thread may change, wait on or read the database through it."""

    def __init__(self, session: Session, committed: Callable[[int, float], None] = _nobody) -> None:
        """:param committed: told of each transaction that wrote something: how many changes it
        carried, and the seconds that it took.
        """
        self.session = session
        self._committed = committed
        self._jobs: list[_Job[Any]] = []
        self._watches: list[_Watch] = []
        self._queue = threading.Lock()
        self._stopping = self._woken = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._run, name="ovsdb-pump", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the session; jobs that still wait fail."""
        self._stopping = True
        self._wake()
        self._thread.join(timeout=_IDLE)
        self.session.close()

    @property
    def lock(self) -> threading.RLock:
        """To be held while rows are read outside of a change."""
        return self.session.lock

    def transact(
        self, change: Callable[[Change], T], comment: str, *, timeout: float | None = None
    ) -> T:
        """Apply a change, in one transaction with the others that wait now.

        ``change`` may run more than once, and in the pump's thread.

        :raises Error: what ``change`` raised, or what :meth:`Session.transact` raises.
        """
        limit = self.session.timeout if timeout is None else timeout
        # The session's own deadline comes first and has the better message.
        job = _Job(change, comment, limit + 1)
        with self._queue:
            self._jobs.append(job)
            woken, self._woken = self._woken, True
        if not woken:
            self._wake()
        return self._outcome(job.future, limit)

    def wait_until(self, predicate: Callable[[], T], *, timeout: float) -> T | None:
        """Wait until ``predicate``, looked at after every change of the database, is true.

        :returns: its value, or None when ``timeout`` seconds have passed.
        """
        watch = _Watch(predicate)
        with self._queue:
            self._watches.append(watch)
        self._wake()
        try:
            value: T = watch.future.result(timeout)
        except FutureTimeout:
            with self._queue, suppress(ValueError):
                self._watches.remove(watch)
            return None
        return value

    def _outcome(self, future: Future[T], limit: float) -> T:
        try:
            return future.result(limit + 1)
        except FutureTimeout:
            future.cancel()
            raise DatabaseUnavailable(
                self.session.remote, f"did not take the change within {limit:g} s", "try again"
            ) from None

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes the thread just as well
            os.write(self._wake_write, b".")

    def _run(self) -> None:
        while not self._stopping:
            with suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
            with self._queue:
                self._woken = False
                jobs, self._jobs = self._jobs, []
            batch = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if batch:
                self._commit(batch)
            else:
                self.session.run()
            self._look()
            if not self._jobs:
                self.session.block(_IDLE, self._wake_read)

    def _look(self) -> None:
        with self._queue:
            watches = list(self._watches)
        with self.session.lock:
            over = [watch for watch in watches if watch.look()]
        with self._queue:
            self._watches = [watch for watch in self._watches if watch not in over]

    def _commit(self, batch: list[_Job[Any]]) -> None:
        batch = list(batch)
        while batch:
            try:
                outcomes = self._transact(batch)
            except _HalfWritten as failure:
                batch.remove(failure.job)
                failure.job.future.set_exception(failure.error)
            except Rejected as error:
                self._reject(batch, error)
                return
            except Error as error:
                for job in batch:
                    job.future.set_exception(error)
                return
            else:
                _settle(outcomes)
                return

    def _transact(self, batch: list[_Job[Any]]) -> list[tuple[_Job[Any], Any]]:
        def together(change: Change) -> list[tuple[_Job[Any], Any]]:
            return [(job, _attempt(job, change)) for job in batch]

        comment = ", ".join(dict.fromkeys(job.comment for job in batch))
        begun = time.perf_counter()
        result = self.session.transact(together, comment)
        if result.changed:
            self._committed(len(batch), time.perf_counter() - begun)
        return result.value

    def _reject(self, batch: list[_Job[Any]], error: Rejected) -> None:
        """The server refuses a group as a whole: find the culprit by committing one by one."""
        if len(batch) == 1:
            batch[0].future.set_exception(error)
            return
        for job in batch:
            self._commit([job])


def _attempt(job: _Job[Any], change: Change) -> Any:
    writes = change.writes
    try:
        return job.attempt(change)
    except Exception as error:  # a bug in one request must not end the thread that all need
        if change.writes != writes:
            raise _HalfWritten(job, error) from error
        return error


def _settle(outcomes: list[tuple[_Job[Any], Any]]) -> None:
    for job, outcome in outcomes:
        if isinstance(outcome, Exception):
            job.future.set_exception(outcome)
        else:
            job.future.set_result(outcome)
