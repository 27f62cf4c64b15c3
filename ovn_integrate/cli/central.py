"""``central start|stop|status``."""

from __future__ import annotations

import click

from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.errors import Unhealthy
from ovn_integrate.host import central as daemon
from ovn_integrate.host.settings import parse_addresses


@group()
def central() -> None:
    """Start, stop or ask after OVN's databases and ovn-northd on this host."""


@verb()
@click.option(
    "--listen",
    metavar="ADDRESS[,ADDRESS...]",
    help="Addresses of this host on which other hosts reach the databases (ports 6641, 6642).",
)
def start(app: App, listen: str | None, form: str) -> None:
    """Start the Northbound and Southbound databases and ovn-northd.

    Without --listen they answer on this host's Unix sockets, and where an earlier --listen said.
    """
    addresses = parse_addresses(listen) if listen is not None else []
    started = daemon.start(app.timeout)
    changed = daemon.listen(addresses, app.timeout) or started
    answer = daemon.describe()
    output.outcome(
        changed,
        f"OVN central: running, {_places(answer['listeners'])}",
        f"OVN central: already running, {_places(answer['listeners'])}",
        form,
        listeners=answer["listeners"],
    )


@verb()
def stop(app: App, form: str) -> None:
    """Stop them; the databases keep what they hold."""
    stopped = daemon.stop(app.timeout)
    output.outcome(stopped, "OVN central: stopped", "OVN central: not running", form)


@verb()
def status(app: App, form: str) -> None:
    """Show whether they run and where they listen; exit 10 when they do not run."""
    answer = daemon.describe()
    output.pairs(answer, form)
    if not answer["running"]:
        raise Unhealthy("OVN central", "is not running", "ovn-integrate central start")


@verb()
@click.option(
    "--listen",
    default="0.0.0.0",
    show_default=True,
    metavar="ADDRESS",
    help="Where other hosts reach the databases (ports 6641, 6642) and the IPAM server (9696).",
)
@click.option(
    "--access-log",
    default="-",
    show_default=True,
    metavar="FILE|-|off",
    help="As of ipam start.",
)
def run(app: App, listen: str, access_log: str, form: str) -> None:
    """Run all of central and the IPAM server in the foreground, as a container's first process.

    It says "ready:" when hosts may come, ends with all of them at SIGTERM, and ends when one of
    them does.
    """
    from ovn_integrate import container

    app.progress.end()
    container.run(listen, access_log, app.timeout, click.echo)


def _places(listeners: list[str]) -> str:
    return "listening on " + ", ".join(listeners) if listeners else "for this host only"


for _verb in (start, stop, status, run):
    central.add_command(_verb)
