"""How networks, subnets and ports stand in NB, in both directions.

The layout is that of Neutron's OVN driver (``neutron/plugins/ml2/drivers/ovn`` and
``neutron/common/ovn/constants.py``), so ``ovn-nbctl show`` reads well and OVN's DHCP and port
security work. What Neutron keeps in SQL alone stands in ``external_ids`` under ``ovn-integrate:``,
and only where it differs from its default.
"""

from __future__ import annotations

import ipaddress
import sys
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.ipam.allocate import Address, Span, default_pools
from ovn_integrate.ipam.resources.model import DEFAULT_MTU, Network, Pair, Port, Route, Subnet
from ovn_integrate.ipam.resources.standard import DEFAULT_PROJECT, Standard
from ovn_integrate.ipam.resources.subnet import dhcp
from ovn_integrate.ipam.resources.subnet.dhcp import filled

SWITCH = "Logical_Switch"
SWITCH_PORT = "Logical_Switch_Port"
DHCP = "DHCP_Options"

TABLES = {
    SWITCH: ["name", "external_ids", "other_config"],
    SWITCH_PORT: [
        "name",
        "addresses",
        "port_security",
        "external_ids",
        "options",
        "enabled",
        "up",
        "parent_name",
        "tag",
        "tag_request",
        "dhcpv4_options",
        "dhcpv6_options",
    ],
    DHCP: ["cidr", "external_ids", "options"],
}
UNREAD = {SWITCH: ["ports", "dns_records", "load_balancer"]}

ALLOCATIONS = "ovn-integrate:allocations"
"""Counts allocations; two servers that write it at once see each other. See ``ledger_columns``."""

OURS = "ovn-integrate:"
OWNER, MARKS, PINNED = "owner", "marks", "pinned"
TAGS = range(4094, 0, -1)
"""Of VLANs (IEEE 802.1Q)."""
_NETWORK_NAME = "neutron-"
_IFACE_ID_VER = "ovn.iface_id_ver"

Columns = dict[str, Any]


def network_columns(network: Network) -> Columns:
    """The columns of a network's Logical_Switch."""
    return {
        "name": _NETWORK_NAME + network.id,
        "external_ids": {
            "neutron:network_name": network.name,
            "neutron:mtu": str(network.mtu),
            "neutron:revision_number": str(network.revision_number),
            "neutron:provnet-network-type": network.network_type,
            "neutron:availability_zone_hints": "",
            **own_keys(
                network,
                {
                    "project_id": _unless(network.project_id, DEFAULT_PROJECT),
                    "admin_state_up": _flag(network.admin_state_up, True),
                    "shared": _flag(network.shared, False),
                    "external": _flag(network.external, False),
                    "port_security_enabled": _flag(network.port_security_enabled, True),
                    "segmentation_id": _text(network.segmentation_id),
                },
            ),
        },
        "other_config": {
            "mcast_flood_unregistered": "false",
            "mcast_snoop": "false",
            "vlan-passthru": "false",
        },
    }


def network_of(row: Any) -> Network | None:
    """The network of a Logical_Switch; None when it is not one of Neutron's making."""
    keys = row.external_ids
    if "neutron:network_name" not in keys or not row.name.startswith(_NETWORK_NAME):
        return None
    segment = keys.get(OURS + "segmentation_id")
    return Network(
        id=row.name[len(_NETWORK_NAME) :],
        name=keys["neutron:network_name"],
        mtu=int(keys.get("neutron:mtu") or DEFAULT_MTU),
        network_type=keys.get("neutron:provnet-network-type", "geneve"),
        revision_number=int(keys.get("neutron:revision_number") or 1),
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        admin_state_up=_is(keys, "admin_state_up", True),
        shared=_is(keys, "shared", False),
        external=_is(keys, "external", False),
        port_security_enabled=_is(keys, "port_security_enabled", True),
        segmentation_id=None if segment is None else int(segment),
        **own_values(keys),
    )


@lru_cache(maxsize=4096)
def ledger_id(network_id: str) -> uuid.UUID:
    """The row on which the allocations of a network are counted."""
    return uuid.uuid5(uuid.UUID(network_id), ALLOCATIONS)


def ledger_columns(network_id: str) -> Columns:
    """The columns of a network's ledger: a DHCP_Options that no port refers to.

    ovn-northd does not read DHCP_Options.external_ids (25.03 and newer leave them out of their
    replica), so counting costs it nothing, while a changed Logical_Switch makes it compute all
    anew. It is not one of the subnets' own rows because ovsdb-server copies every weak reference
    to a row that changes: with 10,000 ports that took 3 ms of each allocation.
    """
    return {"external_ids": {OURS + "ledger": network_id, ALLOCATIONS: "0"}}


