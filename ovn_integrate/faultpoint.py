"""Points between the steps of a change, at any of which a test has this process killed.

What is left then must be mended by whoever starts next. ``OVN_INTEGRATE_DIE_AT=NAME[:COUNT]`` names
the point, and which time that it is reached is the last (the first, if nothing is said). The module
holds no state else; without the variable a point is one comparison.
"""

from __future__ import annotations

import os
import signal

_AT, _, _count = os.environ.get("OVN_INTEGRATE_DIE_AT", "").partition(":")
_left = int(_count or 1)


def reach(name: str) -> None:
    """Die here, without a word, if this is the point (SIGKILL, as a crash or an operator would)."""
    global _left
    if name != _AT:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
