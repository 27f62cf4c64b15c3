"""The rules for networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from ovn_integrate.ipam.neutron_errors import (
    AvailabilityZoneNotFound,
    FlatNetworkInUse,
    InvalidInput,
    NetworkInUse,
)
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.l3 import FloatingIp
from ovn_integrate.ipam.resources.model import DEFAULT_MTU, Network

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""How Neutron writes a time, which is in UTC."""

_NAMED_PORTS = 20
_OVERLAYS = ("geneve",)
_FLAT = "flat"
_FLAT_MTU = 1500


def now() -> str:
    """The time as Neutron writes it, in UTC and whole seconds."""
    return datetime.now(timezone.utc).strftime(TIME)


def create(draft: Draft, attributes: Mapping[str, Any]) -> Network:
    """:raises InvalidInput: a type of network that an overlay cannot be."""
    time = now()
    network = Network(
        id=draft.new_id(Network), created_at=time, updated_at=time, **_fields(attributes)
    )
    physical = network.physical_network
    if physical is not None and draft.having(Network, "physical_network", physical):
        raise FlatNetworkInUse(physical_network=physical)
    draft.put(network)
    return network


def update(draft: Draft, id: str, attributes: Mapping[str, Any]) -> Network:
    """:raises NetworkNotFound:"""
    old = draft.network(id)
    new = replace(old, **_fields(attributes))
    if new == old:
        return old
    new = replace(new, updated_at=now(), revision_number=old.revision_number + 1)
    draft.put(new)
    if new.mtu != old.mtu:
        for subnet in draft.subnets_of(id):
            draft.put(subnet)  # DHCP tells the network's MTU
    return new


def delete(draft: Draft, id: str) -> None:
    """Delete a network and its subnets.

    :raises NetworkNotFound:
    :raises NetworkInUse: it has ports or floating IPs.
    """
    network = draft.network(id)
    ports = [port.id for port in islice(draft.ports_of(id), _NAMED_PORTS)]
    ports += [one.id for one in draft.having(FloatingIp, "floating_network_id", id)][:_NAMED_PORTS]
    if ports:
        raise NetworkInUse(id=id, ports=",".join(ports))
    draft.touch(id)
    for subnet in draft.subnets_of(id):
        draft.drop(subnet)
    draft.drop(network)


def _fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(attributes)
    kind = fields.pop("network_type", None)
    physical = fields.pop("physical_network", None)
    if kind == _FLAT:
        fields |= _flat(physical, fields.get("mtu"))
    elif kind is not None and kind not in _OVERLAYS:
        raise InvalidInput(reason=f"network_type value '{kind}' not supported")
    for zone in fields.pop("availability_zone_hints", None) or ():
        raise AvailabilityZoneNotFound(zone=zone)
    for refused in ("vlan_transparent", "qinq"):
        if fields.pop(refused, False):
            raise InvalidInput(reason=f"{refused} is not supported")
    if fields.get("mtu") == 0:
        fields["mtu"] = DEFAULT_MTU
    return fields


def _flat(physical: str | None, mtu: int | None) -> dict[str, Any]:
    if not physical:
        raise InvalidInput(reason="physical_network required for flat provider network")
    return {"network_type": _FLAT, "physical_network": physical, "mtu": mtu or _FLAT_MTU}
