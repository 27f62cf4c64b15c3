"""Where a chassis' name is known in OVN, so that it is not given to somebody who only says so.

OVN takes a chassis by its name, and by that of its host, where a port asks for one (ovn-nb(5),
``requested-chassis``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ovn_integrate import paths
from ovn_integrate.ovsdb import NB, SB, Session
from ovn_integrate.pki.register import Place

_BOUND = "ovn-integrate:host_id"
"""What the IPAM server writes down of a port's ``binding:host_id``, by any name of a host."""


def places(name: str, timeout: float) -> list[Place]:
    """Where a name is known to Southbound and Northbound, of which only those rows are read.

    :raises DatabaseUnavailable: one of them does not answer, so that nobody knows.
    """
    return _southbound(name, timeout) + _northbound(name, timeout)


def _southbound(name: str, timeout: float) -> list[Place]:
    by_name = [["name", "==", name]]
    only: dict[str, list[Any]] = {
        "Chassis": [*by_name, ["hostname", "==", name]],
        "Chassis_Private": by_name,
        "Encap": [["chassis_name", "==", name]],
    }
    columns = {
        "Chassis": ["name", "hostname"],
        "Chassis_Private": ["name"],
        "Encap": ["chassis_name"],
    }
    with _open(paths.sb_remote(), SB, columns, only, timeout) as southbound:
        hosts = [row.hostname for row in southbound.rows("Chassis")]
        others = [*southbound.rows("Chassis_Private"), *southbound.rows("Encap")]
    if not hosts and others:
        hosts = [""]
    return [Place("Southbound", host) for host in hosts]


def _northbound(name: str, timeout: float) -> list[Place]:
    """Ports may be bound to a name in lists too (``requested-chassis=a,b``), of hosts that are
    chassis already: Southbound knows those."""
    options: list[Any] = ["options", "includes"]
    only: dict[str, list[Any]] = {
        "Logical_Switch_Port": [
            [*options, _map("requested-chassis", name)],
            ["external_ids", "includes", _map(_BOUND, name)],
        ],
        "Logical_Router": [[*options, _map("chassis", name)]],
        "Gateway_Chassis": [["chassis_name", "==", name]],
        "HA_Chassis": [["chassis_name", "==", name]],
        "Chassis_Template_Var": [["chassis", "==", name]],
    }
    whats = {
        "Logical_Switch_Port": "a port",
        "Logical_Router": "a router",
        "Gateway_Chassis": "a router's gateway",
        "HA_Chassis": "a router's gateway",
        "Chassis_Template_Var": "Northbound's templates",
    }
    columns = {
        "Logical_Switch_Port": ["name", "options", "external_ids"],
        "Logical_Router": ["options"],
        "Gateway_Chassis": ["chassis_name"],
        "HA_Chassis": ["chassis_name"],
        "Chassis_Template_Var": ["chassis"],
    }
    with _open(paths.nb_remote(), NB, columns, only, timeout) as northbound:
        # An older version's schema has not all of them.
        there = [table for table in whats if northbound.has(table, columns[table][0])]
        return [Place(whats[table]) for table in there if northbound.rows(table)]


def _map(key: str, value: str) -> list[Any]:
    return ["map", [[key, value]]]


def _open(
    remote: str,
    name: str,
    columns: Mapping[str, Sequence[str]],
    only: Mapping[str, Sequence[Any]],
    timeout: float,
) -> Session:
    return Session.open(remote, name, columns, only=only, timeout=timeout, any_member=True)
