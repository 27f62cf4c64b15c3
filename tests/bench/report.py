"""The figures as tables for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field

from tabulate import tabulate

from . import ipam, runs
from .arena import CONTENDERS, FLOOR, OURS, SHIPPED
from .goals import Goal, Measured, goals, of_commands
from .stats import STEPS, Figures, Spread
from .verbs import CLICK, CLICK_AND_OVS, HELP, OVS_VSCTL, SET_TEP

_RATES: dict[str, Callable[[Figures], float]] = {
    "endpoints/s, calls": lambda figures: figures.called,
    "endpoints/s, ready": lambda figures: figures.readied,
    "endpoints/s, gone": lambda figures: figures.ended,
}
_ERRORS = 3  # shown of each contender; the rest is in the JSON


@dataclass
class Results:
    """:ivar environment: what the figures were measured on; :ivar skipped: why what is missing."""

    environment: dict[str, str] = field(default_factory=dict)
    measured: Measured = field(default_factory=dict)
    commands: dict[str, Spread] = field(default_factory=dict)
    ipam: ipam.Figures = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        situations = [
            {
                "northbound": state,
                "at_a_time": at_a_time,
                "contenders": {name: asdict(one) for name, one in by_name.items()},
            }
            for (state, at_a_time), by_name in self.measured.items()
        ]
        document = {
            "environment": self.environment,
            "situations": situations,
            "commands": {name: asdict(one) for name, one in self.commands.items()},
            "ipam": self.ipam,
            "goals": [{**asdict(goal), "met": goal.met} for goal in self._goals()],
            "skipped": self.skipped,
        }
        return json.dumps(document, indent=2)

    def to_text(self) -> str:
        return "\n\n".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield "\n".join(f"{key}: {value}" for key, value in self.environment.items())
        names = dict.fromkeys(name for by_name in self.measured.values() for name in by_name)
        if names:
            yield "\n".join(f"{name:14} {CONTENDERS.get(name, '')}".rstrip() for name in names)
        for (state, at_a_time), by_name in self.measured.items():
            yield f"{state}, {at_a_time} at a time (ms: p50 / p95)\n{_table(by_name)}"
        if self.commands:
            yield f"Whole commands (ms: p50 / p95)\n{_commands(self.commands)}"
        if self.ipam:
            yield f"IPAM server\n{_ipam(self.ipam)}"
        wanted = self._goals()
        if wanted:
            yield f"Goals\n{_goals(wanted)}"
        for name, reason in self.skipped.items():
            yield f"not measured: {name}: {reason}"

    def _goals(self) -> list[Goal]:
        return [*goals(self.measured), *of_commands(self.commands), *ipam.goals(self.ipam)]


def _table(by_name: dict[str, Figures]) -> str:
    ratios = [
        (f"{one} / {other}", one, other)
        for one, other in ((SHIPPED, OURS), (OURS, FLOOR))
        if one in by_name and other in by_name
    ]
    rows = []
    for step in STEPS:
        spreads = {name: one.steps.get(step) for name, one in by_name.items()}
        medians = {name: one.p50 if one else 0.0 for name, one in spreads.items()}
        row = [step, *(_milliseconds(one) for one in spreads.values())]
        rows.append(row + [_ratio(medians[one], medians[other]) for _, one, other in ratios])
    for title, rate in _RATES.items():
        rates = {name: rate(one) for name, one in by_name.items()}
        row = [title, *(f"{one:.1f}" for one in rates.values())]
        # More is better: turned around, so that a ratio says the same in every row.
        rows.append(row + [_ratio(rates[other], rates[one]) for _, one, other in ratios])
    headers = ["", *by_name, *(title for title, _, _ in ratios)]
    table = tabulate(rows, headers=headers, disable_numparse=True, colalign=_right(headers))
    return "\n".join([table, *_errors(by_name)])


def _errors(by_name: dict[str, Figures]) -> Iterator[str]:
    for name, one in by_name.items():
        if one.errors:
            shown = "; ".join(error[:200] for error in one.errors[:_ERRORS])
            yield f"{name}: {len(one.errors)} errors: {shown}"


def _commands(commands: dict[str, Spread]) -> str:
    rows = [[name, _milliseconds(one)] for name, one in commands.items()]
    against = [
        (HELP, CLICK),
        (SET_TEP, CLICK_AND_OVS),
        (SET_TEP, OVS_VSCTL),
        (runs.MADE, runs.BRIDGE),
        *((one, runs.BRIDGE) for one in runs.NETWORKS),
    ]
    for one, other in against:
        if one in commands and other in commands:
            rows.append([f"{one} / {other}", _ratio(commands[one].p50, commands[other].p50)])
    return tabulate(rows, tablefmt="plain", disable_numparse=True, colalign=("left", "right"))


def _ipam(figures: ipam.Figures) -> str:
    names = [
        name
        for name in (ipam.FLOOR, ipam.OURS, ipam.SECURE, ipam.BEFORE, ipam.NEUTRON)
        if any(name in by_name for by_name in figures.values())
    ]
    rows = [
        [what, *(f"{by_name[name]:.2f}" if name in by_name else "-" for name in names)]
        for what, by_name in figures.items()
    ]
    headers = ["", *names]
    return tabulate(rows, headers=headers, disable_numparse=True, colalign=_right(headers))


def _goals(wanted: list[Goal]) -> str:
    rows = [
        [
            goal.what,
            f"{goal.ratio:.2f}",
            f"{'>=' if goal.least else '<='} {goal.bound:g}",
            "met" if goal.met else "MISSED",
        ]
        for goal in wanted
    ]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def _milliseconds(one: Spread | None) -> str:
    return f"{one.p50:.1f} / {one.p95:.1f}" if one else "-"


def _ratio(one: float, other: float) -> str:
    # The floor does nothing at Join: a ratio to some microseconds says nothing.
    return f"{one / other:.2f}" if one and other > 0.05 else "-"


def _right(headers: list[str]) -> list[str]:
    return ["left", *("right" for _ in headers[1:])]
