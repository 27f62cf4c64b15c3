"""What the L3 extensions add to what the server knows: routers and floating IPs.

Shapes: Neutron's API reference v2, "Routers" and "Floating IPs".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.resources.standard import Standard

if TYPE_CHECKING:
    from ovn_integrate.ipam.resources.model import Port

INTERFACE = "network:router_interface"
GATEWAY = "network:router_gateway"
OWNERS = (INTERFACE, GATEWAY)
"""The ``device_owner`` of the ports that belong to routers."""


@dataclass(frozen=True, slots=True)
class FixedIp:
    """An address of a router on its external network."""

    subnet_id: str
    ip_address: str


@dataclass(frozen=True, slots=True)
class ExternalGateway:
    """A router's way out (``external_gateway_info``).

    :param port_id: the router's port on the external network.
    """

    network_id: str
    port_id: str
    enable_snat: bool = True
    fixed_ips: tuple[FixedIp, ...] = ()

    def body(self) -> dict[str, Any]:
        return {
            "network_id": self.network_id,
            "enable_snat": self.enable_snat,
            "external_fixed_ips": [
                {"subnet_id": one.subnet_id, "ip_address": one.ip_address} for one in self.fixed_ips
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Router(Standard):
    """A logical router."""

    admin_state_up: bool = True
    gateway: ExternalGateway | None = None

    @property
    def status(self) -> str:
        return "ACTIVE"

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "admin_state_up": self.admin_state_up,
            "status": self.status,
            "enable_snat": self.gateway is None or self.gateway.enable_snat,
            "external_gateway_info": None if self.gateway is None else self.gateway.body(),
            "availability_zone_hints": [],
            "availability_zones": [],
            **self.standard(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatingIp(Standard):
    """An address of an external network, and the port that it stands for, if any.

    :param mac_address: under which the port's own chassis answers for the address.
    """

    floating_network_id: str
    floating_ip_address: Address
    mac_address: str
    router_id: str | None = None
    port_id: str | None = None
    fixed_ip_address: Address | None = None

    @property
    def network_id(self) -> str:
        return self.floating_network_id

    @property
    def addresses(self) -> tuple[Address, ...]:
        return (self.floating_ip_address,)

    @property
    def status(self) -> str:
        # Without a port it is on a router for its port forwardings.
        return "ACTIVE" if self.port_id or self.router_id else "DOWN"

    def body(self) -> dict[str, Any]:
        fixed = self.fixed_ip_address
        return {
            "id": self.id,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "floating_ip_address": str(self.floating_ip_address),
            "floating_network_id": self.floating_network_id,
            "router_id": self.router_id,
            "port_id": self.port_id,
            "fixed_ip_address": None if fixed is None else str(fixed),
            "status": self.status,
            **self.standard(),
        }


def is_routers(port: Port) -> bool:
    """Whether a port belongs to a router."""
    return port.device_owner in OWNERS


def interface_body(router: Router, port: Port, subnet_ids: Sequence[str]) -> dict[str, Any]:
    """The answer to ``add_router_interface`` and ``remove_router_interface``."""
    return {
        "id": router.id,
        "project_id": router.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": subnet_ids[0],
        "subnet_ids": list(subnet_ids),
    }
