"""What the verbs that change settings share: the dry run, the refusals, the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ovn_integrate.cli import output
from ovn_integrate.host import history, settings
from ovn_integrate.host.plan import hidden

if TYPE_CHECKING:
    from ovn_integrate.ovsdb import Session

force_option = click.option(
    "--force",
    is_flag=True,
    help="Write what this OVN does not read, an address that is not here, another system-id.",
)


def refuse(session: Session, wanted: Mapping[str, str | None], *, force: bool) -> None:
    """Refuse what could not work on this host, and warn of what may not."""
    from ovn_integrate.host import refusals  # 12 ms, which not every verb pays

    for text in refusals.refuse(session, history.foresee(session, wanted), force=force):
        output.warn(text)


def write(
    session: Session,
    wanted: Mapping[str, str | None],
    verb: str,
    form: str,
    *,
    dry_run: bool,
    warned: bool = False,
) -> None:
    """Write these keys, or say what that would change; and print it.

    :param verb: what the record of changes shall call it.
    :param warned: whether :func:`refuse` has said what there is to say.
    """
    lines = history.foresee(session, wanted) if dry_run else history.apply(session, wanted, verb)
    output.key_changes(lines, form, dry_run=dry_run)
    keys = settings.root(session).external_ids
    for text in hidden(lines, keys, keys.get(settings.SYSTEM_ID)) if not warned else ():
        output.warn(text)
