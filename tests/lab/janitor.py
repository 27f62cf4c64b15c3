"""Removes the lab's cgroup folders when the lab is over, however it ended.

Every holder and the test run itself keep the other end of this program's standard input open:
its end says that all of them are gone, also when nobody was left to call `Lab.close`.
"""

from __future__ import annotations

import sys

from .cgroups import sweep
from .waiting import wait_for


def main(lab: str) -> None:
    sys.stdin.buffer.read()
    wait_for(lambda: not sweep(lab), 30, f"the cgroup folders of {lab} to be unused")


if __name__ == "__main__":
    main(sys.argv[1])
