"""How port forwardings stand in NB.

As Neutron's OVN driver writes them (``services/portforwarding/drivers/ovn/driver.py``): the ports
of a floating IP are VIPs of a Load_Balancer for each protocol, on its router and on the switches
that the router is on; each port of a range has a Load_Balancer of its own. What Neutron keeps in
SQL, which forwarding is which, is here a DHCP_Options for each that no port refers to.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable
from typing import Any

from ovn_integrate.ipam.allocate import Span
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources import rows
from ovn_integrate.ipam.resources.l3 import INTERFACE, FloatingIp
from ovn_integrate.ipam.resources.l3_rows import BALANCER
from ovn_integrate.ipam.resources.model import Port
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding, text
from ovn_integrate.ipam.resources.rows import OURS, Columns
from ovn_integrate.ipam.resources.standard import DEFAULT_PROJECT
from ovn_integrate.ovsdb import Change, Row

COLUMN = "load_balancer"
"""Of Logical_Router and Logical_Switch."""

_FORWARDING = OURS + "port_forwarding"


def columns(new: PortForwarding) -> Columns:
    """The columns of the DHCP_Options that keeps a forwarding."""
    return {
        "external_ids": {
            _FORWARDING: new.id,
            **rows.own_keys(
                new,
                {
                    "project_id": new.project_id,
                    "floatingip_id": new.floatingip_id,
                    "protocol": new.protocol,
                    "internal_port_id": new.internal_port_id,
                    "internal_ip_address": str(new.internal_ip_address),
                    "external": text(new.external),
                    "internal": text(new.internal),
                },
            ),
        }
    }


def forwarding_of(row: Any) -> PortForwarding | None:
    """The forwarding of a DHCP_Options; None when it is none's."""
    keys = row.external_ids
    if _FORWARDING not in keys:
        return None
    return PortForwarding(
        id=keys[_FORWARDING],
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        floatingip_id=keys[OURS + "floatingip_id"],
        protocol=keys[OURS + "protocol"],
        internal_port_id=keys[OURS + "internal_port_id"],
        internal_ip_address=ipaddress.ip_address(keys[OURS + "internal_ip_address"]),
        external=_span(keys[OURS + "external"]),
        internal=_span(keys[OURS + "internal"]),
        **rows.own_values(keys),
    )


class ForwardingWriter:
    """Writes the Load_Balancers of what a draft has planned.

    Their ids follow from their names, so that they are found without reading a router's sets.

    :param row: gives the row of a thing's id in a table.
    """

    def __init__(self, change: Change, draft: Draft, row: Callable[[str, str], Row]) -> None:
        self._change = change
        self._draft = draft
        self._row = row

    def write(self) -> None:
        changed: dict[str, set[str]] = {}
        for plan in self._draft.plans:
            for one in plan:
                if isinstance(one, PortForwarding):
                    changed.setdefault(one.floatingip_id, set()).update(_vips(one, ""))
        for floating_id, names in changed.items():
            self._balance(floating_id, names)
        for old, new in self._draft.plans:
            if isinstance(old, Port) or isinstance(new, Port):
                self._plug(_interface(old), _interface(new))

    def _balance(self, floating_id: str, names: set[str]) -> None:
        wanted = self._wanted(floating_id)
        for name in sorted(names | wanted.keys()):
            row = self._change.row(BALANCER, _id(floating_id, name))
            vips = wanted.get(name)
            if vips is None:
                if row is not None:
                    self._change.delete(row)
            elif row is None:
                self._add(self._draft.floating_ip(floating_id), name, vips)
            else:
                gone = dict.fromkeys(row.vips.keys() - vips.keys())
                self._change.set_keys(row, "vips", {**gone, **vips})

    def _wanted(self, floating_id: str) -> dict[str, dict[str, str]]:
        """The VIPs that a floating IP's Load_Balancers shall have, by their names."""
        found: dict[str, dict[str, str]] = {}
        for one in self._draft.having(PortForwarding, "floatingip_id", floating_id):
            address = str(self._draft.floating_ip(floating_id).floating_ip_address)
            for name, vips in _vips(one, address).items():
                found.setdefault(name, {}).update(vips)
        return found

    def _add(self, floating: FloatingIp, name: str, vips: dict[str, str]) -> None:
        router_id = str(floating.router_id)
        row = self._change.insert(
            BALANCER,
            _id(floating.id, name),
            name=name,
            vips=vips,
            protocol=name.split("-")[-2 if name[-1].isdecimal() else -1],
            external_ids={
                "neutron:device_owner": "port_forwarding_plugin",
                "neutron:fip_id": floating.id,
                "neutron:router_name": f"neutron-{router_id}",
                "neutron:revision_number": str(floating.revision_number),
            },
        )
        self._change.add(self._row("Logical_Router", router_id), COLUMN, row)
        for port in self._draft.router_ports(router_id):
            if port.device_owner == INTERFACE:
                self._change.add(self._row(rows.SWITCH, port.network_id), COLUMN, row)

    def _plug(self, old: Port | None, new: Port | None) -> None:
        """Have a router's Load_Balancers on a switch that it came to, and off one it left."""
        port = new or old
        if port is None or (old is not None and new is not None):
            return
        switch = self._row(rows.SWITCH, port.network_id)
        for row in self._on_router(port.device_id) if switch is not None else ():
            (self._change.remove if new is None else self._change.add)(switch, COLUMN, row)

    def _on_router(self, router_id: str) -> list[Row]:
        router = self._draft.router(router_id)
        if router.gateway is None:
            return []
        key = "floating_network_id"
        floating = self._draft.having(FloatingIp, key, router.gateway.network_id)
        found = (
            self._change.row(BALANCER, _id(one.id, name))
            for one in floating
            if one.router_id == router_id
            for name in self._wanted(one.id)
        )
        return [row for row in found if row is not None]


def _interface(thing: Any) -> Port | None:
    return thing if isinstance(thing, Port) and thing.device_owner == INTERFACE else None


def _vips(one: PortForwarding, address: str) -> dict[str, dict[str, str]]:
    """The VIPs of a forwarding, by the name of the Load_Balancer that has them."""
    name = f"pf-floatingip-{one.floatingip_id}-{one.protocol}"
    pairs = one.pairs()
    found: dict[str, dict[str, str]] = {}
    for external, internal in pairs:
        own = f"{name}-{external}" if len(pairs) > 1 else name
        target = f"{one.internal_ip_address}:{internal}"
        found.setdefault(own, {})[f"{address}:{external}"] = target
    return found


def _id(floating_id: str, name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.UUID(floating_id), name)


def _span(ports: str) -> Span:
    first, _, last = ports.partition(":")
    return int(first), int(last)
