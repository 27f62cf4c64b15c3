"""The first process of a PID namespace, with shells as its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

APART = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_MAIN = """
import sys
from ovn_integrate.init import Asked, Init
init = Init()
for number, script in enumerate(sys.argv[1:]):
    init.start(f"child {number}", ["sh", "-c", script], grace=0.5)
try:
    init.watch()
except Asked:
    init.end()
print("over", flush=True)
"""
_ORDERLY = "trap 'echo {0} ends; exit' TERM; echo {0} runs; while :; do sleep 0.05; done"

Start = Callable[..., "subprocess.Popen[str]"]


def first_process(outer: subprocess.Popen[str]) -> int:
    """The number that process 1 of the namespace has outside."""
    return int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text())


@pytest.fixture
def start() -> Iterator[Start]:
    if os.geteuid() != 0:
        pytest.skip("needs root: namespaces")
    made = []

    def begin(*scripts: str) -> subprocess.Popen[str]:
        argv = [*APART, sys.executable, "-c", _MAIN, *scripts]
        made.append(subprocess.Popen(argv, stdout=-1, stderr=-1, text=True))
        return made[-1]

    yield begin
    for one in made:
        if one.poll() is None:
            os.kill(first_process(one), signal.SIGKILL)
        one.communicate(timeout=20)


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def test_children_end_in_the_opposite_order(start: Start) -> None:
    process = start(_ORDERLY.format("one"), _ORDERLY.format("two"))
    assert sorted(lines(process, 2)) == ["one runs", "two runs"]
    os.kill(first_process(process), signal.SIGTERM)
    assert lines(process, 3) == ["two ends", "one ends", "over"]
    assert process.wait(20) == 0


def test_one_that_does_not_end_is_killed_after_its_grace(start: Start) -> None:
    process = start("trap '' TERM; echo runs; sleep 600")
    assert lines(process, 1) == ["runs"]
    begun = time.monotonic()
    os.kill(first_process(process), signal.SIGINT)
    assert lines(process, 1) == ["over"]
    assert 0.4 < time.monotonic() - begun < 10


def test_the_end_of_one_is_an_error(start: Start) -> None:
    _, said = start("exit 3").communicate(timeout=20)
    assert "child 0: ended with status 3; what it said is above" in said


def test_orphans_are_reaped(start: Start, tmp_path: Path) -> None:
    left = tmp_path / "pid"
    # A process that nobody waits for stays in /proc when it has ended.
    process = start(
        f"sh -c 'sleep 0.1 & echo $! >{left}'; pid=$(cat {left}); "
        "while [ -e /proc/$pid ]; do sleep 0.05; done; echo reaped; exec sleep 600"
    )
    assert lines(process, 1) == ["reaped"]
