"""The command ``ovn-integrate``: its group, and the one place where an error becomes an exit."""

from __future__ import annotations

import os
import sys
import traceback
from typing import NoReturn

import click

from ovn_integrate import __version__, logs
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, LazyGroup
from ovn_integrate.errors import Error

PROGRAM = "ovn-integrate"

_CLI = "ovn_integrate.cli"

VERBS = {
    "up": (f"{_CLI}.up:up", "Make this host an OVN chassis: all steps in one."),
    "join": (f"{_CLI}.join:join", "Make this host a chassis of a central one, with certificates."),
    "down": (f"{_CLI}.up:down", "Undo what up did."),
    "show": (f"{_CLI}.show:show", "Show settings, bridge, controller and tunnels."),
    "status": (f"{_CLI}.status:status", "Show this chassis, its servers and tunnels."),
    "topology": (f"{_CLI}.topology:topology", "Draw chassis, tunnels, switches and ports."),
    "doctor": (f"{_CLI}.doctor:doctor", "Find faults of this host."),
    "test": (f"{_CLI}.test:test", "Test the network to another chassis."),
    "trace": (f"{_CLI}.trace:trace", "Show a packet's way from a container."),
    "bundle": (f"{_CLI}.bundle:bundle", "Collect a support bundle."),
    "set-ipam": (f"{_CLI}.settings:set_ipam", "Set where the IPAM server and OVN central are."),
    "unset-ipam": (f"{_CLI}.settings:unset_ipam", "Unset where they are."),
    "set-tep": (f"{_CLI}.settings:set_tep", "Set this host's tunnel endpoint."),
    "unset-tep": (f"{_CLI}.settings:unset_tep", "Unset the tunnel endpoint."),
    "set-encap-type": (f"{_CLI}.settings:set_encap_type", "Set the tunnels' encapsulation."),
    "unset-encap-type": (f"{_CLI}.settings:unset_encap_type", "Unset the encapsulation."),
    "set-containers-reach": (
        f"{_CLI}.settings:set_containers_reach",
        "Open ports of OVN to containers.",
    ),
    "unset-containers-reach": (f"{_CLI}.settings:unset_containers_reach", "Close them again."),
    "set": (f"{_CLI}.keys:set_key", "Set any key that ovn-controller reads."),
    "unset": (f"{_CLI}.keys:unset_key", "Unset one."),
    "keys": (f"{_CLI}.keys:list_keys", "List those keys, with types and versions."),
    "apply": (f"{_CLI}.hostfile:apply", "Apply settings from a file."),
    "history": (f"{_CLI}.history:history", "List the changes of this host's settings."),
    "undo": (f"{_CLI}.history:undo", "Restore the settings from before a change."),
    "create-integration-bridge": (f"{_CLI}.bridge:create", "Create br-int, or correct it."),
    "nics-to-bridge": (f"{_CLI}.nics:to_bridge", "Put NICs with all they have into bridges."),
    "bridge-to-nics": (f"{_CLI}.nics:to_nics", "Put all back on the NICs."),
    "controller": (f"{_CLI}.controller:controller", "Start, stop or show ovn-controller."),
    "central": (f"{_CLI}.central:central", "Start, stop or show OVN's databases here."),
    "chassis": (f"{_CLI}.chassis:chassis", "List chassis, or remove one that is gone."),
    "ipam": (f"{_CLI}.ipam:ipam", "Start, stop or show the IPAM server."),
    "driver": (f"{_CLI}.driver:driver", "Start, stop or show the Docker driver."),
    "certificates": (f"{_CLI}.certificates:certificates", "Certificates, and their renewal."),
    "container": (f"{_CLI}.container:container", "Containers without a network plugin."),
    "network": (f"{_CLI}.network:network", "Logical networks (logical switches)."),
    "port": (f"{_CLI}.port:port", "Logical ports."),
}


@click.command(
    cls=LazyGroup,
    verbs=VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("-v", "--verbose", is_flag=True, help="Show the traceback of an unforeseen error.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a database, a daemon or a server.",
)
@click.option(
    "--db",
    metavar="REMOTE",
    help="The host's Open_vSwitch database.  [default: unix:$OVS_RUNDIR/db.sock]",
)
@click.option(
    "--docker-host",
    metavar="unix://PATH",
    help="The host's Docker engine.  [default: $DOCKER_HOST, or unix:///run/docker.sock]",
)
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_obj
def cli(app: App, verbose: bool, timeout: float, db: str | None, docker_host: str | None) -> None:
    """Make a plain Linux host an OVN chassis, and give Docker a network driver on OVN."""
    app.verbose = verbose
    app.timeout = timeout
    app.db = db or ""
    if docker_host:
        os.environ["DOCKER_HOST"] = docker_host  # for what is started as well


def run() -> NoReturn:
    """Run the command and exit: 0, or the code of the error (ovn-integrate(8), EXIT STATUS)."""
    app = App()
    logs.escape()
    try:
        # Elsewhere than on a terminal click takes colours out by itself.
        colour = False if os.environ.get("NO_COLOR") else None
        cli.main(obj=app, standalone_mode=False, prog_name=PROGRAM, color=colour)
    except click.ClickException as error:
        output.usage(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Error as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read our answer has gone (`| head`); there is nobody left to tell.
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:  # the edge: a bug is one line too, and -v has the rest
        if app.verbose:
            output.block(traceback.format_exc(), err=True)
        _say(f"unforeseen {type(error).__name__}: {error}; run again with -v and report it")
        sys.exit(1)
    sys.exit(0)


def _say(line: str) -> None:
    output.line(f"ovn-integrate: {line}", err=True)
