"""Which tags a chassis may put on a thing and take off it: by the difference, however it asks."""

from __future__ import annotations

from ovn_integrate.contract.device_owners import SET_ASIDE
from ovn_integrate.contract.tags import (
    ALIAS,
    AT,
    DOCKER,
    GROUPED,
    MADE,
    OF_NETWORK,
    PLACED,
    SWARM,
    Tag,
    digest,
    parse,
)
from ovn_integrate.ipam.permit import leaving
from ovn_integrate.ipam.permit.facts import BOUND, LEFT, OWN, Asking, host_of, is_way_out
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.resources.l3 import Router
from ovn_integrate.ipam.resources.model import Network, Port, Thing
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup

_SETTINGS = ("mtu", "gateway", "policy")


def refusal(asking: Asking, old: Thing | None, new: Thing) -> str | None:
    """Why the tags of a thing may not change so; None when they may."""
    before = () if old is None else old.tags
    marks = () if old is None else old.marks
    own = [tag for owner, tag in new.marks if owner == asking.me and (owner, tag) not in marks]
    added = dict.fromkeys([*(tag for tag in new.tags if tag not in before), *own])
    for tag in added:
        # What was another's is the asker's because that one has left: nobody asked for it.
        if not (tag in before and _inherits(asking, old, new, tag)):
            why = _add(asking, new, tag, tag in before)
            if why is not None:
                return why
    if old is not None:
        for tag in before:
            if tag not in new.tags:
                why = _remove(asking, old, tag)
                if why is not None:
                    return why
    return None


def _inherits(asking: Asking, old: Thing | None, new: Thing, tag: str) -> bool:
    return old is not None and any(
        owner != asking.me and (owner, tag) not in new.marks for owner in ownership.marked(old, tag)
    )


def _add(asking: Asking, thing: Thing, tag: str, there: bool) -> str | None:
    if _names(asking, thing, tag):
        return None  # names have rules of their own
    if tag == MADE:
        own = asking.relation(thing) == OWN
        return None if own and isinstance(thing, Network | Router) else _not_its(tag)
    if tag in GROUPED:
        holds = isinstance(thing, Network) and asking.holds(thing)
        return None if holds else _not_its(tag)
    if tag.startswith(OF_NETWORK):
        return _add_group(asking, thing, tag)
    known = parse(tag)
    if known is None:
        return f"the tag {tag} is for an operator to write"
    if isinstance(thing, Network):
        return _add_to_network(asking, thing, known, tag, there)
    return _add_beside(asking, thing, known, tag)


def _names(asking: Asking, thing: Thing, tag: str) -> bool:
    """Whether a tag is a further name of a port that a container of its own has."""
    named = isinstance(thing, Port) and tag.startswith(ALIAS)
    return named and asking.relation(thing) in (OWN, BOUND, LEFT)


def _add_group(asking: Asking, thing: Thing, tag: str) -> str | None:
    if not isinstance(thing, SecurityGroup) or asking.relation(thing) != OWN:
        return _not_its(tag)
    if not asking.holds(asking.network(tag[len(OF_NETWORK) :])):
        return "it is not on that network"
    for other in asking.draft.having(SecurityGroup, "tags", tag):
        if other.name == thing.name and other.id != thing.id:
            return f"the network has a group {thing.name} already"
    return None


def _add_to_network(
    asking: Asking, network: Network, known: Tag, tag: str, there: bool
) -> str | None:
    if is_way_out(network):
        return "the network is the way out of others"
    for other in asking.draft.having(Network, "docker", known.docker_id):
        if other.id != network.id:
            return f"Docker network {known.docker_id} is on another network"
    if known.kind in PLACED:
        if known.value == asking.digest:
            return None
        if known.kind == AT and known.of_swarm and known.value == digest(SWARM):
            rest = [one for one in ownership.holders(network, known.docker_id) if one != asking.me]
            return None if there or not rest else "others are on it before the swarm"
        return "the tag is for another host"
    if not asking.holds(network, known.docker_id):
        return f"it is not on the network with Docker network {known.docker_id}"
    if known.kind not in ("", *_SETTINGS):
        return f"the tag {tag} is for an operator to write"
    first = ownership.holders(network, known.docker_id)[0] == asking.me
    if known.kind and not there and not first:
        return f"Docker network {known.docker_id} is another host's to set up"
    return None


def _add_beside(asking: Asking, thing: Thing, known: Tag, tag: str) -> str | None:
    """A router, or an address that is set aside: of the network that it is for."""
    network = None
    if isinstance(thing, Router):
        network = asking.its_network(thing)
    elif isinstance(thing, Port) and thing.device_owner == SET_ASIDE:
        network = asking.network(thing.network_id) if ownership.of_chassis(thing.owner) else None
    if known.kind or network is None:
        return _not_its(tag)
    if not asking.holds(network, known.docker_id):
        return f"it is not on the network with Docker network {known.docker_id}"
    return None


def _remove(asking: Asking, thing: Thing, tag: str) -> str | None:
    if _names(asking, thing, tag):
        return None
    if tag in GROUPED and isinstance(thing, Network):
        mine = (asking.me, tag) in thing.marks and asking.alone(thing)
        return None if mine else _others(tag)
    if (asking.me, tag) in thing.marks:
        rest = [one for one in ownership.marked(thing, tag) if one != asking.me]
        return None if not rest or _swarms(asking, thing, tag) else _others(tag)
    return None if _swarms(asking, thing, tag) else _others(tag)


def _swarms(asking: Asking, thing: Thing, tag: str) -> bool:
    """Whether a tag is one of a swarm's network that its leader may clear away: of no host that
    still has an endpoint there."""
    known = parse(tag)
    network = leaving.network_of(asking.draft, thing)
    if known is None or network is None or not asking.leads_swarm(network, known.docker_id):
        return False
    if known.kind not in PLACED:
        here = ownership.holders(network, known.docker_id)
        rest = [one for one in ownership.marked(thing, tag) if one in here and one != asking.me]
        return not any(_is_there(network, known, one) for one in rest)
    hosts = {ownership.name(one) for one in ownership.marked(thing, tag)}
    ports = asking.draft.ports_of(network.id)
    return bool(hosts) and not any(host_of(port) in hosts for port in ports)


def _is_there(network: Network, known: Tag, owner: str) -> bool:
    host = digest(ownership.name(owner))
    return (owner, f"{DOCKER}{known.docker_id}:{AT}={host}") in network.marks


def _not_its(tag: str) -> str:
    return f"the tag {tag} is not for this thing, or not its to put there"


def _others(tag: str) -> str:
    return f"the tag {tag} is another's"
