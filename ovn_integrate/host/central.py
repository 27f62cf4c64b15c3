"""OVN central on this host: Northbound and Southbound databases, and ovn-northd."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ovn_integrate import paths
from ovn_integrate.errors import CommandFailed, DatabaseUnavailable
from ovn_integrate.host import addresses, daemons
from ovn_integrate.host.settings import bracketed
from ovn_integrate.ovsdb import NB, SB, TIMEOUT, Change, Session

_UNITS = ("ovn-central", "ovn-northd")

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The names of all addresses, and for each an address by which it is reached from here."""

_CLEAR, _SECURED = "ptcp:", "pssl:"
_ROLE = "ovn-controller"

_CHASSIS = {"Chassis_Private": ["name"], "Chassis": ["name"]}
_POLL = 0.1  # seconds

_CONSOLE = "-vconsole:warn -vsyslog:off -vfile:off"

_DATABASES = (
    (NB, "NB_Global", paths.nb_remote, paths.NB_PORT),
    (SB, "SB_Global", paths.sb_remote, paths.SB_PORT),
)


def running() -> bool:
    """Whether ovn-northd runs here and both databases answer."""
    return daemons.alive(paths.ovn_rundir() / "ovn-northd.pid") is not None and answers()


def answers() -> bool:
    """Whether both databases answer on this host."""
    return all(_answers(name, table, remote()) for name, table, remote, _ in _DATABASES)


def complete() -> bool:
    """Whether both databases have the row that ovn-northd makes in an empty one."""
    return all(_answers(name, table, remote(), rows=1) for name, table, remote, _ in _DATABASES)


def database_commands(listen: str | None) -> dict[str, list[str]]:
    """The commands that run the two databases in the foreground, each by its name.

    They make the database where there is none and convert an older one, and reach their end as
    ovsdb-server itself (``ovn-ctl(8)``, ``run_nb_ovsdb``). What the servers have to say goes to
    standard error.

    :param listen: the address for the usual ports, without TLS; it is not remembered over a
        restart. None for those only that the databases remember.
    """
    way = ["create-insecure-remote=no"]
    if listen is not None:
        way = ["create-insecure-remote=yes", f"addr={listen}"]
    return {
        f"OVN {side}": [
            str(paths.OVN_SCRIPTS / "ovn-ctl"),
            *(f"--db-{key}-{one}" for one in way),
            f"--ovn-{key}-log={_CONSOLE}",
            f"run_{key}_ovsdb",
        ]
        for key, side in (("nb", "Northbound"), ("sb", "Southbound"))
    }


def northd_command() -> list[str]:
    """The command that runs ovn-northd in the foreground, on the databases of this host."""
    remotes = [f"--ovnnb-db={paths.nb_remote()}", f"--ovnsb-db={paths.sb_remote()}"]
    pidfile = f"--pidfile={paths.ovn_rundir() / 'ovn-northd.pid'}"
    return ["ovn-northd", *_CONSOLE.split(), *remotes, pidfile]


def start(timeout: float) -> bool:
    """Have central running; whether it had to be started.

    At first it answers on this host's Unix sockets alone; see :func:`listen`.

    :raises CommandFailed: it did not start.
    """
    if running():
        return False
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        daemons.systemctl("start", unit, timeout)
    else:
        daemons.ovn_ctl("start_northd", timeout=timeout)
    _await_running(timeout)
    return True


def _await_running(timeout: float) -> None:
    """Debian's unit is up as soon as those of the three daemons are asked for."""
    deadline = time.monotonic() + timeout
    while not running():
        if time.monotonic() >= deadline:
            raise CommandFailed("OVN central", "did not come up", f"see {paths.ovn_logdir()}")
        threading.Event().wait(_POLL)


def listen(hosts: Iterable[str], timeout: float, *, tls: bool = False) -> bool:
    """Have both databases listen on these addresses of this host, besides those they listen on.

    :param hosts: ``0.0.0.0`` and ``::`` are all of them.
    :param tls: by TLS, and no longer in the clear anywhere; see :mod:`ovn_integrate.host.secure`.
    :returns: whether anything had to change. The databases remember it over a restart.
    :raises Invalid: an address is on no interface of this host.
    :raises CommandFailed: another server has the port.
    """
    wanted = list(hosts)
    addresses.refuse_foreign("listen address", [one for one in wanted if one not in ANY])
    changed = [_set_listeners(*one, timeout, add=wanted, tls=tls) for one in _DATABASES if wanted]
    prove([ANY.get(one, one) for one in wanted], timeout, tls=tls)
    return any(changed)


def prove(hosts: Iterable[str], timeout: float, *, tls: bool = False) -> None:
    """See that both databases are what answers at these addresses, at the usual ports.

    :raises CommandFailed: another server has the port.
    """
    scheme = "ssl" if tls else "tcp"
    for host in hosts:
        for name, table, _, port in _DATABASES:
            _prove(name, table, f"{scheme}:{bracketed(host)}:{port}", timeout)


