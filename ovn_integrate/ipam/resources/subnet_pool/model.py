"""Subnet pools in Neutron's words, and their JSON shape as Neutron 29 answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ovn_integrate.ipam.allocate import Cidr
from ovn_integrate.ipam.resources.standard import Standard


@dataclass(frozen=True, slots=True, kw_only=True)
class SubnetPool(Standard):
    """Prefixes out of which subnets get their CIDRs, no two the same.

    :param prefixes: of one IP version, apart, and as few as they can be.
    :param default_prefixlen: of a subnet that asks for none.
    :param default_quota: how much each project may have, in addresses of IPv4 and in /64 of IPv6.
    """

    prefixes: tuple[Cidr, ...]
    min_prefixlen: int
    max_prefixlen: int
    default_prefixlen: int
    is_default: bool = False
    shared: bool = False
    default_quota: int | None = None
    revision_number: int = 0

    @property
    def ip_version(self) -> int:
        return self.prefixes[0].version

    @property
    def address_scope_id(self) -> None:
        """There are no address scopes here; lists are asked by it all the same."""
        return None

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "prefixes": [str(one) for one in self.prefixes],
            "ip_version": self.ip_version,
            # Text, as Neutron has it.
            "min_prefixlen": str(self.min_prefixlen),
            "max_prefixlen": str(self.max_prefixlen),
            "default_prefixlen": str(self.default_prefixlen),
            "is_default": self.is_default,
            "shared": self.shared,
            "default_quota": self.default_quota,
            "address_scope_id": None,
            **self.standard(),
        }
