"""``driver start|stop|status|gc``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ovn_integrate import paths, servers
from ovn_integrate.cli import modes, output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.cli.groups import group
from ovn_integrate.core.network import options
from ovn_integrate.errors import NotPermitted, Unhealthy

if TYPE_CHECKING:
    from ovn_integrate.plugins.libnetwork.app import Application


@group()
def driver() -> None:
    """Start, stop or show the status of the Docker network driver "openvswitch"."""


@verb()
@modes.options(bridge="The bridge that has the VM's NIC.")
@click.option(
    "--detach", is_flag=True, help="Return once it serves, and leave it in the background."
)
@click.option(
    "--ready-timeout",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a container's start waits for OVN to bind its port; 0 does not wait.",
)
@click.option(
    "--scope",
    type=click.Choice(options.SCOPES),
    default=options.LOCAL,
    show_default=True,
    help="global for a Swarm's plugin, and for Docker 20.10 engines with a key-value store.",
)
@click.option(
    "--gc-interval",
    type=click.FloatRange(min=0),
    default=300.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between two runs of driver gc, which removes what no living endpoint owns; 0 "
    "turns it off.",
)
@click.option(
    "--no-check",
    is_flag=True,
    help="Serve also where this host is not set up yet: what Docker asks fails until it is.",
)
def start(
    app: App,
    overlay_mode: bool,
    underlay_mode: bool,
    bridge: str | None,
    vif_id: str | None,
    detach: bool,
    ready_timeout: float,
    scope: str,
    gc_interval: float,
    no_check: bool,
    form: str,
) -> None:
    """Serve Docker until SIGTERM, or in the background with --detach.

    Without --overlay-mode and --underlay-mode in the mode of the last time, first in overlay mode.
    """
    paths.docker_socket()  # an engine that cannot be asked is to be known at once
    chosen = modes.chosen(overlay_mode, underlay_mode, bridge)
    if chosen:
        modes.write(app, chosen, bridge, vif_id, "driver start")
    running = servers.pid("driver")
    if running:
        words = f"Docker driver: already running (pid {running})"
        output.outcome(False, "", words, form, pid=running)
        return
    remote = app.db or paths.host_remote()
    socket = paths.plugin_socket()
    bind = f"unix:{socket}"
    if detach:
        argv = ["--timeout", str(app.timeout), "--db", remote, "driver", "start"]
        argv += ["--ready-timeout", str(ready_timeout), "--gc-interval", str(gc_interval)]
        argv += ["--scope", scope]
        servers.start_detached(
            "driver",
            argv,
            lambda: servers.ask(bind, "POST", "/Plugin.Activate") == 200,
            app.timeout,
        )
        output.outcome(
            True, f"Docker driver: serving {socket}", "", form, pid=servers.pid("driver")
        )
        return
    from ovn_integrate import web
    from ovn_integrate.enrol.fresh import Fresh
    from ovn_integrate.plugins.libnetwork import server

    # Behind a socket that stays, ending would only be started again: activation is refused instead.
    if not web.handed_over():
        if not no_check:
            server.check(remote, app.timeout)
        try:
            socket.parent.mkdir(parents=True, exist_ok=True)
        except PermissionError:
            raise NotPermitted(str(socket.parent), "cannot be made", "run it with sudo") from None

    def application() -> Application:
        Fresh(lambda: _keep_fresh(remote, app.timeout)).start()
        return server.application(
            remote,
            ready_timeout=ready_timeout,
            scope=scope,
            gc_interval=gc_interval,
            names=True,
            tests=True,
        )

    app.progress.end()
    web.serve(
        application,
        bind=bind,
        pidfile=paths.pidfile("driver"),
        log=paths.logfile("driver"),
        keep_alive=False,
    )


def _keep_fresh(remote: str, timeout: float) -> bool:
    # cryptography takes 9 MB, which a driver without a certificate need not pay.
    if not (paths.pki() / "host.pem").exists():
        return False
    from ovn_integrate.enrol import host as membership

    return membership.keep_fresh(remote, timeout)


@verb()
def stop(app: App, form: str) -> None:
    """Stop the driver, letting Docker's calls in flight finish."""
    stopped = servers.stop("driver", max(app.timeout, 20.0))
    output.outcome(stopped, "Docker driver: stopped", "Docker driver: not running", form)


@verb()
def status(app: App, form: str) -> None:
    """Show whether the driver runs and answers; exit 10 when not."""
    code = servers.ask(f"unix:{paths.plugin_socket()}", "POST", "/Plugin.Activate")
    answer = {
        "pid": servers.pid("driver"),
        "socket": str(paths.plugin_socket()),
        "answers": code == 200,
    }
    output.pairs(answer, form)
    if code != 200:
        raise Unhealthy("Docker driver", "does not answer", "ovn-integrate driver start --detach")


@verb()
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
def gc(app: App, dry_run: bool, form: str) -> None:
    """Remove what no living endpoint owns: ports in the IPAM, ports on the bridge, links.

    After a crash of Docker or of the host nobody says which endpoints ended. What Docker does not
    know in two looks, some seconds apart, goes. Without an answer from Docker nothing does.
    """
    from ovn_integrate.core.collector.gc import on_this_host

    with on_this_host(app.db or paths.host_remote(), app.timeout) as collector:
        found = collector.find()
        done = [(orphan, False) for orphan in found] if dry_run else list(collector.remove(found))
    rows = [
        {"kind": orphan.kind, "name": orphan.name, "why": orphan.why, "removed": gone}
        for orphan, gone in done
    ]
    changed = any(gone for _, gone in done)
    if output.data({"changed": changed, "strays": rows}, form):
        return
    if rows:
        output.rows(rows, {key.upper(): key for key in ("kind", "name", "why", "removed")}, form)
    else:
        output.outcome(False, "", "nothing without an owner", form)


for _verb in (start, stop, status, gc):
    driver.add_command(_verb)
