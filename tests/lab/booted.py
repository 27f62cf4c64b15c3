"""A host that has booted: systemd is its process 1 and starts what is enabled."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from .command import ENVIRONMENT, CommandError, Done, Process
from .lab import Lab
from .waiting import wait_for

LOG = "/run/lab/boot.log"
BOOT = Path(__file__).with_name("boot.py")


class Booted:
    """
    :ivar host: around it: its network, its /etc and /var are those of the host.
    """

    def __init__(self, lab: Lab, name: str, *units: str) -> None:
        """:param units: what is enabled at first, and nothing else is."""
        self.host = lab.add_host(name)
        self._lab = lab.name
        self._process: Process
        self._pid = ""
        self.boot(*units)

    def boot(self, *units: str) -> None:
        """Have systemd start what is enabled; it returns when that is done."""
        words = (sys.executable, "-I", str(BOOT), self._lab, f"{self.host.name}-booted", *units)
        self._process = self.host.popen(
            "sh", "-c", 'exec "$@" >/run/lab/boot.log 2>&1', "sh", *words
        )
        self._pid = wait_for(self._systemd, 20, f"systemd on {self.host.name}")
        wait_for(self._is_up, 90, f"{self.host.name} to have booted")

    def _systemd(self) -> str:
        """Its process id as the host around it sees it; a process that it starts bears its name for
        a moment."""
        if self._process.poll() is not None:
            raise RuntimeError(self.host.read(LOG))
        return self.host.run("pgrep", "--oldest", "--exact", "systemd").stdout.strip()

    def _is_up(self) -> bool:
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        if state not in ("running", "degraded"):
            raise CommandError(f"{state}\n{self.run('systemctl', 'list-jobs').stdout}")
        return True

    def power_off(self) -> None:
        """Let systemd stop all in its order, and wait for its end."""
        self.run("systemctl", "poweroff")
        self._process.wait(90)

    def run(
        self,
        *argv: str,
        check: bool = True,
        timeout: float = 60,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run a command beside what systemd runs."""
        enter = ("nsenter", f"--target={self._pid}", "--mount", "--pid", "--cgroup", "--")
        return self.host.run(*enter, *argv, check=check, timeout=timeout, env=env)

    def cli(self, *arguments: str, check: bool = True) -> Done:
        """Run the program under test."""
        path = f"{Path(self.host.program).parent}:{ENVIRONMENT['PATH']}"
        words = (self.host.program, "-m", "ovn_integrate", *arguments)
        return self.run(*words, check=check, env={"PATH": path})

    def docker(self, *arguments: str) -> str:
        """Run the docker client; its output, stripped."""
        return self.run("docker", *arguments).stdout.strip()

    def properties(self, unit: str) -> dict[str, str]:
        """What systemctl(1) shows of a unit."""
        lines = self.run("systemctl", "show", unit).stdout.splitlines()
        return dict(line.partition("=")[::2] for line in lines)
