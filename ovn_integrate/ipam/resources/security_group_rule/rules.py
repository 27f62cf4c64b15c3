"""The rules for the rules of security groups (Neutron: ``db/securitygroups_db.py``)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam.neutron_errors import (
    InvalidInput,
    SecurityGroupEthertypeConflictWithProtocol,
    SecurityGroupInvalidIcmpValue,
    SecurityGroupInvalidPortRange,
    SecurityGroupInvalidPortValue,
    SecurityGroupInvalidProtocolForPort,
    SecurityGroupMissingIcmpType,
    SecurityGroupMultipleRemoteEntites,
    SecurityGroupProtocolRequiredWithPorts,
    SecurityGroupRuleExists,
    SecurityGroupRuleNotFound,
    SecurityGroupRuleParameterConflict,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.security_group import rules as security_groups
from ovn_integrate.ipam.resources.security_group.model import IPV4, SecurityRule
from ovn_integrate.ipam.resources.security_group.rows import NUMBERS

_PORTS = frozenset(NUMBERS[name] for name in ("tcp", "udp", "sctp"))
_ALL_PORTS = (1, 65535)
_ANYWHERE = ("0.0.0.0/0", "::/0")
_ICMP = frozenset((NUMBERS["icmp"], NUMBERS["ipv6-icmp"]))
_IPV6_ONLY = frozenset(
    ("icmpv6", "ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts", "ipv6-route")
)


def create(draft: Draft, attributes: Mapping[str, Any]) -> SecurityRule:
    """:raises Error: what Neutron answers to a rule that cannot be."""
    fields = dict(attributes)
    if fields.pop("remote_address_group_id", None) is not None:
        raise InvalidInput(reason="remote_address_group_id is not supported")
    group = security_groups.get(draft, fields["security_group_id"])
    fields["project_id"] = group.project_id
    time = now()
    if (fields.get("port_range_min"), fields.get("port_range_max")) == _ALL_PORTS:
        fields |= {"port_range_min": None, "port_range_max": None}
    rule = SecurityRule(id=draft.new_id(SecurityRule), created_at=time, updated_at=time, **fields)
    _check_remote(draft, rule)
    _check_protocol(rule)
    for other in draft.having(SecurityRule, "security_group_id", group.id):
        if _traffic(other) == _traffic(rule):
            raise SecurityGroupRuleExists(id=other.id)
    draft.put(rule)
    security_groups.touched(draft, group)
    return rule


def _traffic(rule: SecurityRule) -> tuple[Any, ...]:
    """What a rule allows, however it is written."""
    prefix = None if rule.remote_ip_prefix in _ANYWHERE else rule.remote_ip_prefix
    plain = replace(rule, remote_ip_prefix=prefix, protocol=_number(rule.protocol))
    return plain.traffic


def _number(protocol: str | None) -> str | None:
    return None if protocol is None else str(NUMBERS.get(protocol, protocol))


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> SecurityRule:
    """Only its description and tags can change.

    :raises SecurityGroupRuleNotFound:
    """
    old = _get(draft, id)
    new = replace(old, **attributes)
    if new == old:
        return old
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    draft.put(new)
    return new


def delete(draft: Draft, id: str) -> None:
    """:raises SecurityGroupRuleNotFound:"""
    rule = _get(draft, id)
    draft.drop(rule)
    security_groups.touched(draft, security_groups.get(draft, rule.security_group_id))


def _get(draft: Draft, id: str) -> SecurityRule:
    found = draft.get(SecurityRule, id)
    if found is None:
        raise SecurityGroupRuleNotFound(id=id)
    return found


def _check_remote(draft: Draft, rule: SecurityRule) -> None:
    if rule.remote_group_id is not None:
        if rule.remote_ip_prefix is not None:
            raise SecurityGroupMultipleRemoteEntites
        security_groups.get(draft, rule.remote_group_id)
    if rule.remote_ip_prefix is not None:
        version = ipaddress.ip_network(rule.remote_ip_prefix).version
        if (version == 4) != (rule.ethertype == IPV4):
            raise SecurityGroupRuleParameterConflict(
                ethertype=rule.ethertype, cidr=rule.remote_ip_prefix
            )


def _check_protocol(rule: SecurityRule) -> None:
    low, high = rule.port_range_min, rule.port_range_max
    name = rule.protocol
    if name is None:
        if low is not None or high is not None:
            raise SecurityGroupProtocolRequiredWithPorts
        return
    if rule.ethertype == IPV4 and name in _IPV6_ONLY:
        raise SecurityGroupEthertypeConflictWithProtocol(ethertype=IPV4, protocol=name)
    number = NUMBERS.get(name, int(name) if name.isdecimal() else None)
    if number in _ICMP:
        _check_icmp(low, high)
    elif number in _PORTS:
        if low is None and high is None:
            return
        if 0 in (low, high):
            raise SecurityGroupInvalidPortValue(port=0)
        if low is None or high is None or low > high:
            raise SecurityGroupInvalidPortRange
    elif low is not None or high is not None:
        raise SecurityGroupInvalidProtocolForPort(protocol=number)


def _check_icmp(kind: int | None, code: int | None) -> None:
    for field, attribute, value in (
        ("type", "port_range_min", kind),
        ("code", "port_range_max", code),
    ):
        if value is not None and value > 255:
            raise SecurityGroupInvalidIcmpValue(field=field, attribute=attribute, value=value)
    if kind is None and code is not None:
        raise SecurityGroupMissingIcmpType(value=code)
