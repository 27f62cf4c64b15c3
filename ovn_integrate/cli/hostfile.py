"""``apply``."""

from __future__ import annotations

from typing import BinaryIO

import click

from ovn_integrate.cli import changes, output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.errors import Invalid
from ovn_integrate.host import history, hostfile, settings


@verb()
@click.option("-f", "--file", type=click.File("rb"), help="The file, YAML or JSON; - is stdin.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of such a file, and end.")
@changes.force_option
@dry_run_option
def apply(
    app: App, file: BinaryIO | None, schema: bool, force: bool, dry_run: bool, form: str
) -> None:
    """Apply settings from a file, in one transaction.

    `show -o yaml` prints such a file. Settings that it does not name stay as they are; an empty
    value unsets one.
    """
    if schema:
        output.data(hostfile.schema(), "yaml" if form == "yaml" else "json")
        return
    if file is None:
        raise Invalid("apply", "needs a file", "-f FILE; ovn-integrate show -o yaml prints one")
    said = hostfile.read(file.read(), file.name)
    with app.host(settings.TABLES) as session:
        wanted = hostfile.wanted(said, settings.root(session).external_ids, file.name)
        changes.refuse(session, wanted, force=force)
        lines = history.foresee(session, wanted)
        if not dry_run:
            lines = history.apply(session, wanted, "apply")
    changing = [line for line in lines if line.needed]
    output.key_changes(changing, form, dry_run=dry_run)
    if not changing and form == "table":
        output.line("nothing to change: all is as the file says")
