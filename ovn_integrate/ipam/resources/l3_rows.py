"""Routers and floating IPs as rows of NB, as Neutron's own OVN driver writes them.

Reference: ``neutron/plugins/ml2/drivers/ovn/mech_driver/ovsdb/ovn_client.py``. A floating IP that
stands for no port has no row there: Neutron keeps it in SQL. Here it is a DHCP_Options that no
port refers to, as the ledgers are.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.resources import rows
from ovn_integrate.ipam.resources.l3 import (
    GATEWAY,
    ExternalGateway,
    FixedIp,
    FloatingIp,
    Router,
    is_routers,
)
from ovn_integrate.ipam.resources.model import Network, Port, Subnet
from ovn_integrate.ipam.resources.rows import OURS, Columns
from ovn_integrate.ipam.resources.standard import DEFAULT_PROJECT

ROUTER = "Logical_Router"
ROUTER_PORT = "Logical_Router_Port"
NAT = "NAT"
ROUTE = "Logical_Router_Static_Route"
GATEWAY_CHASSIS = "Gateway_Chassis"
BALANCER = "Load_Balancer"

TABLES = {
    rows.SWITCH_PORT: [*rows.TABLES[rows.SWITCH_PORT], "type"],
    ROUTER: ["name", "external_ids", "enabled"],
    ROUTER_PORT: ["name", "mac", "networks", "external_ids", "gateway_chassis"],
    NAT: ["type", "external_ip", "logical_ip", "external_mac", "logical_port", "external_ids"],
    ROUTE: ["ip_prefix", "nexthop", "external_ids"],
    BALANCER: ["name", "vips", "protocol", "external_ids"],
    GATEWAY_CHASSIS: ["name", "chassis_name", "priority"],
}
# A router has a NAT row for each floating IP: replicating the set would make each one cost more.
UNREAD = {ROUTER: ["ports", "nat", "static_routes", "load_balancer"]}

_NAME = "neutron-"
_PHYSICAL = "neutron:provnet-physical-network"
FLOATING = OURS + "floatingip"
_ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_PRIORITY = 1


def row_id(id: str, what: str) -> uuid.UUID:
    """The id of a row that goes with a router, a port or a floating IP."""
    return uuid.uuid5(uuid.UUID(id), what)


def router_columns(router: Router) -> Columns:
    """The columns of a router's Logical_Router."""
    gateway = router.gateway
    own = {"external_gateway": jsontext.dumps(_gateway_record(gateway))} if gateway else {}
    return {
        "name": _NAME + router.id,
        "enabled": router.admin_state_up,
        "external_ids": {
            "neutron:router_name": router.name,
            "neutron:gw_port_id": gateway.port_id if gateway else "",
            "neutron:gw_network_id": gateway.network_id if gateway else "",
            "neutron:revision_number": str(router.revision_number),
            "neutron:availability_zone_hints": "",
            **rows.own_keys(router, {"project_id": router.project_id, **own}),
        },
    }


def router_of(row: Any) -> Router | None:
    """The router of a Logical_Router; None when it is not one of Neutron's making."""
    keys = row.external_ids
    if "neutron:router_name" not in keys or not row.name.startswith(_NAME):
        return None
    gateway = keys.get(OURS + "external_gateway")
    return Router(
        id=row.name[len(_NAME) :],
        name=keys["neutron:router_name"],
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        admin_state_up=row.enabled != [False],
        gateway=_gateway_of(jsontext.stored(gateway)) if gateway else None,
        revision_number=int(keys.get("neutron:revision_number") or 1),
        **rows.own_values(keys),
    )


def router_port_columns(port: Port, router: Router, subnets: Iterable[Subnet]) -> Columns:
    """The columns of a router port's Logical_Router_Port, but for its chassis."""
    known = [one for one in subnets if any(one.has(address) for address in port.addresses)]
    gateway = {"neutron:is_ext_gw": "True"} if port.device_owner == GATEWAY else {}
    return {
        "name": router_port_name(port),
        "mac": port.mac_address,
        "networks": [rows.with_length(one, tuple(known)) for one in port.addresses],
        "external_ids": {
            "neutron:revision_number": str(port.revision_number),
            "neutron:subnet_ids": " ".join(one.id for one in known),
            "neutron:network_name": _NAME + port.network_id,
            "neutron:router_name": router.id,
            **gateway,
        },
    }


def router_port_name(port: Port) -> str:
    return f"lrp-{port.id}"


def chassis_columns(port: Port) -> Columns:
    """The Gateway_Chassis of a gateway port: the chassis that its ``binding:host_id`` names."""
    return {
        "name": f"{router_port_name(port)}_{port.host_id}",
        "chassis_name": port.host_id,
        "priority": _PRIORITY,
    }


