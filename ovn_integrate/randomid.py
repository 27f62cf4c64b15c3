"""Random UUIDs (RFC 9562, version 4) for a server that makes many of them.

``uuid.uuid4`` asks the kernel each time. That is a call in which a thread gives the interpreter
away, and under load waits for it longer than all else here takes.
"""

from __future__ import annotations

import os
import uuid

_BYTES = 16
_AT_ONCE = 256

_known: list[bytes] = []
# A child process must not make what its parent makes.
os.register_at_fork(after_in_child=_known.clear)


def new() -> uuid.UUID:
    """A random UUID."""
    return uuid.UUID(bytes=_random(), version=4)


def text() -> str:
    """The text of one."""
    digits = _random().hex()
    parts = digits[:8], digits[8:12], f"4{digits[13:16]}", f"a{digits[17:20]}", digits[20:]
    return "-".join(parts)


def _random() -> bytes:
    try:
        return _known.pop()  # atomic, so that no two threads get the same
    except IndexError:
        fresh = os.urandom(_BYTES * _AT_ONCE)
        _known.extend(fresh[at : at + _BYTES] for at in range(_BYTES, len(fresh), _BYTES))
        return fresh[:_BYTES]
