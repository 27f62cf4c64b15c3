"""``central start|stop|status|run|token``."""

from __future__ import annotations

import time

import click

from ovn_integrate import host_up, paths, servers
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import NotConfigured, Unhealthy
from ovn_integrate.host import addresses as host_addresses
from ovn_integrate.host import central as daemon
from ovn_integrate.host.settings import parse_addresses
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority


@group()
def central() -> None:
    """Start, stop or show the status of OVN's databases and ovn-northd on this host."""


@verb()
@click.option(
    "--listen",
    metavar="ADDRESS[,ADDRESS...]",
    help="Addresses of this host on which other hosts reach the databases (ports 6641, 6642).",
)
@click.option("--tls", is_flag=True, help="By TLS, with certificates, and the IPAM server too.")
@click.option("--insecure", is_flag=True, help="Admit other hosts without certificates.")
def start(app: App, listen: str | None, tls: bool, insecure: bool, form: str) -> None:
    """Start the Northbound and Southbound databases and ovn-northd.

    Without --listen they answer on this host's Unix sockets, and where an earlier --listen said.

    With --tls this host gets a certification authority and certificates, once; the databases and
    the IPAM server serve with them, on the address by which this host speaks to others if none is
    given, and nothing is left open without. ``central token`` then lets hosts in.
    """
    if tls:
        changed = _start_secure(app, listen)
    else:
        addresses = parse_addresses(listen) if listen is not None else []
        if not insecure:
            host_addresses.refuse_open("OVN central", addresses, "--tls")
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
    """Stop them; the databases keep their content."""
    # What serves by TLS was started with them.
    served = Authority(paths.pki()).made and servers.stop("ipam", app.timeout)
    stopped = daemon.stop(app.timeout) or served
    output.outcome(stopped, "OVN central: stopped", "OVN central: not running", form)


@verb()
def status(app: App, form: str) -> None:
    """Show whether they run and where they listen; exit 10 when they do not run."""
    answer = daemon.describe()
    authority = Authority(paths.pki())
    if authority.made:
        left = x509.read(authority.server).not_after - time.time()
        answer["certificate"] = f"{authority.server}, good for {left / 86400:.0f} days"
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
@click.option(
    "--audit-log",
    metavar="FILE|journal|-",
    default="-",
    show_default=True,
    help="As of ipam start.",
)
@click.option("--tls", is_flag=True, help="By TLS, with certificates, as of central start.")
@click.option("--insecure", is_flag=True, help="Admit other hosts without certificates.")
def run(
    app: App,
    listen: str,
    access_log: str,
    audit_log: str,
    tls: bool,
    insecure: bool,
    form: str,
) -> None:
    """Run all of central and the IPAM server in the foreground, as a container's first process.

    It says "ready:" when hosts may come, ends with all of them at SIGTERM, and ends when one of
    them does.
    """
    from ovn_integrate import container

    app.progress.end()
    container.run(
        container.Wish(listen, access_log, audit_log, tls, insecure, app.timeout), output.line
    )


@verb(audited=lambda options: [options["host"]])
@click.argument("host")
@click.option(
    "--expires",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="MINUTES",
    help="How long it is valid.",
)
@click.option(
    "--address",
    "address",
    metavar="ADDRESS[,...]",
    help="Address by which HOST reaches the central host.  [default: where Southbound listens]",
)
@click.option(
    "--system-id",
    metavar="ID",
    help="Of the chassis that HOST is, also where another key had that name: a host that was "
    "installed again, or was a chassis in the open mode.  [default: the one that HOST has, if "
    "nobody is known by it]",
)
def token(
    app: App, host: str, expires: float, address: str | None, system_id: str | None, form: str
) -> None:
    """Print a token with which the host of this name may join, once.

    It holds the addresses of this central host, the fingerprint of its authority and a secret, of
    which only the hash is kept, in Northbound: any host that is central there takes it.
    """
    authority = Authority(paths.pki()).require()
    where = parse_addresses(address) if address is not None else _reached()
    if address is None and daemon.running() and not _listening():
        hint = "ovn-integrate central start --tls --listen ADDRESS"
        raise NotConfigured("OVN central", "listens for this host only", hint)
    register = membership.register(authority, app.timeout)
    made = tokens.offer(register, host, where, expires * 60, system_id)
    if not output.data({"token": made.encode(), "host": host, "expires": made.expires}, form):
        output.line(made.encode())


def _start_secure(app: App, listen: str | None) -> bool:
    hosts = parse_addresses(listen) if listen is not None else _reached()
    wish = host_up.Wish(hosts, [], [], all_in_one=True, tls=True, timeout=app.timeout)
    changed = False
    for name, needed in host_up.up_central(wish):
        output.line(f"{name:20} {'done' if needed else 'already so'}", err=True)
        changed = changed or needed
    return changed


def _reached() -> list[str]:
    """Where central is reached by TLS; where it listens nowhere yet, this host's own address."""
    named = [one for one in _listening() if one not in daemon.ANY]
    return named or [host_addresses.default()]


def _listening() -> list[str]:
    """Where central listens by TLS for others than this host."""
    return host_addresses.beyond(daemon.listen_hosts()) if daemon.running() else []


def _places(listeners: list[str]) -> str:
    return "listening on " + ", ".join(listeners) if listeners else "for this host only"


for _verb in (start, stop, status, run, token):
    central.add_command(_verb)
