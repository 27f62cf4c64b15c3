"""Starting and stopping the daemons of OVS and OVN: by systemd where it runs, by their own
scripts (ovs-ctl(8), ovn-ctl(8)) elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ovn_integrate import paths, runner
from ovn_integrate.errors import CommandFailed


def systemd_unit(candidates: Sequence[str]) -> str | None:
    """The first of these units that exists, or None where systemd does not run.

    Distributions name their units differently, so each daemon has several candidates.
    """
    if not paths.SYSTEMD_RUNNING.exists():
        return None
    for unit in candidates:
        state = runner.run(["systemctl", "show", "--property=LoadState", "--value", unit])
        if state.strip() == "loaded":
            return unit
    return None


def systemctl(verb: str, unit: str, timeout: float) -> None:
    """``start`` or ``stop`` a unit.

    :raises CommandFailed: with what systemctl said.
    """
    runner.run(["systemctl", verb, unit], timeout=timeout)


def ovs_ctl(*words: str, timeout: float = runner.TIMEOUT) -> None:
    """Run ovs-ctl; only for hosts without systemd."""
    _script(paths.OVS_SCRIPTS / "ovs-ctl", words, timeout)


def ovn_ctl(*words: str, timeout: float = runner.TIMEOUT) -> None:
    """Run ovn-ctl; only for hosts without systemd."""
    _script(paths.OVN_SCRIPTS / "ovn-ctl", words, timeout)


def alive(pidfile: Path) -> int | None:
    """The process id in a daemon's pid file if that process exists and bears the file's name."""
    try:
        number = int(pidfile.read_text())
        name = Path(f"/proc/{number}/comm").read_text().strip()
    except (OSError, ValueError):
        return None
    # The kernel cuts the name of a process at 15 characters.
    return number if name == pidfile.stem[:15] else None


def _script(script: Path, words: Sequence[str], timeout: float) -> None:
    if not script.exists():
        raise CommandFailed(str(script), "is not installed", f"install the {script.name} package")
    runner.run([script, *words], timeout=timeout)
