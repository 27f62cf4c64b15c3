"""Servers come before what has time, unless somebody said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ovn_integrate.web.priority import NICENESS

GROUP = Path("/proc/self/autogroup")
CODE = f"""
import os
from pathlib import Path
from ovn_integrate.web.priority import go_first
os.setpriority(os.PRIO_PROCESS, 0, int(os.environ["CHOSEN"]))
go_first()
print(os.getpriority(os.PRIO_PROCESS, 0), Path({str(GROUP)!r}).read_text().split()[-1])
"""


def started(chosen: int, *, leads: bool) -> tuple[int, int]:
    """The niceness of a server and of its session, as far as other sessions are concerned."""
    # The session is new either way: what a machine's first process started may be in no group.
    shell = () if leads else ("sh", "-c", '"$@"; exit $?', "sh")
    done = subprocess.run(
        [*shell, sys.executable, "-c", CODE],
        env={**os.environ, "CHOSEN": str(chosen)},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    own, group = done.stdout.split()
    return int(own), int(group)


@pytest.fixture(autouse=True)
def grouping() -> None:
    if not GROUP.exists():
        pytest.skip("the kernel has no autogroups")


def test_it_is_where_the_daemons_of_open_vswitch_are() -> None:
    assert started(0, leads=True) == (NICENESS, NICENESS)


def test_a_terminal_keeps_its_place() -> None:
    assert started(0, leads=False) == (NICENESS, 0)


def test_what_somebody_chose_stays() -> None:
    assert started(5, leads=True) == (5, 0)
