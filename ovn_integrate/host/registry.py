"""The chassis that OVN's Southbound database knows, seen from the central host (ovn-sb(5))."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from ovn_integrate import faultpoint, paths
from ovn_integrate.ovsdb import NB, SB, Change, Row, Session

_MAPPINGS = "ovn-bridge-mappings"
_TABLES = {
    "Chassis": ["name", "hostname", "encaps", "other_config", "external_ids"],
    "Chassis_Private": ["name", "nb_cfg", "nb_cfg_timestamp"],
    "Encap": ["chassis_name", "type", "ip"],
}


@dataclass(frozen=True)
class Chassis:
    """:param networks: the physical networks that it has a bridge for.
    :param seen: when it last told how far it is, in milliseconds since 1970 by its own clock; 0 for
        never. An idle OVN asks nobody, so this may be long ago.
    """

    name: str
    hostname: str
    encaps: tuple[str, ...] = ()
    networks: frozenset[str] = field(default_factory=frozenset)
    seen: int = 0


def session(timeout: float) -> Session:
    """A session on this host's Southbound database.

    :raises DatabaseUnavailable: there is none here.
    """
    return Session.open(paths.sb_remote(), SB, _TABLES, timeout=timeout, any_member=True)


def known(southbound: Session) -> list[Chassis]:
    """All chassis, by their host's names."""
    private = {row.name: row for row in southbound.rows("Chassis_Private")}
    found = [_chassis(row, private.get(row.name)) for row in southbound.rows("Chassis")]
    return sorted(found, key=lambda one: (one.hostname, one.name))


def answering(southbound: Session, names: Iterable[str], timeout: float) -> set[str]:
    """Which of some chassis run now: they are asked, as ``ovn-nbctl --wait=hv sync`` does.

    :param timeout: seconds for their answer, or until all have answered.
    """
    wanted = set(names)
    tables = {"NB_Global": ["nb_cfg"]}
    remote, limit = paths.nb_remote(), southbound.timeout
    with Session.open(remote, NB, tables, timeout=limit, any_member=True) as northbound:
        number = northbound.transact(_next_number, "who is there?").value

    def all_answered() -> bool:
        return wanted <= _arrived(southbound, number)

    southbound.wait_until(all_answered, timeout=timeout)
    return wanted & _arrived(southbound, number)


def forget(southbound: Session, name: str) -> bool:
    """Delete a chassis, with what its host wrote beside it; False when there is none."""
    faultpoint.reach("before deletion of the chassis")
    done = southbound.transact(lambda change: _forget(change, name), f"remove chassis {name}")
    faultpoint.reach("after deletion of the chassis")
    return done.changed


def _next_number(change: Change) -> int:
    (row,) = change.rows("NB_Global")
    number = int(row.nb_cfg) + 1
    change.verify(row, "nb_cfg")
    change.set(row, nb_cfg=number)
    return number


def _arrived(southbound: Session, number: int) -> set[str]:
    return {row.name for row in southbound.rows("Chassis_Private") if row.nb_cfg >= number}


def _forget(change: Change, name: str) -> None:
    # Its tunnel endpoints are its children, and ports are bound to it by weak references only.
    for table in ("Chassis", "Chassis_Private"):
        for row in change.rows(table):
            if row.name == name:
                change.delete(row)


def _chassis(row: Row, private: Row | None) -> Chassis:
    mappings = {**row.external_ids, **row.other_config}.get(_MAPPINGS, "")
    return Chassis(
        row.name,
        row.hostname,
        tuple(sorted(f"{one.type} {one.ip}" for one in row.encaps)),
        frozenset(one.partition(":")[0] for one in mappings.split(",") if one),
        private.nb_cfg_timestamp if private is not None else 0,
    )


def ago(seen: int) -> str:
    """How long ago that was, for people."""
    if not seen:
        return "never"
    return f"{max(0, int(time.time() - seen / 1000))} s ago"
