"""``doctor``."""

from __future__ import annotations

import click

from ovn_integrate import paths
from ovn_integrate.checks import examine
from ovn_integrate.checks.examine import Outcome
from ovn_integrate.cli import completion, output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.errors import Unhealthy

_MARKS = {"ok": "✓", "warning": "!", "failed": "✗", "unknown": "?"}
_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "unknown": "yellow"}


@verb()
@click.argument("checks", nargs=-1, metavar="[CHECK]...", shell_complete=completion.checks)
@click.option("--fix", is_flag=True, help="Repair what is safe to repair, and check again.")
@click.option("--list", "listed", is_flag=True, help="Show the checks, and why each matters.")
def doctor(app: App, checks: tuple[str, ...], fix: bool, listed: bool, form: str) -> None:
    """Find faults of this host and say how to fix each; exit 10 when there are any."""
    wanted = examine.chosen(checks)
    if listed:
        rows = [{"check": one.name, "why": one.why, "fix": one.mend is not None} for one in wanted]
        output.rows(rows, {"CHECK": "check", "MENDED BY --fix": "fix", "WHY": "why"}, form)
        return
    outcomes = []
    for one in examine.examine(wanted, app.db or paths.host_remote(), app.timeout, fix=fix):
        outcomes.append(one)
        if form == "table":
            _say(one)
    output.data([_data(one) for one in outcomes], form)
    wrong = [one.check.name for one in outcomes if one.wrong]
    if wrong:
        raise Unhealthy("this host", f"{len(wrong)} of {len(outcomes)} checks: {', '.join(wrong)}")


def _say(one: Outcome) -> None:
    state = one.verdict.state
    mark = output.styled(_MARKS[state], _COLOURS[state])
    output.line(mark, f" {one.check.name:18} {one.verdict.found}")
    if one.mended:
        output.line(f"{'':20} mended: {one.mended}")
    if state != "ok":
        output.line(f"{'':20} why:    {one.check.why}")
    if one.verdict.remedy:
        output.line(f"{'':20} try:    {one.verdict.remedy}")


def _data(one: Outcome) -> dict[str, str]:
    return {
        "check": one.check.name,
        "state": one.verdict.state,
        "found": one.verdict.found,
        "why": one.check.why,
        "remedy": one.verdict.remedy,
        "mended": one.mended,
    }
