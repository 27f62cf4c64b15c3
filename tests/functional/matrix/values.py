"""What the attributes of bodies are given, one at a time: for each a few values with their labels.

A value that names a thing is tried with those of everybody.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from ovn_integrate.ipam.resources.bodies import PORT_FORWARDING, RESOURCES, Resource
from tests.functional.matrix.things import (
    DOCKER_A,
    DOCKER_B,
    INTERFACE,
    LOCK,
    MADE,
    RESERVED,
    SET_ASIDE,
    at,
    tag,
)
from tests.functional.matrix.world import VM, A, B, World

Fragment = dict[str, Any]
"""A part of a body: the attribute, with what else it takes to give it."""

ALL = {**RESOURCES, "port_forwardings": PORT_FORWARDING}

_TAGS = {
    "plain": "x",
    "mine": tag(DOCKER_A),
    "at-me": at(DOCKER_A, A),
    "theirs": tag(DOCKER_B),
    "at-other": at(DOCKER_B, B),
    "made": "docker:made",
    "policy": "docker:policy",
    "alias-free": "alias:cache",
    "alias-held": "alias:web-b",
    "alias-held-further": "alias:api-b",
    "alias-domain": "alias:registry-1.docker.io",
    "alias-reverse": "alias:5.0.0.10.in-addr.arpa",
    "owner": "ovn-integrate:owner",
}


def tags() -> Mapping[str, str]:
    """Those that are tried, by their labels."""
    return _TAGS


class Values:
    """Of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plain = _plain()

    def of(self, resource: Resource, attribute: str) -> Iterator[tuple[str, Fragment]]:
        """All that an attribute is given, by labels.

        :raises KeyError: it is not known what it may be given.
        """
        reference = _REFERENCES.get(attribute)
        if reference is not None:
            collection, wrap = reference
            for name in self._world.names(collection):
                yield name, {attribute: wrap(self._world.id(name))}
        else:
            for label, value in self._plain[attribute].items():
                fragment = value if isinstance(value, _Parts) else {attribute: value}
                yield label, copy.deepcopy(dict(fragment))
        yield from self._further(attribute)

    def at_creation(self, resource: Resource) -> Iterator[tuple[str, Fragment]]:
        """Bodies that say as little as they may, by what they refer to."""
        outer, free = "gateway.network", "a.unbound"
        if resource.name in ("network", "security_group", "router"):
            yield "-", {"name": "x"}
        if resource.name == "subnetpool":
            yield "-", {"name": "x", "prefixes": ["10.251.0.0/16"]}
        if resource.name == "security_group":
            described = f"Docker: group x of network {self._world.id('a.network')}"
            yield "a.network", {"name": "x", "description": described}
        if resource.name == "router":
            for name in self._world.names("networks"):
                yield name, {"name": f"docker-{self._world.id(name)}", "description": "docker:made"}
        if resource.name == "subnet":
            for name in self._world.names("networks"):
                yield (
                    name,
                    {"network_id": self._world.id(name), "ip_version": 4, "cidr": "10.252.0.0/24"},
                )
            yield (
                "gateway.network",
                {
                    "network_id": self._world.id(outer),
                    "name": f"docker-{self._world.id('left.network')}",
                    "ip_version": 4,
                    "cidr": "100.64.240.0/20",
                    "gateway_ip": "100.64.240.1",
                    "enable_dhcp": False,
                },
            )
        if resource.name == "port":
            for name in self._world.names("networks"):
                yield name, {"network_id": self._world.id(name)}
        if resource.name == "security_group_rule":
            for name in self._world.names("security-groups"):
                yield name, {"security_group_id": self._world.id(name), "direction": "ingress"}
        if resource.name == "floatingip":
            for name in self._world.names("networks"):
                if "outer" in name or name == outer:
                    yield name, {"floating_network_id": self._world.id(name)}
            port = {"port_id": self._world.id(free)}
            yield "a.unbound", {"floating_network_id": self._world.id(outer), **port}
        if resource.name == "port_forwarding":
            for name in ("a.unbound", "b.unbound", "operator.port-grouped", "operator.port-at-a"):
                yield name, self._forwarding(name)

    def _forwarding(self, name: str) -> Fragment:
        port = self._world.things[name][1]
        return {
            "protocol": "tcp",
            "internal_port_id": port["id"],
            "internal_ip_address": port["fixed_ips"][0]["ip_address"],
            "internal_port": 22,
            "external_port": 2222,
        }

    def _further(self, attribute: str) -> Iterator[tuple[str, Fragment]]:
        """What takes an address, a MAC or a name of somebody's."""
        things = self._world.things
        if attribute == "fixed_ips":
            for name, (collection, body) in things.items():
                if collection == "subnets":
                    for label, address in (
                        ("gateway", body["gateway_ip"]),
                        ("free", body["gateway_ip"].removesuffix(".1") + ".77"),
                    ):
                        fixed = {"subnet_id": body["id"], "ip_address": address}
                        yield f"{label}:{name}", {attribute: [fixed]}
        if attribute == "mac_address":
            for name in ("operator.port", "b.port", "shared.b-port", "shared.interface"):
                yield name, {attribute: things[name][1]["mac_address"]}
        if attribute == "allowed_address_pairs":
            for name in ("operator.port", "b.port", "shared.b-port"):
                address = things[name][1]["fixed_ips"][0]["ip_address"]
                yield name, {attribute: [{"ip_address": address}]}
        if attribute == "binding:profile":
            for name in ("operator.port-at-vm", "b.port", "a.port"):
                below = {"parent_name": self._world.id(name), "tag": 9}
                yield f"below:{name}", {attribute: below}
        if attribute == "external_gateway_info":
            for name in self._world.names("networks"):
                if "outer" in name or name == "gateway.network":
                    yield name, {attribute: {"network_id": self._world.id(name)}}
            for name in self._world.names("subnets"):
                if "outer" in name:
                    network = things[name][1]["network_id"]
                    outside = {
                        "network_id": network,
                        "external_fixed_ips": [{"subnet_id": self._world.id(name)}],
                    }
                    yield name, {attribute: outside}


