"""``scripts/install-units``, into the system below a folder."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from .suite import CHECKOUT

PARTS = ("central", "ipam", "controller", "driver")
NAMES = sorted(path.name for path in (CHECKOUT / "scripts" / "systemd").iterdir())
USER = "user ovn-integrate"

pytestmark = pytest.mark.needs("systemctl", "systemd-analyze")


class Tree:
    """The system below a folder, as an image's is."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.units = root / "etc/systemd/system"
        self.sysusers = root / "etc/sysusers.d/ovn-integrate.conf"
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

    def accounts(self) -> list[str]:
        """The lines of its users, then those of its groups."""
        files = (self.root / "etc/passwd", self.root / "etc/group")
        return [line for file in files if file.exists() for line in file.read_text().splitlines()]


def said(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What it says of each unit and of the user."""
    assert done.returncode == 0, done.stderr
    pairs = (re.split(r"\s{2,}", line, maxsplit=1) for line in done.stdout.splitlines())
    return dict(pairs)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_units_are_installed_once_and_taken_away(tree: Tree) -> None:
    assert "to be enabled" in tree.install("--dry-run").stdout
    assert tree.names() == set()
    assert tree.install(*PARTS).returncode == 0
    # The signer's service is started by its socket, and by the IPAM server's.
    links = {
        f"{'sockets' if name.endswith('socket') else 'multi-user'}.target.wants/{name}"
        for name in NAMES
        if name != "ovn-integrate-signer.service"
    }
    assert tree.names() == {*NAMES, *links}
    starts = (tree.units / "ovn-integrate-driver.service").read_text()
    assert "\nExecStart=/usr/bin/ovn-integrate driver start" in starts
    assert [line.split(":")[0] for line in tree.accounts()] == ["ovn-integrate"] * 2
    assert tree.sysusers.exists()
    again = said(tree.install(*PARTS))
    assert again == dict.fromkeys(NAMES, "already installed") | {USER: "already there"}
    assert tree.install("--uninstall", "ipam").returncode == 0
    assert not {name for name in tree.names() if "ipam" in name or "signer" in name}
    assert tree.install("--uninstall").returncode == 0
    assert tree.names() == set()
    assert tree.accounts() == []
    assert not tree.sysusers.exists()


def test_what_the_user_had_is_roots_when_he_goes(tree: Tree) -> None:
    """His numbers will be another user's, who shall not read the servers' key by them."""
    assert tree.install("ipam").returncode == 0
    gid = int(tree.accounts()[1].split(":")[2])
    key = tree.root / "etc/ovn-integrate/pki/server.pem"
    log = tree.root / "var/log/ovn-integrate/ipam.log"
    for file in (key, log):
        file.parent.mkdir(parents=True)
        file.touch()
    os.chown(key, 0, gid)
    os.chown(log, int(tree.accounts()[0].split(":")[2]), gid)
    assert said(tree.install("--uninstall", "--dry-run"))[USER] == "to be removed"
    assert key.stat().st_gid == gid
    assert said(tree.install("--uninstall"))[USER] == "removed"
    assert {(file.stat().st_uid, file.stat().st_gid) for file in (key, log)} == {(0, 0)}


def test_a_user_that_was_there_stays(tree: Tree) -> None:
    passwd = tree.root / "etc/passwd"
    passwd.parent.mkdir()
    passwd.write_text("ovn-integrate:x:995:995::/nonexistent:/usr/sbin/nologin\n")
    (tree.root / "etc/group").write_text("ovn-integrate:x:995:\n")
    before = tree.accounts()
    assert said(tree.install("ipam"))[USER] == "already there"
    assert USER not in said(tree.install("--uninstall"))
    assert tree.accounts() == before


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
