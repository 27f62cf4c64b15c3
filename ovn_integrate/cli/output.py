"""Printing answers: a table for people, JSON or YAML for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ovn_integrate.host.plan import KeyChange


def data(value: Any, form: str) -> bool:
    """Print ``value`` where a program reads along; whether it did (else a table is wanted)."""
    if form == "json":
        import json

        click.echo(json.dumps(value, indent=2))
    elif form == "yaml":
        import yaml

        click.echo(yaml.safe_dump(value, sort_keys=False), nl=False)
    return form != "table"


def rows(items: Sequence[Mapping[str, Any]], columns: Mapping[str, str], form: str) -> None:
    """Print a list. ``columns`` maps the heading of each column to the key that fills it."""
    if data(list(items), form):
        return
    from tabulate import tabulate

    table = [[_cell(item.get(key)) for key in columns.values()] for item in items]
    click.echo(tabulate(table, headers=list(columns), tablefmt="plain", disable_numparse=True))


def pairs(value: Mapping[str, Any], form: str) -> None:
    """Print one thing, a line for each of its properties."""
    if data(dict(value), form):
        return
    from tabulate import tabulate

    table = [[key, _cell(one)] for key, one in value.items()]
    click.echo(tabulate(table, tablefmt="plain", disable_numparse=True))


def outcome(changed: bool, done: str, already: str, form: str, **more: Any) -> None:
    """Print whether a verb changed something."""
    if not data({"changed": changed, **more}, form):
        click.echo(done if changed else already)


def key_changes(
    lines: Sequence[KeyChange], form: str, *, dry_run: bool = False, **more: Any
) -> None:
    """Print what happened to keys of external_ids, or with ``dry_run`` what would."""
    changed = not dry_run and any(one.needed for one in lines)
    keys = {one.key: one.wanted for one in lines}
    answer = {"changed": changed, "external_ids": keys, "plan": [one.as_data() for one in lines]}
    if data({**answer, "dry_run": dry_run, **more}, form):
        return
    for one in lines:
        click.echo(key_change(one))
    if dry_run:
        click.echo("dry run: nothing was written", err=True)


def key_change(one: KeyChange) -> str:
    """One line of a plan, for people."""
    if not one.needed:
        return f"{one.key}: already {one.current or '(unset)'}"
    return f"{one.key}: {one.current or '(unset)'} -> {one.wanted or '(unset)'}"


def warn(text: str) -> None:
    """Say something on standard error that the operator should know."""
    click.echo(f"ovn-integrate: warning: {text}", err=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(one) for one in value)
    return "" if value is None else str(value)
