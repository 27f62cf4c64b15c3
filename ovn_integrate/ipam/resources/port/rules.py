"""The rules for ports (Neutron: ``db/ipam_backend_mixin.py``, ``db/ipam_pluggable_backend.py``).

A port that is made without ``security_groups`` gets none, while Neutron puts it into its project's
default group, whose members only reach each other: here a network is open until somebody closes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.ipam import allocate
from ovn_integrate.ipam.allocate import Address, address_of
from ovn_integrate.ipam.neutron_errors import (
    AddressPairAndPortSecurityRequired,
    AllocationOnAutoAddressSubnet,
    BadRequest,
    InvalidInput,
    InvalidIpForNetwork,
    InvalidIpForSubnet,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
    MacAddressInUse,
    ServicePortInUse,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.l3 import FloatingIp, is_routers
from ovn_integrate.ipam.resources.model import Pair, Port, Subnet
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.port_forwarding import ends as portforwarding_ends
from ovn_integrate.ipam.resources.security_group import rules as security_groups

_TAGS = range(4096)
_NESTED: Mapping[str, type] = {"parent_name": str, "tag": int}


@dataclass(frozen=True)
class Wish:
    """One entry of ``fixed_ips``: an address, a subnet to choose from, or both."""

    subnet_id: str | None = None
    ip_address: Address | None = None


def create(draft: Draft, attributes: Mapping[str, Any]) -> Port:
    """:raises Error: what Neutron answers to a port that cannot be."""
    fields = dict(attributes)
    network = draft.network(fields["network_id"])
    mac = _new_mac(draft, network.id, fields.pop("mac_address", None))
    wishes: Sequence[Wish] | None = fields.pop("fixed_ips", None)
    fields.setdefault("port_security_enabled", network.port_security_enabled)
    fields = _plain(draft, fields, mac, None)
    draft.touch(network.id)
    time = now()
    port = Port(
        id=draft.new_id(Port),
        mac_address=mac,
        addresses=tuple(Chooser(draft, network.id, mac).choose(wishes)),
        created_at=time,
        updated_at=time,
        owner=draft.asker,
        **fields,
    )
    security_groups.check_port(port, None)
    _check_pairs(port)
    draft.put(port)
    return port


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> Port:
    """:raises Error: what Neutron answers to a port that cannot be."""
    old = draft.port(id)
    fields = dict(attributes)
    mac = fields.pop("mac_address", old.mac_address)
    if mac != old.mac_address:
        mac = _new_mac(draft, old.network_id, mac)
    if fields.get("fixed_ips") is not None:
        chooser = Chooser(draft, old.network_id, mac, old.addresses)
        fields["addresses"] = tuple(chooser.choose(fields["fixed_ips"]))
        _keep_floating(draft, id, fields["addresses"])
        portforwarding_ends.release(draft, id, fields["addresses"])
    fields.pop("fixed_ips", None)
    new = replace(old, mac_address=mac, **_plain(draft, fields, mac, old))
    if new == old:
        return old
    security_groups.check_port(new, old)
    _check_pairs(new)
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    if (new.addresses, new.mac_address) != (old.addresses, old.mac_address):
        draft.touch(new.network_id)
    draft.put(new)
    return new


def delete(draft: Draft, id: str) -> None:
    """Delete a port; a floating IP that stood for it stands for none then, and
    port forwardings to it go.

    :raises PortNotFound:
    :raises ServicePortInUse: it is a router's.
    """
    port = draft.port(id)
    if is_routers(port):
        raise ServicePortInUse(port=id, reason=f"has device owner {port.device_owner}")
    for floating in draft.having(FloatingIp, "port_id", id):
        free = replace(floating, router_id=None, port_id=None, fixed_ip_address=None)
        draft.put(replace(free, revision_number=free.revision_number + 1))
    portforwarding_ends.release(draft, id)
    draft.drop(port)


class Chooser:
    """Chooses the addresses of one port."""

    def __init__(
        self, draft: Draft, network_id: str, mac: str, kept: Iterable[Address] = ()
    ) -> None:
        self._draft = draft
        self._network_id = network_id
        self._mac = mac
        self._kept = frozenset(kept)
        self._subnets = draft.subnets_of(network_id)
        self._chosen: list[Address] = []

    def choose(self, wishes: Sequence[Wish] | None) -> list[Address]:
        """The addresses of these wishes; of Neutron's own choice when there are none at all."""
        if wishes is None:
            wishes = self._own_choice()
        elif wishes and not self._subnets:
            raise InvalidInput(reason="IP allocation requires subnets for network")
        # Addresses that are named go first, so that a free choice does not take one of them.
        for wish in sorted(wishes, key=lambda wish: wish.ip_address is None):
            self._chosen.append(self._grant(wish))
        return self._chosen

    def _own_choice(self) -> list[Wish]:
        """One IPv4 and one IPv6 address, beside one of each subnet where hosts make their own."""
        own = [Wish(subnet.id) for subnet in self._subnets if subnet.self_made]
        for version in (4, 6):
            candidates = [
                subnet
                for subnet in self._subnets
                if subnet.ip_version == version and not subnet.self_made
            ]
            if candidates:
                own.append(Wish(self._roomiest(candidates).id))
        return own

    def _roomiest(self, subnets: Sequence[Subnet]) -> Subnet:
        for subnet in subnets:
            if self._draft.free_number(subnet) is not None:
                return subnet
        raise IpAddressGenerationFailure(id=self._network_id)

    def _grant(self, wish: Wish) -> Address:
        subnet = None if wish.subnet_id is None else self._member(wish.subnet_id)
        if wish.ip_address is not None:
            return self._named(wish.ip_address, subnet)
        if subnet is None:
            raise InvalidInput(reason="IP allocation requires subnet_id or ip_address")
        if subnet.self_made:
            return self._unused(allocate.eui64(subnet.cidr, self._mac), subnet.id)
        return self._free(subnet)

    def _member(self, subnet_id: str) -> Subnet:
        subnet = self._draft.subnet(subnet_id)
        if subnet.network_id != self._network_id:
            raise InvalidInput(
                reason=f"Failed to create port on network {self._network_id}, because fixed_ips "
                f"included invalid subnet {subnet_id}"
            )
        return subnet

    def _named(self, address: Address, subnet: Subnet | None) -> Address:
        if subnet is not None and not allocate.is_host(address, subnet.cidr):
            raise InvalidIpForSubnet(ip=address)
        fits = [one for one in self._subnets if allocate.is_host(address, one.cidr)]
        if not fits:
            raise InvalidIpForNetwork(ip=address)
        home = fits[0]
        own = home.self_made and address == allocate.eui64(home.cidr, self._mac)
        if home.self_made and not own and address not in self._kept:
            raise AllocationOnAutoAddressSubnet(ip=address, subnet=home.id)
        return self._unused(address, home.id)

    def _unused(self, address: Address, subnet_id: str) -> Address:
        if address in self._chosen:
            raise InvalidInput(reason=f"Duplicate IP address '{address}'")
        if address not in self._kept and self._draft.is_taken(self._network_id, address):
            raise IpAddressAlreadyAllocated(ip=address, subnet=subnet_id)
        return address

    def _free(self, subnet: Subnet) -> Address:
        for address in self._kept:
            # Who asks for a subnet where it has an address keeps that.
            if subnet.has(address) and address not in self._chosen:
                return address
        used = [int(one) for one in self._chosen if one.version == subnet.ip_version]
        number = self._draft.free_number(subnet, used)
        if number is None:
            raise IpAddressGenerationFailure(id=self._network_id)
        return address_of(subnet.ip_version, number)


