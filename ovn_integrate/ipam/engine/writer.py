"""Turning what a draft plans into writes of one NB transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ovn_integrate.ipam.plan.draft import Attempt, Draft
from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.resources import l3_rows, rows
from ovn_integrate.ipam.resources.l3 import FloatingIp, Router
from ovn_integrate.ipam.resources.l3_writer import L3Writer
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.port import dns_rows
from ovn_integrate.ipam.resources.port_forwarding import rows as portforwarding_rows
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.security_group import rows as security_rows
from ovn_integrate.ipam.resources.security_group import rules as security_groups
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.security_group.writer import SecurityWriter
from ovn_integrate.ipam.resources.subnet import dhcp
from ovn_integrate.ipam.resources.subnet_pool import rows as subnetpool_rows
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool
from ovn_integrate.ovsdb import Change, Row


class Writer:
    """Turns plans into writes of one transaction."""

    def __init__(self, change: Change, index: Index, attempt: Attempt) -> None:
        self._change = change
        self._index = index
        self._attempt = attempt
        self._security = SecurityWriter(change, index, attempt.joined)

    def write(self, draft: Draft) -> None:
        for network_id in dict.fromkeys(draft.touched):
            self._touch(network_id)
        for old, new in draft.plans:
            if new is None:
                self._delete(old, draft)
            elif old is None:
                self._create(new, draft)
            else:
                self._update(old, new, draft)
        dns_rows.write(self._change, draft, lambda id: self._row(rows.SWITCH, id))
        L3Writer(self._change, self._index, draft).write()
        subnetpool_rows.write_defaults(self._change, draft)
        portforwarding_rows.ForwardingWriter(self._change, draft, self._row).write()

    def _touch(self, network_id: str) -> None:
        if network_id in self._attempt.touched:
            return
        self._attempt.touched.add(network_id)
        for row in self._counted(network_id):
            self._change.verify(row, "external_ids")
            count = int(row.external_ids.get(rows.ALLOCATIONS, "0")) + 1
            self._change.set_keys(row, "external_ids", {rows.ALLOCATIONS: str(count)})

    def _counted(self, network_id: str) -> list[Row]:
        ledger = self._change.row(rows.DHCP, rows.ledger_id(network_id))
        if ledger is not None:
            return [ledger]
        subnets = [self._row(rows.DHCP, one.id) for one in self._index.subnets_of(network_id)]
        found = subnets or [self._row(rows.SWITCH, network_id)]
        return [row for row in found if row is not None]

    def _create(self, new: Thing, draft: Draft) -> None:
        columns = _columns(new, draft)
        if isinstance(new, Network):
            self._change.insert(rows.SWITCH, uuid.UUID(new.id), **columns)
            ledger = rows.ledger_id(new.id)
            self._change.insert(rows.DHCP, ledger, **rows.ledger_columns(new.id))
        elif isinstance(new, SecurityGroup):
            self._security.create_group(new)
        elif isinstance(new, SecurityRule):
            self._security.create_rule(new, _group_of(new, draft))
        elif isinstance(new, SubnetPool):
            self._change.insert(rows.DHCP, rows.ledger_id(new.id), **columns)
        elif not isinstance(new, Port):
            self._change.insert(_TABLE_OF[type(new)], uuid.UUID(new.id), **columns)
        else:
            columns.update(self._dhcp_references(new, draft))
            row = self._change.insert(rows.SWITCH_PORT, uuid.UUID(new.id), **columns)
            switch = self._row(rows.SWITCH, new.network_id)
            self._change.add(switch, "ports", row)
            self._security.place(row, (), new.security_groups)

    def _update(self, old: Thing, new: Thing, draft: Draft) -> None:
        table = _TABLE_OF[type(new)]
        row = self._row(table, new.id)
        before, after = _columns(old, draft), _columns(new, draft)
        if isinstance(new, Port):
            after.update(self._dhcp_references(new, draft))
            if before["parent_name"] != after["parent_name"]:
                self._tag(row, after, draft)
        self._change.verify(row, "external_ids")
        for column, wanted in after.items():
            if isinstance(wanted, dict):
                self._change.set_keys(row, column, _difference(before[column], wanted))
            else:
                self._change.set(row, **{column: wanted})
        if isinstance(old, Port) and isinstance(new, Port):
            self._security.place(row, old.security_groups, new.security_groups)

    def _tag(self, row: Row, wanted: rows.Columns, draft: Draft) -> None:
        """The VLAN tag of a port that was there and comes below another parent, or below none."""
        # ovn-northd keeps one that it finds, and for such a port chooses none before it computes
        # all once more, which may be hours later (25.03, 26.03).
        tag: Any = []
        if wanted["parent_name"]:
            tag = wanted["tag_request"] or self._free_tag(wanted["parent_name"], draft)
        self._change.verify(row, "tag")
        self._change.set(row, tag=tag)

    def _free_tag(self, parent: str, draft: Draft) -> Any:
        self._touch(draft.port(parent).network_id)
        below = [one for one in self._change.rows(rows.SWITCH_PORT) if one.parent_name == [parent]]
        taken = {tag for one in below for tag in one.tag}
        # From the other end than ovn-northd, which may choose one at the same moment.
        return next((tag for tag in rows.TAGS if tag not in taken), [])

    def _delete(self, old: Thing | None, draft: Draft) -> None:
        if isinstance(old, SecurityRule):
            self._security.delete_rule(old)
        elif isinstance(old, Port):
            # Its row is not a root: it goes when the switch lets go of it.
            switch = self._row(rows.SWITCH, old.network_id)
            self._change.remove(switch, "ports", self._row(rows.SWITCH_PORT, old.id))
        elif old is not None:
            row = self._row(_TABLE_OF[type(old)], old.id)
            if row is not None:
                self._change.verify(row, "external_ids")
                self._change.delete(row)
        if isinstance(old, Network):
            ledger = self._change.row(rows.DHCP, rows.ledger_id(old.id))
            if ledger is not None:
                self._change.delete(ledger)
        if isinstance(old, SecurityGroup) and not draft.all(SecurityGroup):
            self._security.drop_drop_group()

    def _dhcp_references(self, port: Port, draft: Draft) -> dict[str, Any]:
        subnets = draft.subnets_of(port.network_id)
        columns = {}
        for version in (4, 6):
            id = dhcp.subnet_of_port(port, subnets, version)
            row = None if id is None else self._row(rows.DHCP, id)
            columns[f"dhcpv{version}_options"] = [] if row is None else row
        return columns

    def _row(self, table: str, id: str) -> Row:
        found = self._index.row(id)
        return None if found is None else self._change.row(table, found)


_TABLE_OF: dict[type, str] = {
    Network: rows.SWITCH,
    Subnet: rows.DHCP,
    Port: rows.SWITCH_PORT,
    SecurityGroup: security_rows.PORT_GROUP,
    SecurityRule: security_rows.ACL,
    Router: l3_rows.ROUTER,
    FloatingIp: rows.DHCP,
    SubnetPool: rows.DHCP,
    PortForwarding: rows.DHCP,
}


def _columns(thing: Thing, draft: Draft) -> rows.Columns:
    if isinstance(thing, Network):
        return l3_rows.network_columns(thing)
    if isinstance(thing, Subnet):
        return rows.subnet_columns(thing, draft.network(thing.network_id).mtu)
    if isinstance(thing, SecurityGroup):
        return security_rows.group_columns(thing)
    if isinstance(thing, SecurityRule):
        return security_rows.rule_columns(thing, _group_of(thing, draft))
    if isinstance(thing, Router):
        return l3_rows.router_columns(thing)
    if isinstance(thing, FloatingIp):
        return l3_rows.floating_columns(thing)
    if isinstance(thing, SubnetPool):
        return subnetpool_rows.columns(thing)
    if isinstance(thing, PortForwarding):
        return portforwarding_rows.columns(thing)
    columns = rows.port_columns(thing, draft.subnets_of(thing.network_id))
    return {**columns, **l3_rows.switch_port_columns(thing)}


def _group_of(rule: SecurityRule, draft: Draft) -> SecurityGroup:
    return security_groups.get(draft, rule.security_group_id)


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    gone: Iterable[str] = before.keys() - after.keys()
    return {**dict.fromkeys(gone), **after}
