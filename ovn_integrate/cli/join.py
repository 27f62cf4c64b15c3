"""``join``."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from ovn_integrate import host_up, paths
from ovn_integrate.cli import modes
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.cli.up import run
from ovn_integrate.host import addresses, encap, settings
from ovn_integrate.host.bridge import DATAPATHS
from ovn_integrate.pki import tokens


@verb()
@click.argument("token", required=False)
@click.option("--token-file", type=click.File("r"), help="A file that has the token; - is stdin.")
@click.option("--tep", metavar="ADDRESS[,...]", help="This host's tunnel endpoint.")
@click.option("--encap-type", default="geneve", show_default=True, metavar="TYPE[,...]")
@click.option("--datapath", type=click.Choice(DATAPATHS), default="auto", show_default=True)
@click.option("--driver/--no-driver", default=True, show_default=True, help="The Docker driver.")
@modes.options(bridge="The bridge that has the VM's NIC.", overlay=False)
@dry_run_option
def join(
    app: App,
    token: str | None,
    token_file: TextIO | None,
    tep: str | None,
    encap_type: str,
    datapath: str,
    driver: bool,
    underlay_mode: bool,
    bridge: str | None,
    vif_id: str | None,
    dry_run: bool,
    form: str,
) -> None:
    """Make this host a chassis of the central host that made TOKEN: up, with certificates.

    With --underlay-mode it is a VM on a chassis: a certificate, the settings, and the driver.

    The key is made here and never leaves this host. A TOKEN that is given so stands in the list of
    processes while this runs: - reads it from standard input, --token-file from a file. Run again
    with the same token it goes on where it was killed.
    """
    if (token is None) == (token_file is None):
        raise click.UsageError("TOKEN or --token-file is needed, and not both")
    if token_file is not None:
        token = token_file.read()
    elif token == "-":
        token = sys.stdin.read()
    known = tokens.decode(token or "")
    vm = modes.keys_of_vm(app, bridge, vif_id) if modes.chosen(False, underlay_mode, bridge) else {}
    if vm and tep:
        raise click.UsageError("--tep is for a chassis, which a VM is not")
    wish = host_up.Wish(
        ipam=[settings.endpoint(one)[0] for one in known.addresses],
        tep=settings.parse_addresses(tep) if tep is not None else [addresses.default()],
        vm=vm,
        encap_types=encap.parse(encap_type),
        datapath=datapath,
        driver=driver,
        tls=True,
        token=known,
        timeout=app.timeout,
        db=app.db or paths.host_remote(),
    )
    run(wish, form, dry_run=dry_run)
