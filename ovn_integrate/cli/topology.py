"""``topology``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import click

from ovn_integrate import paths
from ovn_integrate.checks import topology as southbound
from ovn_integrate.cli import output
from ovn_integrate.cli.app import FORMS, App, verb
from ovn_integrate.drawing import dot, page, svg, text
from ovn_integrate.drawing.model import Topology

_DRAWN: dict[str, Callable[[Topology], str]] = {
    "svg": svg.draw,
    "dot": dot.draw,
    "html": lambda seen: page.draw(seen, _title(seen)),
}


@verb(forms=(*FORMS, *_DRAWN))
@click.option("--sb", metavar="REMOTE", help="OVN Southbound.  [default: as set, else this host's]")
def topology(app: App, sb: str | None, form: str) -> None:
    """Draw chassis, tunnels, switches and ports: as a tree, a picture, or a page to look at.

    Only the two ends of a tunnel know its state: it is shown for this host's tunnels; of the
    others, only that they exist.
    """
    seen = southbound.look(app.db or paths.host_remote(), sb, app.timeout)
    if form in _DRAWN:
        output.block(_DRAWN[form](seen))
    elif not output.data(seen.as_data(), form):
        for line in text.draw(seen):
            output.line(line)


def _title(seen: Topology) -> str:
    here = next((one.label for one in seen.chassis if one.here), "OVN Southbound")
    return f"{here}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
