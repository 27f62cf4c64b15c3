"""The rules for floating IPs (Neutron: ``db/l3_db.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.neutron_errors import (
    BadRequest,
    ExternalGatewayForFloatingIPNotFound,
    FloatingIPPortAlreadyAssociated,
    IpAddressGenerationFailure,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.l3 import FloatingIp
from ovn_integrate.ipam.resources.model import Port
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.port.rules import Chooser, Wish
from ovn_integrate.ipam.resources.port_forwarding import ends as portforwarding_ends


def create(draft: Draft, attributes: Mapping[str, Any]) -> FloatingIp:
    """:raises Error: what Neutron answers to a floating IP that cannot be."""
    fields = dict(attributes)
    network = draft.network(fields["floating_network_id"])
    if not network.external:
        raise _bad(f"Network {network.id} is not a valid external network")
    address = _address(
        draft, network.id, fields.pop("subnet_id", None), fields.pop("floating_ip_address", None)
    )
    port_id, fixed = _port(fields)
    draft.touch(network.id)
    time = now()
    floating = FloatingIp(
        id=draft.new_id(FloatingIp),
        floating_ip_address=address,
        mac_address=_mac(address),
        created_at=time,
        updated_at=time,
        **fields,
    )
    if port_id is not None:
        floating = _associated(draft, floating, port_id, fixed)
    draft.put(floating)
    return floating


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> FloatingIp:
    """:raises Error: what Neutron answers to a floating IP that cannot be."""
    old = draft.floating_ip(id)
    fields = dict(attributes)
    port_id, fixed = _port(fields)
    new = replace(old, **fields)
    if port_id is not None:
        portforwarding_ends.refuse(draft, id)
    if old.port_id is not None and ("port_id" in attributes or not attributes):
        # A body that names no attribute at all takes it off its port too.
        new = replace(new, router_id=None, port_id=None, fixed_ip_address=None)
    if port_id is not None:
        new = _associated(draft, new, port_id, fixed)
    if new == old:
        return old
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    draft.put(new)
    return new


def delete(draft: Draft, id: str) -> None:
    """:raises FloatingIPNotFound:
    :raises FipInUseByPortForwarding:
    """
    floating = draft.floating_ip(id)
    portforwarding_ends.refuse(draft, id)
    draft.drop(floating)


def _port(fields: dict[str, Any]) -> tuple[str | None, Address | None]:
    """The port, and which of its addresses, that a request names; taken out of its fields."""
    port_id, fixed = fields.pop("port_id", None), fields.pop("fixed_ip_address", None)
    if fixed is not None and port_id is None:
        raise _bad("fixed_ip_address cannot be specified without a port_id")
    return port_id, fixed


def _address(
    draft: Draft, network_id: str, subnet_id: str | None, asked: Address | None
) -> Address:
    if asked is None and subnet_id is None:
        subnet_id = _roomy(draft, network_id)
    (address,) = Chooser(draft, network_id, "").choose([Wish(subnet_id, asked)])
    if address.version != 4:
        raise _bad(f"{address} is no IPv4 address")
    return address


def _roomy(draft: Draft, network_id: str) -> str:
    subnets = [one for one in draft.subnets_of(network_id) if one.ip_version == 4]
    if not subnets:
        raise _bad(f"Network {network_id} does not contain any IPv4 subnet")
    for subnet in subnets:
        if draft.free_number(subnet) is not None:
            return subnet.id
    raise IpAddressGenerationFailure(id=network_id)


def _mac(address: Address) -> str:
    """Always the same for an address: it is given again soon, and neighbours remember its MAC."""
    return f"02:f1:{address.packed.hex(':')}"


def _associated(
    draft: Draft, floating: FloatingIp, port_id: str, asked: Address | None
) -> FloatingIp:
    port = draft.port(port_id)
    fixed = _fixed(port, asked)
    portforwarding_ends.refuse_port(draft, port_id)
    router_id = router_of(draft, floating.floating_network_id, port, fixed)
    for other in draft.having(FloatingIp, "port_id", port_id):
        if other.fixed_ip_address == fixed and other.id != floating.id:
            raise FloatingIPPortAlreadyAssociated(
                address=floating.floating_ip_address,
                id=floating.id,
                port=port_id,
                fixed=fixed,
                network=floating.floating_network_id,
            )
    return replace(floating, router_id=router_id, port_id=port_id, fixed_ip_address=fixed)


def _fixed(port: Port, asked: Address | None) -> Address:
    own = [address for address in port.addresses if address.version == 4]
    if asked is not None:
        if asked not in own:
            raise _bad(f"Port {port.id} does not have fixed ip {asked}")
        return asked
    if not own:
        raise _bad(f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses")
    if len(own) > 1:
        raise _bad(
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 "
            "address when assigning a floating IP"
        )
    return own[0]


def router_of(draft: Draft, network_id: str, port: Port, fixed: Address) -> str:
    """The router between a port's address and an external network.

    :raises ExternalGatewayForFloatingIPNotFound:
    """
    subnet = next((one for one in draft.subnets_of(port.network_id) if one.has(fixed)), None)
    for interface in draft.interfaces_on(port.network_id):
        if subnet is not None and any(subnet.has(address) for address in interface.addresses):
            router = draft.router(interface.device_id)
            if router.gateway is not None and router.gateway.network_id == network_id:
                return router.id
    raise ExternalGatewayForFloatingIPNotFound(
        network=network_id, subnet=subnet.id if subnet else "", port=port.id
    )


def _bad(reason: str) -> BadRequest:
    return BadRequest(resource="floatingip", reason=reason)
