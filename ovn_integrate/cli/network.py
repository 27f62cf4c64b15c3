"""``network create|list|show|attach|detach|delete``."""

from __future__ import annotations

import click

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.core.attachment import host_network, logical


@group()
def network() -> None:
    """Logical networks: what OVN calls logical switches."""


@verb()
@click.argument("name")
@click.option("--subnet", "subnets", multiple=True, metavar="CIDR", help="Can be repeated.")
@click.option("--gateway", metavar="ADDRESS", help="[default: the subnet's first address]")
def create(app: App, name: str, subnets: tuple[str, ...], gateway: str | None, form: str) -> None:
    """Make a logical network, with subnets from which its ports get addresses."""
    cidrs = [logical.parse_cidr(one) for one in subnets]
    made, created = logical.create_network(app.neutron(), name, cidrs, gateway)
    output.outcome(
        created, f"network {name}: made", f"network {name}: there already", form, id=made["id"]
    )


@verb(name="list")
def list_(app: App, form: str) -> None:
    """List the logical networks."""
    columns = {"NAME": "name", "SUBNETS": "subnets", "ID": "id"}
    output.rows(logical.list_networks(app.neutron()), columns, form)


@verb()
@click.argument("name")
def show(app: App, name: str, form: str) -> None:
    """Show a logical network, by name or id, with its subnets and ports."""
    output.pairs(logical.show_network(app.neutron(), name), form)


@verb()
@click.argument("name")
@click.option("--as", "docker_name", metavar="NAME", help="For Docker.  [default: the same]")
@click.option("--internal", is_flag=True, help="Without a way out.")
@click.option(
    "--opt", "options", multiple=True, metavar="KEY=VALUE", help="For the driver. Can be repeated."
)
def attach(
    app: App,
    name: str,
    docker_name: str | None,
    internal: bool,
    options: tuple[str, ...],
    form: str,
) -> None:
    """Make the Docker network of this host for a logical network."""
    docker_name = docker_name or name
    changed = host_network.attach(app.neutron(), name, docker_name, options, internal=internal)
    output.outcome(
        changed,
        f"network {name}: attached, docker run --network {docker_name}",
        f"network {name}: attached already",
        form,
    )


@verb()
@click.argument("name")
def detach(app: App, name: str, form: str) -> None:
    """Remove the Docker network of this host for a logical network, which stays."""
    changed = host_network.detach(app.neutron(), name)
    output.outcome(changed, f"network {name}: detached", f"network {name}: not attached", form)


@verb()
@click.argument("name")
def delete(app: App, name: str, form: str) -> None:
    """Delete a logical network that has no ports."""
    deleted = logical.delete_network(app.neutron(), name)
    output.outcome(deleted, f"network {name}: deleted", f"network {name}: not there", form)


for _verb in (create, list_, show, attach, detach, delete):
    network.add_command(_verb)
