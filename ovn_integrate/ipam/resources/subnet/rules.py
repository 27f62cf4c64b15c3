"""The rules for subnets (Neutron: ``db/ipam_backend_mixin.py`` and ``ipam/utils.py``)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam import allocate
from ovn_integrate.ipam.allocate import Address, Cidr, Span, address_of
from ovn_integrate.ipam.neutron_errors import (
    BadRequest,
    GatewayConflictWithAllocationPools,
    InvalidAllocationPool,
    InvalidInput,
    NetworkSubnetPoolAffinityError,
    OutOfBoundsAllocationPool,
    OverlappingAllocationPools,
    SubnetInUse,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.model import SELF_MADE, Route, Subnet
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.standard import DEFAULT_PROJECT
from ovn_integrate.ipam.resources.subnet_pool import rules as subnetpools
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

Pools = Sequence[tuple[Address, Address]]

_SLAAC_LENGTH = 64


def create(draft: Draft, attributes: Mapping[str, Any]) -> Subnet:
    """:raises Error: what Neutron answers to a subnet that cannot be."""
    fields = dict(attributes)
    pool = subnetpools.of_request(draft, fields)
    cidr = _cidr(fields.pop("cidr", None), fields.pop("ip_version"), pool is None)
    network = draft.network(fields["network_id"])
    length = fields.pop("prefixlen", None)
    if pool is not None:
        fields["subnetpool_id"] = pool.id
        cidr = _of_pool(draft, pool, fields, cidr or length)
    assert cidr is not None  # or it would have been refused
    _check_modes(fields, cidr)
    if fields.get("enable_dhcp", True):
        _check_dhcp(cidr)
    if cidr.prefixlen == 0:
        raise InvalidInput(reason="0 is not allowed as CIDR prefix length")
    _check_overlap(draft, network.id, cidr)
    _check_one_pool(draft, network.id, cidr.version, pool)
    gateway = fields.pop("gateway_ip", allocate.default_gateway(cidr))
    _check_gateway(gateway, cidr)
    asked = fields.pop("allocation_pools", None)
    pools = _pools(asked, cidr) if asked else tuple(allocate.default_pools(cidr, gateway))
    _check_gateway_apart(gateway, pools)
    time = now()
    subnet = Subnet(
        id=draft.new_id(Subnet),
        cidr=cidr,
        gateway_ip=gateway,
        pools=pools,
        server_mac=allocate.make_mac(lambda _: False),
        created_at=time,
        updated_at=time,
        **_plain(fields, cidr),
    )
    draft.touch(network.id)
    draft.put(subnet)
    return subnet


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> Subnet:
    """:raises Error: what Neutron answers to a subnet that cannot be."""
    old = draft.subnet(id)
    fields = dict(attributes)
    if "gateway_ip" in fields:
        _check_gateway(fields["gateway_ip"], old.cidr)
    asked = fields.pop("allocation_pools", None)
    if asked:
        fields["pools"] = _pools(asked, old.cidr)
    new = replace(old, **_plain(fields, old.cidr))
    if new == old:
        return old
    _check_gateway_apart(new.gateway_ip, new.pools)
    if new.enable_dhcp and not old.enable_dhcp:
        _check_dhcp(new.cidr)
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    draft.touch(new.network_id)
    draft.put(new)
    if new.answers_dhcp != old.answers_dhcp:
        _refresh_ports(draft, new)
    return new


def delete(draft: Draft, id: str) -> None:
    """:raises SubnetInUse: a port has an address of it."""
    subnet = draft.subnet(id)
    span = int(subnet.cidr.network_address), int(subnet.cidr.broadcast_address)
    if draft.any_taken(subnet.network_id, subnet.ip_version, span):
        raise SubnetInUse(id=id)
    draft.touch(subnet.network_id)
    draft.drop(subnet)


def _refresh_ports(draft: Draft, subnet: Subnet) -> None:
    for port in list(draft.ports_of(subnet.network_id)):
        if any(subnet.has(address) for address in port.addresses):
            draft.put(port)  # it refers to the DHCP options, or no longer does


def _cidr(text: str | None, version: int, required: bool) -> Cidr | None:
    if text is None and not required:
        return None
    if text is None:
        raise BadRequest(
            resource="subnets", reason="a subnetpool must be specified in the absence of a cidr"
        )
    try:
        # Host bits are masked, not refused.
        cidr = ipaddress.ip_network("" if "%" in text else text, strict=False)
    except ValueError:
        raise InvalidInput(reason=f"{text} is not in a CIDR format") from None
    if cidr.version != version:
        raise InvalidInput(reason=f"cidr '{text}' does not match the ip_version '{version}'")
    return cidr


def _of_pool(
    draft: Draft, pool: SubnetPool, fields: dict[str, Any], wish: Cidr | int | None
) -> Cidr:
    project = fields.get("project_id", DEFAULT_PROJECT)
    gateway = fields.get("gateway_ip")
    cidr = subnetpools.allocated(draft, pool, project, wish, gateway)
    if not isinstance(wish, Cidr) and "gateway_ip" not in fields:
        # Of a prefix that Neutron chose it is the first address after, for IPv6 too.
        fields["gateway_ip"] = cidr[min(1, cidr.num_addresses - 1)]
    return cidr


def _check_modes(fields: Mapping[str, Any], cidr: Cidr) -> None:
    modes = {key: fields.get(key) for key in ("ipv6_ra_mode", "ipv6_address_mode")}
    given = [key for key, mode in modes.items() if mode]
    if not given:
        return
    if cidr.version == 4:
        raise InvalidInput(reason=f"{given[0]} is not valid when ip_version is 4")
    if not fields.get("enable_dhcp", True):
        raise InvalidInput(
            reason="ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to "
            "False"
        )
    if len(given) == 2 and modes["ipv6_ra_mode"] != modes["ipv6_address_mode"]:
        raise InvalidInput(
            reason=f"ipv6_ra_mode set to '{modes['ipv6_ra_mode']}' with ipv6_address_mode set to "
            f"'{modes['ipv6_address_mode']}' is not valid. If both attributes are set, they must "
            "be the same value"
        )
    if cidr.prefixlen != _SLAAC_LENGTH and SELF_MADE & set(modes.values()):
        raise InvalidInput(
            reason=f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address "
            "format, which requires the prefix to be /64"
        )


def _check_dhcp(cidr: Cidr) -> None:
    if cidr.network_address.is_unspecified:
        raise InvalidInput(
            reason=f"First IP '{cidr.network_address}' of network is not supported if enable_dhcp "
            "is True."
        )
    if cidr.is_multicast or cidr.is_loopback:
        kind = "Multicast" if cidr.is_multicast else "Loopback"
        raise InvalidInput(reason=f"{kind} IP subnet is not supported if enable_dhcp is True")
    if cidr.max_prefixlen - cidr.prefixlen < 2:
        raise InvalidInput(
            reason="Subnet has a prefix length that is incompatible with DHCP service enabled"
        )


def _check_overlap(draft: Draft, network_id: str, cidr: Cidr) -> None:
    for other in draft.subnets_of(network_id):
        if other.ip_version == cidr.version and other.cidr.overlaps(cidr):
            raise InvalidInput(
                reason=f"Requested subnet with cidr: {cidr} for network: {network_id} overlaps "
                "with another subnet"
            )


def _check_one_pool(draft: Draft, network_id: str, version: int, pool: SubnetPool | None) -> None:
    id = None if pool is None else pool.id
    for other in draft.subnets_of(network_id):
        if other.ip_version == version and other.subnetpool_id != id:
            raise NetworkSubnetPoolAffinityError


def _check_gateway(gateway: Address | None, cidr: Cidr) -> None:
    if gateway is None:
        return
    if gateway.version != cidr.version:
        raise InvalidInput(
            reason=f"gateway_ip '{gateway}' does not match the ip_version '{cidr.version}'"
        )
    # Outside of the subnet it may lie; IPv6 has the network address for it.
    bad = gateway in cidr and not allocate.is_host(gateway, cidr)
    if bad and not (cidr.version == 6 and gateway == cidr.network_address):
        raise InvalidInput(reason="Gateway is not valid on subnet")


def _check_gateway_apart(gateway: Address | None, pools: Sequence[Span]) -> None:
    if gateway is None:
        return
    for first, last in pools:
        if first <= int(gateway) <= last:
            raise GatewayConflictWithAllocationPools(
                ip=gateway, pool=_pool_text((first, last), gateway.version)
            )


def _pools(asked: Pools, cidr: Cidr) -> tuple[Span, ...]:
    first, last = allocate.hosts(cidr)
    pools = []
    for start, end in asked:
        if start.version != end.version or int(end) < int(start):
            raise InvalidAllocationPool(pool={"start": str(start), "end": str(end)})
        if start.version != cidr.version:
            raise InvalidAllocationPool(pool=f"{start}-{end}")
        if int(start) < first or int(end) > last:
            raise OutOfBoundsAllocationPool(pool=f"{start}-{end}", cidr=cidr)
        pools.append((int(start), int(end)))
    clash = allocate.overlap(pools)
    if clash is not None:
        one, other = (_pool_text(pool, cidr.version) for pool in clash)
        raise OverlappingAllocationPools(pool=one, other=other, cidr=cidr)
    return tuple(sorted(pools))


def _pool_text(pool: Span, version: int) -> str:
    return "-".join(str(address_of(version, number)) for number in pool)


def _plain(fields: dict[str, Any], cidr: Cidr) -> dict[str, Any]:
    fields.pop("segment_id", None)
    for attribute in ("dns_nameservers", "service_types"):
        if attribute in fields:
            fields[attribute] = tuple(fields[attribute])
    for server in fields.get("dns_nameservers", ()):
        _check_version("dns_nameserver", server, cidr)
    if "host_routes" in fields:
        fields["host_routes"] = tuple(_route(one, cidr) for one in fields["host_routes"])
    return fields


def _route(route: Route, cidr: Cidr) -> Route:
    _check_version("nexthop", route.nexthop, cidr)
    _check_version("destination", route.destination, cidr)
    return route


def _check_version(what: str, text: str, cidr: Cidr) -> None:
    if ipaddress.ip_interface(text).version != cidr.version:
        raise InvalidInput(reason=f"{what} '{text}' does not match the ip_version '{cidr.version}'")
