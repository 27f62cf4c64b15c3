"""``container init|net-create|…``: the sub-commands of the ancestor's ``ovn-container``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ovn_integrate import paths
from ovn_integrate.cli import modes, output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.core.attachment import logical
from ovn_integrate.core.endpoint import containers

if TYPE_CHECKING:
    from ovn_integrate.core.endpoint.plug import Plugs

_READY = 10.0
_NETWORK = click.argument("network")


@group()
def container() -> None:
    """Containers without a network plugin, by the words of the first ovn-container."""


@contextmanager
def _plugs(app: App) -> Iterator[Plugs]:
    from ovn_integrate.core.endpoint import plug

    client = app.neutron()
    remote = app.db or paths.host_remote()
    with plug.on_this_host(remote, lambda: client, app.timeout, _READY) as plugs:
        plugs.check()
        yield plugs


@verb()
@modes.options(bridge="The bridge on which the containers are.")
@dry_run_option
def init(
    app: App,
    overlay_mode: bool,
    underlay_mode: bool,
    bridge: str | None,
    vif_id: str | None,
    dry_run: bool,
    form: str,
) -> None:
    """Set how this host's containers are connected: once, before the other verbs."""
    mode = modes.chosen(overlay_mode, underlay_mode, bridge)
    if mode is None or bridge is None:
        raise click.UsageError("--bridge and one of --overlay-mode and --underlay-mode are needed")
    lines = modes.write(app, mode, bridge, vif_id, "container init", dry_run=dry_run)
    output.key_changes(lines, form, dry_run=dry_run)


@verb(name="net-create")
@click.argument("name", metavar="NETWORKNAME")
@click.argument("subnet")
def net_create(app: App, name: str, subnet: str, form: str) -> None:
    """Make a logical network with a subnet, and print its id."""
    cidr = logical.parse_cidr(subnet)
    made, created = logical.create_network(app.neutron(), name, [cidr], None)
    output.outcome(created, made["id"], made["id"], form, id=made["id"])


@verb(name="net-delete")
@_NETWORK
def net_delete(app: App, network: str, form: str) -> None:
    """Delete a logical network, by name or id, that has no endpoints."""
    deleted = logical.delete_network(app.neutron(), network)
    output.outcome(deleted, f"network {network}: deleted", f"network {network}: not there", form)


@verb(name="net-list")
def net_list(app: App, form: str) -> None:
    """List the logical networks."""
    columns = {"ID": "id", "NAME": "name", "SUBNETS": "subnets"}
    output.rows(logical.list_networks(app.neutron()), columns, form)


@verb(name="endpoint-create")
@_NETWORK
@click.argument("name", metavar="[ENDPOINTNAME]", default="")
def endpoint_create(app: App, network: str, name: str, form: str) -> None:
    """Make an endpoint on a network, a logical port with an address, and print its id."""
    made, created = containers.make_endpoint(app.neutron(), network, name)
    output.outcome(created, made["id"], made["id"], form, id=made["id"])


@verb(name="endpoint-delete")
@click.argument("endpoint")
def endpoint_delete(app: App, endpoint: str, form: str) -> None:
    """Delete an endpoint, by name or id, and the container that has no other one."""
    with _plugs(app) as plugs:
        deleted = containers.delete_endpoint(plugs, app.neutron(), endpoint)
    output.outcome(
        deleted, f"endpoint {endpoint}: deleted", f"endpoint {endpoint}: not there", form
    )


@verb(name="endpoint-list")
def endpoint_list(app: App, form: str) -> None:
    """List the endpoints: all logical ports."""
    columns = {
        "ID": "id",
        "NAME": "name",
        "NETWORK": "network",
        "MAC": "mac",
        "ADDRESSES": "addresses",
        "HOST": "host",
    }
    output.rows(logical.list_ports(app.neutron(), None), columns, form)


@verb(name="container-create")
@click.option(
    "--network",
    "endpoints",
    metavar="ENDPOINT",
    multiple=True,
    required=True,
    help="Its name or id; eth1 for the first. Can be repeated.",
)
@click.option(
    "--image",
    default=containers.IMAGE,
    show_default=True,
    help="Image of the container, which only sleeps.",
)
def container_create(app: App, endpoints: tuple[str, ...], image: str, form: str) -> None:
    """Start a container with these endpoints and no other network, and print its id.

    Another container shares it with docker run --network container:ID.
    """
    with _plugs(app) as plugs:
        made = containers.create(plugs, app.neutron(), endpoints, image)
    output.outcome(True, made, "", form, id=made)


@verb(name="container-delete")
@click.argument("name", metavar="CONTAINER")
def container_delete(app: App, name: str, form: str) -> None:
    """Remove such a container, by id or name; its endpoints stay."""
    with _plugs(app) as plugs:
        deleted = containers.delete(plugs, app.neutron(), name)
    output.outcome(deleted, f"container {name}: deleted", f"container {name}: not there", form)


@verb(name="container-replug")
def container_replug(app: App, form: str) -> None:
    """Plug such containers again after they were restarted.

    What containers had that are gone is free afterwards.
    """
    with _plugs(app) as plugs:
        done = containers.replug(plugs)
    changed = any(done.values())
    said = "\n".join(f"endpoint {id}: {what}" for what, ids in done.items() for id in ids)
    output.outcome(changed, said, "all plugged already", form, **done)


for _verb in (
    *(init, net_create, net_delete, net_list),
    *(endpoint_create, endpoint_delete, endpoint_list),
    *(container_create, container_delete, container_replug),
):
    container.add_command(_verb)
