"""ovn-controller on this host, and what the Southbound database knows of this chassis."""

from __future__ import annotations

import re
from typing import Any

from ovn_integrate import paths, runner
from ovn_integrate.errors import CommandFailed, DatabaseUnavailable, Error
from ovn_integrate.host import bridge, daemons, settings
from ovn_integrate.ovsdb import SB, Session

_UNITS = ("ovn-controller",)
_TABLES = {"Chassis": ["name", "hostname", "encaps"], "Encap": ["type", "ip"]}


def running() -> bool:
    """Whether ovn-controller runs here."""
    return daemons.alive(_pidfile()) is not None


def version() -> tuple[int, int] | None:
    """The version of the ovn-controller that is installed here, like (24, 9); None without one."""
    try:
        said = runner.run(["ovn-controller", "--version"], timeout=2.0)
    except CommandFailed:
        return None
    found = re.match(r"ovn-controller (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def start(session: Session, timeout: float) -> bool:
    """Have ovn-controller running and this chassis registered; whether it had to be started.

    When the chassis does not show up the controller stays: it goes on trying.

    :param session: has the columns of :data:`bridge.TABLES`.
    :raises NotConfigured: a setting that it needs is missing.
    :raises CommandFailed: it did not start, or the chassis did not show up; what is missing is in
        the message.
    """
    now = settings.read(session)
    settings.require(now, settings.SYSTEM_ID, settings.REMOTE, settings.TEP, settings.ENCAP_TYPE)
    bridge.create(session)
    started = not running()
    if started:
        _launch(timeout)
    _await_registration(now, timeout)
    return started


def stop(timeout: float) -> bool:
    """Stop ovn-controller, and with it this chassis in Southbound; whether it ran."""
    if not running():
        return False
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        daemons.systemctl("stop", unit, timeout)
    elif (paths.OVN_SCRIPTS / "ovn-ctl").exists():
        daemons.ovn_ctl("stop_controller", timeout=timeout)
    else:
        runner.run(["ovn-appctl", "-t", "ovn-controller", "exit"], timeout=timeout)
    return True


def describe(session: Session, timeout: float) -> dict[str, Any]:
    """The controller in a form to show: process, connection, registration."""
    now = settings.read(session)
    return {
        "running": running(),
        "connection": connection_status(),
        "remote": now.remote or "",
        "chassis": now.system_id or "",
        "registered": registered(session, timeout),
    }


def registered(session: Session, timeout: float) -> bool:
    """Whether the Southbound database shows this chassis, as it is set now."""
    now = settings.read(session)
    if not (now.remote and now.system_id):
        return False
    try:
        with Session.open(now.remote, SB, _TABLES, timeout=timeout) as southbound:
            return complete(southbound, now)
    except DatabaseUnavailable:
        return False


def connection_status() -> str:
    """``connected`` or what else ovn-controller says of its Southbound connection."""
    if not running():
        return "not running"
    try:
        return runner.run(
            ["ovn-appctl", "-t", "ovn-controller", "connection-status"], timeout=2.0
        ).strip()
    except CommandFailed as error:
        return error.what


def _await_registration(now: settings.Settings, timeout: float) -> None:
    assert now.remote is not None
    with Session.open(now.remote, SB, _TABLES, timeout=timeout, patient=True) as southbound:
        if southbound.wait_until(lambda: complete(southbound, now), timeout=timeout):
            return
        raise _why_not(southbound, now, timeout)


def complete(southbound: Session, now: settings.Settings) -> bool:
    """Whether the chassis is there with every type on every tunnel endpoint.

    :param southbound: has the columns ``Chassis.name``, ``.encaps``, ``Encap.type`` and ``.ip``.
    """
    row = southbound.find("Chassis", name=now.system_id)
    wanted = {(kind, ip) for kind in now.encap_types for ip in now.encap_ips}
    return row is not None and {(one.type, one.ip) for one in row.encaps} == wanted


def _why_not(southbound: Session, now: settings.Settings, timeout: float) -> Error:
    subject = f"chassis {now.system_id}"
    late = f"not registered within {timeout:g} s: "
    if not running():
        return CommandFailed(subject, late + "ovn-controller ended", f"see {log()}")
    for encap in southbound.rows("Encap"):
        owner = next((c for c in southbound.rows("Chassis") if encap in c.encaps), None)
        if encap.ip in now.encap_ips and owner is not None and owner.name != now.system_id:
            return CommandFailed(
                subject,
                f"{late}chassis {owner.name} ({owner.hostname}) has tunnel endpoint {encap.ip}",
                f"ovn-integrate set-tep ANOTHER, or: ovn-sbctl chassis-del {owner.name}",
            )
    status = connection_status()
    if status != "connected":
        return CommandFailed(subject, f"{late}ovn-controller is {status!r} to {now.remote}")
    return CommandFailed(subject, f"{late}ovn-controller refused its settings", f"see {log()}")


def _launch(timeout: float) -> None:
    unit = daemons.systemd_unit(_UNITS)
    if unit:
        daemons.systemctl("start", unit, timeout)
    elif (paths.OVN_SCRIPTS / "ovn-ctl").exists():
        daemons.ovn_ctl("start_controller", "--ovn-manage-ovsdb=no", timeout=timeout)
    else:
        runner.run(
            ["ovn-controller", "--pidfile", "--detach", "-vconsole:off", "--log-file"],
            timeout=timeout,
        )


def _pidfile() -> Any:
    return paths.ovn_rundir() / "ovn-controller.pid"


def log() -> str:
    """Its log file."""
    return f"{paths.ovn_logdir()}/ovn-controller.log"
