"""The rules for port forwardings (Neutron: ``services/portforwarding/pf_plugin.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam.allocate import Address, Span
from ovn_integrate.ipam.neutron_errors import (
    BadRequest,
    ExternalGatewayForFloatingIPNotFound,
    FloatingIPPortAlreadyAssociated,
    PortForwardingNotFound,
    PortHasBindingFloatingIP,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.floating_ip import rules as floatingips
from ovn_integrate.ipam.resources.l3 import FloatingIp
from ovn_integrate.ipam.resources.model import Port, subnet_of
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.port_forwarding import ends
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding, text


def create(draft: Draft, attributes: Mapping[str, Any]) -> PortForwarding:
    """:raises Error: what Neutron answers to a forwarding that cannot be."""
    fields = _ports(dict(attributes))
    for end in ("external", "internal"):
        if end not in fields:
            raise _bad(f"{end}_port or {end}_port_range must be specified")
    time = now()
    new = PortForwarding(
        id=draft.new_id(PortForwarding), created_at=time, updated_at=time, **fields
    )
    floating = draft.floating_ip(new.floatingip_id)
    _check_ranges(new)
    _check_apart(draft, new)
    _check_unbound(draft, new)
    if floating.port_id is not None:
        raise FloatingIPPortAlreadyAssociated(
            address=floating.floating_ip_address,
            id=floating.id,
            port=new.internal_port_id,
            fixed=new.internal_ip_address,
            network=floating.floating_network_id,
        )
    router_id = _router(draft, floating, new)
    draft.touch(floating.network_id)
    if floating.router_id is None:
        revision = floating.revision_number + 1
        draft.put(replace(floating, router_id=router_id, revision_number=revision))
    draft.put(new)
    return new


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> PortForwarding:
    """:raises Error: what Neutron answers to a forwarding that cannot be."""
    old = _get(draft, id)
    new = replace(old, **_ports(dict(attributes)))
    if new == old:
        return old
    floating = draft.floating_ip(new.floatingip_id)
    _check_ranges(new)
    _check_apart(draft, new)
    if new.internal_port_id != old.internal_port_id:
        _check_unbound(draft, new)
    _router(draft, floating, new)
    draft.touch(floating.network_id)
    new = replace(new, updated_at=now())
    draft.put(new)
    return new


def delete(draft: Draft, id: str) -> None:
    """:raises PortForwardingNotFound:"""
    ends.drop(draft, _get(draft, id))


def _get(draft: Draft, id: str) -> PortForwarding:
    found = draft.get(PortForwarding, id)
    if found is None:
        raise PortForwardingNotFound(id=id)
    return found


def _ports(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with each end as a range, by whichever of the two words it was said."""
    for end in ("external", "internal"):
        lone = fields.pop(f"{end}_port", None)
        ports: Span | None = fields.pop(f"{end}_port_range", None)
        if ports is None and lone is not None:
            ports = lone, lone
        if ports is not None:
            fields[end] = ports
    return fields


def _check_ranges(new: PortForwarding) -> None:
    external, internal = (last - first for first, last in (new.external, new.internal))
    if internal not in (0, external):
        raise _bad(
            "Invalid ranges of internal and/or external ports. The relation between internal and "
            "external ports must be N-N or 1-N"
        )


def _check_apart(draft: Draft, new: PortForwarding) -> None:
    there = (
        (other.internal, new.internal)
        for other in ends.to(draft, new.internal_port_id)
        if other.internal_ip_address == new.internal_ip_address and _rivals(other, new)
    )
    here = (
        (other.external, new.external)
        for other in ends.of(draft, new.floatingip_id)
        if _rivals(other, new)
    )
    _refuse_overlap("internal_port_range", there)
    _refuse_overlap("external_port_range", here)


def _rivals(other: PortForwarding, new: PortForwarding) -> bool:
    return other.id != new.id and other.protocol == new.protocol


def _refuse_overlap(name: str, ranges: Iterable[tuple[Span, Span]]) -> None:
    for old, new in ranges:
        if max(old[0], new[0]) <= min(old[1], new[1]):
            raise _bad(
                f"There is a port collision with the {name}. The following ranges collide: "
                f"{text(old)} and {text(new)}"
            )


def _check_unbound(draft: Draft, new: PortForwarding) -> None:
    for floating in draft.having(FloatingIp, "port_id", new.internal_port_id):
        raise PortHasBindingFloatingIP(
            address=floating.floating_ip_address,
            id=floating.id,
            port=new.internal_port_id,
            fixed=new.internal_ip_address,
        )


def _router(draft: Draft, floating: FloatingIp, new: PortForwarding) -> str:
    """The router by which the floating IP leads to the port."""
    port = draft.port(new.internal_port_id)
    address = _own(draft, port, new.internal_ip_address)
    try:
        found = floatingips.router_of(draft, floating.floating_network_id, port, address)
    except ExternalGatewayForFloatingIPNotFound:
        subnet = subnet_of(address, draft.subnets_of(port.network_id))
        raise _bad(
            f"External network {floating.floating_network_id} is not reachable from subnet "
            f"{subnet}. Cannot set Port forwarding for port {port.id} with Floating IP "
            f"{floating.id}"
        ) from None
    if floating.router_id not in (None, found):
        raise _bad(
            f"The Floating IP {floating.id} had been set on router {floating.router_id}, the "
            f"internal Neutron port {port.id} can not reach it"
        )
    return found


def _own(draft: Draft, port: Port, address: Address) -> Address:
    own = [one for one in port.addresses if one.version == 4]
    if not own:
        raise _bad(f"Requested internal port {port.id} must allocate an IPv4 address at least.")
    if address not in own:
        subnets = draft.subnets_of(port.network_id)
        fixed = [{"subnet_id": subnet_of(one, subnets), "ip_address": str(one)} for one in own]
        raise _bad(
            f"Requested internal IP address {address} is not suitable for internal neutron port "
            f"{port.id}, as its fixed_ips are {fixed}"
        )
    return address


def _bad(reason: str) -> BadRequest:
    return BadRequest(resource="port_forwarding", reason=reason)
