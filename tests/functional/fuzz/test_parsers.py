"""Atheris on all that parses: a refusal is one of the program's own errors, whatever is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests import chance

SECONDS = 20


def test_nothing_but_a_refusal_comes_of_it(folder: Path) -> None:
    seconds = chance.times(SECONDS)
    flags = (
        f"-max_total_time={seconds}",
        "-max_len=512",
        f"-seed={chance.seed() + 1}",
        f"-artifact_prefix={folder}/",
    )
    argv = [sys.executable, "-m", "tests.functional.fuzz.parsers", *flags]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=200 + seconds)
    found = [repr(one.read_bytes()) for one in folder.iterdir()]
    assert (done.returncode, found) == (0, []), done.stdout[-2000:] + done.stderr[-2000:]
