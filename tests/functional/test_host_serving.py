"""What root makes ready for the IPAM server, while it is the only one that starts it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ovn_integrate import paths
from ovn_integrate.account import Account
from ovn_integrate.host import serving
from ovn_integrate.web.claim import claimed

ELSEWHERE = """
import sys
from pathlib import Path
from ovn_integrate.errors import Conflict
from ovn_integrate.web.claim import claimed
try:
    with claimed(Path(sys.argv[1])):
        sys.exit(0)
except Conflict as error:
    sys.exit(error.exit_code)
"""


def test_to_make_ready_ends_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNDIR", "LOGDIR", "SYSCONFDIR"):
        monkeypatch.setenv(f"OVN_INTEGRATE_{name}", str(tmp_path / name.lower()))
    pidfile = paths.pidfile("ipam")
    other = [sys.executable, "-c", ELSEWHERE, str(pidfile)]
    account = Account("nobody", 65534, 65534)
    with claimed(pidfile):
        serving.prepare(account, {})
        assert subprocess.run(other, timeout=60).returncode == 6
    assert subprocess.run(other, timeout=60).returncode == 0
    assert pidfile.with_suffix(".lock").stat().st_uid == account.uid