def switch_port_columns(port: Port) -> Columns:
    """What a router's port has in its Logical_Switch_Port where a host's port has other things."""
    if not is_routers(port):
        return {"type": ""}
    options = {"router-port": router_port_name(port)}
    if port.device_owner == GATEWAY:
        # It tells its neighbours of its addresses and of the floating IPs behind it.
        options |= {"nat-addresses": "router", "exclude-lb-vips-from-garp": "true"}
    return {"type": "router", "addresses": ["router"], "port_security": [], "options": options}


def snat_columns(subnet: Subnet, external: Address) -> Columns:
    """The NAT of a subnet's hosts that have no floating IP."""
    return {"type": "snat", "logical_ip": str(subnet.cidr), "external_ip": str(external)}


def route_columns(subnet: Subnet) -> Columns:
    """The default route to an external subnet's gateway."""
    return {
        "ip_prefix": _ANYWHERE[subnet.ip_version],
        "nexthop": str(subnet.gateway_ip),
        "external_ids": {"neutron:is_ext_gw": "true", "neutron:subnet_id": subnet.id},
    }


def nat_columns(floating: FloatingIp) -> Columns:
    """The NAT of a floating IP that stands for a port, done on that port's chassis."""
    return {
        "type": "dnat_and_snat",
        "external_ip": str(floating.floating_ip_address),
        "logical_ip": str(floating.fixed_ip_address),
        "external_mac": floating.mac_address,
        "logical_port": str(floating.port_id),
        "external_ids": {
            "neutron:fip_id": floating.id,
            "neutron:fip_port_id": str(floating.port_id),
            "neutron:fip_external_mac": floating.mac_address,
            "neutron:fip_network_id": floating.floating_network_id,
            "neutron:router_name": _NAME + str(floating.router_id),
            "neutron:revision_number": str(floating.revision_number),
        },
    }


def floating_columns(floating: FloatingIp) -> Columns:
    """The columns of the DHCP_Options that keeps a floating IP."""
    return {
        "external_ids": {
            FLOATING: floating.id,
            "neutron:revision_number": str(floating.revision_number),
            **rows.own_keys(
                floating,
                {
                    "project_id": floating.project_id,
                    "network_id": floating.floating_network_id,
                    "address": str(floating.floating_ip_address),
                    "mac_address": floating.mac_address,
                    "router_id": floating.router_id or "",
                    "port_id": floating.port_id or "",
                    "fixed_ip": str(floating.fixed_ip_address or ""),
                },
            ),
        }
    }


def floating_of(row: Any) -> FloatingIp | None:
    """The floating IP of a DHCP_Options; None when it is none's."""
    keys = row.external_ids
    if FLOATING not in keys:
        return None
    fixed = keys.get(OURS + "fixed_ip")
    return FloatingIp(
        id=keys[FLOATING],
        project_id=keys[OURS + "project_id"],
        floating_network_id=keys[OURS + "network_id"],
        floating_ip_address=ipaddress.ip_address(keys[OURS + "address"]),
        mac_address=keys[OURS + "mac_address"],
        router_id=keys.get(OURS + "router_id"),
        port_id=keys.get(OURS + "port_id"),
        fixed_ip_address=ipaddress.ip_address(fixed) if fixed else None,
        revision_number=int(keys["neutron:revision_number"]),
        **rows.own_values(keys),
    )


def network_columns(network: Network) -> Columns:
    """The columns of a network's Logical_Switch, with what ties it to a physical network."""
    columns = rows.network_columns(network)
    if network.physical_network is not None:
        columns["external_ids"][_PHYSICAL] = network.physical_network
    return columns


def network_of(row: Any) -> Network | None:
    """The network of a Logical_Switch; None when it is not one of Neutron's making."""
    network = rows.network_of(row)
    if network is None or _PHYSICAL not in row.external_ids:
        return network
    return replace(network, physical_network=row.external_ids[_PHYSICAL])


def localnet_columns(physical_network: str) -> Columns:
    """The port by which a flat network is on a physical one.

    Its name comes from the physical network, of which NB then has one flat network at most:
    names of ports are unique there, whoever writes them.
    """
    segment = uuid.uuid5(uuid.NAMESPACE_OID, f"flat:{physical_network}")
    return {
        "name": f"provnet-{segment}",
        "type": "localnet",
        "addresses": ["unknown"],
        "options": {
            "network_name": physical_network,
            "mcast_flood": "false",
            "mcast_flood_reports": "true",
        },
    }


def _gateway_record(gateway: ExternalGateway) -> dict[str, Any]:
    return {**gateway.body(), "port_id": gateway.port_id}


def _gateway_of(record: dict[str, Any]) -> ExternalGateway:
    return ExternalGateway(
        record["network_id"],
        record["port_id"],
        record["enable_snat"],
        tuple(FixedIp(**one) for one in record["external_fixed_ips"]),
    )
