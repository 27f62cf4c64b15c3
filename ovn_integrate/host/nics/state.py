"""What is to be put back: a file that outlives whoever wrote it, and the lock of who works on it.

The lock is flock(2)'s, which the kernel lets go when its holder dies: a move whose lock can be had
is one that nobody works on any more.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ovn_integrate import paths
from ovn_integrate.errors import NotPermitted
from ovn_integrate.rewrite import rewrite

MOVING, MOVED = "moving", "moved"

_POLL = 0.02
_WORK = 60.0  # seconds, in which whoever moves is done


@dataclass
class Nic:
    """One NIC, its bridge, and all that the NIC had.

    :ivar traits: of :class:`netlink.link_state.Traits`, in the form that JSON keeps.
    :ivar conf: the NIC's parameters; ``offload``: whether it left checksums to its hardware.
    :ivar clients: the DHCP clients, by their commands' words, of the link that the traits are of.
    """

    name: str
    bridge: str
    traits: dict[str, Any]
    conf: dict[str, str]
    mtu: int
    offload: bool
    clients: list[list[str]] = field(default_factory=list)


@dataclass
class State:
    """A move, as far as it has come.

    :ivar stage: ``moving``, or ``moved`` when only the confirmation is missing.
    :ivar deadline: of the monotonic clock, when all is put back without it.
    :ivar worker: the process that does it.
    """

    db: str
    nics: list[Nic]
    stage: str = MOVING
    deadline: float = field(default_factory=lambda: time.monotonic() + _WORK)
    worker: int = field(default_factory=os.getpid)

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()


@contextmanager
def locked(patience: float) -> Iterator[bool]:
    """Be the only one who moves NICs; False when another still does after ``patience`` seconds.

    :raises NotPermitted: root is needed.
    """
    try:
        paths.rundir().mkdir(parents=True, exist_ok=True)
        file = os.open(paths.nics_state().with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:
        raise NotPermitted(str(paths.rundir()), "cannot be written", "run it with sudo") from None
    try:
        deadline = time.monotonic() + patience
        while not (mine := _lock(file)) and time.monotonic() < deadline:
            time.sleep(_POLL)
        yield mine
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def load() -> State | None:
    """The move that is under way or waits, or None; one of before the last boot is none."""
    try:
        kept = json.loads(paths.nics_state().read_text())
    except FileNotFoundError:
        return None
    if kept.pop("boot") != _boot():
        return None
    return State(**{**kept, "nics": [Nic(**one) for one in kept["nics"]]})


def save(state: State) -> None:
    """Write it down so that it is there whatever happens next."""
    text = json.dumps({**asdict(state), "boot": _boot()})
    rewrite(paths.nics_state(), text.encode(), 0o600)


def forget() -> None:
    """There is nothing to be put back any more."""
    paths.nics_state().unlink(missing_ok=True)
    _sync(paths.nics_state().parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _boot() -> str:
    return paths.BOOT_ID.read_text().strip()
