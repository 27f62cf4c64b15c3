"""``chassis list|remove``, on the central host."""

from __future__ import annotations

import click

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.cli.groups import group


@group()
def chassis() -> None:
    """The chassis that OVN knows; to be asked on the central host."""


@verb(name="list")
def list_(app: App, form: str) -> None:
    """List the chassis, with their tunnel endpoints and when they last reported."""
    from ovn_integrate.host import registry

    with registry.session(app.timeout) as southbound:
        found = registry.known(southbound)
    rows = [
        {
            "name": one.name,
            "host": one.hostname,
            "encaps": list(one.encaps),
            "networks": sorted(one.networks),
            "reported": registry.ago(one.seen),
        }
        for one in found
    ]
    columns = ("host", "name", "encaps", "networks", "reported")
    output.rows(rows, {key.upper(): key for key in columns}, form)


@verb(audited=lambda options: None if options["dry_run"] else [options["name"]])
@click.argument("name")
@click.option("--force", is_flag=True, help="Also one whose ovn-controller answers.")
@click.option(
    "--ipam",
    "address",
    metavar="ADDRESS",
    help="The IPAM server.  [default: in the secure mode this host's, else as set on it]",
)
@dry_run_option
def remove(app: App, name: str, force: bool, address: str | None, dry_run: bool, form: str) -> None:
    """Remove what a host that is gone for good left behind: NAME is its chassis, or its hostname.

    Its endpoints' ports and addresses, its Docker networks' places on logical networks, the way
    out of routers that went by it, and its chassis with the tunnels to it. A chassis that answers
    is refused. It can be called again when it was cut short, by the chassis' own name.
    """
    from ovn_integrate import remove_chassis

    steps: list[remove_chassis.Step] = []
    client = app.neutron_of_central(address)
    changed = remove_chassis.remove(
        client, name, app.timeout, force=force, dry_run=dry_run, said=steps.append
    )
    if output.data(
        {"changed": changed and not dry_run, "steps": [one.told() for one in steps]}, form
    ):
        return
    if steps:
        columns = ("kind", "name", "what")
        rows = [one.told() for one in steps]
        output.rows(rows, {key.upper(): key for key in columns}, form)
    else:
        output.outcome(False, "", f"chassis {name}: not there, and holds nothing", form)


for _verb in (list_, remove):
    chassis.add_command(_verb)
