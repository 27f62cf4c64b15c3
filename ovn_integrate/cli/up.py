"""``up`` and ``down``."""

from __future__ import annotations

from collections.abc import Iterable

import click

from ovn_integrate import host_up, paths
from ovn_integrate.cli import completion, output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import Invalid
from ovn_integrate.host import addresses, bridge, encap, settings


@verb()
@click.option("--ipam", metavar="ADDRESS[,...]", help="Where the IPAM server and OVN central are.")
@click.option("--tep", metavar="ADDRESS[,...]", help="This host's tunnel endpoint.")
@click.option(
    "--encap-type",
    default="geneve",
    show_default=True,
    metavar="TYPE[,...]",
    shell_complete=completion.encap_types,
)
@click.option("--datapath", type=click.Choice(bridge.DATAPATHS), default="auto", show_default=True)
@click.option("--all-in-one", is_flag=True, help="Run the IPAM server and OVN central here too.")
@click.option("--driver/--no-driver", default=True, show_default=True, help="The Docker driver.")
@click.option("--tls", is_flag=True, help="With certificates; a host that joined does so anyway.")
@click.option("--insecure", is_flag=True, help="Be central for other hosts without certificates.")
@dry_run_option
def up(
    app: App,
    ipam: str | None,
    tep: str | None,
    encap_type: str,
    datapath: str,
    all_in_one: bool,
    driver: bool,
    tls: bool,
    insecure: bool,
    dry_run: bool,
    form: str,
) -> None:
    """Make this host an OVN chassis: all steps in one, skipping those already done."""
    types = encap.parse(encap_type)
    teps, central = _addresses(ipam, tep, all_in_one)
    wish = host_up.Wish(
        ipam=central,
        tep=teps,
        encap_types=types,
        datapath=datapath,
        all_in_one=all_in_one,
        driver=driver,
        tls=tls or (membership.has_joined() and not insecure),
        insecure=insecure,
        timeout=app.timeout,
        db=app.db or paths.host_remote(),
    )
    run(wish, form, dry_run=dry_run)


def run(wish: host_up.Wish, form: str, *, dry_run: bool) -> None:
    """Do it, and print step by step what was done; with ``dry_run`` print what would be."""
    if dry_run:
        _foreseen(host_up.foresee_up(wish), form)
        return
    steps = []
    for name, changed in host_up.up(wish):
        steps.append({"step": name, "changed": changed})
        output.line(f"{name:20} {'done' if changed else 'already so'}", err=True)
    for text in encap.warnings(wish.encap_types):
        output.warn(text)
    changed = any(step["changed"] for step in steps)
    output.outcome(changed, "this host is up", "this host was up already", form, steps=steps)


@verb()
@dry_run_option
def down(app: App, dry_run: bool, form: str) -> None:
    """Undo what up did on this host, and nothing else."""
    if dry_run:
        _foreseen(host_up.foresee_down(app.db or paths.host_remote(), app.timeout), form)
        return
    undone = []
    for name in host_up.down(app.db or paths.host_remote(), app.timeout):
        undone.append(name)
        output.line(f"{name:20} undone", err=True)
    output.outcome(
        bool(undone),
        "this host is down",
        "nothing to undo: up did nothing here",
        form,
        undone=undone,
    )


def _foreseen(steps: Iterable[host_up.Foreseen], form: str) -> None:
    found = list(steps)
    answer = {
        "changed": False,
        "dry_run": True,
        "steps": [{"step": one.step, "needed": bool(one.what), "what": one.what} for one in found],
        "plan": [line.as_data() for one in found for line in one.lines],
    }
    if output.data(answer, form):
        return
    for one in found:
        output.line(f"{one.step:20} {f'to be {one.what}' if one.what else 'already so'}")
        for line in one.lines:
            output.line(f"{'':20} {output.key_change(line)}")
    output.line("dry run: nothing was changed", err=True)


def _addresses(ipam: str | None, tep: str | None, all_in_one: bool) -> tuple[list[str], list[str]]:
    if not all_in_one and (ipam is None or tep is None):
        raise Invalid("up", "needs --ipam and --tep", "or --all-in-one, which needs neither")
    teps = settings.parse_addresses(tep) if tep is not None else [addresses.default()]
    # Other hosts are let in only when they are meant to be: by --ipam with an address they reach.
    return teps, settings.parse_addresses(ipam) if ipam is not None else ["127.0.0.1"]
