"""Who may do what: the rules, and nothing else.

Everybody known may read everything. An operator, and the central host itself, may do everything; a
reader nothing more. **A chassis** may do what its driver does for its own containers:

- ports: make and change those bound to itself, and those bound to nobody, which it may bind to
  itself alone; delete either. Below a VM's port it is the VM that has a port, by what its profile
  says. Of another chassis' port it may add security groups (a network is
  closed for all hosts at once) and take off those for published ports, and delete a mere
  reservation on a network no Docker network is on. A router's port it may bind, and nothing else.
  The far end of a test (``ovn-integrate test``) is another chassis' to bring up, for a minute.
- networks: make them, but no external or provider network except the driver's own way out; tag
  them; delete one on which no other host has a Docker network (one with ports is refused to all).
- subnets: make them; delete those of an external network.
- security groups: make groups, and tag, fill and delete those of Docker's networks.
- routers: those that the driver makes for a network, with that network's subnets alone, and their
  way out.
- floating IPs: for its own ports; of others' only when no Docker network is on their router.

What that leaves open between chassis is told in SECURITY.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ovn_integrate import jsontext
from ovn_integrate.ipam.l3 import FloatingIp, Router
from ovn_integrate.ipam.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.security_model import SecurityGroup, SecurityRule

CHASSIS, CENTRAL, OPERATOR, READER = "chassis", "central", "operator", "reader"
ROLES = (CHASSIS, CENTRAL, OPERATOR, READER)

CREATE, UPDATE, DELETE, TAG, CONNECT, DISCONNECT = (
    *("create", "update", "delete", "tag"),
    *("add_interface_to", "remove_interface_from"),
)

# The driver's words (driver/owners.py, driver/tags.py, driver/routers.py, driver/groups.py, and
# host/gateway.py).
PHYSICAL_NETWORK = "ovn-gw"
RESERVED, TESTED = "docker:address", "ovn-integrate:tested"
MADE, POLICY, PUBLISHED, SWARM = "docker:made", "docker:policy", "docker:published", "swarm"
_HOLDER, _AT = "docker:", ":at="
_OF_NETWORK = "docker:network:"
_OF_DOCKER = "Docker: "
_ROUTER = "docker-"
_OF_ROUTERS = "network:"
_HOST = "ovn-integrate.host"
_OPENS = "/"  # in the name of a group for a published port


@dataclass(frozen=True)
class Identity:
    """Who asks.

    :param name: of a chassis its ``system-id``, as in ``binding:host_id``.
    :param role: one of ROLES.
    """

    name: str
    role: str


class Look(Protocol):
    """Finds a thing as it is at that moment; None when there is none."""

    def __call__(self, kind: type, id: str, /) -> Any: ...


@dataclass(frozen=True)
class Act:
    """Something that is to be done to one thing.

    :param what: CREATE, UPDATE, …
    :param kind: of the thing.
    :param wanted: its attributes, by the names of the model where that has them in the same form;
        for an interface ``subnet_id``.
    :param current: the thing as it is; None at a creation.
    """

    what: str
    kind: type
    wanted: Mapping[str, Any]
    current: Thing | None = None


def refusal(who: Identity, act: Act, look: Look) -> str | None:
    """Why it may not be done; None when it may."""
    if who.role in (OPERATOR, CENTRAL):
        return None
    if who.role != CHASSIS:
        return f"{who.role} {who.name} may only read"
    rule = _RULES.get((act.kind, act.what))
    why = "only an operator may" if rule is None else rule(who.name, act, look)
    return None if why is None else f"chassis {who.name}: {why}"


def _create_port(name: str, act: Act, look: Look) -> str | None:
    return _ownership(act) or _binding(name, act)


def _update_port(name: str, act: Act, look: Look) -> str | None:
    port = act.current
    assert isinstance(port, Port)
    if port.device_owner == TESTED and not {"host_id", "device_owner"} & set(act.wanted):
        return None
    other = _other(port, name)
    if other:
        return _of_another(port, other, act, look)
    if port.device_owner.startswith(_OF_ROUTERS) and set(act.wanted) - {"host_id"}:
        return "the port is a router's"
    return _ownership(act) or _binding(name, act)


def _of_another(port: Port, other: str, act: Act, look: Look) -> str | None:
    lost = set(port.security_groups or ()) - set(act.wanted.get("security_groups") or ())
    opening = (_opens(look(SecurityGroup, id)) for id in lost)
    if set(act.wanted) == {"security_groups"} and all(opening):
        return None
    return f"the port is bound to {other}"


def _other(port: Port, name: str) -> str:
    """Who else than a chassis has a port: whom it is bound to, or the VM that its profile names.
    Empty for nobody."""
    both = (port.host_id, _named_host(jsontext.stored_object(port.profile)))
    return next((one for one in both if one not in ("", name)), "")


def below(port: Port) -> str:
    """The VM below whose port a port is, by its profile; empty for none."""
    # Most have none, and all are looked at.
    return _named_host(jsontext.stored_object(port.profile)) if _HOST in port.profile else ""


def _named_host(profile: Mapping[str, Any]) -> str:
    return str(profile.get(_HOST) or "")


def _opens(group: Any) -> bool:
    return group is not None and _of_docker(group) is None and _OPENS in group.name


def _delete_port(name: str, act: Act, look: Look) -> str | None:
    port = act.current
    assert isinstance(port, Port)
    other = _other(port, name)
    if not other or port.device_owner == TESTED:
        return None
    if port.device_owner == RESERVED and not _held(look(Network, port.network_id)):
        return None
    return f"the port is bound to {other}"


def _tag_port(name: str, act: Act, look: Look) -> str | None:
    port = act.current
    assert isinstance(port, Port)
    other = _other(port, name)
    return f"the port is bound to {other}" if other else None


def _ownership(act: Act) -> str | None:
    owner = str(act.wanted.get("device_owner") or "")
    return f"device_owner {owner} is for routers" if owner.startswith(_OF_ROUTERS) else None


def _binding(name: str, act: Act) -> str | None:
    if act.what == CREATE and act.wanted.get("device_owner") == TESTED:
        return None
    below = _named_host(act.wanted.get("binding:profile") or {})
    for host in (act.wanted.get("host_id") or "", below):
        if host not in ("", name):
            return f"a port may be bound to {name} alone, not to {host}"
    return None


def _create_network(name: str, act: Act, look: Look) -> str | None:
    physical = act.wanted.get("physical_network")
    special = act.wanted.get("external") or act.wanted.get("network_type") or physical
    if special and physical != PHYSICAL_NETWORK:
        return "an external or provider network is for an operator to make"
    return None


def _delete_network(name: str, act: Act, look: Look) -> str | None:
    network = act.current
    assert isinstance(network, Network)
    own = {_digest(name), _digest(SWARM)}
    held = _held(network)
    for holder in {tag.split(":")[1] for tag in held}:
        start = f"{_HOLDER}{holder}{_AT}"
        places = {tag.removeprefix(start) for tag in held if tag.startswith(start)}
        if not places or places - own:
            return "another host has a Docker network on it"
    return None


def _delete_subnet(name: str, act: Act, look: Look) -> str | None:
    assert isinstance(act.current, Subnet)
    network = look(Network, act.current.network_id)
    return None if network is not None and network.external else "the network is not external"


def _docker_group(name: str, act: Act, look: Look) -> str | None:
    return _of_docker(act.current)


def _create_rule(name: str, act: Act, look: Look) -> str | None:
    return _of_docker(look(SecurityGroup, str(act.wanted["security_group_id"])))


def _of_docker(group: Any) -> str | None:
    if group is None or group.description.startswith(_OF_DOCKER):
        return None
    if any(tag.startswith(_OF_NETWORK) for tag in group.tags):
        return None
    return "the security group is none of a Docker network"


def _create_group(name: str, act: Act, look: Look) -> str | None:
    if str(act.wanted.get("description") or "").startswith(_OF_DOCKER):
        return None
    return "a security group is to be one of a Docker network"


def _create_router(name: str, act: Act, look: Look) -> str | None:
    if str(act.wanted.get("name") or "").startswith(_ROUTER):
        return None
    return f"a router is to be named {_ROUTER}NETWORK"


def _docker_router(name: str, act: Act, look: Look) -> str | None:
    assert isinstance(act.current, Router)
    return None if act.current.name.startswith(_ROUTER) else "the router is none of Docker's"


def _lead_out(name: str, act: Act, look: Look) -> str | None:
    if set(act.wanted) != {"external_gateway_info"}:
        return "of a router only the way out may be changed"
    return _docker_router(name, act, look)


def _connect(name: str, act: Act, look: Look) -> str | None:
    subnet = look(Subnet, str(act.wanted.get("subnet_id")))
    assert isinstance(act.current, Router)
    if subnet is None or act.current.name == f"{_ROUTER}{subnet.network_id}":
        return None
    return "the subnet is of another network than the router"


def _create_floating(name: str, act: Act, look: Look) -> str | None:
    port = look(Port, str(act.wanted.get("port_id") or ""))
    return None if port is not None and port.host_id == name else "the port is none of its own"


def _delete_floating(name: str, act: Act, look: Look) -> str | None:
    assert isinstance(act.current, FloatingIp)
    port = look(Port, str(act.current.port_id or ""))
    if port is None or port.host_id in ("", name):
        return None
    router = look(Router, str(act.current.router_id or ""))
    return None if not _held(router) else f"its port is bound to {port.host_id}"


def _allowed(name: str, act: Act, look: Look) -> str | None:
    return None


def _held(thing: Any) -> list[str]:
    """The tags by which Docker networks are on a network or a router."""
    tags: Iterable[str] = () if thing is None else thing.tags
    return [tag for tag in tags if tag.startswith(_HOLDER) and tag not in (MADE, POLICY, PUBLISHED)]


def _digest(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:12]


_RULES: dict[tuple[type, str], Callable[[str, Act, Look], str | None]] = {
    (Port, CREATE): _create_port,
    (Port, UPDATE): _update_port,
    (Port, DELETE): _delete_port,
    (Port, TAG): _tag_port,
    (Network, CREATE): _create_network,
    (Network, TAG): _allowed,
    (Network, DELETE): _delete_network,
    (Subnet, CREATE): _allowed,
    (Subnet, DELETE): _delete_subnet,
    (SecurityGroup, CREATE): _create_group,
    (SecurityGroup, TAG): _docker_group,
    (SecurityGroup, DELETE): _docker_group,
    (SecurityRule, CREATE): _create_rule,
    (Router, CREATE): _create_router,
    (Router, TAG): _docker_router,
    (Router, UPDATE): _lead_out,
    (Router, DELETE): _docker_router,
    (Router, CONNECT): _connect,
    (Router, DISCONNECT): _docker_router,
    (FloatingIp, CREATE): _create_floating,
    (FloatingIp, DELETE): _delete_floating,
}
