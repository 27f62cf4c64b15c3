"""``create-integration-bridge``."""

from __future__ import annotations

import click

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.host import bridge


@verb(name="create-integration-bridge")
@click.option(
    "--datapath",
    type=click.Choice(bridge.DATAPATHS),
    default="auto",
    show_default=True,
    help="Kernel (system) or userspace (netdev); auto takes the kernel's where it has one.",
)
def create(app: App, datapath: str, form: str) -> None:
    """Create the integration bridge, or correct an existing one."""
    with app.host(bridge.TABLES) as session:
        changed = bridge.create(session, datapath)
        answer = bridge.describe(session)
    name = answer["name"]
    output.outcome(
        changed,
        f"{name}: ready, datapath {answer['datapath_type']}",
        f"{name}: already right",
        form,
        bridge=answer,
    )
