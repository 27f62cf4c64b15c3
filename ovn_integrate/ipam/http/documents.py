"""The documents that clients read before anything else: versions, resources, extensions."""

from __future__ import annotations

import uuid
from typing import Any

from ovn_integrate.contract import idempotency
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT, SUBNET, SUBNET_POOL

_UPDATED = "2016-10-10T10:00:00-00:00"

# alias -> name and description. Only what this server does; the rest of Neutron is absent.
_EXTENSIONS = {
    "allowed-address-pairs": ("Allowed Address Pairs", "Addresses beside a port's own"),
    "binding": ("Port Binding", "Where a port is bound"),
    "default-subnetpools": ("Default Subnetpools", "is_default, use_default_subnetpool"),
    "dns-integration": ("DNS Integration", "dns_name of a port, in OVN's DNS"),
    "external-net": ("Neutron external network", "router:external"),
    "expose-port-forwarding-in-fip": (
        "Expose Floating IP port forwardings",
        "port_forwardings of a floating IP",
    ),
    "filter-validation": ("Filter parameters validation", "Unknown filters are refused"),
    "floating-ip-port-forwarding": (
        "Floating IP Port Forwarding",
        "Ports of a floating IP, each to a port behind it",
    ),
    "floating-ip-port-forwarding-description": (
        "Floating IP Port Forwarding new attribute description",
        "A description of each port forwarding",
    ),
    "floating-ip-port-forwarding-port-ranges": (
        "Floating IP Port Forwarding support port ranges",
        "external_port_range and internal_port_range",
    ),
    idempotency.DONE_ONCE: (idempotency.HEADER, "A creation that is sent again is done once"),
    idempotency.FORETOLD: (
        "Idempotency-Key: ids",
        "The first Port of a creation has the UUIDv5 of 'Port 0' in that of 'PATH KEY' in OID",
    ),
    idempotency.OWN: (
        "Idempotency-Key: clients",
        "As idempotency-key-id, in the namespace that stands here instead of OID",
    ),
    "ip-substring-filtering": ("IP address substring filtering", "fixed_ips=ip_address_substr"),
    "nested-port-tag": ("Nested Port Tag", "OVN chooses the tag of a port below a parent for 0"),
    "net-mtu": ("Network MTU", "The MTU of a network"),
    "net-mtu-writable": ("Network MTU (writable)", "The MTU of a network can be changed"),
    "pagination": ("Pagination support", "limit, marker and page_reverse"),
    "port-security": ("Port Security", "port_security_enabled"),
    "project-id": ("project_id field enabled", "project_id beside tenant_id"),
    "provider": ("Provider Network", "provider:network_type"),
    "security-group": ("security-group", "The security groups extension."),
    "security-groups-normalized-cidr": (
        "Normalized CIDR field for security group rules",
        "normalized_cidr of a rule",
    ),
    "router": ("Neutron L3 Router", "Routers, floating IPs and the way out"),
    "ext-gw-mode": ("Neutron L3 Configurable external gateway mode", "enable_snat"),
    "sorting": ("Sorting support", "sort_key and sort_dir"),
    "standard-attr-description": ("standard-attr-description", "A description of each resource"),
    "standard-attr-revisions": ("Resource revision numbers", "revision_number"),
    "standard-attr-tag": ("Tag support", "Tags on each resource"),
    "standard-attr-timestamp": ("Resource timestamps", "created_at and updated_at"),
    "subnet_allocation": ("Subnet Allocation", "Subnets out of subnet pools"),
    "stateful-security-group": ("Stateful security group", "Whether answers are allowed too"),
}


def versions(base: str) -> dict[str, Any]:
    """:param base: the address of the server, without a slash at the end."""
    link = {"rel": "self", "href": f"{base}/v2.0/"}
    return {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}


def resources(base: str) -> dict[str, Any]:
    """:param base: the address of the server, without a slash at the end."""
    return {
        "resources": [
            {
                "name": resource.name,
                "collection": resource.collection,
                "links": [{"rel": "self", "href": f"{base}/v2.0/{resource.collection}"}],
            }
            for resource in (
                NETWORK,
                SUBNET,
                SUBNET_POOL,
                PORT,
            )  # extensions' own do not stand here
        ]
    }


def extensions(keys: uuid.UUID) -> dict[str, Any]:
    """:param keys: the namespace of the client's keys."""
    return {"extensions": [_extension(alias, keys) for alias in _EXTENSIONS if _has(alias, keys)]}


def extension(alias: str, keys: uuid.UUID) -> dict[str, Any] | None:
    """The document of one extension; None when this server does not have it.

    :param keys: the namespace of the client's keys.
    """
    return {"extension": _extension(alias, keys)} if _has(alias, keys) else None


def _has(alias: str, keys: uuid.UUID) -> bool:
    # Drivers of before know the namespace of everybody alone.
    return alias in _EXTENSIONS and (alias != idempotency.FORETOLD or keys == idempotency.EVERYBODY)


def _extension(alias: str, keys: uuid.UUID) -> dict[str, Any]:
    name, description = _EXTENSIONS[alias]
    more = {"namespace": str(keys)} if alias == idempotency.OWN else {}
    return {
        **more,
        "alias": alias,
        "name": name,
        "description": description,
        "updated": _UPDATED,
        "links": [],
    }
