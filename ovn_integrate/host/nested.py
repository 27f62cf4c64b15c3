"""A host that is a VM on a chassis: its containers are ports below the VM's own (ovn-nb(5),
"parent_name"). It has no ovn-controller and no integration bridge, but a bridge with its NIC, on
which each container has a VLAN that the chassis knows.
"""

from __future__ import annotations

from collections.abc import Mapping

from ovn_integrate.errors import NotFound
from ovn_integrate.host import interfaces, settings
from ovn_integrate.host.mtu import ETHERNET
from ovn_integrate.ovsdb import Session

TABLES = {
    **settings.TABLES,
    "Bridge": ["name", "ports"],
    "Port": ["name", "interfaces"],
    "Interface": ["name", "type", "external_ids"],
}

VLAN_HEADER = 4
"""Bytes (IEEE 802.1Q)."""

_OURS = "ovn-integrate:"


def nics(session: Session, bridge: str) -> list[str]:
    """The links of a bridge that lead out of this host: no containers', and none of its own.

    :param session: on :data:`TABLES`.
    """
    row = session.find("Bridge", name=bridge)
    found = [] if row is None else [one for port in row.ports for one in port.interfaces]
    return sorted(
        one.name
        for one in found
        if one.type in ("", "system") and not any(key.startswith(_OURS) for key in one.external_ids)
    )


def mtu(links: list[str]) -> int:
    """What a container's packet may have, in bytes, for its frame to pass all of these links."""
    known = interfaces.mtus()
    return min(known.get(link, ETHERNET) for link in links) - VLAN_HEADER


def macs(links: list[str]) -> set[str]:
    """The MAC addresses of these links."""
    known = interfaces.macs()
    return {known[link].lower() for link in links if link in known}


def keys(
    session: Session, mode: str, bridge: str | None, vif_id: str | None
) -> Mapping[str, str | None]:
    """The keys that make a host a VM on a chassis, or a chassis.

    :param bridge: on which the endpoints are; None for the one that is set.
    :param vif_id: the VM's own port in Neutron; None to leave it as it is.
    :raises NotFound: there is no such bridge.
    """
    nested = mode == settings.UNDERLAY
    if bridge is not None and session.find("Bridge", name=bridge) is None:
        verb = "nics-to-bridge NIC" if nested else "create-integration-bridge"
        raise NotFound(f"bridge {bridge}", "does not exist", f"ovn-integrate {verb}")
    wanted: dict[str, str | None] = {settings.MODE: mode}
    if bridge is not None:
        wanted[settings.NESTED_BRIDGE if nested else settings.BRIDGE] = bridge
    if vif_id is not None:
        wanted[settings.VIF] = vif_id
    return wanted
