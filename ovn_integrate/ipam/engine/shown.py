"""The bodies of things, with what they say of others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.resources.l3 import FloatingIp, Router
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

Body = dict[str, Any]


def drafted(planned: Thing, draft: Draft) -> Body:
    """Of a thing as it is planned."""
    thing: Any = draft.get(type(planned), planned.id) or planned
    if isinstance(thing, SecurityGroup):
        return thing.body(draft.having(SecurityRule, "security_group_id", thing.id))
    if isinstance(thing, FloatingIp):
        return _floating(thing, draft.having(PortForwarding, "floatingip_id", thing.id))
    return _body(thing, draft.subnets_of, draft.network)


def shown(thing: Thing, index: Index) -> Body:
    """Of a thing as it is."""
    return Around([thing], index).body(thing)


class Around:
    """What the bodies of things say of others."""

    def __init__(self, things: Iterable[Thing], index: Index) -> None:
        networks = {
            thing.network_id if isinstance(thing, Port) else thing.id
            for thing in things
            if isinstance(thing, (Network, Port))
        }
        self._subnets = {id: index.subnets_of(id) for id in networks}
        self._networks = {
            thing.network_id: index.networks.get(thing.network_id)
            for thing in things
            if isinstance(thing, Subnet)
        }
        groups = [thing.id for thing in things if isinstance(thing, SecurityGroup)]
        self._rules = _naming(index, SecurityRule, "security_group_id", groups)
        floating = [thing.id for thing in things if isinstance(thing, FloatingIp)]
        self._forwardings = _naming(index, PortForwarding, "floatingip_id", floating)

    def body(self, thing: Thing) -> Body:
        if isinstance(thing, SecurityGroup):
            return thing.body(self._rules[thing.id])
        if isinstance(thing, FloatingIp):
            return _floating(thing, self._forwardings[thing.id])
        return _body(thing, self._subnets.__getitem__, self._networks.get)


def _naming(index: Index, kind: type, attribute: str, ids: Iterable[str]) -> dict[str, list[Any]]:
    """For each id, the things of a kind whose attribute is that id."""
    table = index.table(kind)
    return {id: [table[one] for one in index.groups.get((kind, attribute, id))] for id in ids}


def _floating(thing: FloatingIp, forwardings: Iterable[PortForwarding]) -> Body:
    return {**thing.body(), "port_forwardings": [one.brief() for one in forwardings]}


def _body(
    thing: Network | Subnet | Port | SecurityRule | Router | SubnetPool | PortForwarding,
    subnets_of: Callable[[str], list[Subnet]],
    network: Callable[[str], Network | None],
) -> Body:
    if isinstance(thing, Network):
        return thing.body([subnet.id for subnet in subnets_of(thing.id)])
    if isinstance(thing, Subnet):
        home = network(thing.network_id)
        return thing.body(home is not None and home.external)
    if not isinstance(thing, Port):
        return thing.body()
    return thing.body(subnets_of(thing.network_id) if thing.addresses else ())
