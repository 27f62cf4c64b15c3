"""``ipam start|stop|status|check``."""

from __future__ import annotations

import ipaddress
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import click

from ovn_integrate import paths, servers
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.errors import DatabaseUnavailable, Invalid, NotConfigured, Unhealthy
from ovn_integrate.host import settings

if TYPE_CHECKING:
    from ovn_integrate.ipam.findings import Finding

_ROOT = "/v2.0/"


@group()
def ipam() -> None:
    """The embedded IPAM server (Neutron's v2.0 API on OVN Northbound), and what it keeps there."""


@verb()
@click.option(
    "--listen",
    default=f"127.0.0.1:{paths.IPAM_PORT}",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to serve.",
)
@click.option("--nb", metavar="REMOTE", help="OVN Northbound.  [default: as set, else this host's]")
@click.option(
    "--access-log",
    default="-",
    show_default=True,
    metavar="FILE|-|off",
    help="A line of JSON for each request: in a file that logrotate(8) may move away, or on "
    "standard output, which is the server's log with --detach.",
)
@click.option("--detach", is_flag=True, help="Return once it serves, leaving it in the background.")
def start(app: App, listen: str, nb: str | None, access_log: str, detach: bool, form: str) -> None:
    """Serve the IPAM until SIGTERM, or in the background with --detach."""
    bind = _bind(listen)
    running = servers.pid("ipam")
    if running:
        output.outcome(
            False, "", f"IPAM server: already running (pid {running})", form, pid=running
        )
        return
    remote = nb or _northbound(app)
    if detach:
        argv = ["--timeout", str(app.timeout), "ipam", "start", "--listen", bind, "--nb", remote]
        argv += ["--access-log", access_log]
        servers.start_detached(
            "ipam", argv, lambda: servers.ask(bind, "GET", _ROOT) == 200, app.timeout
        )
        pid = servers.pid("ipam")
        output.outcome(True, f"IPAM server: serving http://{bind}", "", form, pid=pid, bind=bind)
        return
    from ovn_integrate import web
    from ovn_integrate.ipam import accesslog, server

    log = accesslog.open_log(access_log)
    server.check(remote, app.timeout)
    app.progress.end()
    web.serve(
        lambda: server.application(remote, log),
        bind=bind,
        pidfile=paths.pidfile("ipam"),
        keep_alive=True,
    )


@verb()
def stop(app: App, form: str) -> None:
    """Stop the IPAM server, letting requests in flight finish."""
    stopped = servers.stop("ipam", app.timeout)
    output.outcome(stopped, "IPAM server: stopped", "IPAM server: not running", form)


@verb()
def status(app: App, form: str) -> None:
    """Show whether it runs here and whether the one that is set answers; exit 10 when not."""
    with app.host(settings.TABLES) as session:
        urls = settings.read(session).ipam_urls
    answers = {
        url: servers.ask(url.split("://")[1], "GET", "/v2.0/networks?limit=1") for url in urls
    }
    pid = servers.pid("ipam")
    shown = {url: "answers" if code == 200 else f"no ({code})" for url, code in answers.items()}
    output.pairs({"pid": pid, **shown}, form)
    if not (pid or urls) or any(code != 200 for code in answers.values()):
        raise Unhealthy("IPAM server", "does not answer", "ovn-integrate ipam start --detach")


@verb()
@click.option("--repair", is_flag=True, help="Mend what can be mended safely.")
@click.option("--nb", metavar="REMOTE", help="OVN Northbound.  [default: as set, else this host's]")
def check(app: App, repair: bool, nb: str | None, form: str) -> None:
    """Find what contradicts itself in OVN Northbound; exit 10 when something is left of it.

    Duplicate addresses and MACs, rows of what is gone, addresses outside their subnet, and ports
    whose rows say something else than what they were given.
    """
    from ovn_integrate.ipam import repair as repairs

    remote = nb or _northbound(app)
    found = repairs.look(remote, app.timeout)
    left = repairs.mend(remote, app.timeout) if repair and found else found
    lines = [_finding(one, mended=one not in left) for one in dict.fromkeys([*found, *left])]
    columns = {"FOUND": "kind", "WHERE": "where", "WHAT": "what", "": "remedy"}
    if found or form != "table":
        output.rows(lines, columns, form)
    else:
        output.outcome(False, "", "OVN Northbound: nothing is wrong", form)
    if left:
        hint = "the last column says what to do"
        if not repair and any(one.repair for one in left):
            hint = "ovn-integrate ipam check --repair"
        raise Unhealthy("OVN Northbound", f"{len(left)} findings", hint)


def _finding(finding: Finding, *, mended: bool) -> dict[str, Any]:
    remedy = finding.mend if finding.repair is None else f"--repair: {finding.mend}"
    return {
        "kind": finding.kind,
        "where": finding.subject,
        "what": finding.what,
        "remedy": f"mended: {finding.mend}" if mended else remedy,
        "mended": mended,
    }


def _northbound(app: App) -> str:
    """The Northbound database to serve: all of a cluster that is set, else this host's own."""
    local = paths.nb_remote()
    here = (paths.ovn_rundir() / "ovnnb_db.sock").exists()
    remote = None
    # A central host need not be a chassis.
    allowed = suppress(DatabaseUnavailable, NotConfigured) if here else nullcontext()
    with allowed, app.host(settings.TABLES) as session:
        remote = settings.read(session).northbound
    # Of a cluster's members only the leader serves, which need not be this host's.
    return remote if remote and (not here or "," in remote) else local


def _bind(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        host, port = listen, str(paths.IPAM_PORT)
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise Invalid(f"--listen {listen!r}", "is no ADDRESS:PORT") from None
    return f"{settings.bracketed(str(address))}:{port}"


for _verb in (start, stop, status, check):
    ipam.add_command(_verb)
