"""Which attributes a resource has, and what a request's body says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.ipam.neutron_errors import HTTPBadRequest
from ovn_integrate.ipam.resources import convert, l3, model
from ovn_integrate.ipam.resources.convert import Convert
from ovn_integrate.ipam.resources.port_forwarding import convert as portforwarding_convert
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.security_group_rule import convert as security_convert
from ovn_integrate.ipam.resources.subnet_pool import convert as subnetpool_convert
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

_NAME = 255
_DESCRIPTION = 255
_DEVICE = 255


@dataclass(frozen=True)
class Attribute:
    """How an attribute may be used.

    :param read: turns a value of a body into that of the rules.
    :param post: whether it may be given at creation; ``put``: at an update.
    :param required: whether creation needs it.
    :param filter: turns the text of a list's filter into the value to compare with; None when
        the attribute does not filter.
    """

    read: Convert = convert.anything
    post: bool = True
    put: bool = True
    required: bool = False
    filter: Convert | None = convert.anything


@dataclass(frozen=True)
class Resource:
    """A kind of thing of the API, with its name in the singular and the plural."""

    name: str
    collection: str
    kind: type[model.Thing]
    attributes: Mapping[str, Attribute]

    @property
    def plural(self) -> str:
        """The key of several of them in a body."""
        return self.collection.replace("-", "_")


_BOOLEAN = Attribute(convert.boolean, filter=convert.boolean)
_READ_ONLY = Attribute(post=False, put=False)
_OPAQUE = Attribute(post=False, put=False, filter=None)
_PROJECT = Attribute(convert.text(_NAME), put=False)
_MODE = convert.or_none(convert.one_of("slaac", "dhcpv6-stateful", "dhcpv6-stateless"))

_COMMON = {
    "id": _READ_ONLY,
    "name": Attribute(convert.text(_NAME)),
    "tenant_id": _PROJECT,
    "project_id": _PROJECT,
    "description": Attribute(convert.text(_DESCRIPTION)),
    "tags": Attribute(convert.tags, put=False),
    "created_at": _READ_ONLY,
    "updated_at": _READ_ONLY,
    "revision_number": Attribute(post=False, put=False, filter=convert.number),
}

NETWORK = Resource(
    "network",
    "networks",
    model.Network,
    {
        **_COMMON,
        "admin_state_up": _BOOLEAN,
        "shared": _BOOLEAN,
        "router:external": _BOOLEAN,
        "port_security_enabled": Attribute(convert.boolean, filter=None),
        "mtu": Attribute(convert.number, filter=convert.number),
        "status": _READ_ONLY,
        "subnets": _OPAQUE,
        "provider:network_type": Attribute(convert.or_none(convert.text(_NAME)), put=False),
        "provider:physical_network": Attribute(convert.or_none(convert.text(_NAME)), put=False),
        "provider:segmentation_id": Attribute(
            convert.or_none(convert.number), put=False, filter=convert.number
        ),
        "vlan_transparent": Attribute(convert.boolean, put=False, filter=None),
        "qinq": Attribute(convert.boolean, put=False, filter=None),
        "availability_zone_hints": Attribute(convert.words, put=False, filter=None),
        "availability_zones": _OPAQUE,
        "ipv4_address_scope": _OPAQUE,
        "ipv6_address_scope": _OPAQUE,
    },
)

SUBNET = Resource(
    "subnet",
    "subnets",
    model.Subnet,
    {
        **_COMMON,
        "network_id": Attribute(convert.identity, put=False, required=True),
        "ip_version": Attribute(
            convert.one_of(4, 6), put=False, required=True, filter=convert.number
        ),
        "cidr": Attribute(convert.or_none(convert.text(_NAME)), put=False),
        "prefixlen": Attribute(subnetpool_convert.number, put=False, filter=None),
        "subnetpool_id": Attribute(convert.or_none(convert.identity), put=False),
        "use_default_subnetpool": Attribute(convert.boolean, put=False, filter=None),
        "gateway_ip": Attribute(convert.or_none(convert.address)),
        "allocation_pools": Attribute(convert.pools, filter=None),
        "enable_dhcp": _BOOLEAN,
        "ipv6_ra_mode": Attribute(_MODE, put=False),
        "ipv6_address_mode": Attribute(_MODE, put=False),
        "dns_nameservers": Attribute(convert.nameservers, filter=None),
        "host_routes": Attribute(convert.host_routes, filter=None),
        "service_types": Attribute(convert.words, filter=None),
        "segment_id": Attribute(convert.or_none(convert.identity), filter=None),
        "router:external": _OPAQUE,
    },
)

PORT = Resource(
    "port",
    "ports",
    model.Port,
    {
        **_COMMON,
        "network_id": Attribute(convert.identity, put=False, required=True),
        "mac_address": Attribute(convert.or_none(convert.mac), filter=convert.mac_asked),
        "fixed_ips": Attribute(convert.fixed_ips),
        "admin_state_up": _BOOLEAN,
        "status": _READ_ONLY,
        "device_id": Attribute(convert.text(_DEVICE)),
        "device_owner": Attribute(convert.text(_DEVICE)),
        "binding:host_id": Attribute(
            lambda name, value: convert.text(_DEVICE)(name, "" if value is None else value)
        ),
        "binding:profile": Attribute(convert.profile, filter=None),
        "binding:vnic_type": Attribute(convert.one_of("normal"), filter=None),
        "binding:vif_type": _OPAQUE,
        "binding:vif_details": _OPAQUE,
        "port_security_enabled": _BOOLEAN,
        "security_groups": Attribute(convert.or_none(convert.identities)),
        "allowed_address_pairs": Attribute(convert.pairs, filter=None),
        "extra_dhcp_opts": Attribute(filter=None),
        "dns_name": Attribute(convert.dns_name, filter=None),
        "dns_assignment": _OPAQUE,
    },
)

SECURITY_GROUP = Resource(
    "security_group",
    "security-groups",
    SecurityGroup,
    {
        **_COMMON,
        "stateful": _BOOLEAN,
        "shared": Attribute(post=False, put=False, filter=convert.boolean),
        "security_group_rules": _OPAQUE,
    },
)

SECURITY_RULE = Resource(
    "security_group_rule",
    "security-group-rules",
    SecurityRule,
    {
        **{name: attribute for name, attribute in _COMMON.items() if name != "name"},
        "description": Attribute(
            lambda name, value: convert.text(_DESCRIPTION)(name, "" if value is None else value)
        ),
        "security_group_id": Attribute(put=False, required=True),
        "direction": Attribute(convert.one_of("ingress", "egress"), put=False, required=True),
        "ethertype": Attribute(security_convert.ethertype, put=False),
        "protocol": Attribute(security_convert.protocol, put=False),
        "port_range_min": Attribute(security_convert.port, put=False, filter=security_convert.port),
        "port_range_max": Attribute(security_convert.port, put=False, filter=security_convert.port),
        "remote_ip_prefix": Attribute(security_convert.prefix, put=False),
        "remote_group_id": Attribute(put=False),
        "remote_address_group_id": Attribute(
            convert.or_none(convert.identity), put=False, filter=None
        ),
        "normalized_cidr": _OPAQUE,
        "belongs_to_default_sg": _OPAQUE,
    },
)

ROUTER = Resource(
    "router",
    "routers",
    l3.Router,
    {
        **_COMMON,
        "admin_state_up": _BOOLEAN,
        "external_gateway_info": Attribute(convert.external_gateway, filter=None),
        "status": _READ_ONLY,
        "availability_zone_hints": Attribute(convert.words, put=False, filter=None),
        "availability_zones": _OPAQUE,
    },
)

FLOATING_IP = Resource(
    "floatingip",
    "floatingips",
    l3.FloatingIp,
    {
        **{key: one for key, one in _COMMON.items() if key != "name"},
        "floating_network_id": Attribute(convert.identity, put=False, required=True),
        "floating_ip_address": Attribute(
            convert.or_none(convert.address), put=False, filter=convert.address
        ),
        "subnet_id": Attribute(convert.or_none(convert.identity), put=False, filter=None),
        "port_id": Attribute(convert.or_none(convert.identity)),
        "fixed_ip_address": Attribute(convert.or_none(convert.address), filter=convert.address),
        "router_id": _READ_ONLY,
        "status": _READ_ONLY,
        "port_forwardings": _OPAQUE,
    },
)

PORT_FORWARDING = Resource(
    "port_forwarding",
    "port_forwardings",
    PortForwarding,
    {
        **{key: _COMMON[key] for key in ("id", "tenant_id", "project_id", "description")},
        "protocol": Attribute(portforwarding_convert.protocol, required=True),
        "internal_ip_address": Attribute(convert.address, required=True, filter=None),
        "internal_port_id": Attribute(convert.identity, required=True),
        "internal_port": Attribute(portforwarding_convert.port, filter=None),
        "internal_port_range": Attribute(portforwarding_convert.port_range, filter=None),
        "external_port": Attribute(portforwarding_convert.port, filter=convert.number),
        "external_port_range": Attribute(portforwarding_convert.port_range),
    },
)

_LENGTH = Attribute(subnetpool_convert.number, filter=convert.number)

SUBNET_POOL = Resource(
    "subnetpool",
    "subnetpools",
    SubnetPool,
    {
        **_COMMON,
        "name": Attribute(subnetpool_convert.name, required=True, filter=convert.anything),
        "prefixes": Attribute(subnetpool_convert.prefixes, required=True, filter=None),
        "ip_version": Attribute(post=False, put=False, filter=convert.number),
        "min_prefixlen": _LENGTH,
        "max_prefixlen": _LENGTH,
        "default_prefixlen": _LENGTH,
        "default_quota": _LENGTH,
        "is_default": _BOOLEAN,
        "shared": Attribute(convert.boolean, put=False, filter=convert.boolean),
        "address_scope_id": Attribute(subnetpool_convert.no_address_scope),
    },
)

RESOURCES = {
    resource.collection: resource
    for resource in (
        *(NETWORK, SUBNET, PORT, SUBNET_POOL),
        *(SECURITY_GROUP, SECURITY_RULE),
        *(ROUTER, FLOATING_IP),
    )
}


def decode(body: bytes) -> dict[str, Any]:
    """The object that a request's body is.

    :raises HTTPBadRequest: it is not JSON, or not an object.
    """
    try:
        found = jsontext.parse(body) if body else {}
        if _UNSTORABLE.search(body):
            _refuse_unstorable(found)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise HTTPBadRequest(reason="Body contains invalid data")
    return found


# NUL and what is half a character: OVSDB takes neither (RFC 7047 is of UTF-8, ovsdb-server ends a
# connection over a NUL). The second is also half of what a whole one may be written as.
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def _refuse_unstorable(value: Any) -> None:
    """:raises ValueError: a text in it cannot be stored."""
    if isinstance(value, str) and not convert.storable(value):
        raise ValueError
    for one in value if isinstance(value, list) else ():
        _refuse_unstorable(one)
    for key, one in value.items() if isinstance(value, dict) else ():
        _refuse_unstorable(key)
        _refuse_unstorable(one)


def creations(resource: Resource, body: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    """The things to create, with their attributes, and whether there may be several (bulk).

    :raises HTTPBadRequest: the body says something that is not allowed.
    """
    if resource.plural in body:
        asked = body[resource.plural]
        if asked and not isinstance(asked, list):
            raise HTTPBadRequest(reason=f"Object '{resource.name}' contains invalid data")
        if not asked:
            raise HTTPBadRequest(reason="Resources required")
        return [_created(resource, _object(resource, one)) for one in asked], True
    return [_created(resource, _object(resource, body.get(resource.name)))], False


def update(resource: Resource, body: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes to change.

    :raises HTTPBadRequest: the body says something that is not allowed.
    """
    asked = _object(resource, body.get(resource.name))
    _check_known(resource, asked)
    for name in asked:
        if not resource.attributes[name].put:
            known = "tenant_id" if name == "project_id" else name
            raise HTTPBadRequest(reason=f"Cannot update read-only attribute {known}")
    return _read(resource, asked)


