"""What the server can be asked, as an OpenAPI document: for clients, and for what tries it all.

Paths are those of the application's own table of routes, attributes those of ``bodies``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ovn_integrate.ipam.resources.bodies import PORT_FORWARDING, RESOURCES, Attribute, Resource

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "maxLength": 255}
_ID: Schema = {"type": "string", "format": "uuid"}
_NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
_FLAG: Schema = {"type": "boolean"}
_ADDRESS: Schema = {"anyOf": [{"type": "string", "format": f"ipv{n}"} for n in (4, 6)]}
_OBJECT: Schema = {"type": "object"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}


def _list(**properties: Schema) -> Schema:
    return {"type": "array", "items": {"type": "object", "properties": properties}}


def _one_of(*values: Any) -> Schema:
    return {"enum": [*values]}


def _none_or(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_CIDR: Schema = {"type": "string", "examples": ["192.0.2.0/24", "2001:db8::/64"]}
_MAC: Schema = {"type": "string", "pattern": "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$"}

# What an attribute is where its name does not tell it apart; the rest is text.
_SCHEMAS: Mapping[str, Schema] = {
    **dict.fromkeys(("id", "network_id", "subnet_id", "security_group_id"), _ID),
    **dict.fromkeys(("floating_network_id", "internal_port_id", "router_id"), _ID),
    **dict.fromkeys(("port_id", "subnetpool_id", "segment_id", "address_scope_id"), _none_or(_ID)),
    **dict.fromkeys(("remote_group_id", "remote_address_group_id"), _none_or(_ID)),
    **dict.fromkeys(("admin_state_up", "shared", "router:external", "enable_dhcp"), _FLAG),
    **dict.fromkeys(("port_security_enabled", "stateful", "is_default"), _FLAG),
    **dict.fromkeys(("use_default_subnetpool", "vlan_transparent", "qinq"), _FLAG),
    **dict.fromkeys(("mtu", "revision_number", "prefixlen", "default_quota"), _NUMBER),
    **dict.fromkeys(("min_prefixlen", "max_prefixlen", "default_prefixlen"), _NUMBER),
    **dict.fromkeys(("port_range_min", "port_range_max"), _none_or(_NUMBER)),
    **dict.fromkeys(("internal_port", "external_port"), _PORT),
    **dict.fromkeys(("gateway_ip", "floating_ip_address", "fixed_ip_address"), _none_or(_ADDRESS)),
    **dict.fromkeys(("tags", "availability_zone_hints", "service_types", "prefixes"), _TEXTS),
    **dict.fromkeys(("subnets", "dns_nameservers", "availability_zones"), _TEXTS),
    "security_groups": {"type": "array", "items": _ID},
    "internal_ip_address": _ADDRESS,
    "provider:segmentation_id": _none_or(_NUMBER),
    "provider:network_type": _none_or(_one_of("flat", "vlan", "geneve", "vxlan")),
    "provider:physical_network": _none_or(_TEXT),
    "ip_version": _one_of(4, 6),
    "cidr": _none_or(_CIDR),
    "ipv6_ra_mode": _none_or(_one_of("slaac", "dhcpv6-stateful", "dhcpv6-stateless")),
    "ipv6_address_mode": _none_or(_one_of("slaac", "dhcpv6-stateful", "dhcpv6-stateless")),
    "allocation_pools": _list(start=_ADDRESS, end=_ADDRESS),
    "host_routes": _list(destination=_CIDR, nexthop=_ADDRESS),
    "mac_address": _none_or(_MAC),
    "fixed_ips": _list(subnet_id=_ID, ip_address=_ADDRESS),
    "allowed_address_pairs": _list(ip_address=_ADDRESS, mac_address=_MAC),
    "binding:profile": _OBJECT,
    "binding:vif_details": _OBJECT,
    "binding:vnic_type": _one_of("normal"),
    "external_gateway_info": _none_or(
        {
            "type": "object",
            "properties": {
                "network_id": _ID,
                "enable_snat": _FLAG,
                "external_fixed_ips": _list(subnet_id=_ID, ip_address=_ADDRESS),
            },
        }
    ),
    "direction": _one_of("ingress", "egress"),
    "ethertype": _one_of("IPv4", "IPv6"),
    "protocol": _none_or(_one_of("tcp", "udp", "sctp", "icmp", "ipv6-icmp", 6)),
    "remote_ip_prefix": _none_or(_CIDR),
    "dns_name": {"type": "string", "pattern": "^[a-z0-9-]{0,63}$"},
}

_VARIABLE = re.compile(r"<(?:any\(.*?\):)?(\w+)>")
_INTERFACE = {"type": "object", "properties": {"subnet_id": _ID, "port_id": _ID}}
_ANSWERS = {
    "2XX": {"description": "done"},
    "4XX": {"description": "refused: a NeutronError says why"},
    "503": {"description": "Northbound is out of reach"},
}


def document(routes: Iterable[tuple[str, Iterable[str]]]) -> dict[str, Any]:
    """The document.

    :param routes: the rules of the application, as Flask writes them, with their methods.
    """
    paths: dict[str, dict[str, Any]] = {}
    for rule, methods in routes:
        for resource in RESOURCES.values() if ":collection>" in rule else (None,):
            path = _path(rule, resource)
            operations = paths.setdefault(path, {})
            for method in set(methods) - {"HEAD", "OPTIONS"}:
                operations[method.lower()] = _operation(path, method, resource)
    return {
        "openapi": "3.1.0",
        "info": {"title": "IPAM server of ovn-integrate, after Neutron's v2.0", "version": "2.0"},
        "paths": dict(sorted(paths.items())),
    }


def _path(rule: str, resource: Resource | None) -> str:
    def name(found: re.Match[str]) -> str:
        if resource is not None and found[1] == "collection":
            return resource.collection
        return f"{{{found[1]}}}"

    return _VARIABLE.sub(name, rule)


def _operation(path: str, method: str, resource: Resource | None) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", path)
    operation: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names
        ],
        "responses": _ANSWERS,
    }
    if path.endswith("port_forwardings") or "/port_forwardings/" in path:
        resource = PORT_FORWARDING
    last = path.rpartition("/")[2]
    if resource is not None and method == "GET" and last == resource.collection:
        operation["parameters"] += _filters(resource)
    body = _body(last, method, resource)
    if body is not None:
        content = {"application/json": {"schema": body}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _body(last: str, method: str, resource: Resource | None) -> Schema | None:
    if last.endswith("_router_interface"):
        return _INTERFACE
    if last == "tags" and method in ("PUT", "POST"):
        return {"type": "object", "properties": {"tags": _TEXTS}, "required": ["tags"]}
    if resource is None or last == "{tag}":
        return None
    if method == "POST":
        one = _schema({k: v for k, v in resource.attributes.items() if v.post}, required=True)
        return {
            "anyOf": [
                _holding(resource.name, one),
                _holding(resource.plural, {"type": "array", "items": one}),
            ]
        }
    if method == "PUT" and last == "{id}":
        changed = {k: v for k, v in resource.attributes.items() if v.put}
        return _holding(resource.name, _schema(changed, required=False))
    return None


def _holding(key: str, schema: Schema) -> Schema:
    return {"type": "object", "properties": {key: schema}, "required": [key]}


def _schema(attributes: Mapping[str, Attribute], *, required: bool) -> Schema:
    found: Schema = {
        "type": "object",
        "properties": {name: _SCHEMAS.get(name, _TEXT) for name in attributes},
        "additionalProperties": False,
    }
    needed = [name for name, one in attributes.items() if one.required]
    if required and needed:
        found["required"] = needed
    return found


def _filters(resource: Resource) -> list[dict[str, Any]]:
    names = [name for name, one in resource.attributes.items() if one.filter is not None]
    return [
        {"name": name, "in": "query", "schema": _TEXT}
        for name in [*names, "fields", "limit", "marker", "sort_key", "sort_dir", "page_reverse"]
    ]
