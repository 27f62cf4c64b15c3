"""What a chassis that asks is to a thing: facts that the server wrote, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from operator import attrgetter
from typing import Any

from ovn_integrate.contract.device_owners import HOST, TAKEN, TESTED
from ovn_integrate.contract.tags import AT, DOCKER, OF_NETWORK, SWARM, digest, parse
from ovn_integrate.contract.way_out import PHYSICAL_NETWORK, ROUTER
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.l3 import OWNERS, Router
from ovn_integrate.ipam.resources.model import Network, Port, Thing
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup

OWN, BOUND, FREE, LEFT, OTHERS, OPERATORS, ROUTERS = (
    *("own", "bound", "free", "left", "others", "operators"),
    "routers",
)
"""What a thing may be: made by the chassis; bound to it by an operator, or taken; an operator's
plain port that nobody has; one that was taken, on its way back; another chassis'; an operator's; a
port of a router."""

OPERATORS_WORD = "it is for an operator"

_SERVERS = frozenset(
    {"id", "owner", "marks", "pinned", "created_at", "updated_at", "revision_number", "up"}
)
"""Fields that no request reaches."""


@dataclass(slots=True)
class Asking:
    """A chassis that asks for something, see ``rules.Act``.

    :param me: whose things those are that it makes.
    """

    me: str
    name: str
    what: str
    kind: type
    id: str | None
    wanted: Mapping[str, Any]
    draft: Draft

    @property
    def digest(self) -> str:
        return digest(self.name)

    def relation(self, thing: Thing) -> str:
        """What a thing is to it."""
        if isinstance(thing, Port):
            return self._to_port(thing)
        if thing.owner == self.me:
            return OWN
        return OTHERS if ownership.of_chassis(thing.owner) else OPERATORS

    def _to_port(self, port: Port) -> str:
        host = host_of(port)
        if port.device_owner in OWNERS:
            return ROUTERS
        if port.owner == self.me:
            return OWN if host in ("", self.name) or port.device_owner == TESTED else OTHERS
        operators = not ownership.of_chassis(port.owner)
        if host == self.name and (operators or port.pinned == self.name):
            return BOUND
        if host or not operators:
            return OTHERS if host or ownership.of_chassis(port.owner) else OPERATORS
        if port.device_owner == TAKEN:
            return LEFT
        return OPERATORS if port.device_owner or port.device_id else FREE

    def holds(self, network: Network | None, docker_id: str | None = None) -> bool:
        """Whether it is on a network, with a Docker network of its own or with that one."""
        return network is not None and self.me in ownership.holders(network, docker_id)

    def alone(self, thing: Thing | None) -> bool:
        """Whether nobody else holds a thing."""
        return thing is None or not ownership.others(thing, self.me)

    def network(self, id: str) -> Network | None:
        return self.draft.known(Network, id)

    def of_group(self, group: SecurityGroup) -> str | None:
        """The id of the network that a security group is one of; None for others."""
        found = (tag for tag in group.tags if tag.startswith(OF_NETWORK))
        return next((tag[len(OF_NETWORK) :] for tag in found), None)

    def its_network(self, router: Router) -> Network | None:
        """The network that a router was made for. A chassis can choose that once, see there."""
        if not router.name.startswith(ROUTER) or not ownership.of_chassis(router.owner):
            return None
        return self.network(router.name[len(ROUTER) :])

    def on_router(self, router: Router) -> bool:
        """Whether it is on a router, with its Docker network or as who made it."""
        if not ownership.of_chassis(router.owner):
            return False
        return router.owner == self.me or self.me in ownership.holders(router)

    def ends(self, router: Router | None) -> bool:
        """Whether a router is its own to take away."""
        return router is not None and router.owner == self.me and self.alone(router)

    def leads_swarm(self, network: Network, docker_id: str) -> bool:
        """Whether it has the tag of a swarm on a network."""
        tag = f"{DOCKER}{docker_id}:{AT}={digest(SWARM)}"
        known = parse(tag)
        return known is not None and known.of_swarm and (self.me, tag) in network.marks


def below(port: Port) -> str:
    """The VM below whose port a port is, by its profile; empty for none."""
    return str(port.given.get(HOST) or "") if HOST in port.profile else ""


def host_of(port: Port) -> str:
    """The host that has a port: a VM that its profile names, or whom it is bound to."""
    return below(port) or port.host_id


def is_way_out(network: Network | None) -> bool:
    """Whether a network is the one by which the routers of Docker's networks lead out."""
    if network is None or not network.external:
        return False
    return network.physical_network == PHYSICAL_NETWORK


def difference(old: Thing | None, new: Thing) -> list[str]:
    """The fields in which a thing becomes another, or a new one is not as by default."""
    names, values, defaults = _fields(type(new))  # type: ignore[arg-type]  # classes can be hashed
    before = defaults if old is None else values(old)
    pairs = zip(names, values(new), before, strict=True)
    return [name for name, value, other in pairs if other is MISSING or value != other]


@cache
def _fields(kind: type) -> tuple[tuple[str, ...], attrgetter[Any], tuple[Any, ...]]:
    """The fields of a kind that a request can reach: their names, what takes their values from a
    thing, and what these are by default."""
    found = {one.name: one.default for one in fields(kind) if one.name not in _SERVERS}
    return tuple(found), attrgetter(*found), tuple(found.values())