def _object(resource: Resource, asked: Any) -> dict[str, Any]:
    if asked is not None and not isinstance(asked, dict):
        raise HTTPBadRequest(reason=f"Object '{resource.name}' contains invalid data")
    if asked is None:
        raise HTTPBadRequest(reason=f"Unable to find '{resource.name}' in request body")
    return asked


def _created(resource: Resource, asked: dict[str, Any]) -> dict[str, Any]:
    if "tenant_id" in asked and asked.get("project_id", asked["tenant_id"]) != asked["tenant_id"]:
        raise HTTPBadRequest(reason="'project_id' and 'tenant_id' do not match")
    _check_known(resource, asked)
    for name, attribute in resource.attributes.items():
        if attribute.required and name not in asked:
            raise HTTPBadRequest(
                reason=f"Failed to parse request. Required attribute '{name}' not specified"
            )
        if name in asked and not attribute.post:
            raise HTTPBadRequest(reason=f"Attribute '{name}' not allowed in POST")
    return _read(resource, asked)


def _check_known(resource: Resource, asked: Mapping[str, Any]) -> None:
    unknown = [name for name in asked if name not in resource.attributes]
    if unknown:
        raise HTTPBadRequest(reason=f"Unrecognized attribute(s) '{', '.join(unknown)}'")


def _read(resource: Resource, asked: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        model.field(name): resource.attributes[name].read(name, value)
        for name, value in asked.items()
    }
    if "tenant_id" in found:
        found["project_id"] = found.pop("tenant_id")
    return found
