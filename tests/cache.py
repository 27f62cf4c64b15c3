"""What tests make once and keep for the next run: folders outside of the checkout.

They lie in ``$XDG_CACHE_HOME/ovn-integrate-tests``; deleting one has it made again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def made_once(name: str, digest: str, make: Callable[[Path], None]) -> Path:
    """A folder that ``make`` filled, in this run or in an earlier one.

    Several runs may ask at once: one makes it, the others wait. What a killed run left half done
    is made again.

    :param name: what it is; also names the lock.
    :param digest: of all that the content depends on, so that another content is another folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ovn-integrate-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{digest[:12]}"
    stamp = folder / "complete"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            stamp.touch()
    return folder
