"""The rules for subnet pools (Neutron: ``ipam/subnet_alloc.py``, ``db/db_base_plugin_v2.py``).

Two servers must not give out one prefix. Each allocation therefore plans a collision
(``Draft.touch``) on its pool's row, as the choice of an address does on its network's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam.allocate import Address, Cidr, Span, address_of
from ovn_integrate.ipam.neutron_errors import (
    BadRequest,
    EmptySubnetPoolPrefixList,
    IllegalSubnetPoolPrefixBounds,
    IllegalSubnetPoolPrefixUpdate,
    InvalidInput,
    MaxPrefixSubnetAllocationError,
    MinPrefixSubnetAllocationError,
    PrefixVersionMismatch,
    SubnetAllocationError,
    SubnetPoolDeleteError,
    SubnetPoolNotFound,
    SubnetPoolQuotaExceeded,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.model import Subnet
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

_SHORTEST = {4: 8, 6: 64}
_LONGEST = {4: 32, 6: 128}
# A quota counts addresses of IPv4 and networks of 64 bits of IPv6.
_QUOTA_UNIT = {4: 32, 6: 64}


def create(draft: Draft, attributes: Mapping[str, Any]) -> SubnetPool:
    """:raises Error: what Neutron answers to a pool that cannot be."""
    fields = dict(attributes)
    fields.pop("address_scope_id", None)
    prefixes = _compact(fields.pop("prefixes"))
    version = prefixes[0].version
    fields.setdefault("min_prefixlen", _SHORTEST[version])
    fields.setdefault("max_prefixlen", _LONGEST[version])
    fields.setdefault("default_prefixlen", fields["min_prefixlen"])
    time = now()
    pool = SubnetPool(
        id=draft.new_id(SubnetPool), prefixes=prefixes, created_at=time, updated_at=time, **fields
    )
    _check_bounds(pool)
    _check_default(draft, pool)
    draft.put(pool)
    return pool


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> SubnetPool:
    """:raises Error: what Neutron answers to a pool that cannot be."""
    old = get(draft, id)
    fields = dict(attributes)
    fields.pop("address_scope_id", None)
    if "prefixes" in fields:
        fields["prefixes"] = _grown(old, fields["prefixes"])
    new = replace(old, **fields)
    if new == old:
        return old
    _check_bounds(new)
    _check_default(draft, new)
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    draft.put(new)
    return new


def delete(draft: Draft, id: str) -> None:
    """:raises SubnetPoolDeleteError: subnets have prefixes of it."""
    pool = get(draft, id)
    if draft.having(Subnet, "subnetpool_id", id):
        raise SubnetPoolDeleteError(reason="Subnet pool has existing allocations")
    draft.drop(pool)


def get(draft: Draft, id: str) -> SubnetPool:
    """:raises SubnetPoolNotFound:"""
    found = draft.get(SubnetPool, id)
    if found is None:
        raise SubnetPoolNotFound(id=id)
    return found


def default(draft: Draft, version: int) -> SubnetPool | None:
    """The pool that subnets of an IP version come from when they ask for the default."""
    for pool in draft.all(SubnetPool):
        if pool.is_default and pool.ip_version == version:
            return pool
    return None


def of_request(draft: Draft, fields: dict[str, Any]) -> SubnetPool | None:
    """The pool that a request for a subnet names, if any; its words are taken out of ``fields``.

    :raises Error: what Neutron answers to words that do not go together.
    """
    id, use_default = fields.pop("subnetpool_id", None), fields.pop("use_default_subnetpool", False)
    cidr, length, version = fields.get("cidr"), fields.get("prefixlen"), fields["ip_version"]
    if cidr is not None and length is not None:
        raise _bad("cidr and prefixlen must not be supplied together")
    if id is not None and use_default:
        raise _bad("subnetpool_id and use_default_subnetpool cannot both be specified")
    if id is None and not use_default:
        return None
    if cidr is None and fields.get("allocation_pools"):
        raise _bad("allocation_pools allowed only for specific subnet requests.")
    pool = default(draft, version) if id is None else get(draft, id)
    if pool is None:
        raise _bad(f"No default subnetpool found for IPv{version}")
    if pool.ip_version != version:
        raise _bad(f"Cannot allocate IPv{version} subnet from IPv{pool.ip_version} subnet pool")
    return pool


def allocated(
    draft: Draft,
    pool: SubnetPool,
    project_id: str,
    wish: Cidr | int | None,
    gateway: Address | None,
) -> Cidr:
    """A prefix of a pool that no other subnet has, for a subnet that is planned with it.

    :param wish: the prefix, its length, or None for the pool's default length.
    :param gateway: an address that says which prefix of that length it is.
    :raises Error: what Neutron answers when there is none.
    """
    if gateway is not None and not isinstance(wish, Cidr):
        length = pool.default_prefixlen if wish is None else wish
        wish = ipaddress.ip_network((gateway, length), strict=False)
    length = wish if isinstance(wish, int) else pool.default_prefixlen
    if isinstance(wish, Cidr):
        length = wish.prefixlen
    _check_length(pool, length)
    draft.touch(pool.id)
    taken = draft.having(Subnet, "subnetpool_id", pool.id)
    _check_quota(pool, length, [one.cidr for one in taken if one.project_id == project_id])
    free = free_blocks(pool.prefixes, [one.cidr for one in taken])
    if wish is None or isinstance(wish, int):
        return _first(free, length)
    if not any(_within(wish, block) for block in free):
        raise SubnetAllocationError(
            reason="Cannot allocate requested subnet from the available set of prefixes"
        )
    return wish


def free_blocks(prefixes: Iterable[Cidr], taken: Iterable[Cidr]) -> list[Cidr]:
    """What is left of prefixes, as the largest blocks, those first that leave the least over."""
    free = [block for span in _without(prefixes, taken) for block in _blocks(span, prefixes)]
    return sorted(free, key=lambda block: (-block.prefixlen, int(block.network_address)))


def _without(prefixes: Iterable[Cidr], taken: Iterable[Cidr]) -> list[Span]:
    used = sorted(_span(one) for one in taken)
    free = []
    for first, last in sorted(_span(one) for one in prefixes):
        start = first
        for one, other in used:
            if other < start or one > last:
                continue
            if one > start:
                free.append((start, one - 1))
            start = other + 1
        if start <= last:
            free.append((start, last))
    return free


def _blocks(span: Span, prefixes: Iterable[Cidr]) -> Iterable[Cidr]:
    version = next(iter(prefixes)).version
    first, last = (address_of(version, number) for number in span)
    return ipaddress.summarize_address_range(first, last)


def _span(cidr: Cidr) -> Span:
    return int(cidr.network_address), int(cidr.broadcast_address)


def _within(cidr: Cidr, block: Cidr) -> bool:
    (first, last), (start, end) = _span(cidr), _span(block)
    return cidr.version == block.version and start <= first and last <= end


def _first(free: Sequence[Cidr], length: int) -> Cidr:
    for block in free:
        if block.prefixlen <= length:
            return ipaddress.ip_network((block.network_address, length))
    raise SubnetAllocationError(
        reason=f"Insufficient prefix space to allocate subnet size /{length}"
    )


def _compact(prefixes: Sequence[Cidr]) -> tuple[Cidr, ...]:
    if not prefixes:
        raise EmptySubnetPoolPrefixList
    if len({one.version for one in prefixes}) > 1:
        raise PrefixVersionMismatch
    return tuple(ipaddress.collapse_addresses(prefixes))  # type: ignore[type-var]


def _grown(pool: SubnetPool, prefixes: Sequence[Cidr]) -> tuple[Cidr, ...]:
    new = _compact(prefixes)
    if not all(any(_within(old, one) for one in new) for old in pool.prefixes):
        raise IllegalSubnetPoolPrefixUpdate(
            reason="Existing prefixes must be a subset of the new prefixes"
        )
    return new


def _check_bounds(pool: SubnetPool) -> None:
    for name, bad, bound in (
        ("min_prefixlen", pool.min_prefixlen > pool.max_prefixlen, "max_prefixlen"),
        ("max_prefixlen", pool.max_prefixlen > _LONGEST[pool.ip_version], "ip_version_max"),
        ("default_prefixlen", pool.default_prefixlen < pool.min_prefixlen, "min_prefixlen"),
        ("default_prefixlen", pool.default_prefixlen > pool.max_prefixlen, "max_prefixlen"),
    ):
        if bad:
            limit = getattr(pool, bound, _LONGEST[pool.ip_version])
            raise IllegalSubnetPoolPrefixBounds(
                kind=name, length=getattr(pool, name), base=bound, limit=limit
            )


def _check_default(draft: Draft, pool: SubnetPool) -> None:
    other = default(draft, pool.ip_version) if pool.is_default else None
    if other is not None and other.id != pool.id:
        raise InvalidInput(
            reason="A default subnetpool for this IP family has already been set. Only one "
            "default may exist per IP family"
        )


def _check_length(pool: SubnetPool, length: int) -> None:
    if length > pool.max_prefixlen:
        raise MaxPrefixSubnetAllocationError(length=length, limit=pool.max_prefixlen)
    if length < pool.min_prefixlen:
        raise MinPrefixSubnetAllocationError(length=length, limit=pool.min_prefixlen)


def _check_quota(pool: SubnetPool, length: int, mine: Iterable[Cidr]) -> None:
    if not pool.default_quota:
        return
    unit = _QUOTA_UNIT[pool.ip_version]
    wanted = sum(2.0 ** (unit - one) for one in [length, *(cidr.prefixlen for cidr in mine)])
    if wanted > pool.default_quota:
        raise SubnetPoolQuotaExceeded


def _bad(reason: str) -> BadRequest:
    return BadRequest(resource="subnets", reason=reason)
