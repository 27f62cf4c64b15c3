"""The rules for networks."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from ovn_integrate.ipam.draft import Draft
from ovn_integrate.ipam.faults import InvalidInput, NetworkInUse
from ovn_integrate.ipam.model import DEFAULT_MTU, Network

_NAMED_PORTS = 20
_OVERLAYS = ("geneve",)


def now() -> str:
    """The time as Neutron writes it, in UTC and whole seconds."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def create(draft: Draft, attributes: Mapping[str, Any]) -> Network:
    """:raises InvalidInput: a type of network that an overlay cannot be."""
    time = now()
    network = Network(id=str(uuid.uuid4()), created_at=time, updated_at=time, **_fields(attributes))
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
    :raises NetworkInUse: it has ports.
    """
    network = draft.network(id)
    ports = [port.id for port in islice(draft.ports_of(id), _NAMED_PORTS)]
    if ports:
        raise NetworkInUse(id=id, ports=",".join(ports))
    draft.touch(id)
    for subnet in draft.subnets_of(id):
        draft.drop(subnet)
    draft.drop(network)


def _fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(attributes)
    kind = fields.pop("network_type", None)
    if kind is not None and kind not in _OVERLAYS:
        raise InvalidInput(reason=f"Network type value '{kind}' not supported")
    for ignored in ("provider:physical_network", "availability_zone_hints"):
        fields.pop(ignored, None)
    for refused in ("vlan_transparent", "qinq"):
        if fields.pop(refused, False):
            raise InvalidInput(reason=f"{refused} is not supported")
    if fields.get("mtu") == 0:
        fields["mtu"] = DEFAULT_MTU
    return fields
