"""What the server knows: networks, subnets and ports in Neutron's words, and their JSON shape.

The shapes follow the recorded answers of Neutron 29 key by key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.contract.tags import ALIAS
from ovn_integrate.ipam.allocate import Address, Cidr, Span, address_of
from ovn_integrate.ipam.resources.l3 import INTERFACE, FloatingIp, Router
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.standard import Standard
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

DEFAULT_MTU = 1442
"""Octets: what Geneve over IPv4 leaves of an underlay's 1500."""

_ADDRESSES = (".arpa", "localhost")

SELF_MADE = frozenset({"slaac", "dhcpv6-stateless"})
"""The address modes in which a host makes its own address from its MAC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(Standard):
    """A logical switch. ``mtu`` is in octets."""

    admin_state_up: bool = True
    shared: bool = False
    external: bool = False
    mtu: int = DEFAULT_MTU
    port_security_enabled: bool = True
    network_type: str = "geneve"
    segmentation_id: int | None = None
    physical_network: str | None = None

    @property
    def status(self) -> str:
        return "ACTIVE"

    def body(self, subnet_ids: Iterable[str]) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "admin_state_up": self.admin_state_up,
            "mtu": self.mtu,
            "status": self.status,
            "subnets": list(subnet_ids),
            "shared": self.shared,
            "port_security_enabled": self.port_security_enabled,
            "router:external": self.external,
            "provider:network_type": self.network_type,
            "provider:physical_network": self.physical_network,
            "provider:segmentation_id": self.segmentation_id,
            "vlan_transparent": False,
            "qinq": False,
            "availability_zone_hints": [],
            "availability_zones": [],
            "ipv4_address_scope": None,
            "ipv6_address_scope": None,
            **self.standard(),
        }


@dataclass(frozen=True, slots=True)
class Route:
    """A host route that DHCP hands out."""

    destination: str
    nexthop: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet(Standard):
    """A block of addresses on a network, and what DHCP tells of it.

    :param pools: runs of address numbers, ascending and apart, from which addresses are chosen.
    :param subnetpool_id: the subnet pool that its CIDR is of.
    :param server_mac: the MAC under which OVN's own DHCP server answers.
    """

    network_id: str
    cidr: Cidr
    gateway_ip: Address | None = None
    pools: tuple[Span, ...] = ()
    enable_dhcp: bool = True
    ipv6_ra_mode: str | None = None
    ipv6_address_mode: str | None = None
    dns_nameservers: tuple[str, ...] = ()
    host_routes: tuple[Route, ...] = ()
    service_types: tuple[str, ...] = ()
    subnetpool_id: str | None = None
    server_mac: str = ""
    revision_number: int = 0

    @property
    def ip_version(self) -> int:
        return self.cidr.version

    @property
    def self_made(self) -> bool:
        """Whether hosts make their own addresses here."""
        return self.ipv6_address_mode in SELF_MADE

    @property
    def answers_dhcp(self) -> bool:
        """Whether OVN answers DHCP requests for it."""
        return self.enable_dhcp and self.ipv6_address_mode != "slaac"

    def has(self, address: Address) -> bool:
        return address in self.cidr

    def body(self, external: bool) -> dict[str, Any]:
        """:param external: whether its network is."""
        return {
            "id": self.id,
            "name": self.name,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "network_id": self.network_id,
            "ip_version": self.ip_version,
            "subnetpool_id": self.subnetpool_id,
            "enable_dhcp": self.enable_dhcp,
            "ipv6_ra_mode": self.ipv6_ra_mode,
            "ipv6_address_mode": self.ipv6_address_mode,
            "gateway_ip": None if self.gateway_ip is None else str(self.gateway_ip),
            "cidr": str(self.cidr),
            "allocation_pools": [
                {"start": str(start), "end": str(end)} for start, end in self.pool_ends()
            ],
            "host_routes": [
                {"destination": route.destination, "nexthop": route.nexthop}
                for route in self.host_routes
            ],
            "dns_nameservers": list(self.dns_nameservers),
            "router:external": external,
            "service_types": list(self.service_types),
            **self.standard(),
        }

    def pool_ends(self) -> list[tuple[Address, Address]]:
        """The pools as addresses."""
        version = self.ip_version
        return [(address_of(version, one), address_of(version, two)) for one, two in self.pools]


@dataclass(frozen=True, slots=True)
class Pair:
    """An address that a port may use beside its own (allowed-address-pairs)."""

    ip_address: str
    mac_address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Port(Standard):
    """A logical switch port.

    :param addresses: its fixed addresses; each one's subnet is the one of the network that has it.
    :param profile: ``binding:profile`` as JSON text.
    :param tag: the VLAN tag that OVN gave to the port of a container in a VM.
    :param up: whether OVN says that a chassis has it.
    :param pinned: the host that an operator bound it to, whoever lets go of it.
    """

    network_id: str
    mac_address: str
    addresses: tuple[Address, ...] = ()
    admin_state_up: bool = True
    device_id: str = ""
    device_owner: str = ""
    host_id: str = ""
    profile: str = "{}"
    tag: int | None = None
    vnic_type: str = "normal"
    port_security_enabled: bool = True
    pairs: tuple[Pair, ...] = ()
    dns_name: str = ""
    security_groups: tuple[str, ...] = ()
    up: bool = False
    pinned: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All the names that OVN resolves to its addresses."""
        if not self.tags:
            return (self.dns_name,) if self.dns_name else ()
        further = (
            tag[len(ALIAS) :].lower().rstrip(".") for tag in self.tags if tag.startswith(ALIAS)
        )
        # Whatever a row of an older server says: the names of addresses come from addresses alone.
        return tuple(
            name
            for name in dict.fromkeys((self.dns_name, *further))
            if name and not name.endswith(_ADDRESSES)
        )

    @property
    def parent_port(self) -> str:
        """The port below which it is; empty for most."""
        return str(self.given.get("parent_name") or "") if "parent_name" in self.profile else ""

    @property
    def given(self) -> dict[str, Any]:
        """``binding:profile`` as it was given."""
        return {} if self.profile == "{}" else jsontext.stored_object(self.profile)

    @property
    def status(self) -> str:
        return "ACTIVE" if self.up or self.device_owner == INTERFACE else "DOWN"

    def body(self, subnets: Iterable[Subnet]) -> dict[str, Any]:
        """:param subnets: those of the port's network."""
        known = tuple(subnets)
        return {
            "id": self.id,
            "name": self.name,
            "network_id": self.network_id,
            "tenant_id": self.project_id,
            "project_id": self.project_id,
            "mac_address": self.mac_address,
            "admin_state_up": self.admin_state_up,
            "status": self.status,
            "device_id": self.device_id,
            "device_owner": self.device_owner,
            "fixed_ips": [
                {"subnet_id": subnet_of(address, known), "ip_address": str(address)}
                for address in self.addresses
            ],
            "port_security_enabled": self.port_security_enabled,
            "security_groups": list(self.security_groups),
            "binding:vnic_type": self.vnic_type,
            "binding:profile": self._profile(),
            "binding:host_id": self.host_id,
            "binding:vif_type": "ovs" if self.host_id else "unbound",
            "binding:vif_details": {},
            "allowed_address_pairs": [
                {"ip_address": pair.ip_address, "mac_address": pair.mac_address}
                for pair in self.pairs
            ],
            "extra_dhcp_opts": [],
            "dns_name": self.dns_name,
            "dns_assignment": [self._assignment(address) for address in self.addresses],
            **self.standard(),
        }

    def _profile(self) -> dict[str, Any]:
        """What was given, with the tag that OVN chose where the choice was left to it."""
        given = jsontext.stored_object(self.profile)
        if self.tag and "parent_name" in given and not given.get("tag"):
            given["tag"] = self.tag
        return given

    def _assignment(self, address: Address) -> dict[str, str]:
        # Neutron makes up a name for a port without one, which OVN then does not answer to either.
        made_up = "host-" + str(address).replace(".", "-").replace(":", "-")
        name = self.dns_name or made_up
        return {"ip_address": str(address), "hostname": name, "fqdn": f"{name}."}


