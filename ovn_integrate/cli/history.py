"""``history`` and ``undo``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.host import history as record
from ovn_integrate.host import settings


@verb()
def history(app: App, form: str) -> None:
    """List the changes of this host's settings, the last ones first.

    The last 20 are kept, in external_ids:ovn-integrate-history.
    """
    with app.host(settings.TABLES) as session:
        entries = record.read(session)[::-1]
    answer = [_row(one) for one in entries]
    if output.data(answer, form):
        return
    rows = [{**row, "changes": _changes(one)} for row, one in zip(answer, entries, strict=True)]
    columns = ("number", "at", "verb", "undone", "changes")
    output.rows(rows, {name.upper(): name for name in columns}, form)


@verb()
@click.argument("number", metavar="[N]", type=click.IntRange(min=1), required=False)
@click.option("--force", is_flag=True, help="Also where a key has been changed since.")
@dry_run_option
def undo(app: App, number: int | None, force: bool, dry_run: bool, form: str) -> None:
    """Restore the settings from before change N of `history`.

    Without N it undoes the last change that is not undone yet, so each run goes one further back;
    with N it may be run twice. If one of the keys was changed since, nothing is restored.
    """
    with app.host(settings.TABLES) as session:
        entry, lines = record.undo(session, number, force=force, dry_run=dry_run)
    if entry is None:
        output.outcome(False, "", "nothing to undo", form)
    elif not lines:
        output.outcome(False, "", f"change {entry.number} is undone already", form)
    else:
        output.line(f"change {entry.number}, {entry.verb}:", err=True)
        output.key_changes(lines, form, dry_run=dry_run, number=entry.number)


def _row(one: record.Entry) -> dict[str, Any]:
    return {
        "number": one.number,
        "at": _time(one.at),
        "verb": one.verb,
        "undone": _time(one.undone) if one.undone is not None else None,
        "plan": [line.as_data() for line in one.lines],
    }


def _changes(one: record.Entry) -> str:
    return "; ".join(output.key_change(line) for line in one.lines)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
