"""Checks of ovn-controller and of what the Southbound database knows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, answering, failed, fine, warning
from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.host import bridge, controller, keys, settings
from ovn_integrate.ovsdb import SB, Row, Session, get_schema, split_remotes

_START = "ovn-integrate controller start"
_LATE = 60.0  # seconds that a chassis may lag behind without being called stale
_SERVER = "_Server"
_DATABASE = {"Database": ["name", "model", "connected", "leader"]}


def _remotes(facts: Facts) -> Verdict:
    remotes = split_remotes(facts.settings.remote or "")
    if not remotes:
        return failed("no Southbound remote is set", "ovn-integrate set-ipam ADDRESS")
    start = "ovn-integrate central start --listen ADDRESS"
    return answering(remotes, lambda one: _answers(one, facts.timeout), start)


def _answers(remote: str, timeout: float) -> bool:
    try:
        get_schema(remote, SB, timeout)
    except DatabaseUnavailable:
        return False
    return True


def _raft(facts: Facts) -> Verdict:
    known = {one: member(facts, one) for one in split_remotes(facts.settings.remote or "")}
    members = {remote: row for remote, row in known.items() if row and row.model == "clustered"}
    if not members:
        return fine("one server, no cluster")
    apart = [remote for remote, row in members.items() if not row.connected]
    if apart:
        return failed(
            f"has lost the cluster: {', '.join(apart)}",
            "there: ovn-appctl -t /run/ovn/ovnsb_db.ctl cluster/status OVN_Southbound; one that "
            "has failed, as a leader on a full disk does, goes on when it is restarted",
        )
    leaders = [remote for remote, row in members.items() if row.leader]
    if not leaders:
        all_members = "name all members: ovn-integrate set-ipam A,B,C"
        return warning("none of the remotes is the leader", all_members)
    return fine(f"{len(members)} members, {leaders[0]} leads")


@dataclass(frozen=True)
class Member:
    """What a server says of its Southbound database (ovsdb-server(5), "Database").

    :ivar model: ``standalone`` or ``clustered``.
    :ivar connected: whether it is in touch with most of its cluster.
    """

    model: str
    connected: bool
    leader: bool


def member(facts: Facts, remote: str) -> Member | None:
    """What the server at a remote says of itself; None when it does not answer."""
    try:
        with Session.open(remote, _SERVER, _DATABASE, timeout=facts.timeout) as session:
            row = session.find("Database", name=SB)
            return row and Member(row.model, row.connected, row.leader)
    except DatabaseUnavailable:
        return None


def _controller(facts: Facts) -> Verdict:
    if not controller.running():
        return failed("ovn-controller does not run", _START)
    status = controller.connection_status()
    if status != "connected":
        return failed(f"ovn-controller is {status!r} to {facts.settings.remote}", _log())
    return fine(f"ovn-controller is connected to {facts.settings.remote}")


def _mend_controller(facts: Facts) -> str:
    controller.start(facts.host, facts.timeout)
    return "ovn-controller started"


def _registered(facts: Facts) -> Verdict:
    name = facts.settings.system_id
    if controller.complete(facts.southbound, facts.settings):
        return fine(f"chassis {name} is there as it is set here")
    if facts.southbound.find("Chassis", name=name) is None:
        return failed(f"Southbound has no chassis {name}", _START)
    return failed(f"chassis {name} has other tunnel endpoints or types there", _log())


def _unique_ip(facts: Facts) -> Verdict:
    mine = set(facts.settings.encap_ips)
    for row in facts.southbound.rows("Chassis"):
        taken = mine & {one.ip for one in row.encaps}
        if row.name != facts.settings.system_id and taken:
            return failed(
                f"chassis {row.name} ({row.hostname}) has tunnel endpoint {', '.join(taken)} too",
                "ovn-integrate set-tep ANOTHER; if it is gone, on the central host: "
                f"ovn-integrate chassis remove {row.name}",
            )
    return fine(f"{', '.join(sorted(mine))} is this chassis' alone")


def _unique_id(facts: Facts) -> Verdict:
    name = facts.settings.system_id
    row = facts.southbound.find("Chassis", name=name)
    strange = {one.ip for one in row.encaps} - set(facts.settings.encap_ips) if row else set()
    if row is not None and strange:
        return failed(
            f"chassis {name} is registered with {', '.join(strange)} ({row.hostname}): "
            "is this host a copy of another?",
            "rm /etc/openvswitch/system-id.conf, and start Open vSwitch with --system-id=random",
        )
    return fine(f"{name} is this host's alone")


def _stale(facts: Facts) -> Verdict:
    stale = {row.name: row for row in (*_doubles(facts), *_late(facts))}
    if stale:
        names = ", ".join(f"{row.name} ({row.hostname})" for row in stale.values())
        return warning(
            f"chassis that look dead: {names}",
            "if its host is gone, on the central host: "
            f"ovn-integrate chassis remove {next(iter(stale))}",
        )
    return fine(f"{len(facts.southbound.rows('Chassis'))} chassis, none looks dead")


def _doubles(facts: Facts) -> Iterator[Row]:
    """Others of this host's name: what it was before it got another system-id."""
    rows = facts.southbound.rows("Chassis")
    mine = facts.settings.system_id
    own = next((row.hostname for row in rows if row.name == mine), None)
    return (row for row in rows if row.name != mine and row.hostname == own)


