"""What a chassis may make of a port, field by field and value by value.

An operator's port that it takes for a container is given back as it was: its addresses, its name
and its groups never change, and its own MAC address stays known in its profile.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ovn_integrate.contract.device_owners import (
    HOST,
    LINK,
    LOCK,
    LOCK_MAC,
    MADE,
    OWN_MAC,
    PLUGGED,
    RESERVED,
    SET_ASIDE,
    TAKEN,
    TESTED,
    TESTER,
)
from ovn_integrate.contract.tags import POLICY
from ovn_integrate.ipam.allocate import OF_FLOATING_MACS, Address
from ovn_integrate.ipam.permit import names
from ovn_integrate.ipam.permit.facts import (
    BOUND,
    FREE,
    LEFT,
    OPERATORS,
    OTHERS,
    OWN,
    ROUTERS,
    Asking,
    difference,
    host_of,
)
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.resources.l3 import GATEWAY, OWNERS, Router
from ovn_integrate.ipam.resources.model import Network, Port
from ovn_integrate.ipam.resources.network.rules import TIME
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup

_OWNERS = ("", MADE, RESERVED, SET_ASIDE, PLUGGED, TESTER, TESTED, LOCK)
_TAKING = ("", TAKEN, PLUGGED)
_PARENT, _TAG = "parent_name", "tag"
_PROFILE = {HOST, OWN_MAC, _PARENT, _TAG, "ovn.iface_id_ver", LINK, "ovn.gateway"}
_NESTS = "ovn-integrate:vm="
"""An operator's tag on a VM's port: whose containers may be below it."""
_OPENS, _EVERYBODY = "/", "*"
_PATIENCE = 10.0
"""Seconds after which a lock may be taken from who holds it; the driver waits for 15."""


def create(asking: Asking, port: Port) -> str | None:
    network = asking.network(port.network_id)
    if port.device_owner in OWNERS:
        return _of_router(asking, port)
    if network is not None and network.external:
        return "an external network is for routers"
    if port.device_owner == LOCK and not _may_lock(asking, port):
        return "it is not on the network that it would lock"
    if port.device_owner == SET_ASIDE and (host_of(port) or port.parent_port):
        return "an address that is set aside is bound to nobody"
    return None


def update(asking: Asking, old: Port, new: Port, relation: str) -> str | None:
    if relation == ROUTERS:
        return _bind_router(asking, old, new)
    if relation == OTHERS:
        return None if _only_tags(old, new) else _close(asking, old, new)
    if relation == FREE and any(_is_named(asking, old, one) for one in old.addresses):
        return "the port has the address of a gateway, and is for an operator to bind"
    if relation in (BOUND, FREE, LEFT):
        return _taken(asking, old, new)
    if SET_ASIDE in (old.device_owner, new.device_owner) and not _only_tags(old, new):
        return "an address that is set aside stays so"
    return None


def _only_tags(old: Port, new: Port) -> bool:
    return difference(old, new) == ["tags"]


def delete(asking: Asking, port: Port) -> str | None:
    relation = asking.relation(port)
    if relation == ROUTERS:
        router = asking.draft.known(Router, port.device_id)
        by_hand = not ownership.of_chassis(port.owner)
        return None if asking.ends(router) and not by_hand else "the port is another's router's"
    if relation == OWN:
        return None if asking.alone(port) else "others hold the port"
    if relation == BOUND and port.device_owner in (MADE, RESERVED):
        return None  # made for its endpoint by a server that wrote no owners
    if port.device_owner == LOCK and _age(port) > _PATIENCE and _may_lock(asking, port):
        return None
    return _theirs(port)


def _may_lock(asking: Asking, port: Port) -> bool:
    """On a network that it is on, or nobody is."""
    network = asking.network(port.network_id)
    return asking.holds(network) or asking.alone(network)


def _age(port: Port) -> float:
    try:
        made = datetime.strptime(port.created_at, TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return float("inf")
    return (datetime.now(timezone.utc) - made).total_seconds()


def _theirs(port: Port) -> str:
    if host_of(port):
        return f"the port is bound to {host_of(port)}"
    host = ownership.name(port.owner) if ownership.of_chassis(port.owner) else "an operator"
    return f"the port is {host}'s"


def _of_router(asking: Asking, port: Port) -> str | None:
    """The port comes of an interface, or of the way out, of a router."""
    router = asking.draft.known(Router, port.device_id)
    by_router = asking.kind is Router and router is not None and router.id in (asking.id, None)
    if asking.kind is Router and asking.id is None:
        by_router = router is not None and router.owner == asking.me
    if not by_router or router is None or not asking.on_router(router):
        return f"device_owner {port.device_owner} is for routers"
    return None


def _bind_router(asking: Asking, old: Port, new: Port) -> str | None:
    router = asking.draft.known(Router, old.device_id)
    if router is None or not asking.on_router(router):
        return "the port is another's router's"
    if asking.kind is Router and old.host_id == new.host_id:
        return None
    if old.device_owner != GATEWAY or old.host_id or new.host_id != asking.name:
        return "a router's way out may be bound once, and to itself"
    return None


def _close(asking: Asking, old: Port, new: Port) -> str | None:
    """A network is closed for all hosts at once: into the group of all that are on it, and out of
    those that let in what is published."""
    network = asking.network(old.network_id)
    if network is None or POLICY not in network.tags or not asking.holds(network):
        return _theirs(old)
    for id in set(old.security_groups) ^ set(new.security_groups):
        group = asking.draft.known(SecurityGroup, id)
        if group is None or asking.of_group(group) != network.id:
            return _theirs(old)
        added = id in new.security_groups
        if group.name != _EVERYBODY if added else _OPENS not in group.name:
            return _theirs(old)
    return None


def _taken(asking: Asking, old: Port, new: Port) -> str | None:
    if _own_mac(old) != _own_mac(new):
        return "a port that is taken keeps its own MAC address"
    if _is_free(new):
        why = _given_back(asking, old, new)
        if why is not None:
            return why
    rest = {id for id in new.security_groups if not _is_docker(asking, new, id)}
    if rest != {id for id in old.security_groups if not _is_docker(asking, old, id)}:
        return "the groups of the port are an operator's"
    return None


def _is_free(port: Port) -> bool:
    return not (port.device_id or port.device_owner)


def _given_back(asking: Asking, old: Port, new: Port) -> str | None:
    if _is_free(old):
        return "the port is an operator's while no container has it"
    if new.host_id != new.pinned:
        return "a port without a container is bound by an operator"
    aliases = any(owner == asking.me for owner, _ in new.marks)
    groups = any(_is_docker(asking, new, id) for id in new.security_groups)
    if new.given or aliases or (groups and not _is_closed(asking, new)):
        return "a port is given back as it was: without a profile, names and groups of Docker's"
    return None


def _is_closed(asking: Asking, port: Port) -> bool:
    network = asking.network(port.network_id)
    return network is not None and POLICY in network.tags


def _own_mac(port: Port) -> str:
    return str(port.given.get(OWN_MAC) or port.mac_address)


def _is_docker(asking: Asking, port: Port, id: str) -> bool:
    group = asking.draft.known(SecurityGroup, id)
    return group is not None and asking.of_group(group) == port.network_id


def check_addresses(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    if relation == ROUTERS:
        return None
    before = () if old is None else old.addresses
    for address in new.addresses:
        if address not in before and _is_named(asking, new, address):
            return f"{address} is a gateway, or another address that the network's subnets name"
    return None


def _is_named(asking: Asking, port: Port, address: Address) -> bool:
    for subnet in asking.draft.subnets_of(port.network_id):
        named = (*subnet.dns_nameservers, *(route.nexthop for route in subnet.host_routes))
        if address == subnet.gateway_ip or str(address) in named:
            return True
    return False


def check_mac(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    mac = new.mac_address
    servers = (one.server_mac for one in asking.draft.subnets_of(new.network_id))
    if relation != ROUTERS and (new.device_owner == LOCK) != (mac == LOCK_MAC):
        return f"the MAC address {mac} is not one of a container"
    special = int(mac[:2], 16) & 1 or mac in servers or mac.startswith(OF_FLOATING_MACS)
    return f"the MAC address {mac} is not one of a container" if special else None


def check_device_owner(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    if relation == ROUTERS:
        return None
    allowed = _OWNERS if relation == OWN else _TAKING
    for fixed in (TESTED, LOCK):
        if old is not None and fixed in (old.device_owner, new.device_owner):
            return "the end of a test, or a lock, is made as one and stays so"
    if new.device_owner in allowed or (relation == OWN and new.device_owner == TAKEN):
        return None
    return f"device_owner {new.device_owner} is not for a container"


def check_host(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    if new.host_id in ("", asking.name) or new.host_id == new.pinned:
        return None
    network = asking.network(new.network_id)
    test = old is None and new.device_owner == TESTED
    if test and network is not None and network.owner == asking.me and asking.alone(network):
        return None
    return f"a port may be bound to {asking.name} alone, not to {new.host_id}"


def check_profile(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    given = new.given
    unknown = given.keys() - _PROFILE
    if unknown:
        return f"binding:profile: {min(unknown)} is for an operator"
    if str(given.get(HOST) or asking.name) != asking.name:
        return f"a port may be bound to {asking.name} alone, not to {given[HOST]}"
    parent = new.parent_port
    if not parent or (old is not None and old.parent_port == parent):
        return None
    return _nest(asking, new, parent)


def _nest(asking: Asking, port: Port, parent: str) -> str | None:
    """Below a VM's port: by an operator's tag, or else as the first one who is there."""
    above = asking.draft.known(Port, parent)
    if above is None:
        return "there is no such port to be below"
    if above.device_owner in OWNERS or above.parent_port:
        return "the port to be below is no VM's"
    # A VM's port is plain, also where the chassis that the VM is on made it; a container's is not.
    used = above.device_id or above.device_owner or host_of(above)
    if used and above.owner != asking.me and ownership.of_chassis(above.owner):
        return "the port to be below is another's"
    told = [tag[len(_NESTS) :] for tag in above.tags if tag.startswith(_NESTS)]
    if told and asking.name not in told:
        return "the port to be below is another VM's"
    for other in asking.draft.having(Port, "parent", parent):
        of_another = ownership.of_chassis(other.owner) and other.owner != asking.me
        if not told and of_another:
            return "the port to be below has another VM's containers"
    return None


def check_groups(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    before = () if old is None else old.security_groups
    for id in new.security_groups:
        group = asking.draft.known(SecurityGroup, id)
        if id in before or group is None:
            continue
        if not _is_docker(asking, new, id) and group.owner != asking.me:
            return f"the security group {id} is not one of the port's network"
    return None


def check_security(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    if relation == ROUTERS:
        return None
    network: Network | None = asking.network(new.network_id)
    same = network is not None and new.port_security_enabled == network.port_security_enabled
    return None if old is None and same else "port security is for an operator to change"


def check_device(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    """The id of an endpoint is what its driver finds its port by."""
    if relation == ROUTERS or not new.device_id:
        return None
    if asking.draft.known(Router, new.device_id) is not None:
        return "device_id is a router's"
    for other in asking.draft.having(Port, "device_id", new.device_id):
        if other.id != new.id and asking.relation(other) not in (OWN, BOUND):
            return "device_id is that of another's port"
    return None


Check = Callable[[Asking, Any, Port, str], "str | None"]

CHECKS: dict[str, Check] = {
    "addresses": check_addresses,
    "mac_address": check_mac,
    "device_id": check_device,
    "device_owner": check_device_owner,
    "host_id": check_host,
    "profile": check_profile,
    "security_groups": check_groups,
    "port_security_enabled": check_security,
    "dns_name": names.check,
}
"""What the value of a field is to be, beside that it may change."""

_CONTAINERS = frozenset(
    {
        *("name", "network_id", "mac_address", "addresses", "admin_state_up"),
        *("device_id", "device_owner", "host_id", "profile", "tag"),
        *("security_groups", "dns_name", "tags"),
    }
)
_GIVEN = frozenset(
    {
        *("device_id", "device_owner", "host_id", "profile", "tag"),
        *("mac_address", "security_groups", "tags"),
    }
)

FIELDS: dict[str, frozenset[str]] = {
    OWN: _CONTAINERS,
    BOUND: _GIVEN,
    FREE: _GIVEN,
    LEFT: _GIVEN,
    OTHERS: frozenset({"security_groups", "tags"}),
    ROUTERS: frozenset({"host_id"}),
    OPERATORS: frozenset(),
}
"""The fields of a port that may change, by what it is to the chassis."""

MADE_FIELDS = _CONTAINERS | {"port_security_enabled"}
ROUTERS_FIELDS = frozenset(
    {
        *("network_id", "mac_address", "addresses", "device_id", "device_owner"),
        *("project_id", "port_security_enabled"),
    }
)
"""Of a new port, and of one that comes of a router."""
