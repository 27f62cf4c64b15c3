"""Printing answers: a table for people, JSON or YAML for programs.

All that the program prints goes through here, as much of it was chosen by others: names of hosts,
networks and containers, what a server answered. Whatever would not be seen as it is written (escape
sequences, ends of lines, marks that turn the direction of text) is shown escaped.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ovn_integrate import jsontext
from ovn_integrate.cli.progress import ERASE
from ovn_integrate.errors import one_line

if TYPE_CHECKING:
    from ovn_integrate.host.plan import KeyChange


class Styled(str):
    """Text of this program's own with its colour, which is printed as it is."""

    __slots__ = ()


def styled(text: str, colour: str) -> Styled:
    return Styled(click.style(text, fg=colour))


def mark(good: bool) -> Styled:
    return styled("✓", "green") if good else styled("✗", "red")


def line(*words: str, err: bool = False) -> None:
    """Print one line, whatever its words hold.

    :param words: are put together without blanks between.
    :param err: on standard error.
    """
    _write("".join(one if isinstance(one, Styled) else one_line(one) for one in words), err)


def block(text: str, *, err: bool = False) -> None:
    """Print text of several lines, each of them safe."""
    lines = (one_line(each.expandtabs()) for each in text.removesuffix("\n").split("\n"))
    _write("\n".join(lines), err)


def over(text: str, *, last: bool) -> None:
    """On a terminal, write a line over the one before.

    :param last: it stays.
    """
    if sys.stderr.isatty():
        click.echo(f"{ERASE}{one_line(text)}", err=True, nl=last)


def clear() -> None:
    """Empty the screen, where there is one."""
    click.clear()


def usage(error: click.ClickException) -> None:
    """Print what click has to say of a command line."""
    shown = io.StringIO()
    error.show(shown)
    block(shown.getvalue(), err=True)


def data(value: Any, form: str) -> bool:
    """Print ``value`` where a program reads along; whether it did (else a table is wanted)."""
    if form == "json":
        _write(jsontext.dumps(value, indent=2), False)
    elif form == "yaml":
        import yaml

        # What is not printable in it is escaped, as all that is not of ASCII.
        click.echo(yaml.safe_dump(value, sort_keys=False), nl=False)
    return form != "table"


def rows(items: Sequence[Mapping[str, Any]], columns: Mapping[str, str], form: str) -> None:
    """Print a list. ``columns`` maps the heading of each column to the key that fills it."""
    if data(list(items), form):
        return
    table = [[_cell(item.get(key)) for key in columns.values()] for item in items]
    _table(table, headers=list(columns))


def pairs(value: Mapping[str, Any], form: str) -> None:
    """Print one thing, a line for each of its properties."""
    if data(dict(value), form):
        return
    table = [[_cell(key), _cell(one)] for key, one in value.items()]
    _table(table)


def outcome(changed: bool, done: str, already: str, form: str, **more: Any) -> None:
    """Print whether a verb changed something."""
    if not data({"changed": changed, **more}, form):
        line(done if changed else already)


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
        line(key_change(one))
    if dry_run:
        line("dry run: nothing was written", err=True)


def key_change(one: KeyChange) -> str:
    """One line of a plan, for people."""
    if not one.needed:
        return f"{one.key}: already {one.current or '(unset)'}"
    return f"{one.key}: {one.current or '(unset)'} -> {one.wanted or '(unset)'}"


def warn(text: str) -> None:
    """Say something on standard error that the operator should know."""
    line(f"ovn-integrate: warning: {text}", err=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(one) for one in value)
    return "" if value is None else one_line(str(value))


def _table(cells: Sequence[Sequence[str]], headers: Sequence[str] = ()) -> None:
    from tabulate import tabulate

    _write(tabulate(cells, headers=headers, tablefmt="plain", disable_numparse=True), False)


def _write(text: str, err: bool) -> None:
    click.echo(text, err=err)
