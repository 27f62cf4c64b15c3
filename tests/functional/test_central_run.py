"""Central and the IPAM server in the foreground, as the first process of a PID namespace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ovn_integrate import servers
from tests.functional.namespaces import own_network
from tests.functional.test_init import APART, first_process

_FOLDERS = {
    "OVN_RUNDIR": "run",
    "OVN_DBDIR": "db",
    "OVN_LOGDIR": "log",
    "OVN_SYSCONFDIR": "etc",
    "OVN_INTEGRATE_RUNDIR": "ours",
}


class Central:
    """:ivar said: its lines so far, standard error's among them."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.run = folder / "run"
        env = {**os.environ, **{key: str(folder / name) for key, name in _FOLDERS.items()}}
        self._outer = subprocess.Popen(
            [
                *APART,
                sys.executable,
                "-m",
                "ovn_integrate",
                "central",
                "run",
                "--insecure",
                *options,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )
        assert self._outer.stdout is not None
        self._output = self._outer.stdout
        self.said: list[str] = []

    def ready(self) -> bool:
        return self.says("ready: ")

    def says(self, words: str) -> bool:
        """Read on until a line begins so, or the end."""
        for line in self._output:
            self.said.append(line.rstrip())
            if line.startswith(words):
                return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """To the first process, from outside."""
        os.kill(first_process(self._outer), number)

    def kill(self, pidfile: str) -> None:
        """A process inside, by the number that it has there."""
        inside = (self.run / pidfile).read_text().strip()
        enter = ("nsenter", f"--target={first_process(self._outer)}", "--pid", "--mount", "--")
        subprocess.run([*enter, "kill", "-9", inside], check=True)

    def end(self) -> int:
        """Its exit code. With process 1 all the others are gone."""
        for line in self._output:
            self.said.append(line.rstrip())
        return self._outer.wait(30)

    def stop(self) -> None:
        if self._outer.poll() is None:
            self.signal(signal.SIGKILL)
        self.end()
        self._output.close()


Run = Callable[..., Central]


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    made: list[Central] = []

    def begin(*options: str) -> Central:
        made.append(Central(folder, *options))
        return made[-1]

    with own_network():
        yield begin
        for one in made:
            one.stop()


def test_it_says_ready_and_ends_with_all_when_asked(run: Run) -> None:
    central = run()
    assert central.ready(), central.said
    assert servers.ask("127.0.0.1:9696", "GET", "/v2.0/networks") == 200
    central.signal(signal.SIGTERM)
    assert central.end() == 0, central.said
    assert "stopping" in central.said
    assert not list(central.run.glob("*.pid"))


def test_a_killed_one_starts_again_over_its_own_pid_files(run: Run, folder: Path) -> None:
    central = run()
    assert central.ready(), central.said
    central.signal(signal.SIGKILL)
    central.end()
    left = sorted(path.name for path in central.run.glob("*.pid"))
    assert left == ["ovn-northd.pid", "ovnnb_db.pid", "ovnsb_db.pid"]
    # Numbers begin anew, and the first process of the next life has a number too.
    for path in [*central.run.glob("*.pid"), folder / "ours" / "ipam.pid"]:
        path.write_text("1\n")
    again = run("--listen", "127.0.0.1")
    assert again.ready(), again.said
    assert "http://127.0.0.1:9696" in again.said[-1]


@pytest.mark.parametrize(
    ("pidfile", "name"),
    [
        ("ovn-northd.pid", "ovn-northd"),
        ("ovnnb_db.pid", "OVN Northbound"),
        ("../ours/ipam.pid", "IPAM server"),
    ],
)
def test_it_ends_when_a_part_does(run: Run, pidfile: str, name: str) -> None:
    central = run()
    assert central.ready(), central.said
    central.kill(pidfile)
    assert central.end() == 7
    assert any(f"{name}: was killed by signal 9; what it" in line for line in central.said)


def test_it_ends_when_asked_before_it_is_ready(run: Run) -> None:
    central = run()
    assert central.says("starting: ")
    central.signal(signal.SIGTERM)
    assert central.end() == 0
    assert not any(line.startswith("ready: ") for line in central.said)


def test_another_database_at_the_port_is_told(run: Run, folder: Path) -> None:
    schema = "/usr/share/ovn/ovn-nb.ovsschema"
    (folder / "other").mkdir()
    database = folder / "other" / "db"
    subprocess.run(["ovsdb-tool", "create", str(database), schema], check=True)
    argv = ["ovsdb-server", "--remote=ptcp:6641:127.0.0.1", "--no-chdir", "--unixctl=none"]
    other = subprocess.Popen([*argv, "-vconsole:off", str(database)])
    try:
        central = run("--listen", "127.0.0.1")
        assert central.end() == 7
        said = "tcp:127.0.0.1:6641: another database server has this port; stop that one"
        assert any(said in line for line in central.said)
    finally:
        other.terminate()
        other.wait(10)


@pytest.mark.parametrize("listen", ["192.0.2.77", "here"])
def test_an_address_that_is_none_of_this_host_is_refused(run: Run, listen: str) -> None:
    central = run("--listen", listen)
    assert central.end() == 2
    assert listen in central.said[0]
