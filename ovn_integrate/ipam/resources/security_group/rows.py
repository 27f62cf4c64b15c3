"""How security groups stand in NB, in both directions.

The layout is that of Neutron's OVN driver (``neutron/common/ovn/acl.py``, and the recorded rows of
Neutron 29): a group is a Port_Group, a rule is an ACL of it that allows, and the ports of all
groups are in one more Port_Group too, ``neutron_pg_drop``, whose ACLs drop the rest. OVN itself
makes an address set of each Port_Group's ports, ``$NAME_ip4`` and ``$NAME_ip6`` (ovn-nb(5)).

A rule's facts are read from its ACL's match, so that the rules of a real Neutron are understood.
"""

from __future__ import annotations

import uuid
from typing import Any

from ovn_integrate.ipam.resources.rows import OURS, Columns, own_keys, own_values
from ovn_integrate.ipam.resources.security_group.model import (
    EGRESS,
    INGRESS,
    IPV4,
    IPV6,
    SecurityGroup,
    SecurityRule,
)
from ovn_integrate.ipam.resources.standard import DEFAULT_PROJECT

PORT_GROUP = "Port_Group"
ACL = "ACL"

TABLES = {
    PORT_GROUP: ["name", "external_ids"],
    ACL: ["action", "direction", "match", "priority", "external_ids", "log"],
}
UNREAD = {PORT_GROUP: ["acls", "ports"]}

DROP = "neutron_pg_drop"
"""The Port_Group of all ports that have a security group."""

MEMBERS = OURS + "members"
"""Counts the ports that joined a Port_Group; a server that deletes it sees another that adds one,
as ``ports`` itself is not replicated."""

_GROUP_KEY = "neutron:security_group_id"
_RULE_KEY = "neutron:security_group_rule_id"
_NAME = "pg_"
_ALLOWED = 1002
_DROPPED = 1000
_WITH_PORTS = frozenset({"tcp", "udp", "sctp"})
_ICMP = frozenset({"icmp", "icmpv6", "ipv6-icmp", "1", "58"})
_ANY = frozenset({"any", "ip", "0"})

NUMBERS = {
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "tcp": 6,
    "egp": 8,
    "udp": 17,
    "dccp": 33,
    "ipv6-encap": 41,
    "ipv6-route": 43,
    "ipv6-frag": 44,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "ospf": 89,
    "pgm": 113,
    "vrrp": 112,
    "sctp": 132,
    "udplite": 136,
}
"""The protocols that a rule may name (``neutron_lib/constants.py``), with IANA's numbers."""

_NAMES = {str(NUMBERS[name]): name for name in _WITH_PORTS}


def group_name(id: str) -> str:
    """The name of a group's Port_Group: OVN's names have no hyphens."""
    return _NAME + id.replace("-", "_")


def group_columns(group: SecurityGroup) -> Columns:
    """The columns of a group's Port_Group, but for its ports and ACLs."""
    return {
        "name": group_name(group.id),
        "external_ids": {
            _GROUP_KEY: group.id,
            **own_keys(
                group,
                {
                    "name": group.name,
                    "project_id": "" if group.project_id == DEFAULT_PROJECT else group.project_id,
                    "stateful": "" if group.stateful else "false",
                    "revision_number": str(group.revision_number),
                },
            ),
        },
    }


def group_of(row: Any) -> SecurityGroup | None:
    """The group of a Port_Group; None when it is not one of Neutron's making."""
    keys = row.external_ids
    if _GROUP_KEY not in keys:
        return None
    return SecurityGroup(
        id=keys[_GROUP_KEY],
        name=keys.get(OURS + "name", ""),
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        stateful=OURS + "stateful" not in keys,
        revision_number=int(keys.get(OURS + "revision_number", 1)),
        **own_values(keys),
    )


def rule_columns(rule: SecurityRule, group: SecurityGroup) -> Columns:
    """The columns of a rule's ACL."""
    return {
        "action": "allow-related" if group.stateful else "allow-stateless",
        "direction": "to-lport" if rule.direction == INGRESS else "from-lport",
        "priority": _ALLOWED,
        "log": False,
        "match": _match(rule),
        "external_ids": {
            _RULE_KEY: rule.id,
            **own_keys(
                rule,
                {
                    "protocol": rule.protocol or "",
                    "project_id": "" if rule.project_id == DEFAULT_PROJECT else rule.project_id,
                },
            ),
        },
    }


