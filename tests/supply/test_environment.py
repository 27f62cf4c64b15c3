"""The environment of a checkout: made once by however many ask, again by who finds it half made.

The checkout and its Python are stand-ins here: what they would install another test tries.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

# Makes an environment whose Python writes down what it is asked, and takes its time for it.
_PYTHON = """#!/bin/sh
echo "venv" >> "$LOG"
mkdir -p "$3/bin"
cat > "$3/bin/python" <<'END'
#!/bin/sh
case "$*" in *"$FAILS"*) [ -z "$FAILS" ] || exit 1 ;; esac
mkdir "$LOG.busy" || echo "two at once" >> "$LOG"
echo "$*" >> "$LOG"
rmdir "$LOG.busy"
END
chmod +x "$3/bin/python"
"""
_SCRIPT = """#!/bin/sh
set -eu
{extras}
. "$(dirname "$0")/environment"
[ -e "$venv/.made-for" ]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The scripts and locks alone, with a script that needs the environment."""
    (tmp_path / "scripts").mkdir()
    shutil.copytree(CHECKOUT / "scripts" / "lock", tmp_path / "scripts" / "lock")
    shutil.copy(CHECKOUT / "scripts" / "environment", tmp_path / "scripts")
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    write(tmp_path / "bin" / "python3", _PYTHON)
    write(tmp_path / "scripts" / "try", _SCRIPT.format(extras=""))
    write(tmp_path / "scripts" / "bare", _SCRIPT.format(extras="extras="))
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def begin(checkout: Path, script: str = "try", fails: str = "") -> subprocess.Popen[bytes]:
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    env = {"PATH": path, "LOG": str(checkout / "log"), "FAILS": fails}
    return subprocess.Popen([str(checkout / "scripts" / script)], env=env)


def asked(checkout: Path) -> list[str]:
    """What was asked of the Pythons since the last time."""
    log = checkout / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def test_of_several_at_once_one_makes_it(checkout: Path) -> None:
    started = [begin(checkout) for _ in range(6)]
    assert [process.wait(60) for process in started] == [0] * 6
    lines = asked(checkout)
    assert lines.count("venv") == 1
    assert "two at once" not in lines
    assert begin(checkout).wait(60) == 0
    assert asked(checkout) == []


def test_what_was_left_half_made_is_made_again(checkout: Path) -> None:
    assert begin(checkout, fails="dev.txt").wait(60) != 0
    assert asked(checkout)[0] == "venv"
    assert begin(checkout).wait(60) == 0
    assert asked(checkout)[0] == "venv"


@pytest.mark.parametrize(
    "name", ["setup.cfg", "scripts/lock/program.txt", "scripts/lock/build.txt"]
)
def test_another_lock_is_another_environment(checkout: Path, name: str) -> None:
    assert begin(checkout).wait(60) == 0
    asked(checkout)
    with (checkout / name).open("a") as file:
        file.write("# another\n")
    assert begin(checkout).wait(60) == 0
    assert asked(checkout)[0] == "venv"


def test_the_program_alone_is_in_what_has_the_tests_too_and_not_the_other_way(
    checkout: Path,
) -> None:
    assert begin(checkout, "bare").wait(60) == 0
    (_, build, program, own) = asked(checkout)
    assert "--require-hashes" in build
    assert build.endswith("/build.txt")
    assert "--require-hashes" in program
    assert program.endswith("/program.txt")
    assert own.endswith(f"--no-deps -e {checkout}")
    assert begin(checkout).wait(60) == 0
    assert any(line.endswith("/dev.txt") for line in asked(checkout))
    assert begin(checkout, "bare").wait(60) == 0
    assert asked(checkout) == []
