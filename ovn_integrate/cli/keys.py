"""``set`` and ``unset`` of any key, and ``keys``, which lists them."""

from __future__ import annotations

import click

from ovn_integrate.cli import changes, completion, output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.host import keys, settings


@verb(name="set")
@click.argument("key", shell_complete=completion.keys)
@click.argument("value", shell_complete=completion.key_values)
@click.option("--chassis", metavar="NAME", help="For this chassis alone (writes KEY-NAME).")
@changes.force_option
@dry_run_option
def set_key(
    app: App,
    key: str,
    value: str,
    chassis: str | None,
    force: bool,
    dry_run: bool,
    form: str,
) -> None:
    """Set a key that ovn-controller reads; `ovn-integrate keys` lists them.

    Its type, its range and whether this host's OVN reads it are checked.
    """
    wanted = {keys.spelled(key, chassis): keys.checked(keys.find(key, chassis), value)}
    with app.host(settings.TABLES) as session:
        changes.refuse(session, wanted, force=force)
        changes.write(session, wanted, f"set {key}", form, dry_run=dry_run, warned=True)


@verb(name="unset")
@click.argument("key", shell_complete=completion.keys)
@click.option("--chassis", metavar="NAME", help="For this chassis alone (removes KEY-NAME).")
@dry_run_option
def unset_key(app: App, key: str, chassis: str | None, dry_run: bool, form: str) -> None:
    """Unset a key that ovn-controller reads."""
    keys.find(key, chassis)
    wanted = {keys.spelled(key, chassis): None}
    with app.host(settings.TABLES) as session:
        changes.write(session, wanted, f"unset {key}", form, dry_run=dry_run)


@verb(name="keys")
def list_keys(app: App, form: str) -> None:
    """List the keys that `set` takes: type, default, and the versions that read them."""
    rows = [
        {
            "key": key.name,
            "type": key.kind,
            "default": key.default,
            "since": keys.dotted(key.since),
            "dropped": keys.dotted(key.dropped) if key.dropped else "",
            "chassis": key.suffixed,
            "meaning": key.doc,
        }
        for key in keys.KEYS.values()
    ]
    output.rows(rows, {name.upper(): name for name in rows[0]}, form)
