"""What plans for routers, their ports and floating IPs write beside their own rows.

All of these rows have ids that follow from what they belong to, so that they are found without
reading a router's sets, and writing what is so already changes nothing.
"""

from __future__ import annotations

import uuid
from typing import Any

from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.resources import l3_rows, rows
from ovn_integrate.ipam.resources.l3 import GATEWAY, ExternalGateway, FloatingIp, Router, is_routers
from ovn_integrate.ipam.resources.model import Network, Port, Subnet
from ovn_integrate.ovsdb import Change, Row


class L3Writer:
    """Writes one draft's part of it, after the things' own rows."""

    def __init__(self, change: Change, index: Index, draft: Draft) -> None:
        self._change = change
        self._index = index
        self._draft = draft

    def write(self) -> None:
        for old, new in self._draft.plans:
            if isinstance(new, Network) and old is None:
                self._connect(new)
            elif isinstance(new, Router):
                self._route(old.gateway if isinstance(old, Router) else None, new)
            elif isinstance(new, Port) and is_routers(new):
                self._plug(new)
            elif isinstance(old, Port) and is_routers(old):
                self._unplug(old)
            elif isinstance(old, FloatingIp) or isinstance(new, FloatingIp):
                self._translate(old, new)

    def _connect(self, network: Network) -> None:
        """The localnet port of a flat network."""
        if network.physical_network is not None:
            columns = l3_rows.localnet_columns(network.physical_network)
            switch = self._change.row(rows.SWITCH, uuid.UUID(network.id))
            self._change.add(switch, "ports", self._change.insert(rows.SWITCH_PORT, **columns))

    def _route(self, before: ExternalGateway | None, router: Router) -> None:
        """The default routes and the SNAT of a router whose gateway may have changed."""
        if before is not None and before != router.gateway:
            for fixed in before.fixed_ips:
                self._absent(l3_rows.ROUTE, "static_routes", router.id, f"route {fixed.subnet_id}")
        for fixed in router.gateway.fixed_ips if router.gateway else ():
            subnet = self._draft.subnet(fixed.subnet_id)
            if subnet.gateway_ip is not None:
                key = f"route {subnet.id}"
                columns = l3_rows.route_columns(subnet)
                self._have(l3_rows.ROUTE, "static_routes", router.id, key, columns)
        for port in self._draft.router_ports(router.id):
            self._hide(router, port)

    def _hide(self, router: Router, port: Port) -> None:
        """SNAT for the subnets of an interface, if its router has that and a way out."""
        if port.device_owner == GATEWAY:
            return
        gateway = router.gateway
        external = [] if gateway is None else self._draft.port(gateway.port_id).addresses
        ours = next((one for one in external if one.version == 4), None)
        for subnet in self._subnets(port):
            if gateway is None or not gateway.enable_snat or ours is None:
                self._absent(l3_rows.NAT, "nat", router.id, f"snat {subnet.id}")
            elif subnet.ip_version == 4:
                columns = l3_rows.snat_columns(subnet, ours)
                self._have(l3_rows.NAT, "nat", router.id, f"snat {subnet.id}", columns)

    def _plug(self, port: Port) -> None:
        router = self._draft.router(port.device_id)
        subnets = self._draft.subnets_of(port.network_id)
        columns = l3_rows.router_port_columns(port, router, subnets)
        row = self._have(l3_rows.ROUTER_PORT, "ports", router.id, f"port {port.id}", columns)
        if port.device_owner == GATEWAY:
            self._bind(row, port)
        self._hide(router, port)

    def _bind(self, row: Row, port: Port) -> None:
        if not port.host_id:
            self._change.set(row, gateway_chassis=[])
            return
        wanted = l3_rows.chassis_columns(port)
        id = l3_rows.row_id(port.id, f"chassis {port.host_id}")
        chassis = self._change.row(l3_rows.GATEWAY_CHASSIS, id)
        if chassis is None:
            chassis = self._change.insert(l3_rows.GATEWAY_CHASSIS, id, **wanted)
        self._change.set(row, gateway_chassis=[chassis])

    def _unplug(self, port: Port) -> None:
        self._absent(l3_rows.ROUTER_PORT, "ports", port.device_id, f"port {port.id}")
        for subnet in self._subnets(port):
            self._absent(l3_rows.NAT, "nat", port.device_id, f"snat {subnet.id}")

    def _translate(self, old: Any, new: Any) -> None:
        """The NAT of a floating IP, which goes when it stands for no port any more."""
        if new is not None and new.port_id is not None:
            if old is not None and old.router_id not in (None, new.router_id):
                self._absent(l3_rows.NAT, "nat", old.router_id, f"floating {old.id}")
            columns = l3_rows.nat_columns(new)
            self._have(l3_rows.NAT, "nat", new.router_id, f"floating {new.id}", columns)
        elif old is not None and old.router_id is not None:
            self._absent(l3_rows.NAT, "nat", old.router_id, f"floating {old.id}")

    def _have(
        self, table: str, column: str, router_id: str, key: str, columns: rows.Columns
    ) -> Row:
        """Have a row in a column of a router's."""
        id = l3_rows.row_id(router_id, key)
        row = self._change.row(table, id)
        if row is None:
            row = self._change.insert(table, id, **columns)
            self._change.add(self._router(router_id), column, row)
        else:
            self._change.set(row, **columns)
        return row

    def _absent(self, table: str, column: str, router_id: str, key: str) -> None:
        row = self._change.row(table, l3_rows.row_id(router_id, key))
        router = self._router(router_id)
        # Without its router it is gone already.
        if row is not None and router is not None:
            self._change.remove(router, column, row)

    def _router(self, id: str) -> Row:
        return self._change.row(l3_rows.ROUTER, self._index.row(id) or uuid.UUID(id))

    def _subnets(self, port: Port) -> list[Subnet]:
        known = self._draft.subnets_of(port.network_id)
        return [one for one in known if any(one.has(address) for address in port.addresses)]
