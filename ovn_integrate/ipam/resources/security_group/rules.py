"""The rules for security groups (Neutron: ``db/securitygroups_db.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam.neutron_errors import (
    PortSecurityAndIPRequiredForSecurityGroups,
    PortSecurityPortHasSecurityGroup,
    SecurityGroupInUse,
    SecurityGroupNotFound,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.model import Port
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.security_group.model import (
    EGRESS,
    IPV4,
    IPV6,
    SecurityGroup,
    SecurityRule,
)


def create(draft: Draft, attributes: Mapping[str, Any]) -> SecurityGroup:
    """With Neutron's two rules that let its ports send anything."""
    time = now()
    group = SecurityGroup(
        id=draft.new_id(SecurityGroup), created_at=time, updated_at=time, **attributes
    )
    draft.put(group)
    for ethertype in (IPV4, IPV6):
        rule = SecurityRule(
            id=draft.new_id(SecurityRule),
            security_group_id=group.id,
            direction=EGRESS,
            ethertype=ethertype,
            project_id=group.project_id,
            created_at=time,
            updated_at=time,
        )
        draft.put(rule)
    return group


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> SecurityGroup:
    """:raises SecurityGroupNotFound:
    :raises SecurityGroupInUse: ports have it, which are to be stateful no more, or again.
    """
    old = get(draft, id)
    new = replace(old, **attributes)
    if new == old:
        return old
    if new.stateful != old.stateful:
        _refuse_used(draft, id)
    new = touched(draft, new)
    if new.stateful != old.stateful:
        for rule in draft.having(SecurityRule, "security_group_id", id):
            draft.put(rule)  # the action of its ACL
    return new


def delete(draft: Draft, id: str) -> None:
    """Delete a group with its rules, and the rules of other groups that name it.

    :raises SecurityGroupNotFound:
    :raises SecurityGroupInUse: ports have it.
    """
    group = get(draft, id)
    _refuse_used(draft, id)
    draft.drop(group)
    for rule in draft.having(SecurityRule, "security_group_id", id):
        draft.drop(rule)
    for rule in draft.having(SecurityRule, "remote_group_id", id):
        draft.drop(rule)
        touched(draft, get(draft, rule.security_group_id))


def get(draft: Draft, id: str) -> SecurityGroup:
    """:raises SecurityGroupNotFound:"""
    found = draft.get(SecurityGroup, id)
    if found is None:
        raise SecurityGroupNotFound(id=id)
    return found


def touched(draft: Draft, group: SecurityGroup) -> SecurityGroup:
    """Plan the next revision of a group, as each change of its rules is one.

    It also makes changes of two servers to one group collide.
    """
    new = replace(group, updated_at=now(), revision_number=group.revision_number + 1)
    draft.put(new)
    return new


def named(draft: Draft, ids: Iterable[str]) -> tuple[str, ...]:
    """The groups of a port.

    :raises SecurityGroupNotFound: one does not exist.
    """
    return tuple(get(draft, id).id for id in dict.fromkeys(ids))


def check_port(new: Port, old: Port | None) -> None:
    """:raises Error: it has groups without port security, or had them and is to lose that."""
    if new.port_security_enabled or not new.security_groups:
        return
    if old is not None and old.security_groups == new.security_groups:
        raise PortSecurityPortHasSecurityGroup
    raise PortSecurityAndIPRequiredForSecurityGroups


def _refuse_used(draft: Draft, id: str) -> None:
    if draft.having(Port, "security_groups", id):
        raise SecurityGroupInUse(id=id)
