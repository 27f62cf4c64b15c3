"""A network namespace for the test's own thread, and for what it starts."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_CLONE_NEWNET = 0x40000000  # linux/sched.h


@contextmanager
def own_network() -> Iterator[None]:
    """Be in a new network namespace with nothing but ``lo``; skips where that needs root."""
    if os.geteuid() != 0:
        pytest.skip("needs root: links and namespaces")
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(_CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        assert libc.setns(outside, _CLONE_NEWNET) == 0
        os.close(outside)
