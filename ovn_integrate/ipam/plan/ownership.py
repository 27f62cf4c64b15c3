"""Whose a thing is, and who holds it: facts that the server writes and no request can reach.

An owner is a role and a name, ``chassis:NAME``, ``operator:NAME`` …, written when a thing is made.
A **mark** says whose a tag of a Docker network is: a tag that several hosts have put on a thing
stays until each of them has taken it off. Who has the mark of a tag ``docker:ID:at=HOST`` holds the
network, and who has that of ``docker:ID`` a router, or an address that is set aside. When an owner
leaves what others hold, it becomes the first one's of these, which ends it when it leaves last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from ovn_integrate.contract.tags import ALIAS, AT, GROUPED, parse
from ovn_integrate.ipam.resources.model import Network, Port
from ovn_integrate.ipam.resources.standard import Standard

T = TypeVar("T", bound=Standard)

Marks = tuple[tuple[str, str], ...]

CHASSIS, CENTRAL, OPERATOR, READER = "chassis", "central", "operator", "reader"
ROLES = (CHASSIS, CENTRAL, OPERATOR, READER)


def owner(role: str, name: str) -> str:
    return f"{role}:{name}"


def of_chassis(text: str) -> bool:
    """Whether an owner is a chassis."""
    return text.startswith(f"{CHASSIS}:")


def name(text: str) -> str:
    """The name of an owner."""
    return text.partition(":")[2]


def is_marked(tag: str) -> bool:
    """Whether marks say whose a tag is."""
    return tag in GROUPED or parse(tag) is not None


def begun(new: T, asker: str) -> T:
    """A new thing with its owner."""
    if not asker or (new.owner == asker and not new.tags):
        return new
    if not new.tags:
        return replace(new, owner=asker)
    marks = tuple((asker, tag) for tag in new.tags if is_marked(tag))
    return replace(new, owner=asker, marks=marks)


def kept(new: T, old: Standard) -> T:
    """A thing that changes, with the owner that it has."""
    return new if new.owner == old.owner else replace(new, owner=old.owner)


def pinned(new: Port, old: Port | None, asker: str) -> Port:
    """A port with the host that an operator bound it to, which a chassis does not take off it."""
    if not asker or (old is not None and new.host_id == old.host_id):
        return new
    if not of_chassis(asker):
        return replace(new, pinned=new.host_id)
    if old is not None and old.pinned and not new.host_id:
        return replace(new, host_id=old.pinned)
    return new


def marked(thing: Standard, tag: str) -> list[str]:
    """Who has put a tag on a thing, the first one first."""
    return [asker for asker, other in thing.marks if other == tag]


def holders(thing: Standard, docker_id: str | None = None) -> list[str]:
    """Who holds a thing, the first one first.

    :param docker_id: to have those of one Docker network alone.
    """
    kind = AT if isinstance(thing, Network) else ""
    found: dict[str, None] = {}
    for asker, tag in thing.marks:
        known = parse(tag)
        if known is not None and known.kind == kind and docker_id in (None, known.docker_id):
            found[asker] = None
    return list(found)


def others(thing: Standard, asker: str) -> list[str]:
    """Who holds a thing beside somebody."""
    return [one for one in holders(thing) if one != asker]


def with_tags(thing: T, more: Iterable[str], asker: str) -> T:
    """A thing with more tags, which are the asker's too."""
    added = list(more)
    tags = tuple(dict.fromkeys([*thing.tags, *added]))
    marks = thing.marks
    if asker:
        new = [(asker, tag) for tag in added if is_marked(tag) or _is_guests(thing, tag, asker)]
        marks = tuple(dict.fromkeys([*marks, *new]))
    if (tags, marks) == (thing.tags, thing.marks):
        return thing
    return replace(thing, tags=tags, marks=marks)


def _is_guests(thing: Standard, tag: str, asker: str) -> bool:
    """Whether a tag is a name that somebody gives to another's port."""
    foreign = isinstance(thing, Port) and thing.owner != asker and of_chassis(asker)
    return foreign and tag.startswith(ALIAS) and tag not in thing.tags


def without_tags(thing: T, gone: Iterable[str], asker: str) -> T:
    """A thing without tags. What others have put there beside the asker stays theirs."""
    less = set(gone).intersection(thing.tags)
    shared = {
        tag
        for tag in less
        if (asker, tag) in thing.marks and any(one != asker for one in marked(thing, tag))
    }
    if not of_chassis(asker):
        shared = set()
    marks = [
        one for one in thing.marks if one[1] not in less or (one[1] in shared and one[0] != asker)
    ]
    tags = tuple(tag for tag in thing.tags if tag not in less - shared)
    return replace(thing, tags=tags, marks=tuple(marks))


def passed(marks: Marks, leaver: str, tags: Iterable[str], heir: str | None) -> Marks:
    """Marks when somebody leaves: others' tags are theirs alone, the rest is an heir's; without an
    heir the leaver keeps what it has yet to take away."""
    found: list[tuple[str, str]] = []
    leaving = set(tags)
    for asker, tag in marks:
        if asker != leaver or tag not in leaving:
            found.append((asker, tag))
        elif not any(other == tag and one != leaver for one, other in marks):
            found.append((heir or leaver, tag))
    return tuple(dict.fromkeys(found))
