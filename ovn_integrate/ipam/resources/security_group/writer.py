"""What a change writes of security groups: their rows, and which ports are in them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.resources.security_group import rows
from ovn_integrate.ipam.resources.security_group.model import (
    EGRESS,
    INGRESS,
    SecurityGroup,
    SecurityRule,
)
from ovn_integrate.ovsdb import Change, Row

_DROP_ROW = uuid.uuid5(uuid.NAMESPACE_DNS, rows.DROP)


class SecurityWriter:
    """The part of one transaction that concerns security groups.

    :param joined: the Port_Groups that ports joined in this attempt already.
    """

    def __init__(self, change: Change, index: Index, joined: set[str]) -> None:
        self._change = change
        self._index = index
        self._joined = joined

    def create_group(self, group: SecurityGroup) -> None:
        self._change.insert(rows.PORT_GROUP, uuid.UUID(group.id), **rows.group_columns(group))

    def create_rule(self, rule: SecurityRule, group: SecurityGroup) -> None:
        acl = self._change.insert(rows.ACL, uuid.UUID(rule.id), **rows.rule_columns(rule, group))
        self._change.add(self._group(rule.security_group_id), "acls", acl)

    def delete_rule(self, rule: SecurityRule) -> None:
        """Its ACL is not a root: it goes when the Port_Group lets go of it, or itself goes."""
        group, found = self._group(rule.security_group_id), self._index.row(rule.id)
        if group is not None and found is not None:
            self._change.remove(group, "acls", self._change.row(rows.ACL, found))

    def place(self, port: Row, before: Iterable[str], after: Iterable[str]) -> None:
        """Put a port's row into the groups that it has now, and take it out of the others."""
        old, new = set(before), set(after)
        for id in new - old:
            self._join(self._group(id), port)
        for id in old - new:
            self._leave(self._group(id), port)
        if new and not old:
            self._join(self._drop_group() or self._make_drop_group(), port)
        if old and not new:
            self._leave(self._drop_group(), port)

    def drop_drop_group(self) -> None:
        """Delete the Port_Group of all secured ports, with the last security group."""
        row = self._drop_group()
        if row is not None:
            self._change.verify(row, "external_ids")
            self._change.delete(row)

    def _group(self, id: str) -> Row | None:
        return self._change.row(rows.PORT_GROUP, self._index.row(id) or uuid.UUID(id))

    def _join(self, group: Row, port: Row) -> None:
        if group.name not in self._joined:
            self._joined.add(group.name)
            self._change.verify(group, "external_ids")
            count = int(group.external_ids.get(rows.MEMBERS, "0")) + 1
            self._change.set_keys(group, "external_ids", {rows.MEMBERS: str(count)})
        self._change.add(group, "ports", port)

    def _leave(self, group: Row | None, port: Row) -> None:
        if group is not None:
            self._change.remove(group, "ports", port)

    def _drop_group(self) -> Row | None:
        found = self._change.row(rows.PORT_GROUP, _DROP_ROW)
        return found or self._change.find(rows.PORT_GROUP, name=rows.DROP)

    def _make_drop_group(self) -> Row:
        self._joined.add(rows.DROP)
        count = {rows.MEMBERS: "1"}
        group = self._change.insert(rows.PORT_GROUP, _DROP_ROW, name=rows.DROP, external_ids=count)
        for direction in (EGRESS, INGRESS):
            acl = self._change.insert(rows.ACL, **rows.drop_columns(direction))
            self._change.add(group, "acls", acl)
        return group
