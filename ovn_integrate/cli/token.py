"""``ipam token create|list|delete``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group

_file_option = click.option(
    "--token-file",
    metavar="FILE",
    help="File of their hashes.  [default: /etc/ovn-integrate/tokens.json]",
)


@group()
def token() -> None:
    """Tokens with which people and programs are known to the IPAM server of this host."""


@verb(audited=lambda options: [options["name"]])
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["operator", "reader"]),
    default="operator",
    show_default=True,
    help="What it may do: everything, or read.",
)
@_file_option
def create(app: App, name: str, role: str, token_file: str | None, form: str) -> None:
    """Create a token and print it, this once; it is valid at once."""
    from ovn_integrate.ipam.http import tokens

    made = tokens.create(_path(token_file), name, role)
    if not output.data({"changed": True, "name": name, "role": role, "token": made}, form):
        output.line(made)


@verb()
@_file_option
def list(app: App, token_file: str | None, form: str) -> None:
    """List the tokens."""
    from ovn_integrate.ipam.http import tokens

    rows: Any = [
        {"name": one.name, "role": one.role, "created": one.created}
        for one in tokens.load(_path(token_file))
    ]
    output.rows(rows, {"NAME": "name", "ROLE": "role", "CREATED": "created"}, form)


@verb(audited=lambda options: [options["name"]])
@click.argument("name")
@_file_option
def delete(app: App, name: str, token_file: str | None, form: str) -> None:
    """Delete a token; it is refused at once."""
    from ovn_integrate.ipam.http import tokens

    deleted = tokens.delete(_path(token_file), name)
    output.outcome(deleted, f"token {name}: deleted", f"token {name}: there is none", form)


def _path(given: str | None) -> Path:
    return Path(given) if given else paths.tokens()


for _verb in (create, list, delete):
    token.add_command(_verb)
