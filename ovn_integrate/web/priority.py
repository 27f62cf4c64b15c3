"""Where a server stands among the programs of its host."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NICENESS = -10
"""What ovs-ctl(8) and ovn-ctl(8) give to their daemons."""

_GROUP = Path("/proc/self/autogroup")


def go_first() -> None:
    """Give this process, and what it starts, the priority of Open vSwitch's and OVN's daemons.

    A server answers within a few milliseconds somebody who waits; beside busy daemons of a higher
    priority it would wait longer than it works. A niceness that somebody chose stays, and where
    the right to choose one is missing all goes on as it is.
    """
    if os.getpriority(os.PRIO_PROCESS, 0) != 0:
        return
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    # Where the kernel shares time out to sessions, niceness counts inside of one alone, and each
    # has its own (sched(7), "The autogroup feature"). A terminal's is not this process's to set.
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            _GROUP.write_text(f"{NICENESS}\n")