def _keep_floating(draft: Draft, port_id: str, addresses: Sequence[Address]) -> None:
    for floating in draft.having(FloatingIp, "port_id", port_id):
        if floating.fixed_ip_address not in addresses:
            raise BadRequest(
                resource="port",
                reason=f"Cannot update the fixed_ips of the port {port_id}, because its original "
                "fixed_ip has been associated to a floating ip",
            )


def _new_mac(draft: Draft, network_id: str, asked: str | None) -> str:
    if asked is None:
        return allocate.make_mac(lambda mac: draft.mac_taken(network_id, mac))
    if draft.mac_taken(network_id, asked):
        raise MacAddressInUse(id=network_id, mac=asked)
    return asked


def _plain(draft: Draft, fields: dict[str, Any], mac: str, old: Port | None) -> dict[str, Any]:
    if "security_groups" in fields:
        fields["security_groups"] = security_groups.named(draft, fields["security_groups"] or ())
    if fields.pop("extra_dhcp_opts", None):
        raise InvalidInput(reason="extra_dhcp_opts are not supported")
    if "binding:profile" in fields:
        profile = fields.pop("binding:profile") or {}
        _check_profile(draft, profile)
        fields["profile"] = jsontext.dumps(profile, sort_keys=True)
        before = jsontext.stored_object(old.profile) if old is not None else {}
        if old is None or before.get("parent_name") != profile.get("parent_name"):
            fields["tag"] = None  # OVN's choice was below another parent
    if "allowed_address_pairs" in fields:
        fields["pairs"] = tuple(
            Pair(address, other or mac)
            for address, other in fields.pop("allowed_address_pairs") or ()
        )
    return fields


def _check_pairs(port: Port) -> None:
    if port.pairs and not port.port_security_enabled:
        raise AddressPairAndPortSecurityRequired


def _check_profile(draft: Draft, profile: Mapping[str, Any]) -> None:
    """A container in a VM: its parent's port and the VLAN tag that the parent puts on it
    (Neutron: ``common/ovn/utils.py``, ``validate_and_get_data_from_binding_profile``)."""
    given = [key for key in _NESTED if key in profile]
    if not given:
        return
    if len(given) < len(_NESTED):
        raise _bad_profile(f"dict_keys({list(_NESTED)}) are all required.")
    for key, kind in _NESTED.items():
        if not isinstance(profile[key], kind) or isinstance(profile[key], bool):
            raise _bad_profile(f"{key} {profile[key]} value invalid type")
    tag = profile["tag"]
    if tag not in _TAGS:
        raise _bad_profile(f'tag "{tag}" must be an integer between 0 and 4095, inclusive')
    draft.port(profile["parent_name"])


def _bad_profile(why: str) -> InvalidInput:
    return InvalidInput(reason=f"Invalid binding:profile. {why}")
