"""The contenders, each on a host of its own with its own OVN central."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.lab import Host, Lab, wait_for

from . import runs, shipped
from .load import Pass
from .worker import Task

FLOOR = "floor"
OURS = "ovn-integrate"
SECURE = "by-tls"
BEFORE = "before"
WAITING = "waiting"
SHIPPED = "shipped"
CONTENDERS = {
    FLOOR: "the same work done raw",
    OURS: "this project's driver, its wait for ready off: Join answers at once",
    SECURE: "likewise in the secure mode: certificates, TLS, a chassis' rights",
    BEFORE: "the same of another checkout, see --before",
    WAITING: "this project's driver as users have it: Join answers when OVN is ready",
    SHIPPED: f"{shipped.PROGRAM}, mended to start under Python 3",
}

_SOCKET = "unix:/run/docker/plugins/openvswitch.sock"
_PATIENCE = "30"  # seconds that a verb may take
_START = 30.0


class Trouble(Exception):
    """A contender could not be set up, or ended."""


class Stand:
    """A contender on its host, ready to be measured."""

    def __init__(self, lab: Lab, name: str, networks: int, before: Path | None) -> None:
        """:param before: another checkout, whose program :data:`BEFORE` is."""
        self.name = name
        self.host = lab.add_host(name)
        self._program = _program(before if name == BEFORE else None)
        self._make_chassis(secure=name in (SECURE, BEFORE))
        self._worker = _start_worker(self.host)
        self._say(asdict(self._start(networks)))
        self._hear()

    def _make_chassis(self, *, secure: bool) -> None:
        """All but the driver, by the program under test; it is the same for every contender, but
        for those in the secure mode, which have their IPAM server as well."""
        address = self.host.address
        self.host.start_ovs()
        if secure:
            where = ("--ipam", address, "--tep", address)
            self._cli("up", "--all-in-one", "--tls", "--no-driver", *where)
            return
        for words in (
            ("central", "start", "--listen", address, "--insecure"),
            ("set-ipam", address),
            ("set-tep", address),
            ("set-encap-type", "geneve"),
            ("create-integration-bridge",),
            ("controller", "start"),
        ):
            self._cli(*words)

    def _start(self, networks: int) -> Task:
        """Start what the contender is made of."""
        if self.name == FLOOR:
            return Task(networks=networks)
        if self.name == SHIPPED:
            _start_shipped(self.host)
            return Task(address=shipped.ADDRESS, networks=networks)
        ipam = "" if self.name in (SECURE, BEFORE) else f"{self.host.address}:9696"
        if ipam:
            self._cli("ipam", "start", "--detach", "--listen", ipam, "--insecure")
        wait = () if self.name == WAITING else ("--ready-timeout", "0")
        self._cli("driver", "start", "--detach", *wait)
        return Task(address=_SOCKET, networks=networks, ipam=ipam)

    def _cli(self, *words: str) -> None:
        self.host.cli("--timeout", _PATIENCE, *words, env=self._program)

    def run(self, endpoints: int, at_a_time: int) -> Pass:
        """One pass, from an OVN at rest to an OVN at rest."""
        return Pass.from_json(self._ask("run", endpoints=endpoints, at_a_time=at_a_time))

    def fill(self, ports: int, beside: bool) -> None:
        """Put ports into NB, beside the contender's network or on it."""
        self._ask("fill", ports=ports, beside=beside)

    def _ask(self, do: str, **arguments: Any) -> Any:
        self._say({"do": do, **arguments})
        return self._hear()

    def _say(self, message: Any) -> None:
        assert self._worker.stdin is not None
        self._worker.stdin.write(json.dumps(message) + "\n")
        self._worker.stdin.flush()

    def _hear(self) -> Any:
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        if not line:
            raise Trouble(f"{self.name}: its worker ended")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise Trouble(f"{self.name}: {answer['error']}")
        return answer


def obstacle(name: str, before: Path | None) -> str | None:
    """Why a contender cannot take part here; None if it can."""
    if name == BEFORE:
        return "no other checkout is given" if before is None else None
    if name != SHIPPED:
        return None
    try:
        shipped.mended()
    except shipped.NotMended as error:
        return str(error)
    return None


def run_json(host: Host, module: str, *arguments: str, timeout: float) -> Any:
    """What a module of this package says, in JSON, when it runs inside a host."""
    words = (host.program, "-m", f"{__package__}.{module}", *arguments)
    return json.loads(host.run(*words, env=_environment(host), timeout=timeout).stdout)


def run_containers(host: Host, rounds: int) -> dict[str, list[float]]:
    """How long whole containers take on a host that has everything."""
    host.start_ovs()
    host.start_docker()
    host.load_image()
    host.cli("--timeout", _PATIENCE, "up", "--all-in-one")
    for number, gateway in enumerate(runs.NETWORKS.values()):
        words = ("--driver", "openvswitch", "--subnet", f"192.168.{number}.0/24")
        host.docker("network", "create", *words, "-o", f"ovn.gateway={gateway}", f"to-{gateway}")
    times: dict[str, list[float]] = run_json(host, "runs", str(rounds), timeout=600)
    return times


def _program(checkout: Path | None) -> dict[str, str]:
    """The environment in which Python finds the program of a checkout; None for this one."""
    return {} if checkout is None else {"PYTHONPATH": str(checkout)}


def _start_shipped(host: Host) -> None:
    host.run("tee", shipped.COPY, input=shipped.mended())
    log = f"{shipped.COPY}.log"
    driver = host.popen("sh", "-c", f'exec "$@" >{log} 2>&1', "sh", host.program, shipped.COPY)

    def serves() -> bool:
        if driver.poll() is not None:
            raise Trouble(f"{shipped.PROGRAM} ended: {host.read(log)[-2000:]}")
        return ":5000 " in host.run("ss", "--listening", "--tcp", "--numeric").stdout

    wait_for(serves, _START, shipped.PROGRAM)


def _start_worker(host: Host) -> subprocess.Popen[str]:
    words = (host.program, "-m", f"{__package__}.worker")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": sys.stderr.fileno()}
    return host.popen(*words, **pipes, env=_environment(host))


def _environment(host: Host) -> dict[str, str]:
    return {"PYTHONPATH": str(host.suite.checkout)}
