"""OVN central on this host: Northbound and Southbound databases, and ovn-northd."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ovn_integrate import paths
from ovn_integrate.errors import CommandFailed, DatabaseUnavailable
from ovn_integrate.host import addresses, daemons
from ovn_integrate.host.settings import bracketed
from ovn_integrate.ovsdb import NB, SB, Change, Session

_UNITS = ("ovn-central", "ovn-northd")

_DATABASES = (
    (NB, "NB_Global", paths.nb_remote, paths.NB_PORT),
    (SB, "SB_Global", paths.sb_remote, paths.SB_PORT),
)


def running() -> bool:
    """Whether ovn-northd runs here and both databases answer."""
    return daemons.alive(paths.ovn_rundir() / "ovn-northd.pid") is not None and all(
        _answers(name, table, remote()) for name, table, remote, _ in _DATABASES
    )


def listens(hosts: Iterable[str]) -> bool:
    """Whether central runs and listens on these addresses, at the usual ports."""
    wanted = {f"ptcp:{port}:{bracketed(host)}" for host in hosts for _, _, _, port in _DATABASES}
    return wanted <= set(describe()["listeners"])


def start(listen: Iterable[str], timeout: float) -> bool:
    """Have central running and listening on these addresses; whether anything had to change.

    :param listen: addresses of this host; none leaves the listeners as they are (at first: only
        the Unix sockets of this host).
    :raises Invalid: an address is on no interface of this host.
    :raises CommandFailed: it did not start, or an address could not be bound.
    """
    wanted = list(listen)
    addresses.refuse_foreign("listen address", wanted)
    started = not running()
    if started:
        _launch(timeout)
        if not running():
            raise CommandFailed("OVN central", "did not come up", f"see {paths.ovn_logdir()}")
    changed = [_listen(*database, wanted, timeout) for database in _DATABASES if wanted]
    return started or any(changed)


def stop(timeout: float) -> bool:
    """Stop central, keeping its databases; whether it ran."""
    if not running():
        return False
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        daemons.systemctl("stop", unit, timeout)
    else:
        daemons.ovn_ctl("stop_northd", timeout=timeout)
    return True


def describe() -> dict[str, Any]:
    """Central in a form to show: what runs, where it listens."""
    if not running():
        return {"running": False, "listeners": []}
    listeners: list[str] = []
    for name, table, remote, _ in _DATABASES:
        with Session.open(remote(), name, _tables(table)) as session:
            listeners += [row.target for row in session.rows("Connection")]
    return {"running": True, "listeners": sorted(listeners)}


def _launch(timeout: float) -> None:
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        daemons.systemctl("start", unit, timeout)
    else:
        daemons.ovn_ctl("start_northd", timeout=timeout)


def _listen(
    name: str, table: str, remote: Any, port: int, hosts: list[str], timeout: float
) -> bool:
    wanted = {f"ptcp:{port}:{bracketed(host)}" for host in hosts}

    def change(draft: Change) -> None:
        root = next(iter(draft.rows(table)))
        have = {row.target: row for row in root.connections}
        if set(have) != wanted:
            rows = [have.get(one) or draft.insert("Connection", target=one) for one in wanted]
            draft.set(root, connections=rows)

    with Session.open(remote(), name, _tables(table), timeout=timeout) as session:
        changed = session.transact(change, "central listeners").changed
        identity = next(iter(session.rows(table))).uuid
    for host in hosts:
        _prove(name, table, f"tcp:{bracketed(host)}:{port}", identity, timeout)
    return changed


def _prove(name: str, table: str, remote: str, identity: Any, timeout: float) -> None:
    # An ovsdb-server that cannot bind a port only logs it, and another one may answer there.
    with Session.open(remote, name, {table: ["nb_cfg"]}, timeout=timeout, patient=True) as session:
        if next(iter(session.rows(table))).uuid != identity:
            raise CommandFailed(remote, "another database server has this port", "stop that one")


def _answers(name: str, table: str, remote: str) -> bool:
    try:
        with Session.open(remote, name, {table: ["nb_cfg"]}, timeout=2.0):
            return True
    except DatabaseUnavailable:
        return False


def _tables(table: str) -> dict[str, list[str]]:
    return {table: ["connections"], "Connection": ["target"]}