def rule_of(row: Any) -> SecurityRule | None:
    """The rule of an ACL; None when it is not one of Neutron's making."""
    keys = row.external_ids
    if _RULE_KEY not in keys:
        return None
    facts = _facts(row.match)
    if OURS + "protocol" in keys:
        facts["protocol"] = keys[OURS + "protocol"]
    return SecurityRule(
        id=keys[_RULE_KEY],
        direction=INGRESS if row.direction == "to-lport" else EGRESS,
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        **facts,
        **own_values(keys),
    )


def drop_columns(direction: str) -> Columns:
    """The columns of the ACL that drops what no rule allows, in one of Neutron's directions."""
    ingress = direction == INGRESS
    return {
        "action": "drop",
        "direction": "to-lport" if ingress else "from-lport",
        "priority": _DROPPED,
        "log": False,
        "match": f"{'outport' if ingress else 'inport'} == @{DROP} && ip",
    }


def _match(rule: SecurityRule) -> str:
    ingress = rule.direction == INGRESS
    ip = "ip4" if rule.ethertype == IPV4 else "ip6"
    other = f"{ip}.{'src' if ingress else 'dst'}"
    terms = [f"{'outport' if ingress else 'inport'} == @{group_name(rule.security_group_id)}", ip]
    if rule.remote_ip_prefix is not None:
        terms.append(f"{other} == {rule.remote_ip_prefix}")
    if rule.remote_group_id is not None:
        terms.append(f"{other} == ${group_name(rule.remote_group_id)}_{ip}")
    return " && ".join([*terms, *_protocol_terms(rule)])


def _protocol_terms(rule: SecurityRule) -> list[str]:
    protocol, low, high = rule.protocol, rule.port_range_min, rule.port_range_max
    if protocol is None or protocol in _ANY:
        return []
    if protocol in _ICMP:
        icmp = "icmp4" if rule.ethertype == IPV4 else "icmp6"
        given = (("type", low), ("code", high))
        return [
            icmp,
            *(f"{icmp}.{part} == {number}" for part, number in given if number is not None),
        ]
    name = _NAMES.get(protocol, protocol)
    if name not in _WITH_PORTS:
        return [f"ip.proto == {NUMBERS.get(name, name)}"]
    if low is not None and low == high:
        return [name, f"{name}.dst == {low}"]
    bounds = ((">=", low), ("<=", high))
    return [name, *(f"{name}.dst {sign} {port}" for sign, port in bounds if port is not None)]


def _facts(match: str) -> dict[str, Any]:
    """What a match says that ``_match`` or Neutron wrote.

    :raises ValueError: it says something else.
    """
    where, ip, *terms = match.split(" && ")
    facts: dict[str, Any] = {
        "security_group_id": _id_of(where.partition(" == @")[2]),
        "ethertype": {"ip4": IPV4, "ip6": IPV6}[ip],
    }
    for term in terms:
        facts.update(_fact(term))
    return facts


def _fact(term: str) -> dict[str, Any]:
    name, sign, value = [*term.split(), "", ""][:3]
    left, _, part = name.partition(".")
    if not sign:
        return {"protocol": "icmp" if name == "icmp4" else "ipv6-icmp" if name == "icmp6" else name}
    if value.startswith("$"):
        return {"remote_group_id": _id_of(value[1:].rpartition("_")[0])}
    if left in ("ip4", "ip6"):
        return {"remote_ip_prefix": value}
    if part == "proto":
        return {"protocol": value}
    if part in ("type", "code"):
        return {"port_range_min" if part == "type" else "port_range_max": int(value)}
    ends = {">=": ["port_range_min"], "<=": ["port_range_max"]}
    return dict.fromkeys(ends.get(sign, ["port_range_min", "port_range_max"]), int(value))


def _id_of(name: str) -> str:
    return str(uuid.UUID(name.removeprefix(_NAME).replace("_", "")))
