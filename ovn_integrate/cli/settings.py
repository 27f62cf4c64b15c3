"""``set-ipam``, ``set-tep``, ``set-encap-type`` and their ``unset-*``."""

from __future__ import annotations

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb
from ovn_integrate.host import addresses as host_addresses
from ovn_integrate.host import encap, settings


@verb(name="set-ipam")
@click.argument("addresses", metavar="ADDRESS[,ADDRESS...]")
@click.option("--scheme", type=click.Choice(["tcp", "ssl"]), default="tcp", show_default=True)
@click.option("--nb-port", type=click.IntRange(1, 65535), default=paths.NB_PORT, show_default=True)
@click.option("--sb-port", type=click.IntRange(1, 65535), default=paths.SB_PORT, show_default=True)
@click.option(
    "--ipam-port", type=click.IntRange(1, 65535), default=paths.IPAM_PORT, show_default=True
)
def set_ipam(
    app: App, addresses: str, scheme: str, nb_port: int, sb_port: int, ipam_port: int, form: str
) -> None:
    """Say where the IPAM server and OVN central are.

    Writes external_ids ipam, ovn-remote (Southbound) and ovn-nb (Northbound).
    """
    keys = settings.ipam_keys(
        settings.parse_addresses(addresses),
        scheme=scheme,
        nb_port=nb_port,
        sb_port=sb_port,
        ipam_port=ipam_port,
    )
    with app.host(settings.TABLES) as session:
        output.key_changes(settings.apply(session, keys, "set-ipam"), form)


@verb(name="set-tep")
@click.argument("addresses", metavar="ADDRESS[,ADDRESS...]")
@click.option("--force", is_flag=True, help="Write an address that is on no interface here.")
def set_tep(app: App, addresses: str, force: bool, form: str) -> None:
    """Set this host's tunnel endpoint: the address by which other hosts reach it.

    Writes external_ids ovn-encap-ip.
    """
    wanted = settings.parse_addresses(addresses)
    if not force:
        host_addresses.refuse_foreign(
            "tunnel endpoint", wanted, "; or --force to write it all the same"
        )
    with app.host(settings.TABLES) as session:
        keys = {settings.TEP: ",".join(wanted)}
        output.key_changes(settings.apply(session, keys, "set-tep"), form)


@verb(name="set-encap-type")
@click.argument("types", metavar="TYPE[,TYPE...]")
def set_encap_type(app: App, types: str, form: str) -> None:
    """Set the tunnels' encapsulation: geneve, stt or vxlan.

    Writes external_ids ovn-encap-type. A type with which this chassis could never register is
    refused: OVN 25.09 and Open vSwitch 3.6 have removed STT.
    """
    wanted = encap.parse(types)
    with app.host(settings.TABLES) as session:
        encap.refuse_impossible(session, wanted)
        keys = {settings.ENCAP_TYPE: ",".join(wanted)}
        output.key_changes(settings.apply(session, keys, "set-encap-type"), form)
    for text in encap.warnings(wanted):
        output.warn(text)


@verb(name="unset-ipam")
def unset_ipam(app: App, form: str) -> None:
    """Forget where the IPAM server and OVN central are."""
    _unset(app, form, "unset-ipam", settings.IPAM, settings.REMOTE, settings.NORTHBOUND)


@verb(name="unset-tep")
def unset_tep(app: App, form: str) -> None:
    """Unset this host's tunnel endpoint."""
    _unset(app, form, "unset-tep", settings.TEP)


@verb(name="unset-encap-type")
def unset_encap_type(app: App, form: str) -> None:
    """Unset the tunnels' encapsulation."""
    _unset(app, form, "unset-encap-type", settings.ENCAP_TYPE)


def _unset(app: App, form: str, comment: str, *keys: str) -> None:
    with app.host(settings.TABLES) as session:
        output.key_changes(settings.apply(session, dict.fromkeys(keys), comment), form)
