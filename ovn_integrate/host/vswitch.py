"""Open vSwitch on this host: that it runs, and that it has taken in what was written."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from ovn_integrate import paths, runner
from ovn_integrate.errors import CommandFailed, DatabaseUnavailable
from ovn_integrate.host import daemons, settings
from ovn_integrate.ovsdb import HOST, Change, Session, get_schema

T = TypeVar("T")

TABLES = {
    **settings.TABLES,
    settings.ROOT: [*settings.TABLES[settings.ROOT], "next_cfg", "cur_cfg"],
}

_UNITS = ("openvswitch-switch", "openvswitch")
_DATABASE_UNITS = ("ovsdb-server",)
_MODULE = "openvswitch"


def running() -> bool:
    """Whether both daemons of Open vSwitch run here."""
    return switch_running() and _database_answers()


def switch_running() -> bool:
    """Whether ovs-vswitchd runs here."""
    return daemons.alive(_pidfile("ovs-vswitchd")) is not None


def start_command() -> str:
    """What an operator types to have both daemons running."""
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        return f"systemctl start {unit}"
    more = "" if kernel_module() else " --no-ovs-vswitchd; ovs-vswitchd --disable-system --pidfile"
    detached = " --detach --log-file" if more else ""
    return f"{paths.OVS_SCRIPTS / 'ovs-ctl'} start --system-id=random{more}{detached}"


def start(timeout: float, written_down: Callable[[], object] = lambda: None) -> bool:
    """Have Open vSwitch running; whether it had to be started.

    Without the kernel's openvswitch module only the userspace datapath is offered.

    :param written_down: called when the database runs and the switch does not yet, so that what is
        noted there comes before that which a later run takes for a sign of it.
    :raises CommandFailed: it did not start.
    """
    if running():
        return False
    unit = daemons.systemd_unit(_UNITS)
    _start_database(unit, timeout)
    written_down()
    if unit:
        daemons.systemctl("start", unit, timeout)
    elif kernel_module():
        daemons.ovs_ctl("start", "--system-id=random", timeout=timeout)
    else:
        _start_userspace_switch(timeout)
    if not running():
        raise CommandFailed("Open vSwitch", "did not come up", f"see {paths.ovs_logdir()}")
    return True


def stop(timeout: float) -> bool:
    """Stop Open vSwitch, or what of it runs; whether anything did."""
    if not _database_answers():
        return False
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        daemons.systemctl("stop", unit, timeout)
    else:
        daemons.ovs_ctl("stop", timeout=timeout)
    return True


def kernel_module() -> bool:
    """Whether the kernel's datapath can be used, loading its module if it is there."""
    present = paths.MODULES / _MODULE
    if not present.exists() and runner.installed("modprobe"):
        try:
            runner.run(["modprobe", _MODULE])
        except CommandFailed:
            return False
    return present.exists()


def ensure_system_id(session: Session) -> bool:
    """Give this host a system-id if it has none; whether it had to."""
    if settings.read(session).system_id:
        return False
    settings.write(session, {settings.SYSTEM_ID: str(uuid.uuid4())}, "set system-id")
    return True


def reconfigure(session: Session, change: Callable[[Change], T], comment: str) -> tuple[bool, T]:
    """Apply a change and wait until ovs-vswitchd has taken it in (as ``ovs-vsctl`` does).

    :param session: has at least the columns of :data:`TABLES`.
    :returns: whether anything changed, and what ``change`` returned.
    :raises CommandFailed: ovs-vswitchd did not take it in.
    """

    def counted(draft: Change) -> T:
        value = change(draft)
        if draft.writes:
            draft.increment(settings.root(draft), "next_cfg")
        return value

    result = session.transact(counted, comment)
    if result.changed and not _taken_in(session, result.incremented or 0):
        raise CommandFailed(
            "ovs-vswitchd",
            f"did not take in the change within {session.timeout:g} s",
            f"is it running? see {paths.ovs_logdir()}/ovs-vswitchd.log",
        )
    return result.changed, result.value


def _taken_in(session: Session, number: int) -> bool:
    def current() -> Any:
        return settings.root(session).cur_cfg >= number

    return bool(session.wait_until(current))


def _start_database(unit: str | None, timeout: float) -> None:
    """The database alone where that can be had; Debian and Fedora have a unit for it."""
    database = daemons.systemd_unit(_DATABASE_UNITS)
    if database or unit:
        daemons.systemctl("start", database or str(unit), timeout)
    else:
        daemons.ovs_ctl("start", "--system-id=random", "--no-ovs-vswitchd", timeout=timeout)


def _start_userspace_switch(timeout: float) -> None:
    if switch_running():
        return
    runner.run(
        [
            "ovs-vswitchd",
            paths.host_remote(),
            "--disable-system",
            "--pidfile",
            "--detach",
            "--log-file",
            "-vconsole:off",
        ],
        timeout=timeout,
    )


def _database_answers() -> bool:
    try:
        get_schema(paths.host_remote(), HOST, 2.0)
    except DatabaseUnavailable:
        return False
    return True


def _pidfile(daemon: str) -> Any:
    return paths.ovs_rundir() / f"{daemon}.pid"
