"""``nics-to-bridge`` and ``bridge-to-nics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ovn_integrate import paths
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, dry_run_option, verb
from ovn_integrate.errors import Conflict, Invalid
from ovn_integrate.host.nics import bridges, foresee, guard, move, persist, state, validate
from ovn_integrate.host.nics.files import Files
from ovn_integrate.netlink.link import Link
from ovn_integrate.ovsdb import Session

_no_guard = click.option(
    "--no-guard", is_flag=True, help="Without the process that puts all back if this one is killed."
)


@verb(name="nics-to-bridge")
@click.argument("nics", nargs=-1, metavar="[NIC]...")
@click.option("--confirm", is_flag=True, help="Keep the last move of NICs.")
@click.option(
    "--confirm-within",
    "within",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds until all is put back unless confirmed.",
)
@click.option(
    "--no-guard", is_flag=True, help="Needs no confirmation; nothing is put back if killed."
)
@click.option(
    "--persist",
    "kind",
    type=click.Choice(persist.KINDS),
    help="Also write the configuration that makes the bridge at the next boot.",
)
@click.option("--guard", "be_guard", is_flag=True, hidden=True)
@dry_run_option
def to_bridge(
    app: App,
    nics: Sequence[str],
    confirm: bool,
    within: float,
    no_guard: bool,
    kind: str | None,
    be_guard: bool,
    dry_run: bool,
    form: str,
) -> None:
    """Put each NIC into a bridge of Open vSwitch, brNIC, with all that it has.

    Its MAC address, its MTU, all addresses, routes, rules and neighbours, the kernel's parameters
    and the DHCP client become the bridge's. Unless --confirm follows in time, all is put back, also
    when this shell is lost; and at once when something goes wrong on the way.
    """
    if be_guard:
        guard.watch(app.timeout, lambda line: output.line(line, err=True))
        return
    if (confirm and nics) or not (confirm or nics):
        raise Invalid("nics-to-bridge", "takes NICs, or --confirm alone")
    wish = move.Wish(app.db or paths.host_remote(), None if no_guard else within, app.timeout)
    bridges.require_running()
    if dry_run:
        with app.host(bridges.TABLES) as session:
            _foresee_in(session, nics, kind, form)
        return
    with state.locked(app.timeout) as mine:
        _refuse_busy(mine)
        if not confirm:
            for line in move.settle(wish):
                output.warn(line)
        with app.host(bridges.TABLES) as session:
            if confirm:
                _confirm(session, app.timeout, form)
            else:
                _put_in(session, nics, wish, kind, form)


@verb(name="bridge-to-nics")
@click.argument("names", nargs=-1, metavar="[BRIDGE]...")
@_no_guard
@dry_run_option
def to_nics(app: App, names: Sequence[str], no_guard: bool, dry_run: bool, form: str) -> None:
    """Put all back on the NICs and remove their bridges; without a name, all of them.

    Files that nics-to-bridge wrote become what they were before. Killed half way, it is finished
    all the same.
    """
    wish = move.Wish(app.db or paths.host_remote(), None if no_guard else 0.0, app.timeout)
    bridges.require_running()
    if dry_run:
        with app.host(bridges.TABLES) as session:
            chosen = move.to_put_out(session, names)
            _show(foresee.coming_out(session, chosen), form)
        return
    with state.locked(app.timeout) as mine:
        _refuse_busy(mine)
        said, undone = move.abandon(wish)
        with app.host(bridges.TABLES) as session:
            left = [name for name in names if name not in undone]
            chosen = move.to_put_out(session, left) if left or not names else []
            said += move.put_out(session, chosen, wish) if chosen else []
    for line in said:
        output.warn(line)
    gone = [*undone, *chosen]
    output.outcome(
        bool(gone), f"{', '.join(gone)}: all put back", "no bridge of a NIC", form, bridges=gone
    )


def _put_in(
    session: Session, nics: Sequence[str], wish: move.Wish, kind: str | None, form: str
) -> None:
    links = validate.admit(session, nics)
    wanted = _files(session, kind, links)
    steps = []
    for nic, what in move.put_in(session, links, wish, wanted) if links else ():
        steps.append({"nic": nic, "step": what})
        output.line(f"{nic:12} {what}", err=True)
    names = ", ".join(one.name for one in links)
    rest = (
        ""
        if wish.within is None
        else f"; {move.CONFIRM} within {wish.within:g} s, or all is undone"
    )
    output.outcome(
        bool(links),
        f"{names}: in a bridge{rest}",
        f"{', '.join(nics)}: already in a bridge",
        form,
        nics=[one.name for one in links],
        bridges=[bridges.name_of(one.name) for one in links],
        confirm_within=wish.within if links else None,
        steps=steps,
    )


def _confirm(session: Session, timeout: float, form: str) -> None:
    kept = move.confirm(session, timeout)
    done = f"{', '.join(kept)}: confirmed"
    output.outcome(bool(kept), done, "already confirmed", form, nics=kept)


def _foresee_in(session: Session, nics: Sequence[str], kind: str | None, form: str) -> None:
    links = validate.admit(session, nics)
    _show(foresee.going_in(session, links, _files(session, kind, links)), form)


def _files(session: Session, kind: str | None, links: Sequence[Link]) -> dict[str, Files]:
    """What is to be written, and what is to be known of it."""
    wanted = persist.files(kind, links, userspace=bridges.userspace(session))
    for line in [*foresee.warnings(links, persisted=bool(kind)), *persist.left_out(kind, links)]:
        output.warn(line)
    return wanted


def _show(plans: Sequence[Mapping[str, Any]], form: str) -> None:
    if not output.data({"changed": False, "dry_run": True, "nics": list(plans)}, form):
        for plan in plans:
            _show_plan(plan)
        if not plans:
            output.line("nothing to do: already so")
        output.line("dry run: nothing was changed", err=True)


def _show_plan(plan: Mapping[str, Any]) -> None:
    output.line(f"{plan['nic']} and {plan['bridge']}")
    for key in ("datapath", "mac", "mtu"):
        if key in plan:
            output.line(f"  {key} {plan[key]}")
    for line in plan["moves"]:
        output.line(f"  {line}")
    for line in plan["clients"]:
        output.line(f"  DHCP client {line}")
    for path, text in plan["files"].items():
        output.line(f"  {path}{' removed' if text is None else ':'}")
        for line in (text or "").splitlines():
            output.line(f"    {line}".rstrip())


def _refuse_busy(mine: bool) -> None:
    if not mine:
        raise Conflict("NICs", "are being moved by another process", "wait for it")
