"""``set-ipam``, ``set-tep``, ``set-encap-type``, ``set-containers-reach`` and their ``unset-*``."""

from __future__ import annotations

import click

from ovn_integrate import paths
from ovn_integrate.cli import changes, completion, output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.host import addresses as host_addresses
from ovn_integrate.host import encap, settings
from ovn_integrate.host.packet_filter import ports as closed_ports


@verb(name="set-ipam")
@click.argument("addresses", metavar="ADDRESS[,ADDRESS...]")
@click.option(
    "--scheme",
    type=click.Choice(["tcp", "ssl"]),
    help="ssl asks the IPAM server by HTTPS, too.  [default: ssl on a host that joined, else tcp]",
)
@click.option("--nb-port", type=click.IntRange(1, 65535), default=paths.NB_PORT, show_default=True)
@click.option("--sb-port", type=click.IntRange(1, 65535), default=paths.SB_PORT, show_default=True)
@click.option(
    "--ipam-port", type=click.IntRange(1, 65535), default=paths.IPAM_PORT, show_default=True
)
@dry_run_option
def set_ipam(
    app: App,
    addresses: str,
    scheme: str | None,
    nb_port: int,
    sb_port: int,
    ipam_port: int,
    dry_run: bool,
    form: str,
) -> None:
    """Set the addresses of the IPAM server and OVN central.

    Writes external_ids ipam, ovn-remote (Southbound) and ovn-nb (Northbound, with tcp alone).
    """
    # A host that has a certificate is not to speak without it by mistake.
    default = "ssl" if (paths.pki() / "host.pem").exists() else "tcp"
    wanted = settings.ipam_keys(
        settings.parse_addresses(addresses),
        scheme=scheme or default,
        nb_port=nb_port,
        sb_port=sb_port,
        ipam_port=ipam_port,
    )
    with app.host(settings.TABLES) as session:
        changes.write(session, wanted, "set-ipam", form, dry_run=dry_run)


@verb(name="set-tep")
@click.argument("addresses", metavar="ADDRESS[,ADDRESS...]")
@click.option("--default", metavar="ADDRESS", help="The default one of several (OVN 24.09).")
@click.option("--force", is_flag=True, help="Write an address that is on no interface here.")
@dry_run_option
def set_tep(
    app: App, addresses: str, default: str | None, force: bool, dry_run: bool, form: str
) -> None:
    """Set this host's tunnel endpoints: the addresses by which other hosts reach it.

    Writes external_ids ovn-encap-ip, and ovn-encap-ip-default where one is named; a default that
    is none of the new addresses is unset.
    """
    teps = settings.parse_addresses(addresses)
    one = settings.parse_addresses(default)[0] if default is not None else None
    if not force:
        host_addresses.refuse_foreign(
            "tunnel endpoint", teps, "; or --force to write it all the same"
        )
    with app.host(settings.TABLES) as session:
        wanted = settings.tep_keys(teps, one, settings.root(session).external_ids)
        if default is not None:
            changes.refuse(session, wanted, force=force)
        changes.write(session, wanted, "set-tep", form, dry_run=dry_run)


@verb(name="set-encap-type")
@click.argument("types", metavar="TYPE[,TYPE...]", shell_complete=completion.encap_types)
@dry_run_option
def set_encap_type(app: App, types: str, dry_run: bool, form: str) -> None:
    """Set the tunnels' encapsulation: geneve, stt or vxlan.

    Writes external_ids ovn-encap-type. A type with which this chassis could never register is
    refused: OVN 25.09 and Open vSwitch 3.6 have removed STT.
    """
    wanted = encap.parse(types)
    with app.host(settings.TABLES) as session:
        encap.refuse_impossible(session, wanted)
        value = {settings.ENCAP_TYPE: ",".join(wanted)}
        changes.write(session, value, "set-encap-type", form, dry_run=dry_run)
    for text in encap.warnings(wanted):
        output.warn(text)


@verb(name="set-containers-reach")
@click.argument("ports", metavar="PORT[,ADDRESS:PORT...]")
@dry_run_option
def set_containers_reach(app: App, ports: str, dry_run: bool, form: str) -> None:
    """Open ports of OVN to this host's containers, which reach none of them otherwise.

    Those are OVSDB's (6640 to 6644, 16642), the IPAM server's (9696), the tunnels' and any other
    that such a daemon has open on this host, here and on other hosts. With "all" none is closed.

    Writes external_ids ovn-integrate-containers-reach.
    """
    value = {settings.REACHABLE: closed_ports.check(ports)}
    with app.host(settings.TABLES) as session:
        changes.write(session, value, "set-containers-reach", form, dry_run=dry_run)


@verb(name="unset-containers-reach")
@dry_run_option
def unset_containers_reach(app: App, dry_run: bool, form: str) -> None:
    """Close all ports of OVN to this host's containers."""
    with app.host(settings.TABLES) as session:
        wanted = dict.fromkeys((settings.REACHABLE,))
        changes.write(session, wanted, "unset-containers-reach", form, dry_run=dry_run)


@verb(name="unset-ipam")
@dry_run_option
def unset_ipam(app: App, dry_run: bool, form: str) -> None:
    """Unset the addresses of the IPAM server and OVN central."""
    with app.host(settings.TABLES) as session:
        wanted = dict.fromkeys((settings.IPAM, settings.REMOTE, settings.NORTHBOUND))
        changes.write(session, wanted, "unset-ipam", form, dry_run=dry_run)


@verb(name="unset-tep")
@dry_run_option
def unset_tep(app: App, dry_run: bool, form: str) -> None:
    """Unset this host's tunnel endpoints, the default one with them."""
    with app.host(settings.TABLES) as session:
        wanted = dict.fromkeys((settings.TEP, settings.TEP_DEFAULT))
        changes.write(session, wanted, "unset-tep", form, dry_run=dry_run)


@verb(name="unset-encap-type")
@dry_run_option
def unset_encap_type(app: App, dry_run: bool, form: str) -> None:
    """Unset the tunnels' encapsulation."""
    with app.host(settings.TABLES) as session:
        wanted = dict.fromkeys((settings.ENCAP_TYPE,))
        changes.write(session, wanted, "unset-encap-type", form, dry_run=dry_run)
