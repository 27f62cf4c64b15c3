"""Bench libnetwork drivers on OVN, side by side, on hosts made of namespaces.

The defaults take some minutes. Root is needed; nothing is left behind.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import click

from tests.lab import Lab, lab_ready, suite
from tests.lab.suite import Suite

from . import arena, ipam
from .arena import BEFORE, CONTENDERS, FLOOR, OURS, SECURE, SHIPPED, Stand
from .goals import EMPTY, MANY, Measured
from .load import Pass
from .report import Results
from .stats import figures, spread

_VERBS = "verbs"
_RUNS = "docker-run"
_IPAM = "ipam"
_DEFAULT = (FLOOR, OURS, SECURE, SHIPPED, _VERBS, _RUNS, _IPAM)
_COMMAND_ROUNDS = 10  # of whole commands, for each round of endpoints


@click.command(help=__doc__)
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--endpoints",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="In each round one at a time; twice as many in each round 8 at a time.",
)
@click.option(
    "--ports",
    type=click.IntRange(min=0, max=30000),
    default=10000,
    show_default=True,
    help="In NB, for the second half of the run; 0 for no second half.",
)
@click.option(
    "--where",
    type=click.Choice(["beside", "same"]),
    default="beside",
    show_default=True,
    help="Those ports on a logical switch of their own, or on the network that is measured.",
)
@click.option(
    "--networks",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Spread the endpoints over several: dockerd makes those of one network in turn.",
)
@click.option(
    "--suite",
    "name",
    type=click.Choice(list(dict.fromkeys((suite.own_name(), *suite.NAMES)))),
    default=suite.own_name(),
    show_default=True,
    help="Whose Open vSwitch, OVN, Docker and Python the hosts run; made if it is not there yet.",
)
@click.option(
    "--only",
    metavar="NAME[,NAME...]",
    default=",".join(_DEFAULT),
    show_default=True,
    help=f"Of {', '.join([*CONTENDERS, _VERBS, _RUNS, _IPAM])}.",
)
@click.option(
    "--neutron",
    metavar="URL",
    help="Of a Neutron that runs, http://HOST:PORT, to be measured beside the IPAM server.",
)
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="Another checkout, measured by TLS beside this one, in turns: how a change tells.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def bench(
    rounds: int,
    endpoints: int,
    ports: int,
    where: str,
    networks: int,
    name: str,
    only: str,
    neutron: str | None,
    before: Path | None,
    as_json: bool,
) -> None:
    names = _chosen(only)
    if before is not None:
        names = list(dict.fromkeys([*names, BEFORE]))
    missing = lab_ready(name)
    if missing:
        raise click.ClickException(missing)
    system = suite.get(name)
    results = Results(environment=_environment(system))
    with Lab(system) as lab:
        if _VERBS in names:
            _measure_verbs(lab, results, rounds * _COMMAND_ROUNDS)
        if _RUNS in names:
            _measure_runs(lab, results, rounds * _COMMAND_ROUNDS)
        if _IPAM in names:
            _measure_ipam(lab, results, rounds, neutron, before)
        chosen = [name for name in names if name in CONTENDERS]
        stands = _set_up(lab, chosen, networks, before, results)
        plan = _Plan(stands, rounds, endpoints)
        if stands:
            plan.measure(EMPTY, results.measured)
        if stands and ports:
            for stand in stands:
                _say(f"{stand.name}: {ports} ports into NB")
                stand.fill(ports, where == "beside")
            plan.measure(f"{ports} ports {_PLACES[where]}", results.measured)
        results.environment["load average at the end"] = _load_average()
    click.echo(results.to_json() if as_json else results.to_text())


_PLACES = {"beside": "in NB", "same": "on the network"}


class _Plan:
    """Which passes are made, in which order."""

    def __init__(self, stands: list[Stand], rounds: int, endpoints: int) -> None:
        self._stands = stands
        self._rounds = rounds
        self._endpoints = endpoints

    def measure(self, state: str, measured: Measured) -> None:
        for at_a_time in (1, MANY):
            for stand in self._stands:
                stand.run(at_a_time, at_a_time)  # not counted: first times are special
            passes: dict[str, list[Pass]] = {stand.name: [] for stand in self._stands}
            for number in range(self._rounds):
                _say(f"{state}, {at_a_time} at a time: round {number + 1} of {self._rounds}")
                for stand in self._turn(number):
                    count = self._endpoints * (1 if at_a_time == 1 else 2)
                    passes[stand.name].append(stand.run(count, at_a_time))
            measured[state, at_a_time] = {name: figures(done) for name, done in passes.items()}

    def _turn(self, number: int) -> list[Stand]:
        """Everybody comes after everybody else once, if there are enough rounds."""
        first = number % len(self._stands)
        return self._stands[first:] + self._stands[:first]


def _chosen(only: str) -> list[str]:
    names = [name for name in only.split(",") if name]
    for name in names:
        if name not in (*CONTENDERS, _VERBS, _RUNS, _IPAM):
            raise click.BadParameter(f"{name!r} is unknown", param_hint="--only")
    return list(dict.fromkeys(names))


def _set_up(
    lab: Lab, names: list[str], networks: int, before: Path | None, results: Results
) -> list[Stand]:
    stands = []
    for name in names:
        reason = arena.obstacle(name, before)
        if reason:
            results.skipped[name] = reason
            continue
        _say(f"{name}: its host")
        stands.append(Stand(lab, name, networks, before))
    return stands


def _measure_verbs(lab: Lab, results: Results, rounds: int) -> None:
    _say(f"{_VERBS}: {rounds} rounds")
    # No ovn-controller here: it would make new tunnels at each change.
    host = lab.add_host("verbs")
    host.start_ovs()
    times: dict[str, list[float]] = arena.run_json(host, "verbs", str(rounds), timeout=300)
    host.stop()
    results.commands |= {name: spread(taken) for name, taken in times.items()}


def _measure_runs(lab: Lab, results: Results, rounds: int) -> None:
    _say(f"{_RUNS}: {rounds} rounds")
    host = lab.add_host("runs")
    times = arena.run_containers(host, rounds)
    host.stop()
    results.commands |= {name: spread(taken) for name, taken in times.items()}


def _measure_ipam(
    lab: Lab, results: Results, rounds: int, neutron: str | None, before: Path | None
) -> None:
    _say(f"{_IPAM}: {rounds} rounds")
    host = lab.add_host("ipam")
    more = () if before is None else (str(before),)
    results.ipam = arena.run_json(host, "ipam", str(rounds), *more, timeout=1800)
    host.stop()
    if neutron is not None:
        _say(f"{_IPAM}: {neutron}")
        ipam.measure_neutron(neutron, rounds, results.ipam)


def _environment(system: Suite) -> dict[str, str]:
    return {
        "command": " ".join(["scripts/bench", *sys.argv[1:]]),
        "kernel": platform.release(),
        "CPUs": str(os.cpu_count()),
        system.name: system.versions,
        "load average at the start": _load_average(),
    }


def _load_average() -> str:
    return ", ".join(f"{one:.2f}" for one in os.getloadavg())


def _say(text: str) -> None:
    click.echo(text, err=True)


def _end(*_: Any) -> None:
    # As Ctrl-C does, so that the lab is closed.
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    bench(prog_name="scripts/bench")
