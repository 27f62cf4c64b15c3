"""The rules for routers (Neutron: ``db/l3_db.py``, ``db/l3_gwmode_db.py``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ovn_integrate.ipam.neutron_errors import (
    BadRequest,
    PortInUse,
    RouterExternalGatewayInUseByFloatingIp,
    RouterInterfaceInUseByFloatingIP,
    RouterInterfaceNotFound,
    RouterInterfaceNotFoundForSubnet,
    RouterInUse,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.l3 import (
    GATEWAY,
    INTERFACE,
    ExternalGateway,
    FixedIp,
    FloatingIp,
    Router,
    interface_body,
)
from ovn_integrate.ipam.resources.model import Port, Subnet
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.port import rules as ports
from ovn_integrate.ipam.resources.port.rules import Wish
from ovn_integrate.ipam.resources.port_forwarding import ends as portforwarding_ends


@dataclass(frozen=True)
class Gateway:
    """What a request wants of a router's way out; None leaves it to the server."""

    network_id: str
    enable_snat: bool | None = None
    fixed_ips: Sequence[Wish] | None = None


@dataclass(frozen=True)
class Interface:
    """The subnet or the port by which a router is, or shall be, on a network."""

    subnet_id: str | None = None
    port_id: str | None = None


def create(draft: Draft, attributes: Mapping[str, Any]) -> Router:
    """:raises Error: what Neutron answers to a router that cannot be."""
    time = now()
    fields = _fields(attributes)
    wanted = fields.pop("external_gateway_info", None)
    router = Router(id=draft.new_id(Router), created_at=time, updated_at=time, **fields)
    router = replace(router, gateway=_gateway(draft, router, wanted))
    draft.put(router)
    return router


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> Router:
    """:raises Error: what Neutron answers to a router that cannot be."""
    old = draft.router(id)
    fields = _fields(attributes)
    if "external_gateway_info" in fields:
        fields["gateway"] = _gateway(draft, old, fields.pop("external_gateway_info"))
    new = replace(old, **fields)
    if new == old:
        return old
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    draft.put(new)
    return new


def delete(draft: Draft, id: str) -> None:
    """Delete a router and its port on the external network.

    :raises RouterNotFound:
    :raises RouterInUse: it has interfaces.
    """
    router = draft.router(id)
    own = draft.router_ports(id)
    interfaces = [port.id for port in own if port.device_owner == INTERFACE]
    if interfaces:
        raise RouterInUse(id=id, ports=", ".join(interfaces))
    for port in own:
        draft.drop(port)
    draft.drop(router)


def connect(draft: Draft, id: str, wish: Interface) -> dict[str, Any]:
    """Put a router on a network.

    :raises Error: what Neutron answers to an interface that cannot be.
    """
    router = draft.router(id)
    made = draft.made(Port)
    if made is not None:
        return interface_body(router, made, [one.id for one in _subnets(draft, made)])
    if (wish.subnet_id is None) == (wish.port_id is None):
        reason = "Either subnet_id or port_id must be specified"
        if wish.port_id is not None:
            reason = "Cannot specify both subnet-id and port-id"
        raise BadRequest(resource="router", reason=reason)
    if wish.subnet_id is not None:
        port = _by_subnet(draft, router, draft.subnet(wish.subnet_id))
    else:
        port = _by_port(draft, router, draft.port(str(wish.port_id)))
    return interface_body(router, port, [one.id for one in _subnets(draft, port)])


def disconnect(draft: Draft, id: str, wish: Interface) -> dict[str, Any]:
    """Take a router off a network.

    :raises RouterInterfaceNotFound: it is not on it.
    :raises RouterInterfaceInUseByFloatingIP:
    """
    router = draft.router(id)
    if wish == Interface():
        raise BadRequest(resource="router", reason="Either subnet_id or port_id must be specified")
    port = _interface(draft, router, wish)
    subnets = _subnets(draft, port)
    for floating in _floating(draft, router):
        inside = [one.internal_ip_address for one in portforwarding_ends.of(draft, floating.id)]
        if floating.fixed_ip_address is not None:
            inside.append(floating.fixed_ip_address)
        for subnet in subnets:
            if any(subnet.has(address) for address in inside):
                raise RouterInterfaceInUseByFloatingIP(subnet=subnet.id, router=id)
    draft.drop(port)
    return interface_body(router, port, [one.id for one in subnets])


