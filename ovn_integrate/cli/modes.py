"""The options that say whether a host is a chassis or a VM on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ovn_integrate.cli.app import App

if TYPE_CHECKING:
    from ovn_integrate.host.plan import KeyChange
    from ovn_integrate.host.settings import Settings
    from ovn_integrate.ovsdb import Session

Verb = Callable[..., None]


def options(*, bridge: str, overlay: bool = True) -> Callable[[Verb], Verb]:
    """Decorates a verb with them.

    :param bridge: what the help says of ``--bridge``.
    :param overlay: whether ``--overlay-mode`` is among them, for a host that was a VM before.
    """
    known = (
        click.option(
            "--overlay-mode", is_flag=True, help="On a chassis; its endpoints are on br-int."
        ),
        click.option(
            "--underlay-mode",
            is_flag=True,
            help="In a VM on a chassis: endpoints are ports below the VM's own, on --bridge.",
        ),
        click.option("--bridge", metavar="BRIDGE", help=bridge),
        click.option(
            "--vif-id",
            metavar="PORT",
            envvar="OS_VIF_ID",
            help="The VM's own port.  [default: $OS_VIF_ID, or the one with the NIC's MAC]",
        ),
    )

    def decorate(function: Verb) -> Verb:
        decorated: Any = function
        for option in reversed(known if overlay else known[1:]):
            decorated = option(decorated)
        wrapped: Verb = decorated
        return wrapped

    return decorate


def chosen(overlay: bool, underlay: bool, bridge: str | None) -> str | None:
    """The mode that was named; None if none was.

    :raises click.UsageError: these options do not go together.
    """
    from ovn_integrate.host import settings

    if overlay and underlay:
        raise click.UsageError("--overlay-mode and --underlay-mode exclude each other")
    if bridge and not (underlay or overlay):
        raise click.UsageError("--bridge needs --underlay-mode or --overlay-mode")
    if underlay:
        return settings.UNDERLAY
    return settings.OVERLAY if overlay else None


def keys_of_vm(app: App, bridge: str | None, vif_id: str | None) -> dict[str, str | None]:
    """The settings that make this host a VM on a chassis.

    :raises NotFound: there is no such bridge.
    :raises click.UsageError: the VM's bridge is not known.
    """
    from ovn_integrate.host import nested, settings

    with app.host(nested.TABLES) as session:
        return _keys_of_vm(session, settings.read(session), bridge, vif_id)


def _keys_of_vm(
    session: Session, now: Settings, bridge: str | None, vif_id: str | None
) -> dict[str, str | None]:
    from ovn_integrate.host import nested, settings

    if not (bridge or now.nested_bridge):
        raise click.UsageError("--underlay-mode needs --bridge")
    return dict(nested.keys(session, settings.UNDERLAY, bridge, vif_id))


def write(
    app: App,
    mode: str,
    bridge: str | None,
    vif_id: str | None,
    verb: str,
    *,
    dry_run: bool = False,
) -> list[KeyChange]:
    """Have the mode among the host's settings.

    :param verb: what the record of changes shall call it.
    :param dry_run: only say what would be written.
    :raises NotFound: there is no such bridge.
    :raises click.UsageError: a VM's bridge is not known.
    """
    from ovn_integrate.host import history, nested, settings

    with app.host(nested.TABLES) as session:
        now = settings.read(session)
        if mode == settings.UNDERLAY:
            wanted = _keys_of_vm(session, now, bridge, vif_id)
        elif bridge or now.nested:
            wanted = dict(nested.keys(session, mode, bridge, None))
            if not now.encap_types:
                wanted[settings.ENCAP_TYPE] = "geneve"  # without one ovn-controller does not start
        else:
            return []  # as a host is without a word of it
        if dry_run:
            return history.foresee(session, wanted)
        return history.apply(session, wanted, verb)