def subnet_columns(subnet: Subnet, mtu: int) -> Columns:
    """The columns of a subnet's DHCP_Options.

    :param mtu: the network's, in octets.
    """
    return {
        "cidr": str(subnet.cidr),
        "external_ids": {
            "subnet_id": subnet.id,
            "neutron:network_id": subnet.network_id,
            "neutron:revision_number": str(subnet.revision_number),
            OURS + "gateway_ip": "" if subnet.gateway_ip is None else str(subnet.gateway_ip),
            **own_keys(
                subnet,
                {
                    "name": subnet.name,
                    "project_id": _unless(subnet.project_id, DEFAULT_PROJECT),
                    "pools": _pools_text(subnet),
                    "enable_dhcp": _flag(subnet.enable_dhcp, True),
                    "ipv6_ra_mode": subnet.ipv6_ra_mode or "",
                    "ipv6_address_mode": subnet.ipv6_address_mode or "",
                    "dns_nameservers": " ".join(subnet.dns_nameservers),
                    "host_routes": " ".join(
                        f"{route.destination},{route.nexthop}" for route in subnet.host_routes
                    ),
                    "service_types": " ".join(subnet.service_types),
                    "subnetpool_id": subnet.subnetpool_id or "",
                    "server_mac": subnet.server_mac,
                },
            ),
        },
        "options": dhcp.options(subnet, mtu),
    }


def subnet_of_row(row: Any) -> Subnet | None:
    """The subnet of a DHCP_Options row; None when it is not a subnet's."""
    keys = row.external_ids
    # Neutron writes further rows for ports with options of their own; they carry a port_id.
    if "subnet_id" not in keys or "neutron:network_id" not in keys or "port_id" in keys:
        return None
    cidr = ipaddress.ip_network(row.cidr)
    gateway = keys.get(OURS + "gateway_ip", row.options.get("router", ""))
    gateway_ip = ipaddress.ip_address(gateway) if gateway else None
    pools = keys.get(OURS + "pools", "")
    return Subnet(
        id=keys["subnet_id"],
        network_id=keys["neutron:network_id"],
        cidr=cidr,
        gateway_ip=gateway_ip,
        pools=tuple(_pools_of(pools) if pools else default_pools(cidr, gateway_ip)),
        name=keys.get(OURS + "name", ""),
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        enable_dhcp=_is(keys, "enable_dhcp", True),
        ipv6_ra_mode=keys.get(OURS + "ipv6_ra_mode"),
        ipv6_address_mode=keys.get(OURS + "ipv6_address_mode"),
        dns_nameservers=tuple(keys.get(OURS + "dns_nameservers", "").split()),
        host_routes=tuple(
            Route(*route.split(",")) for route in keys.get(OURS + "host_routes", "").split()
        ),
        service_types=tuple(keys.get(OURS + "service_types", "").split()),
        subnetpool_id=keys.get(OURS + "subnetpool_id"),
        server_mac=keys.get(OURS + "server_mac", row.options.get("server_mac", "")),
        revision_number=int(keys.get("neutron:revision_number") or 0),
        **own_values(keys),
    )


def port_columns(port: Port, subnets: Iterable[Subnet]) -> Columns:
    """The columns of a port's Logical_Switch_Port, but for those that refer to DHCP_Options.

    :param subnets: those of the port's network.
    """
    known = tuple(subnets)
    profile = jsontext.stored_object(port.profile)
    own = " ".join([port.mac_address, *map(str, port.addresses)])
    return {
        "name": port.id,
        "addresses": _port_addresses(port, own),
        "port_security": _port_security(port, own),
        "enabled": port.admin_state_up,
        "parent_name": profile.get("parent_name", []),
        # OVN copies a requested tag into ``tag``, and chooses one for 0 (ovn-nb(5)).
        "tag_request": profile.get("tag", []),
        "options": filled(
            {
                "requested-chassis": port.host_id,
                "iface-id-ver": str(profile.get(_IFACE_ID_VER, "")),
            }
        ),
        "external_ids": {
            "neutron:cidrs": " ".join(with_length(one, known) for one in port.addresses),
            "neutron:device_id": port.device_id,
            "neutron:device_owner": port.device_owner,
            "neutron:mtu": "",
            "neutron:network_name": _NETWORK_NAME + port.network_id,
            "neutron:port_capabilities": "",
            "neutron:port_name": port.name,
            "neutron:project_id": port.project_id,
            "neutron:revision_number": str(port.revision_number),
            "neutron:security_group_ids": " ".join(port.security_groups),
            "neutron:subnet_pool_addr_scope4": "",
            "neutron:subnet_pool_addr_scope6": "",
            "neutron:vnic_type": port.vnic_type,
            **own_keys(
                port,
                {
                    "mac_address": port.mac_address,
                    "host_id": port.host_id,
                    "profile": _unless(port.profile, "{}"),
                    "port_security_enabled": _flag(port.port_security_enabled, True),
                    "pairs": " ".join(f"{one.ip_address},{one.mac_address}" for one in port.pairs),
                    "dns_name": port.dns_name,
                    PINNED: port.pinned,
                },
            ),
        },
    }


