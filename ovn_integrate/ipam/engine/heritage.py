"""The owners of what is in NB already: things of older servers, of the open mode, or of a hand.

Before a server of the secure mode lets chassis change anything, the things without an owner get
one, once, from what stands there then: the tags of Docker's networks, whose digests are compared
with the names that are known of certificates and ports, and what ports are bound to. What these do
not tell of exactly is an operator's. A key in NB_Global says that it is done; from then on tags are
evidence of nothing, and what has no owner is an operator's. A server of the open mode, where hosts
make things without being known, takes the key away when it starts.

Any number of servers may do it at once, and be killed: each thing is written for itself, once, and
comes out the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.contract.device_owners import MADE as ENDPOINT
from ovn_integrate.contract.device_owners import RESERVED, SET_ASIDE, TESTER
from ovn_integrate.contract.tags import AT, GROUPED, MADE, OF_NETWORK, PLACED, SWARM, digest, parse
from ovn_integrate.contract.way_out import ROUTER
from ovn_integrate.errors import Error
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.permit.facts import host_of, is_way_out
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.plan.ownership import CHASSIS, Marks
from ovn_integrate.ipam.resources.l3 import OWNERS, FloatingIp, Router
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule

log = logging.getLogger(__name__)

_AT_ONCE = 200
_AGAIN = 2.0  # seconds
_OF_NETWORK = " of network "


class Heritage:
    """Gives owners to what has none, in a thread of its own.

    :param known: whether this server knows who asks; if not, it only takes the key away.
    """

    def __init__(self, store: Store, *, known: bool) -> None:
        self._store = store
        self._known = known
        self._thread = threading.Thread(target=self._run, name="heritage", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def settled(self) -> bool:
        """Whether chassis may change things."""
        return self._store.settled

    def _run(self) -> None:
        while not self._done():
            threading.Event().wait(_AGAIN)

    def _done(self) -> bool:
        if not self._store.wait_ready(_AGAIN):
            return False
        try:
            if self._known and not self._store.settled:
                give(self._store)
            if self._known != self._store.settled:
                self._store.settle(self._known)
        except Error as error:
            log.info("owners are not written yet: %s", error)
            return False
        return True


def give(store: Store) -> None:
    """Give owners to all that has none.

    :raises DatabaseUnavailable: some of it is done.
    """
    names = store.read(lambda index: _names(index, store.entries()))
    # Networks first, as the rest is theirs who are on them.
    for kinds in (
        (Network,),
        (Router, SecurityGroup),
        (Subnet, Port),
        (SecurityRule, FloatingIp, Network),
    ):
        found = list(store.read(partial(_without, kinds=kinds)))
        for start in range(0, len(found), _AT_ONCE):
            some = found[start : start + _AT_ONCE]
            store.change(partial(_give, some=some, names=names), "give owners")


def _without(index: Index, kinds: Iterable[type]) -> list[tuple[type, str]]:
    return [
        (kind, id)
        for kind in kinds
        for id, thing in index.table(kind).items()
        if not thing.owner or _unmarked(thing)
    ]


def _unmarked(thing: Thing) -> bool:
    marked = {tag for _, tag in thing.marks}
    return any(ownership.is_marked(tag) and tag not in marked for tag in thing.tags)


def _give(draft: Draft, some: Iterable[tuple[type, str]], names: Mapping[str, str]) -> None:
    for kind, id in some:
        old: Any = draft.get(kind, id)
        if old is None:
            continue
        new = replace(old, marks=_marks(draft, old, names))
        if not new.owner:
            new = replace(new, owner=_owner(draft, new, names))
        if new != old:
            draft.pass_on(new)


def _names(index: Index, entries: Mapping[str, str]) -> dict[str, str]:
    """The names of hosts by what tags have of them."""
    found = {host_of(port) for port in index.ports.values()}
    for text in entries.values():
        found.add(str(jsontext.stored_object(text).get("name") or ""))
    return {digest(name): name for name in found if name}


def _marks(draft: Draft, thing: Any, names: Mapping[str, str]) -> Marks:
    network = _network_of(draft, thing)
    if not isinstance(thing, Network | Router | Port) or network is None:
        return tuple(thing.marks)
    marks = dict.fromkeys(thing.marks)
    there = {tag for _, tag in thing.marks}
    for tag in thing.tags:
        if ownership.is_marked(tag) and tag not in there:
            marks |= dict.fromkeys((owner, tag) for owner in _hosts(network, tag, names))
    return tuple(marks)


def _hosts(network: Network, tag: str, names: Mapping[str, str]) -> list[str]:
    """Whose a tag is: of a host the host's, of a Docker network theirs who have that there."""
    known = parse(tag)
    if known is not None and known.kind in PLACED:
        if known.of_swarm and known.value == digest(SWARM):
            return _on(network, known.docker_id, names)
        name = names.get(known.value)
        return [] if name is None else [ownership.owner(CHASSIS, name)]
    if tag in GROUPED:
        return _on(network, None, names)
    return [] if known is None else _on(network, known.docker_id, names)