def _fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(attributes)
    fields.pop("availability_zone_hints", None)
    return fields


def _gateway(draft: Draft, router: Router, wanted: Gateway | None) -> ExternalGateway | None:
    """The gateway of a router as it is wanted, with its port; the old one is dropped."""
    old = router.gateway
    if old is not None and (wanted is None or wanted.network_id != old.network_id):
        if _floating(draft, router):
            raise RouterExternalGatewayInUseByFloatingIp(router=router.id, network=old.network_id)
        draft.drop(draft.port(old.port_id))
        old = None
    if wanted is None:
        return None
    port = _gateway_port(draft, router, wanted, old)
    snat = wanted.enable_snat
    if snat is None:
        snat = True if old is None else old.enable_snat
    fixed = tuple(
        FixedIp(subnet.id, str(address))
        for address in port.addresses
        for subnet in _subnets(draft, port)
        if subnet.has(address)
    )
    return ExternalGateway(wanted.network_id, port.id, snat, fixed)


def _gateway_port(
    draft: Draft, router: Router, wanted: Gateway, old: ExternalGateway | None
) -> Port:
    if old is not None:
        if wanted.fixed_ips is None:
            return draft.port(old.port_id)
        return ports.update(draft, old.port_id, {"fixed_ips": wanted.fixed_ips})
    network = draft.network(wanted.network_id)
    if not network.external:
        raise BadRequest(
            resource="router", reason=f"Network {network.id} is not an external network"
        )
    # It is nobody's, as users shall not see it among their ports.
    owned = {**_owned(router, GATEWAY), "project_id": ""}
    fields: dict[str, Any] = {"network_id": network.id, **owned}
    if wanted.fixed_ips is not None:
        fields["fixed_ips"] = wanted.fixed_ips
    return ports.create(draft, fields)


def _by_subnet(draft: Draft, router: Router, subnet: Subnet) -> Port:
    if subnet.gateway_ip is None:
        raise BadRequest(
            resource="router", reason="Subnet for router interface must have a gateway IP"
        )
    _check_apart(draft, router, [subnet])
    fields = {
        "network_id": subnet.network_id,
        "fixed_ips": [Wish(subnet.id, subnet.gateway_ip)],
        **_owned(router, INTERFACE),
    }
    return ports.create(draft, fields)


def _by_port(draft: Draft, router: Router, port: Port) -> Port:
    if port.device_id:
        raise PortInUse(port=port.id, network=port.network_id, device=port.device_id)
    if not port.addresses:
        raise BadRequest(resource="router", reason="Router port must have at least one fixed IP")
    _check_apart(draft, router, _subnets(draft, port))
    return ports.update(draft, port.id, _owned(router, INTERFACE))


def _owned(router: Router, owner: str) -> dict[str, Any]:
    return {
        "device_id": router.id,
        "device_owner": owner,
        "project_id": router.project_id,
        "port_security_enabled": False,
    }


def _check_apart(draft: Draft, router: Router, subnets: Iterable[Subnet]) -> None:
    for port in draft.router_ports(router.id):
        for other in _subnets(draft, port):
            for subnet in subnets:
                if subnet.ip_version == other.ip_version and subnet.cidr.overlaps(other.cidr):
                    raise BadRequest(
                        resource="router",
                        reason=f"Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr "
                        f"{other.cidr} of subnet {other.id}",
                    )


def _interface(draft: Draft, router: Router, wish: Interface) -> Port:
    for port in draft.router_ports(router.id):
        if port.device_owner != INTERFACE or wish.port_id not in (None, port.id):
            continue
        if wish.subnet_id is None or wish.subnet_id in [one.id for one in _subnets(draft, port)]:
            return port
    if wish.port_id is not None:
        raise RouterInterfaceNotFound(router=router.id, port=wish.port_id)
    raise RouterInterfaceNotFoundForSubnet(router=router.id, subnet=wish.subnet_id)


def _floating(draft: Draft, router: Router) -> list[FloatingIp]:
    if router.gateway is None:
        return []
    known = draft.having(FloatingIp, "floating_network_id", router.gateway.network_id)
    return [one for one in known if one.router_id == router.id]


def _subnets(draft: Draft, port: Port) -> list[Subnet]:
    return [
        subnet
        for subnet in draft.subnets_of(port.network_id)
        if any(subnet.has(address) for address in port.addresses)
    ]
