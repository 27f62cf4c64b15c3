"""A file of lines: bounded, moved away, full, written by several."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ovn_integrate.linelog import LineLog

LINE = b"x" * 99 + b"\n"

_WRITER = """
import sys
from pathlib import Path
from ovn_integrate.linelog import LineLog
log = LineLog(Path(sys.argv[1]), largest=50_000, kept=9, look=0)
for number in range(1000):
    log.write(f"{sys.argv[2]} {number:04}\\n".encode())
"""


def _all(folder: Path) -> list[bytes]:
    return [line for path in folder.iterdir() for line in path.read_bytes().splitlines()]


def test_a_file_that_is_full_is_put_aside(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "log", largest=1000, kept=2, look=0)
    for _ in range(55):
        log.write(LINE)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"log": 500, "log.1": 1000, "log.2": 1000}


def test_threads_and_processes_lose_nothing_over_it(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", _WRITER, str(tmp_path / "log")]
    writers = [subprocess.Popen([*argv, str(number)]) for number in range(4)]
    log = LineLog(tmp_path / "log", largest=50_000, kept=9, look=0)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: log.write(b"t %04d\n" % number), range(1000)))
    assert [writer.wait(60) for writer in writers] == [0] * 4
    lines = _all(tmp_path)
    assert len(lines) == len(set(lines)) == 5000
    assert all(path.stat().st_size <= 51_000 for path in tmp_path.iterdir())


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    log = LineLog(Path("/dev/full"))
    with pytest.raises(OSError, match="No space"):
        log.write(LINE)


_OUTPUT = """
import subprocess, sys
from pathlib import Path
from ovn_integrate.linelog import bound_output
path = Path(sys.argv[1])
put_aside = []
for number in range(60):
    # Another process with the same output, as a server's master.
    subprocess.run(["sh", "-c", f"echo {number:099} | head -c 100"], check=True)
    put_aside.append(bound_output(path, largest=1000, kept=2))
assert sum(put_aside) == 5
assert not bound_output(path.with_name("other"), largest=0)
"""


def test_the_file_that_is_standard_output_is_bounded(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab") as output:
        subprocess.run([sys.executable, "-c", _OUTPUT, log], stdout=output, check=True)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"log": 500, "log.1": 1100, "log.2": 1100}
    assert log.read_bytes().splitlines()[-1] == b"%099d" % 59
