"""``ipam start|stop|status``."""

from __future__ import annotations

import ipaddress

import click

from ovn_integrate import paths, servers
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.errors import Invalid, Unhealthy
from ovn_integrate.host import settings

_ROOT = "/v2.0/"


@click.group()
def ipam() -> None:
    """Start, stop or ask after the embedded IPAM server (Neutron's v2.0 API on OVN Northbound)."""


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


def _northbound(app: App) -> str:
    """The Northbound database to serve: this host's own, or the one that is set."""
    local = paths.nb_remote()
    if (paths.ovn_rundir() / "ovnnb_db.sock").exists():
        return local
    with app.host(settings.TABLES) as session:
        return settings.read(session).northbound or local


def _bind(listen: str) -> str:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        host, port = listen, str(paths.IPAM_PORT)
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise Invalid(f"--listen {listen!r}", "is no ADDRESS:PORT") from None
    return f"{settings.bracketed(str(address))}:{port}"


for _verb in (start, stop, status):
    ipam.add_command(_verb)
