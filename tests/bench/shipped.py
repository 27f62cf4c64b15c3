"""The driver that OVN ships, ovn-docker-overlay-driver, made to start under Python 3.

It splits and strips the bytes of its commands' output as if they were text ("a bytes-like object
is required", the same in every release since OVN left Python 2). The installed file is read, the
one line that takes the output is mended, and the copy lives in the host's own /run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

PROGRAM = "ovn-docker-overlay-driver"
ADDRESS = "tcp:127.0.0.1:5000"  # it listens on port 5000 of every address of its host
COPY = f"/run/{PROGRAM}"

_BROKEN = "output = output[0].strip()"
_MENDED = "output = output[0].decode().strip()"


class NotMended(Exception):
    """It is not installed, or not as it is known."""


def mended() -> str:
    """The text of the program with its one line mended.

    :raises NotMended: it is not there, or the line is not.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise NotMended(f"{PROGRAM} is not installed (package ovn-docker)")
    text = Path(path).read_text()
    if text.count(_BROKEN) != 1:
        raise NotMended(f"{path}: the line {_BROKEN!r} is not in it once")
    return text.replace(_BROKEN, _MENDED)