def _late(facts: Facts) -> Iterator[Row]:
    """Those that have not taken in what the others have (``ovn-nbctl --wait=hv`` counts nb_cfg)."""
    newest = max((row.nb_cfg for row in facts.southbound.rows("SB_Global")), default=0)
    privates = facts.southbound.rows("Chassis_Private")
    arrived = [row.nb_cfg_timestamp for row in privates if row.nb_cfg == newest]
    if not arrived or time.time() - min(arrived) / 1000 < _LATE:
        return
    late = {row.name for row in privates if row.nb_cfg < newest}
    yield from (row for row in facts.southbound.rows("Chassis") if row.name in late)


def _versions(facts: Facts) -> Verdict:
    (row,) = facts.southbound.rows("SB_Global")
    theirs = row.options.get("northd_internal_version", "").partition("-")[0]
    version = controller.version()
    ours = keys.dotted(version) if version else "that is not installed"
    if not theirs or theirs.startswith(ours):
        return fine(f"ovn-controller and northd are of {ours}")
    remedy = "upgrade the hosts before the central one (OVN's upgrade guide)"
    if settings.value(facts.keys, "ovn-match-northd-version") == "true":
        said = f"ovn-controller {ours} ignores northd {theirs} (ovn-match-northd-version)"
        return failed(said, remedy)
    return warning(f"ovn-controller {ours}, northd {theirs}", remedy)


def _tunnels(facts: Facts) -> Verdict:
    made = {one["chassis"]: one["state"] for one in bridge.tunnels(facts.host)}
    others = facts.others()
    bad = [row for row in others if made.get(row.name) != "up"]
    if bad:
        names = ", ".join(f"{row.hostname} ({made.get(row.name, 'none')})" for row in bad)
        return failed(f"no tunnel to {names}", _log())
    return fine(f"{len(others)} other chassis, a tunnel to each")


def _bindings(facts: Facts) -> Verdict:
    ours = [row for row in facts.interfaces() if "iface-id" in row.external_ids]
    wanted = {row.external_ids["iface-id"]: row.name for row in ours}
    rows = facts.bindings.rows("Port_Binding")
    bound = {row.logical_port: row for row in rows if row.logical_port in wanted}
    unknown = [name for port, name in wanted.items() if port not in bound]
    if unknown:
        return failed(
            f"ports of no logical port: {', '.join(unknown)}",
            f"ovn-integrate driver gc, or: ovs-vsctl del-port {unknown[0]}",
        )
    elsewhere = [wanted[port] for port, row in bound.items() if not _is_here(row, facts)]
    if elsewhere:
        said = f"ports that OVN has not bound to this chassis: {', '.join(elsewhere)}"
        return failed(said, f"ovn-integrate controller status, and {_log()}")
    return fine(f"{len(wanted)} ports, each bound to this chassis")


def _is_here(row: Row, facts: Facts) -> bool:
    return [one.name for one in row.chassis] == [facts.settings.system_id]


def _log() -> str:
    return f"see {controller.log()}"


CHECKS = (
    Check("remotes", "ovn-controller gets all that it knows from there", _remotes),
    Check("raft", "a member that lost the others serves old data, and takes no changes", _raft),
    Check("controller", "without it flows stay as they are", _controller, _mend_controller),
    Check("registered", "the other chassis know this one from there", _registered),
    Check("encap-ip-unique", "the second of two chassis with one address is refused", _unique_ip),
    Check("system-id-unique", "two hosts of one system-id take each other's ports", _unique_id),
    Check("stale-chassis", "a dead chassis keeps its ports, and tunnels to it", _stale),
    Check("versions", "a controller older than northd may not know what northd writes", _versions),
    Check("tunnels", "containers reach those of a chassis by the tunnel to it alone", _tunnels),
    Check("bindings", "a port that is not bound here gets no packets", _bindings),
)
