"""How many connections a server has at most, within what the system lets a process open."""

from __future__ import annotations

import resource

CONNECTIONS = 2048

_OTHER_FILES = 128


def connections() -> int:
    """Have the limit raised as far as that needs and may be (getrlimit(2)); what came of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + _OTHER_FILES
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(CONNECTIONS, soft - _OTHER_FILES), 1)