def unlisten(hosts: Iterable[str], timeout: float) -> bool:
    """Have them listen on these addresses no more; whether they did."""
    changed = [_set_listeners(*one, timeout, remove=list(hosts)) for one in _DATABASES]
    return any(changed)


def listens(hosts: Iterable[str], *, tls: bool = False) -> bool:
    """Whether central runs and listens on these addresses, at the usual ports.

    :param tls: by TLS, and nowhere in the clear.
    """
    found = set(describe()["listeners"])
    if tls and any(one.startswith(_CLEAR) for one in found):
        return False
    return all(_covered(port, host, tls, found) for host in hosts for _, _, _, port in _DATABASES)


def listen_hosts() -> list[str]:
    """The addresses where Southbound listens by TLS, without brackets."""
    start = f"{_SECURED}{paths.SB_PORT}:"
    found = [one for one in describe()["listeners"] if one.startswith(start)]
    return [one.removeprefix(start).strip("[]") for one in found]


def delete_chassis(name: str, timeout: float) -> bool:
    """Have Southbound forget a chassis, as ``ovn-sbctl chassis-del`` does; whether it knew it.

    One that still runs comes back by itself.
    """
    if not running():
        return False

    def change(draft: Change) -> None:
        for table in _CHASSIS:
            row = draft.find(table, name=name)
            if row is not None:
                draft.delete(row)

    with _open(paths.sb_remote(), SB, _CHASSIS, timeout) as session:
        return session.transact(change, f"chassis {name}").changed


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
        with _open(remote(), name, _tables(table)) as session:
            listeners += [row.target for row in session.rows("Connection")]
    return {"running": True, "listeners": sorted(listeners)}


def _set_listeners(
    name: str,
    table: str,
    remote: Callable[[], str],
    port: int,
    timeout: float,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    tls: bool = False,
) -> bool:
    adding = {_target(port, host, tls): host for host in add}
    # One port takes one of both ways.
    removing = {_target(port, host, not tls) for host in add}
    removing |= {_target(port, host, way) for host in remove for way in (True, False)}
    # A chassis may write what is its own only (ovn-sb(5), RBAC); Northbound has no roles.
    role = {"role": _ROLE} if tls and name == SB else {}

    def unwanted(target: str) -> bool:
        return target in removing or (tls and target.startswith(_CLEAR))

    def change(draft: Change) -> None:
        root = next(iter(draft.rows(table)))
        kept = [row for row in root.connections if not unwanted(row.target)]
        for row in kept:
            if row.target in adding:
                draft.set(row, **role)
        have = {row.target for row in kept}
        missing = [one for one in adding if not _covered(port, adding[one], tls, have)]
        if missing or len(kept) != len(root.connections):
            made = [draft.insert("Connection", target=one) for one in missing]
            for row in made:
                draft.set(row, **role)
            draft.set(root, connections=[*kept, *made])

    with _open(remote(), name, _tables(table), timeout) as session:
        return session.transact(change, "central listeners").changed


def _prove(name: str, table: str, remote: str, timeout: float) -> None:
    """An ovsdb-server that cannot bind a port only logs it, and another one may answer there."""
    local = next(one() for _, where, one, _ in _DATABASES if where == table)
    if _identity(name, table, remote, timeout) != _identity(name, table, local, timeout):
        raise CommandFailed(remote, "another database server has this port", "stop that one")


def _identity(name: str, table: str, remote: str, timeout: float) -> Any:
    columns = {table: ["nb_cfg"]}
    with _open(remote, name, columns, timeout, patient=True) as session:
        # A stranger's database may be empty.
        return next((row.uuid for row in session.rows(table)), None)


def _covered(port: int, host: str, tls: bool, targets: Collection[str]) -> bool:
    """Whether these targets have an address, or all addresses of its family."""
    every = "::" if ":" in host else "0.0.0.0"
    return any(_target(port, one, tls) in targets for one in (host, every))


def _target(port: int, host: str, tls: bool) -> str:
    return f"{_SECURED if tls else _CLEAR}{port}:{bracketed(host)}"


def _answers(name: str, table: str, remote: str, rows: int = 0) -> bool:
    try:
        with _open(remote, name, {table: ["nb_cfg"]}, 2.0) as session:
            return len(session.rows(table)) >= rows
    except DatabaseUnavailable:
        return False


def _open(
    remote: str,
    name: str,
    tables: Mapping[str, Sequence[str]],
    timeout: float = TIMEOUT,
    *,
    patient: bool = False,
) -> Session:
    """Here is one server, which need not be the leader of its cluster."""
    return Session.open(remote, name, tables, timeout=timeout, patient=patient, any_member=True)


def _tables(table: str) -> dict[str, list[str]]:
    return {table: ["connections"], "Connection": ["target", "role"]}
