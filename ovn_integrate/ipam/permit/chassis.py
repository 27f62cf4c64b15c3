"""What a chassis may: for each thing that it makes, changes or deletes, by what that is to it.

- Its **own** things, which it made, it changes as its driver needs, and deletes while no other
  host holds them. Operators' things it does not change.
- **Networks**: it makes them, and joins any by a tag with the digest of its own name, which holds
  the network. What holds for all of a network (closed, its groups) goes with the last holder.
- **Ports**: of its own it makes them on any network, with a free address that is no gateway. It
  takes an operator's plain port that nobody has, or that is bound to it, for a container, and gives
  it back as it was. Another's port it may put into the group of a network that is closed.
- **Routers**: for a network that it holds, with that network's subnets at their gateways, and a
  way out by the network that is made for that. It may bind the way out that is nowhere yet.
- **Floating IPs**: for its own ports, on the router that leads out their network.
- **Security groups** and rules: of networks that it holds.

What is in no table here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ovn_integrate.contract.tags import AT, SWARM, Tag, digest, parse
from ovn_integrate.contract.way_out import PHYSICAL_NETWORK
from ovn_integrate.ipam.permit import l3, names, ports
from ovn_integrate.ipam.permit import tags as permit_tags
from ovn_integrate.ipam.permit.facts import (
    OPERATORS_WORD,
    OTHERS,
    OWN,
    ROUTERS,
    Asking,
    difference,
    host_of,
    is_way_out,
)
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.resources.l3 import FloatingIp, Router
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

_FLAT = "flat"

CREATED: dict[type, frozenset[str]] = {
    Network: frozenset(
        {
            *("name", "description", "admin_state_up", "tags"),
            *("external", "mtu", "network_type", "physical_network"),
        }
    ),
    Subnet: frozenset(
        {"name", "network_id", "cidr", "gateway_ip", "pools", "enable_dhcp", "server_mac"}
    ),
    Port: ports.MADE_FIELDS,
    SecurityGroup: frozenset({"name", "description", "tags"}),
    SecurityRule: frozenset(
        {
            *("security_group_id", "direction", "ethertype", "protocol"),
            *("port_range_min", "port_range_max", "remote_ip_prefix", "remote_group_id"),
        }
    ),
    Router: frozenset({"name", "description", "tags", "gateway"}),
    FloatingIp: frozenset(
        {
            *("floating_network_id", "floating_ip_address", "mac_address", "description"),
            *("router_id", "port_id", "fixed_ip_address"),
        }
    ),
    SubnetPool: frozenset(),
    PortForwarding: frozenset(),
}
"""The fields that a new thing may have otherwise than by default."""

CHANGED: dict[type, Mapping[str, frozenset[str]]] = {
    Network: dict.fromkeys((OWN, OTHERS, "operators"), frozenset({"tags"})),
    Subnet: {},
    Port: ports.FIELDS,
    SecurityGroup: {OWN: frozenset({"tags"})},
    SecurityRule: {},
    Router: dict.fromkeys((OWN, OTHERS), frozenset({"tags", "gateway"})),
    FloatingIp: dict.fromkeys(
        (OWN, OTHERS, "operators"), frozenset({"router_id", "port_id", "fixed_ip_address"})
    ),
    SubnetPool: {},
    PortForwarding: {},
}
"""The fields that may change, by what a thing is to the chassis."""


_NAMES = {
    "fixed_ips": "addresses",
    "binding:profile": "profile",
    "allowed_address_pairs": "pairs",
    "external_gateway_info": "gateway",
    "allocation_pools": "pools",
}
"""The fields of attributes that are called otherwise in a body."""
_UNSEEN = frozenset({"ip_version", "prefixlen", "subnet_id", "port_security_enabled"})


def before(asking: Asking) -> str | None:
    """Why the thing that a request names is not to be deleted or connected; None for others."""
    thing = None if asking.id is None else asking.draft.get(asking.kind, asking.id)
    if thing is None:
        return l3.of_body(asking) if asking.id is None else None
    if asking.what == "delete":
        return _delete(asking, thing)
    if isinstance(thing, Router):
        if asking.what == "add_interface_to":
            return l3.connect(asking, thing)
        if asking.what == "remove_interface_from":
            return None if asking.ends(thing) else "others are on the router"
        return l3.of_body(asking)
    return None


def after(asking: Asking) -> str | None:
    """Why what a request plans is not to be done; None when it may be."""
    for old, new in asking.draft.plans:
        why = _planned(asking, old, new)
        if why is not None:
            return why
    return None


def instead(asking: Asking) -> str | None:
    """Why it would be refused whatever is wrong with it; None when it may be told of that."""
    named = {_NAMES.get(name, name) for name in asking.wanted}
    if asking.id is None:
        beyond = named - CREATED[asking.kind] - _UNSEEN
        network = asking.network(str(asking.wanted.get("network_id")))
        subnets = asking.kind is Subnet and network is not None and not is_way_out(network)
        foreign = subnets and network is not None and network.owner != asking.me
        return OPERATORS_WORD if beyond or foreign else None
    thing = asking.draft.known(asking.kind, asking.id)
    if thing is None:
        return None
    allowed = CHANGED[asking.kind].get(asking.relation(thing), frozenset())
    if asking.what == "update" and named - allowed:
        return f"{_whose(asking, thing)}{min(named - allowed)} is not its to set"
    return None if allowed else OPERATORS_WORD


def _planned(asking: Asking, old: Thing | None, new: Thing | None) -> str | None:
    if new is None:
        return None if old is None else _delete(asking, old)
    changed = difference(old, new)
    tags = old is None or old.marks != new.marks or "tags" in changed
    if not changed and not tags:
        return None
    relation = asking.relation(new if old is None else old)
    allowed = _allowed(old, new, relation)
    for name in changed:
        if name not in allowed:
            return f"{_whose(asking, new if old is None else old)}{name} is not its to set"
    why = permit_tags.refusal(asking, old, new) if tags else None
    if why is None and isinstance(new, Port):
        why = _port(asking, old if isinstance(old, Port) else None, new, changed, relation)
    elif why is None and old is None:
        why = _CREATE[type(new)](asking, new)
    elif why is None and set(changed) - {"tags"}:
        why = _UPDATE.get(type(new), _refuse)(asking, old, new)
    return why


def _allowed(old: Thing | None, new: Thing, relation: str) -> frozenset[str]:
    if old is not None:
        return CHANGED[type(new)].get(relation, frozenset())
    return ports.ROUTERS_FIELDS if relation == ROUTERS else CREATED[type(new)]


def _port(
    asking: Asking, old: Port | None, new: Port, changed: list[str], relation: str
) -> str | None:
    why = ports.create(asking, new) if old is None else ports.update(asking, old, new, relation)
    for name in changed:
        check = ports.CHECKS.get(name)
        if why is None and check is not None:
            why = check(asking, old, new, relation)
    if why is None and ("tags" in changed or "dns_name" in changed):
        why = names.check(asking, old, new, relation)
    return why


def _whose(asking: Asking, thing: Thing) -> str:
    if thing.owner == asking.me:
        return ""
    kind = re.sub("(?<=[a-z])(?=[A-Z])", " ", type(thing).__name__).lower()
    host = host_of(thing) if isinstance(thing, Port) else ""
    if host:
        return f"the {kind} is bound to {host}, "
    of = ownership.name(thing.owner) if ownership.of_chassis(thing.owner) else "an operator"
    return f"the {kind} is {of}'s, "


def _refuse(asking: Asking, old: Any, new: Any) -> str | None:
    return OPERATORS_WORD


def _create_network(asking: Asking, network: Network) -> str | None:
    outside = (network.external, network.network_type, network.physical_network)
    if any(outside[::2]) or network.network_type != "geneve":
        if outside != (True, _FLAT, PHYSICAL_NETWORK):
            return "an external or provider network is for an operator to make"
    elif network.mtu != Network(id="").mtu:
        return "the MTU of a network is for an operator to set"
    begun = parse(network.description)
    if begun is not None and not _may_begin(asking, begun):
        return "its description is for another host"
    for other in asking.draft.having(Network, "name", network.name):
        if network.name and other.id != network.id and other.owner != asking.me:
            return f"the name {network.name} is another network's"
    return None


def _may_begin(asking: Asking, tag: Tag) -> bool:
    """Drivers know by a description whose a network is that has no tags yet."""
    swarm = tag.of_swarm and tag.value == digest(SWARM)
    return tag.kind != AT or tag.value == asking.digest or swarm


def _create_subnet(asking: Asking, subnet: Subnet) -> str | None:
    network = asking.network(subnet.network_id)
    if is_way_out(network):
        return l3.carve(asking, subnet)
    own = network is not None and network.owner == asking.me
    return None if own else "the network is another's"


def _create_group(asking: Asking, group: SecurityGroup) -> str | None:
    return None


def _create_rule(asking: Asking, rule: SecurityRule) -> str | None:
    group = asking.draft.known(SecurityGroup, rule.security_group_id)
    if group is None or not _may_fill(asking, group):
        return "the security group is another's"
    remote = rule.remote_group_id
    if remote is None or remote == group.id:
        return None
    other = asking.draft.known(SecurityGroup, remote)
    if other is not None and _may_fill(asking, other):
        return None
    return f"the security group {remote} is another's"


def _may_fill(asking: Asking, group: SecurityGroup) -> bool:
    if group.owner == asking.me:
        return True
    network = asking.of_group(group)
    return (
        ownership.of_chassis(group.owner)
        and network is not None
        and (asking.holds(asking.network(network)))
    )


def _delete(asking: Asking, thing: Thing) -> str | None:
    if isinstance(thing, Port):
        return ports.delete(asking, thing)
    rule = _DELETE.get(type(thing))
    return OPERATORS_WORD if rule is None else rule(asking, thing)


def _delete_network(asking: Asking, network: Network) -> str | None:
    if network.owner != asking.me:
        return "the network is another's"
    return None if asking.alone(network) else "others are on the network"


def _delete_subnet(asking: Asking, subnet: Subnet) -> str | None:
    network = asking.network(subnet.network_id)
    if subnet.owner != asking.me:
        return "the subnet is another's"
    if is_way_out(network) or asking.alone(network):
        return None
    return "others are on the network"


def _delete_group(asking: Asking, group: SecurityGroup) -> str | None:
    if group.owner != asking.me:
        return "the security group is another's"
    network = asking.of_group(group)
    if network is None or asking.alone(asking.network(network)):
        return None
    return "others are on the network"


def _delete_rule(asking: Asking, rule: SecurityRule) -> str | None:
    group = asking.draft.known(SecurityGroup, rule.security_group_id)
    if group is not None and _delete_group(asking, group) is None:
        return None
    return "the rule is one of another's group, or of one that others use"


Rule = Callable[[Asking, Any], "str | None"]

_CREATE: dict[type, Rule] = {
    Network: _create_network,
    Subnet: _create_subnet,
    SecurityGroup: _create_group,
    SecurityRule: _create_rule,
    Router: l3.create_router,
    FloatingIp: l3.create_floating,
    SubnetPool: lambda asking, pool: OPERATORS_WORD,
    PortForwarding: lambda asking, forwarding: OPERATORS_WORD,
}
_UPDATE: dict[type, Callable[[Asking, Any, Any], str | None]] = {
    Router: l3.lead_out,
    FloatingIp: l3.change_floating,
}
_DELETE: dict[type, Rule] = {
    Network: _delete_network,
    Subnet: _delete_subnet,
    SecurityGroup: _delete_group,
    SecurityRule: _delete_rule,
    Router: l3.delete_router,
    FloatingIp: l3.delete_floating,
    PortForwarding: l3.delete_forwarding,
}
