"""The command line on a terminal: progress and colours; and that there is neither elsewhere."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ovn_integrate.cli.progress import ERASE

_PROGRAM = (sys.executable, "-m", "ovn_integrate")


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """The remote of a database that takes every connection and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "db.sock"))
        listener.listen()
        yield f"unix:{tmp_path}/db.sock"


def on_terminal(*words: str, **environment: str) -> str:
    """All that a run writes to its terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **environment}
    with subprocess.Popen([*_PROGRAM, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env):
        os.close(theirs)
        said = b""
        try:
            while chunk := os.read(ours, 4096):
                said += chunk
        except OSError:
            pass  # EIO: the last one at the other end has gone
        os.close(ours)
    return said.decode()


def test_what_takes_longer_than_a_second_is_shown(silent: str) -> None:
    said = on_terminal("--db", silent, "--timeout", "2.5", "set-ipam", "192.0.2.1")
    assert " set-ipam: 1 s" in said
    assert " set-ipam: 2 s" in said
    assert " set-ipam: 0 s" not in said
    # The line is gone before the answer comes.
    drawn, _, last = said.rpartition(ERASE)
    assert "set-ipam" in drawn
    assert last.startswith("ovn-integrate: ")


def test_what_is_printed_meanwhile_takes_its_place(silent: str) -> None:
    said = on_terminal("--db", silent, "--timeout", "1.5", "doctor", "ovs-database", "bridge")
    before, _, after = said.partition("✗")
    assert "doctor: 1 s" in before
    assert before.removesuffix("\x1b[31m").endswith(ERASE)
    assert "ovs-database" in after


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}], ids=str)
def test_a_terminal_that_cannot_is_spared(silent: str, environment: dict[str, str]) -> None:
    words = ("--db", silent, "--timeout", "1.5", "set-ipam", "192.0.2.1")
    assert ERASE not in on_terminal(*words, **environment)


def test_elsewhere_nothing_is_shown(silent: str) -> None:
    words = (*_PROGRAM, "--db", silent, "--timeout", "1.5", "doctor", "ovs-database")
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert "\x1b" not in done.stdout + done.stderr


def test_colours_are_for_terminals_that_want_them() -> None:
    words = ("--db", "unix:/nonexistent", "doctor", "ovs-database")
    assert "\x1b[31m✗" in on_terminal(*words)
    assert "\x1b" not in on_terminal(*words, NO_COLOR="1")
    assert "\x1b[31m✗" in on_terminal(*words, NO_COLOR="")
