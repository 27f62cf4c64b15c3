"""What the IPAM server answers otherwise than Neutron, on purpose, each with its reason."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.talk import Answer

KEYS = {
    "provider:segmentation_id": "OVN itself numbers its tunnels, there is no number to tell",
    "dns_domain": "there is no setting for a domain",
    "fqdn": "there is no setting for a domain",
    "is_default": "of networks that are made for who has none (auto-allocated-topology)",
    "standard_attr_id": "of Neutron's own database, let out by an oversight",
    "updated": "an extension is as new as this server's part of it",
    "belongs_to_default_sg": "answered differently from request to request",
    "extension.description": "an extension's words are this server's own",
    "option.domain_name": "there is no setting for a domain",
    "floatingip.status": "Neutron makes it ACTIVE some moments after the answer",
    "floatingip.dns_name": "names of floating IPs would need a DNS outside of OVN",
    "floatingip.port_details": "an extension for what a request for the port tells",
    "router.enable_default_route_bfd": "one way out for a router",
    "router.enable_default_route_ecmp": "one way out for a router",
    "router.external_gateways": "one way out for a router",
    "router.flavor_id": "there is one kind of router",
    "router.ha": "there is one kind of router",
    "router.routes": "routers have no further routes",
}
"""Keys that one of the two leaves out or fills otherwise, anywhere or in a kind of thing."""

UNCOUNTED = {
    "routers": "Neutron counts a router's own steps as revisions too",
    "floatingips": "Neutron counts a router's own steps as revisions too",
}
"""Modules where ``revision_number`` is not compared."""

_OURS = "ovn-integrate:"
"""What the keys begin with in which Northbound has what Neutron has in SQL."""

_SERVER = ("dns_server", "{192.0.2.53}")
"""Neutron tells hosts of a server of its own where a subnet has none."""

_TAGS = "tags may be given to whatever is made"
_CHASSIS = "Southbound is not asked which hosts there are"
_NO_HOST = "a subnet of one address, or two, has no gateway unless one is given"
_BUG = "Neutron answers 500"
_PORTS = "OVN cannot look at ports of that protocol"
_PROTOCOLS = "the protocols are named in another order"
_COUNT = "Neutron counts this otherwise as a revision"
_WORDS = "a refusal in other words"
_DOMAIN = "there is no setting for a domain"
_ROW = "the row is where the subnet is kept"
_NO_GATEWAY = "a network without a gateway gets its addresses by DHCP all the same"
_ROUTER = "options that Neutron sets for its other routers; a NAT row for each inner subnet"

CASES = {
    "documents: another version": "another web server's page",
    "documents: extension that nobody has": "another web server's page",
    "documents: extension standard-attr-tag": "an extension's words are this server's own",
    "networks: mtu too large": "the hosts' underlay is not known here",
    "networks: update mtu too large": "the hosts' underlay is not known here",
    "networks: tags": _TAGS,
    "networks: transparent to VLANs": "OVN is not told to be",
    "networks: its subnets": _COUNT,
    "subnets: /31 without DHCP": _NO_HOST,
    "subnets: /32 without DHCP": _NO_HOST,
    "subnets: service types": _COUNT,
    "subnets: take routes and name servers": _COUNT,
    "subnets_v6: /128 without DHCP": _NO_HOST,
    "subnets_wrong: block null": _BUG,
    "subnets_wrong: block that is a number": _BUG,
    "subnets_wrong: name servers that are text": "Neutron takes it for a list of its letters",
    "ports: host that is not there": _CHASSIS,
    "ports: update host": _CHASSIS,
    "ports: update profile": _COUNT,
    "ports: name for DNS with a domain": _DOMAIN,
    "ports_wrong: MAC that is a number": "a number is no MAC",
    "ports_wrong: tag empty": "no request could name it",
    "bulks: ports with tags": _TAGS,
    "bulks: rules twice the same": _WORDS,
    "bulks: routers": "all kinds of things may be made in bulk",
    "tags: at creation": _TAGS,
    "tags: set an empty one": "no request could name it",
    "tags: of a network that is not there": _BUG,
    "tags: add to nothing": _BUG,
    "security_rules: protocol icmpv6 over IPv4": _WORDS,
    "security_rules: protocol 256": _PROTOCOLS,
    "security_rules: protocol -1": _PROTOCOLS,
    "security_rules: protocol empty": _PROTOCOLS,
    "security_rules: protocol of nonsense": _PROTOCOLS,
    "security_rules: ports of dccp": _PORTS,
    "security_rules: ports of udplite": _PORTS,
    "security_rules: from a block with host bits": "a rule is read from what OVN has of it",
    "security_rules: describe": _BUG,
    "routers: interface by port": "a router's port has no port security in OVN",
    "floatingips: its port": "floating IPs have no ports of their own",
    "floatingips: delete its network": "Neutron deletes a floating IP with its network",
    "northbound: network: flat": "options for what learns of MACs on a physical network",
    "northbound: subnet: no gateway": _NO_GATEWAY,
    "northbound: subnet: routes without a gateway": _NO_GATEWAY,
    "northbound: subnet: no DHCP": _ROW,
    "northbound: subnet: DHCP off": _ROW,
    "northbound: subnet: IPv6 slaac": _ROW,
    "northbound: subnet: changed": _COUNT,
    "northbound: subnet: mtu changed": _COUNT,
    "northbound: port: two addresses": "in the order in which they were asked for",
    "northbound: port: pairs": "VRRPv3 is a word that OVN knows from 24.09 on",
    "northbound: port: child no more": _COUNT,
    "northbound: port: host that is not there": _CHASSIS,
    "northbound: names: one": _DOMAIN,
    "northbound: names: two": _DOMAIN,
    "northbound: names: changed": _DOMAIN,
    "northbound: names: gone": "a row without names goes",
    "northbound: group: of a port": "the group of all ports is made with the first port",
    "northbound: router": _ROUTER,
    "northbound: router: down": _ROUTER,
    "northbound: router: interface": _ROUTER,
    "northbound: router: gateway": _ROUTER,
    "northbound: router: all": _ROUTER,
    "northbound: floating IP": "translated on the port's chassis before that is known, too",
}
"""``MODULE: CASE``, with the reason."""


def without(module: str, said: list[Answer]) -> list[Answer]:
    """The answers without what differs on purpose."""
    return [_without_keys(one, module, "") for one in said]


def _without_keys(said: Any, module: str, kind: str) -> Any:
    if kind == "row":
        return {table: _rows_without(rows, module, table) for table, rows in said.items()}
    if isinstance(said, dict):
        return {
            key: _without_keys(one, module, key.removesuffix("s"))
            for key, one in said.items()
            if key not in KEYS
            and not key.startswith(_OURS)
            and (key, one) != _SERVER
            and f"{kind}.{key}" not in KEYS
            and not (key == "revision_number" and module in UNCOUNTED)
        }
    if isinstance(said, list):
        return [_without_keys(one, module, kind) for one in said]
    return said


def _rows_without(rows: list[Any], module: str, table: str) -> list[Any]:
    """Rows, without those that only this program reads."""
    plain = [_without_keys(row, module, table) for row in rows]
    return [row for row in plain if row.get("external_ids") != {} or len(row) > 1]
