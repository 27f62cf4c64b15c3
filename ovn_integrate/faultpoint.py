"""Points at which a test may have this process killed, as a power cut or an operator might."""

from __future__ import annotations

import os
import signal

_VARIABLE = "OVN_INTEGRATE_DIE_AT"


def reach(name: str) -> None:
    """Die by SIGKILL here if the environment variable ``OVN_INTEGRATE_DIE_AT`` is this name."""
    if os.environ.get(_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