def port_of(row: Any) -> Port | None:
    """The port of a Logical_Switch_Port; None when it is not one of Neutron's making."""
    keys = row.external_ids
    switch = keys.get("neutron:network_name", "")
    if "neutron:port_name" not in keys or not switch.startswith(_NETWORK_NAME):
        return None
    return Port(
        id=row.name,
        # One text for all ports of a network.
        network_id=sys.intern(switch[len(_NETWORK_NAME) :]),
        name=keys["neutron:port_name"],
        project_id=keys.get("neutron:project_id", DEFAULT_PROJECT),
        mac_address=_mac_of(row, keys),
        addresses=tuple(_addresses_of(keys.get("neutron:cidrs", ""))),
        admin_state_up=row.enabled != [False],
        device_id=keys.get("neutron:device_id", ""),
        device_owner=keys.get("neutron:device_owner", ""),
        host_id=keys.get(OURS + "host_id", ""),
        profile=keys.get(OURS + "profile", "{}"),
        tag=next(iter(row.tag), None),
        vnic_type=keys.get("neutron:vnic_type", "normal"),
        port_security_enabled=_is(keys, "port_security_enabled", True),
        pairs=tuple(Pair(*one.split(",")) for one in keys.get(OURS + "pairs", "").split()),
        dns_name=keys.get(OURS + "dns_name", ""),
        pinned=keys.get(OURS + PINNED, ""),
        security_groups=tuple(keys.get("neutron:security_group_ids", "").split()),
        up=row.up == [True],
        revision_number=int(keys.get("neutron:revision_number") or 1),
        **own_values(keys),
    )


def _port_addresses(port: Port, own: str) -> list[str]:
    # What is sent to a MAC of a pair comes here as well.
    others = {pair.mac_address for pair in port.pairs} - {port.mac_address}
    unknown = [] if port.port_security_enabled else ["unknown"]
    return [own, *sorted(others), *unknown]


def _port_security(port: Port, own: str) -> list[str]:
    if not port.port_security_enabled:
        return []
    allowed = {port.mac_address: [own]}
    for pair in port.pairs:
        allowed.setdefault(pair.mac_address, [pair.mac_address]).append(pair.ip_address)
    return [" ".join(words) for words in allowed.values()]


def with_length(address: Address, subnets: tuple[Subnet, ...]) -> str:
    length = next((one.cidr.prefixlen for one in subnets if one.has(address)), None)
    return f"{address}/{address.max_prefixlen if length is None else length}"


def _addresses_of(cidrs: str) -> Iterable[Address]:
    return (ipaddress.ip_address(cidr.partition("/")[0]) for cidr in cidrs.split())


def _mac_of(row: Any, keys: Mapping[str, str]) -> str:
    found = keys.get(OURS + "mac_address")
    if found:
        return found
    words = [one for one in row.addresses if one not in ("unknown", "router")]
    return words[0].split()[0] if words else ""


def _pools_text(subnet: Subnet) -> str:
    if list(subnet.pools) == default_pools(subnet.cidr, subnet.gateway_ip):
        return ""
    return " ".join(f"{start}-{end}" for start, end in subnet.pool_ends())


def _pools_of(text: str) -> Iterable[Span]:
    for pool in text.split():
        start, _, end = pool.partition("-")
        yield int(ipaddress.ip_address(start)), int(ipaddress.ip_address(end))


def own_keys(thing: Standard, further: Mapping[str, str]) -> dict[str, str]:
    keys = {
        "description": thing.description,
        "tags": jsontext.dumps(list(thing.tags)) if thing.tags else "",
        "created_at": thing.created_at,
        "updated_at": thing.updated_at,
        OWNER: thing.owner,
        MARKS: jsontext.dumps(thing.marks) if thing.marks else "",
        **further,
    }
    return {OURS + key: text for key, text in keys.items() if text}


def own_values(keys: Mapping[str, str]) -> dict[str, Any]:
    text = keys.get(OURS + "tags")
    tags = jsontext.stored_texts(text) if text else ()
    return {
        "description": keys.get(OURS + "description", ""),
        "tags": tags,
        "owner": keys.get(OURS + OWNER, ""),
        "marks": _marks(keys.get(OURS + MARKS, ""), tags),
        "created_at": keys.get(OURS + "created_at", ""),
        "updated_at": keys.get(OURS + "updated_at", ""),
    }


def _marks(text: str, tags: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """What is no mark gives nobody a right. A server of an older release takes a tag away and
    leaves its marks."""
    found = jsontext.stored(text) if text else ()
    pairs = found if isinstance(found, list) else ()
    return tuple(
        (str(one[0]), one[1])
        for one in pairs
        if isinstance(one, list) and len(one) == 2 and one[1] in tags
    )


def _flag(state: bool, default: bool) -> str:
    return "" if state == default else str(state).lower()


def _is(keys: Mapping[str, str], key: str, default: bool) -> bool:
    return bool(keys.get(OURS + key, str(default).lower()) == "true")


def _unless(text: str, default: str) -> str:
    return "" if text == default else text


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
