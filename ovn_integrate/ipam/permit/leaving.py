"""What becomes of what a host leaves that others hold: it passes to them, by the server's hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ovn_integrate.contract.tags import AT, DOCKER, GROUPED, OF_NETWORK, SWARM, Tag, digest, parse
from ovn_integrate.contract.way_out import ROUTER
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.plan.ownership import Marks
from ovn_integrate.ipam.resources.l3 import Router
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule


def untagged(draft: Draft, old: Thing, gone: Iterable[str]) -> Thing:
    """A thing without tags, as its asker takes them off it, and as it is left by who left it.

    What others are to have of it, beside the thing itself, is planned.
    """
    gone = list(gone)
    stale = _stale(draft, old, gone)
    new = ownership.without_tags(replace(old, marks=stale), gone, draft.asker)
    if isinstance(new, Network):
        # The last one is the heir of those that it clears away: leaders that a swarm had before.
        last = draft.asker if draft.asker in ownership.holders(old) else None
        for leaver, docker_id in _left(old, new):
            new = _leave(draft, new, leaver, docker_id, None if leaver == last else last)
        return new
    if isinstance(new, Router | Port):
        return _heired(new)
    return new


def cut_off(draft: Draft, subnet: Subnet) -> None:
    """A subnet is gone, which may have been its owner's last one on an external network of its own:
    that becomes another's who has one there."""
    network = draft.get(Network, subnet.network_id)
    if network is None or not network.external or network.owner != subnet.owner:
        return
    owners = [one.owner for one in draft.subnets_of(network.id)]
    heir = next(filter(ownership.of_chassis, owners), None)
    if heir is not None and network.owner not in owners and ownership.of_chassis(network.owner):
        draft.pass_on(replace(network, owner=heir))


def of_swarm(draft: Draft, network: Network, docker_id: str) -> bool:
    """Whether a Docker network is a swarm's, which the asker is to end: it has the swarm's tag."""
    return any(owner == draft.asker and _is_swarms(tag, docker_id) for owner, tag in network.marks)


def network_of(draft: Draft, thing: Thing) -> Network | None:
    """The network that a thing with tags of Docker networks is, or is for."""
    if isinstance(thing, Network):
        return thing
    if isinstance(thing, Port):
        return draft.known(Network, thing.network_id)
    if isinstance(thing, Router):
        return draft.known(Network, thing.name.removeprefix(ROUTER))
    return None


def _is_swarms(tag: str, docker_id: str) -> bool:
    known = parse(tag)
    if known is None or not known.of_swarm or known.docker_id != docker_id:
        return False
    return known.kind == AT and known.value == digest(SWARM)


def _stale(draft: Draft, thing: Thing, gone: Iterable[str]) -> Marks:
    """The marks that count when tags go: of a swarm's network, whose leader changes, not those of
    leaders that have nothing else on it."""
    marks = thing.marks
    network = network_of(draft, thing)
    for tag in gone:
        known = parse(tag)
        if known is None or network is None or not of_swarm(draft, network, known.docker_id):
            continue
        start = f"{DOCKER}{known.docker_id}:{AT}="
        here = {owner for owner, other in network.marks if _is_own(owner, other, start)}
        stay = here | {draft.asker}
        marks = tuple(one for one in marks if one[1] != tag or one[0] in stay)
    return marks


def _is_own(owner: str, tag: str, start: str) -> bool:
    return tag == start + digest(ownership.name(owner))


def _left(old: Thing, new: Thing) -> list[tuple[str, str]]:
    """Who has left a network, with the Docker network that they were on it for."""
    held = {(owner, known.docker_id) for owner, known in _at(old.marks)}
    return sorted(held - {(owner, known.docker_id) for owner, known in _at(new.marks)})


def _at(marks: Marks) -> list[tuple[str, Tag]]:
    parsed = ((owner, parse(tag)) for owner, tag in marks)
    return [(owner, known) for owner, known in parsed if known is not None and known.kind == AT]


def _leave(
    draft: Draft, network: Network, leaver: str, docker_id: str, last: str | None
) -> Network:
    same = next(iter(ownership.holders(network, docker_id)), last)
    theirs = [tag for tag in network.tags if _of(tag, docker_id)]
    network = replace(network, marks=ownership.passed(network.marks, leaver, theirs, same))
    tag = f"{DOCKER}{docker_id}"
    beside: list[Router | Port] = [
        *draft.having(Router, "tags", tag),
        *(one for one in draft.having(Port, "tags", tag) if one.network_id == network.id),
    ]
    for thing in beside:
        if network_of(draft, thing) is not None and ownership.marked(thing, tag):
            marks = ownership.passed(thing.marks, leaver, [tag], same)
            _renew(draft, thing, _heired(replace(thing, marks=marks)))
    if leaver in ownership.holders(network):
        return network
    heir = next(iter(ownership.holders(network)), last)
    network = replace(network, marks=ownership.passed(network.marks, leaver, GROUPED, heir))
    if heir is None:
        return network
    for group in draft.having(SecurityGroup, "tags", OF_NETWORK + network.id):
        if group.owner == leaver:
            draft.pass_on(replace(group, owner=heir))
        # What is in it too: who ends a group ends its rules.
        for rule in draft.having(SecurityRule, "security_group_id", group.id):
            if rule.owner == leaver:
                draft.pass_on(replace(rule, owner=heir))
    if network.owner != leaver:
        return network
    for subnet in draft.subnets_of(network.id):
        if subnet.owner == leaver:
            draft.pass_on(replace(subnet, owner=heir))
    return replace(network, owner=heir)


def _of(tag: str, docker_id: str) -> bool:
    known = parse(tag)
    return known is not None and known.docker_id == docker_id and known.kind not in (AT,)


def _heired(thing: Router | Port) -> Router | Port:
    """A thing whose owner has left it is the first one's of those who hold it."""
    left = ownership.holders(thing)
    if not left or thing.owner in left or not ownership.of_chassis(thing.owner):
        return thing
    return replace(thing, owner=left[0])


def _renew(draft: Draft, old: Thing, new: Thing) -> None:
    if new != old:
        draft.pass_on(new)
