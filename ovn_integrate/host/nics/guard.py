"""A process of its own that puts NICs back when nobody says that they may stay where they are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from ovn_integrate import netlink, paths, servers
from ovn_integrate.errors import Error
from ovn_integrate.host.nics import state
from ovn_integrate.host.nics.restore import put_back

NAME = "nics-guard"

_POLL = 0.1
_AGAIN = 1.0
_PATIENCE = 20.0


def start(db: str, timeout: float) -> None:
    """Have one running, in a session of its own, so that it outlives the shell.

    :raises CommandFailed: it did not start.
    """
    if not alive():
        argv = ["--db", db, "--timeout", f"{timeout:g}", "nics-to-bridge", "--guard"]
        servers.start_detached(NAME, argv, lambda: True, _PATIENCE)


def alive() -> bool:
    """Whether one watches."""
    return servers.pid(NAME) is not None


def watch(timeout: float, say: Callable[[str], None]) -> None:
    """Be it: return when all is confirmed, or put back.

    :param say: takes what the log shall have.
    """
    mine = paths.pidfile(NAME)
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text(f"{os.getpid()}\n")
    try:
        while not _settled(timeout, say):
            time.sleep(_POLL)
    finally:
        mine.unlink(missing_ok=True)


def _settled(timeout: float, say: Callable[[str], None]) -> bool:
    """Whether there is nothing more to watch over."""
    with state.locked(0) as mine:
        if not mine:
            _end_hung()
            return False
        kept = state.load()
        if kept is None:
            return True
        reason = _reason(kept)
        if reason is None:
            return False
        say(f"{', '.join(one.name for one in kept.nics)}: put back, as {reason}")
        try:
            for line in put_back(kept, timeout, "guard"):
                say(line)
        except Error as error:
            say(str(error))
            time.sleep(_AGAIN)
            return False
        state.forget()
        return True


def _end_hung() -> None:
    """End whoever moves NICs for too long: for a terminal, perhaps, that has gone with them."""
    kept = state.load()
    if kept is not None and kept.stage == state.MOVING and kept.left <= 0:
        servers.kill(kept.worker)


def _reason(kept: state.State) -> str | None:
    """Why it must be put back now, if it must."""
    if kept.stage != state.MOVED:
        return "whoever moved it has died"
    if kept.left <= 0:
        return "nobody confirmed it"
    gone = [one.bridge for one in kept.nics if not netlink.exists(one.bridge)]
    return f"{gone[0]} has gone" if gone else None
