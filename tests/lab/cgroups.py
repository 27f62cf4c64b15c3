"""The one thing that outlives a host's namespaces: the cgroup folders that its dockerd made."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def folders(lab: str) -> list[Path]:
    """The lab's folders, under one root (version 2) or under one for each controller."""
    return [*ROOT.glob(lab), *ROOT.glob(f"*/{lab}")]


def sweep(lab: str) -> list[Path]:
    """Remove the lab's folders, the innermost first; return those that are still in use.

    The kernel lets go of a folder a moment after the last process in it was reaped.
    """
    for folder in folders(lab):
        for inner, _, _ in os.walk(folder, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(inner)
    return folders(lab)
