"""What the rules for floating IPs, ports and routers must know of port forwardings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.neutron_errors import FipInUseByPortForwarding, PortHasPortForwarding
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding


def of(draft: Draft, floating_id: str) -> list[PortForwarding]:
    """Those of a floating IP."""
    return draft.having(PortForwarding, "floatingip_id", floating_id)


def to(draft: Draft, port_id: str) -> list[PortForwarding]:
    """Those that lead to a port."""
    return draft.having(PortForwarding, "internal_port_id", port_id)


def refuse(draft: Draft, floating_id: str) -> None:
    """:raises FipInUseByPortForwarding: the floating IP has some."""
    if of(draft, floating_id):
        raise FipInUseByPortForwarding(id=floating_id)


def refuse_port(draft: Draft, port_id: str) -> None:
    """Keep a port from having a floating IP too.

    That would be translated on the port's own chassis, answers to forwarded traffic with it.

    :raises PortHasPortForwarding:
    """
    if to(draft, port_id):
        raise PortHasPortForwarding(port=port_id)


def release(draft: Draft, port_id: str, kept: Iterable[Address] = ()) -> None:
    """Plan to delete those that lead to addresses which their port has no more."""
    left = frozenset(kept)
    for forwarding in to(draft, port_id):
        if forwarding.internal_ip_address not in left:
            drop(draft, forwarding)


def drop(draft: Draft, forwarding: PortForwarding) -> None:
    """Plan to delete one; without any the floating IP is on no router."""
    draft.drop(forwarding)
    floating = draft.floating_ip(forwarding.floatingip_id)
    draft.touch(floating.network_id)
    if not of(draft, floating.id):
        free = replace(floating, router_id=None, revision_number=floating.revision_number + 1)
        draft.put(free)