class _Parts(dict[str, Any]):
    """A value that does not stand alone: the whole fragment."""


def _as_it_is(id: str) -> Any:
    return id


def _listed(id: str) -> Any:
    return [id]


_REFERENCES = {
    "network_id": ("networks", _as_it_is),
    "floating_network_id": ("networks", _as_it_is),
    "subnet_id": ("subnets", _as_it_is),
    "port_id": ("ports", _as_it_is),
    "internal_port_id": ("ports", _as_it_is),
    "security_group_id": ("security-groups", _as_it_is),
    "remote_group_id": ("security-groups", _as_it_is),
    "security_groups": ("security-groups", _listed),
    "subnetpool_id": ("subnetpools", _as_it_is),
    "device_id": ("routers", _as_it_is),
}


def _plain() -> dict[str, dict[str, Any]]:
    six = {"ip_version": 6, "cidr": "fd00:252::/64"}
    stateful = {**six, "ipv6_ra_mode": "dhcpv6-stateful"}
    return {
        "name": {"plain": "y", "docker": f"docker-{DOCKER_A}", "test": "ovn-integrate-test-x"},
        "description": {
            "plain": "y",
            "at-me": at(DOCKER_A, A),
            "at-other": at(DOCKER_B, B),
            "made": "docker:made",
            "group": "Docker: every container of network x",
        },
        "project_id": {"other": "somebody"},
        "tenant_id": {"other": "somebody"},
        "tags": {label: [value] for label, value in _TAGS.items()} | {"none": []},
        "admin_state_up": {"down": False},
        "shared": {"yes": True},
        "router:external": {"yes": True},
        "port_security_enabled": {"off": False},
        "mtu": {"small": 1000},
        "provider:network_type": {"vlan": "vlan", "geneve": "geneve"},
        "provider:physical_network": {
            "lan": _Parts(
                {"provider:physical_network": "lan2", "provider:network_type": "flat"},
            ),
            "other-flat": _Parts(
                {"provider:physical_network": "ovn-gw", "provider:network_type": "flat"},
            ),
        },
        "provider:segmentation_id": {"7": 7},
        "vlan_transparent": {"no": False},
        "qinq": {"no": False},
        "availability_zone_hints": {"none": []},
        "ip_version": {"6": _Parts(six)},
        "cidr": {"other": "10.253.0.0/24"},
        "prefixlen": {"24": 24},
        "use_default_subnetpool": {"yes": True},
        "gateway_ip": {"other": "10.252.0.9", "none": None},
        "allocation_pools": {"none": []},
        "enable_dhcp": {"no": False, "yes": True},
        "ipv6_ra_mode": {"stateful": _Parts(stateful)},
        "ipv6_address_mode": {"stateful": _Parts({**six, "ipv6_address_mode": "dhcpv6-stateful"})},
        "dns_nameservers": {"one": ["192.0.2.53"]},
        "host_routes": {"one": [{"destination": "0.0.0.0/0", "nexthop": "10.252.0.66"}]},
        "service_types": {"one": ["compute:nova"]},
        "segment_id": {"none": None},
        "mac_address": {"free": "02:00:00:00:99:99"},
        "fixed_ips": {"none": []},
        "device_id": {"endpoint": "f" * 64, "none": ""},
        "device_owner": {
            "endpoint": MADE,
            "reserved": RESERVED,
            "aside": SET_ASIDE,
            "lock": LOCK,
            "tested": "ovn-integrate:tested",
            "tester": "ovn-integrate:tester",
            "interface": INTERFACE,
            "dhcp": "network:dhcp",
            "none": "",
        },
        "binding:host_id": {
            "me": A,
            "taken": _Parts(
                {"binding:host_id": A, "device_id": "9" * 64, "device_owner": "docker:port"}
            ),
            "other": B,
            "vm": VM,
            "none": "",
        },
        "binding:profile": {
            "none": {},
            "me": {"ovn-integrate.host": A},
            "vm": {"ovn-integrate.host": VM},
            "other": {"ovn-integrate.host": B},
            "mac": {"ovn-integrate.mac": "02:00:00:00:99:98"},
        },
        "binding:vnic_type": {"normal": "normal"},
        "security_groups": {"none": []},
        "allowed_address_pairs": {
            "all": [{"ip_address": "0.0.0.0/0"}],
            "mac": [{"ip_address": "10.0.0.1", "mac_address": "02:00:00:00:99:97"}],
        },
        "extra_dhcp_opts": {"none": []},
        "dns_name": {
            "free": "cache",
            "held": "web-b",
            "held-further": "api-b",
            "operators": "db",
            "none": "",
        },
        "stateful": {"no": False},
        "direction": {"egress": "egress"},
        "ethertype": {"6": "IPv6"},
        "protocol": {"tcp": "tcp"},
        "port_range_min": {"80": _Parts(port_range_min=80, port_range_max=80, protocol="tcp")},
        "port_range_max": {"81": _Parts(port_range_min=1, port_range_max=81, protocol="tcp")},
        "remote_ip_prefix": {"all": "0.0.0.0/0"},
        "remote_address_group_id": {"none": None},
        "external_gateway_info": {"none": None},
        "floating_ip_address": {"other": "100.64.9.9"},
        "fixed_ip_address": {"none": None},
        "internal_ip_address": {"other": "10.0.0.9"},
        "internal_port": {"23": 23},
        "internal_port_range": {"23": "23:23"},
        "external_port": {"2223": 2223},
        "external_port_range": {"2223": "2223:2223"},
        "prefixes": {"other": ["10.249.0.0/16"]},
        "min_prefixlen": {"9": 9},
        "max_prefixlen": {"31": 31},
        "default_prefixlen": {"25": 25},
        "default_quota": {"9": 9},
        "is_default": {"yes": True},
        "address_scope_id": {"none": None},
    }
