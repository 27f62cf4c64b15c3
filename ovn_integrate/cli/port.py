"""``port create|list|show|attach|detach|delete``."""

from __future__ import annotations

import click

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.core.attachment import attach as attachment
from ovn_integrate.core.attachment import logical

_NAME = click.argument("name", metavar="PORT.NETWORK")


@group()
def port() -> None:
    """Logical ports. One outlives the containers it is attached to and keeps its addresses."""


@verb()
@_NAME
@click.option("--ip", "address", metavar="ADDRESS", help="[default: the server's choice]")
@click.option("--mac", metavar="MAC", help="[default: the server's choice]")
def create(app: App, name: str, address: str | None, mac: str | None, form: str) -> None:
    """Make a logical port, like db.foo: port db on network foo."""
    made, created = logical.create_port(app.neutron(), name, address, mac)
    said = ", ".join([*made["addresses"], made["mac"]])
    output.outcome(
        created,
        f"port {name}: made, {said}",
        f"port {name}: there already, {said}",
        form,
        port=made,
    )


@verb(name="list")
@click.argument("network", required=False)
def list_(app: App, network: str | None, form: str) -> None:
    """List the logical ports, of one network or of all."""
    columns = {
        "NETWORK": "network",
        "NAME": "name",
        "ADDRESSES": "addresses",
        "MAC": "mac",
        "STATUS": "status",
        "HOST": "host",
    }
    output.rows(logical.list_ports(app.neutron(), network), columns, form)


@verb()
@_NAME
def show(app: App, name: str, form: str) -> None:
    """Show a logical port."""
    found, network = logical.find_port(app.neutron(), name)
    output.pairs(logical.describe_port(found, network["name"]), form)


@verb()
@click.argument("container")
@_NAME
def attach(app: App, container: str, name: str, form: str) -> None:
    """Attach a container of this host to a logical port."""
    changed = attachment.attach(app.neutron(), container, name)
    output.outcome(
        changed, f"{container}: attached to {name}", f"{container}: has {name} already", form
    )


@verb()
@click.argument("container")
@_NAME
def detach(app: App, container: str, name: str, form: str) -> None:
    """Detach a container from a logical port, which stays and keeps its addresses."""
    changed = attachment.detach(app.neutron(), container, name)
    output.outcome(
        changed, f"{container}: detached from {name}", f"{container}: does not have {name}", form
    )


@verb()
@_NAME
def delete(app: App, name: str, form: str) -> None:
    """Delete a logical port that no container has."""
    deleted = logical.delete_port(app.neutron(), name)
    output.outcome(deleted, f"port {name}: deleted", f"port {name}: not there", form)


for _verb in (create, list_, show, attach, detach, delete):
    port.add_command(_verb)
