"""Input that nobody foresaw: it is refused, breaks nothing and leaves nothing half made.

Short, for each change; ``FUZZ=N scripts/test tests/functional/fuzz`` tries N times as much.
"""

from __future__ import annotations

import os

MORE = int(os.environ.get("FUZZ", "1"))
