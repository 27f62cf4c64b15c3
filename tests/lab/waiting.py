"""Waiting for a state, the one place of the lab that pauses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
INTERVAL = 0.05


def wait_for(predicate: Callable[[], T], timeout: float, what: str) -> T:
    """Ask until the answer is true, and return it.

    An AssertionError (a failed command is one) means "not yet": its text is then the state.

    :param what: what is waited for, for the message: "the chassis of h1 in SB".
    :raises AssertionError: it did not come to be; the message has the last state.
    """
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        state: object
        try:
            state = answer = predicate()
            if answer:
                return answer
        except AssertionError as error:
            state = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; last state: {state}")
        pause.wait(INTERVAL)