def _on(network: Network, docker_id: str | None, names: Mapping[str, str]) -> list[str]:
    found: dict[str, None] = {}
    for tag in network.tags:
        known = parse(tag)
        if known is None or known.kind != AT or docker_id not in (None, known.docker_id):
            continue
        if known.value in names:
            found[ownership.owner(CHASSIS, names[known.value])] = None
    return list(found)


def _owner(draft: Draft, thing: Any, names: Mapping[str, str]) -> str:
    """Who made a thing; empty for an operator."""
    if isinstance(thing, Network):
        return _owner_of_network(draft, thing, names)
    if isinstance(thing, Port):
        return _owner_of_port(draft, thing)
    network = _network_of(draft, thing)
    if isinstance(thing, Router):
        return next(iter(ownership.holders(thing)), "")
    if isinstance(thing, Subnet):
        return _owner_of_subnet(draft, thing, network)
    if isinstance(thing, SecurityGroup):
        return _first(network)
    if isinstance(thing, SecurityRule):
        group = draft.get(SecurityGroup, thing.security_group_id)
        return "" if group is None else _of_chassis(group.owner)
    if isinstance(thing, FloatingIp) and thing.description == MADE:
        port = draft.get(Port, str(thing.port_id or ""))
        return "" if port is None else _of_chassis(port.owner)
    return ""


def _owner_of_network(draft: Draft, network: Network, names: Mapping[str, str]) -> str:
    if is_way_out(network):
        owners = [one.owner for one in draft.subnets_of(network.id)]
        return next(filter(ownership.of_chassis, owners), "")
    begun = parse(network.description)
    if begun is not None and begun.kind == AT and (MADE in network.tags or not network.tags):
        name = names.get(begun.value)
        maker = "" if name is None else ownership.owner(CHASSIS, name)
        if maker and (not network.tags or maker in ownership.holders(network)):
            return maker
    return _first(network) if MADE in network.tags else ""


def _owner_of_subnet(draft: Draft, subnet: Subnet, network: Network | None) -> str:
    if not is_way_out(network):
        return "" if network is None else _of_chassis(network.owner)
    for router in draft.having(Router, "name", subnet.name):
        if subnet.name.startswith(ROUTER):
            return _of_chassis(router.owner)
    return ""


def _owner_of_port(draft: Draft, port: Port) -> str:
    if port.device_owner in (ENDPOINT, RESERVED, TESTER) and host_of(port):
        return ownership.owner(CHASSIS, host_of(port))
    if port.device_owner == SET_ASIDE:
        return next(iter(ownership.holders(port)), "")
    if port.device_owner in OWNERS:
        router = draft.get(Router, port.device_id)
        return "" if router is None else _of_chassis(router.owner)
    return ""


def _network_of(draft: Draft, thing: Thing) -> Network | None:
    if isinstance(thing, Network):
        return thing
    if isinstance(thing, Subnet | Port):
        return draft.get(Network, thing.network_id)
    if isinstance(thing, Router) and thing.name.startswith(ROUTER):
        return draft.get(Network, thing.name[len(ROUTER) :])
    if isinstance(thing, SecurityGroup):
        tags = [tag[len(OF_NETWORK) :] for tag in thing.tags if tag.startswith(OF_NETWORK)]
        described = thing.description.rpartition(_OF_NETWORK)[2]
        if thing.description.startswith("Docker: "):
            tags.append(described)
        return next((found for id in tags if (found := draft.get(Network, id))), None)
    return None


def _first(network: Network | None) -> str:
    return "" if network is None else next(iter(ownership.holders(network)), "")


def _of_chassis(owner: str) -> str:
    return owner if ownership.of_chassis(owner) else ""
