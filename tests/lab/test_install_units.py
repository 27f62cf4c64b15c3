"""``scripts/install-units``, into the system below a folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .suite import CHECKOUT

PARTS = ("central", "ipam", "controller", "driver")
NAMES = sorted(path.name for path in (CHECKOUT / "scripts" / "systemd").iterdir())

pytestmark = pytest.mark.needs("systemctl", "systemd-analyze")


class Tree:
    """The system below a folder, as an image's is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.units = root / "etc/systemd/system"
        (root / "usr/bin").mkdir(parents=True)
        program = root / "usr/bin/ovn-integrate"
        program.touch()
        program.chmod(0o755)

    def install(self, *words: str) -> subprocess.CompletedProcess[str]:
        where = ("--root", str(self.root), "--prefix", "/usr")
        script = [str(CHECKOUT / "scripts" / "install-units"), *where, *words]
        return subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)

    def names(self) -> set[str]:
        found = self.units.rglob("ovn-integrate*") if self.units.exists() else ()
        return {str(path.relative_to(self.units)) for path in found}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_units_are_installed_once_and_taken_away(tree: Tree) -> None:
    assert "to be enabled" in tree.install("--dry-run").stdout
    assert tree.names() == set()
    assert tree.install(*PARTS).returncode == 0
    links = {
        f"{'sockets' if name.endswith('socket') else 'multi-user'}.target.wants/{name}"
        for name in NAMES
    }
    assert tree.names() == {*NAMES, *links}
    starts = (tree.units / "ovn-integrate-driver.service").read_text()
    assert "\nExecStart=/usr/bin/ovn-integrate driver start" in starts
    again = tree.install(*PARTS)
    assert {line.split(maxsplit=1)[1] for line in again.stdout.splitlines()} == {
        "already installed"
    }
    assert tree.install("--uninstall", "ipam").returncode == 0
    assert "ovn-integrate-ipam.service" not in tree.names()
    assert tree.install("--uninstall").returncode == 0
    assert tree.names() == set()


@pytest.mark.parametrize(
    ("words", "code"),
    [(("nonsense",), 2), (("--now",), 2), (("--prefix", "/nowhere"), 5), (("--root", "x"), 2)],
    ids=str,
)
def test_what_cannot_be_is_refused(tree: Tree, words: tuple[str, ...], code: int) -> None:
    done = tree.install(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("install-units: ")
    assert tree.names() == set()