Thing = (
    Network
    | Subnet
    | Port
    | SecurityGroup
    | SecurityRule
    | Router
    | FloatingIp
    | SubnetPool
    | PortForwarding
)

_FIELDS = {
    "router:external": "external",
    "provider:network_type": "network_type",
    "provider:segmentation_id": "segmentation_id",
    "provider:physical_network": "physical_network",
    "binding:host_id": "host_id",
    "binding:vnic_type": "vnic_type",
}


def parent(thing: Thing) -> str | None:
    """The id of the thing that this one is a part of."""
    if isinstance(thing, SecurityRule):
        return thing.security_group_id
    return thing.network_id if isinstance(thing, Subnet | Port) else None


def field(attribute: str) -> str:
    """The field of the classes here that holds an attribute of the API."""
    return _FIELDS.get(attribute, attribute)


def value(thing: Thing, attribute: str) -> Any:
    """An attribute of the API as it is compared and sorted by."""
    found = getattr(thing, field(attribute))
    if isinstance(found, (IPv4Network, IPv6Network)) or attribute == "gateway_ip":
        return None if found is None else str(found)
    return found


def subnet_of(address: Address, subnets: Iterable[Subnet]) -> str:
    """The id of the subnet that has an address, empty when none has (an operator's change)."""
    for subnet in subnets:
        if subnet.has(address):
            return subnet.id
    return ""
