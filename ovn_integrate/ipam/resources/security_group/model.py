"""Security groups and their rules in Neutron's words, and their JSON shape.

The shapes follow the recorded answers of Neutron 29 key by key, but for ``standard_attr_id``, a
number of its SQL tables that some answers let slip.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ovn_integrate.ipam.resources.standard import Standard

INGRESS = "ingress"
EGRESS = "egress"
IPV4 = "IPv4"
IPV6 = "IPv6"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRule(Standard):
    """A kind of traffic that a group's ports may have; what no rule allows is dropped.

    :param direction: as the port sees it, ``ingress`` or ``egress``.
    :param protocol: its name or number as text; None for any.
    :param port_range_min: of TCP, UDP and SCTP; for ICMP the type.
    :param port_range_max: of TCP, UDP and SCTP; for ICMP the code.
    :param remote_ip_prefix: the other side, as a CIDR without host bits.
    :param remote_group_id: the other side, as the ports of a group.
    """

    security_group_id: str
    direction: str
    ethertype: str = IPV4
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    revision_number: int = 0

    @property
    def traffic(self) -> tuple[Any, ...]:
        """What it allows: no group has two rules that allow the same."""
        return (
            self.security_group_id,
            self.direction,
            self.ethertype,
            self.protocol,
            self.port_range_min,
            self.port_range_max,
            self.remote_ip_prefix,
            self.remote_group_id,
        )

    def body(self) -> dict[str, Any]:
        """As an answer of its own: without tags, as it is no thing that has some."""
        found = self.part()
        del found["tags"]
        return found

    def part(self) -> dict[str, Any]:
        """As a part of its group."""
        # Neutron describes the rules that a group is made with by nothing at all.
        plain = self.direction == EGRESS and not any(self.traffic[3:])
        return {
            "id": self.id,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "security_group_id": self.security_group_id,
            "ethertype": self.ethertype,
            "direction": self.direction,
            "protocol": self.protocol,
            "port_range_min": self.port_range_min,
            "port_range_max": self.port_range_max,
            "remote_ip_prefix": self.remote_ip_prefix,
            "normalized_cidr": self.remote_ip_prefix,
            "remote_address_group_id": None,
            "remote_group_id": self.remote_group_id,
            "belongs_to_default_sg": False,
            **self.standard(),
            "description": self.description or (None if plain else ""),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup(Standard):
    """Ports that the same rules hold for.

    :param stateful: whether what answers to allowed traffic is allowed too.
    """

    stateful: bool = True

    @property
    def shared(self) -> bool:
        return False

    def body(self, rules: Iterable[SecurityRule]) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "stateful": self.stateful,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "shared": self.shared,
            "security_group_rules": [rule.part() for rule in sorted(rules, key=_age)],
            **self.standard(),
        }


def _age(rule: SecurityRule) -> tuple[str, str]:
    return rule.created_at, rule.id
