"""The tags by which a network in Neutron knows its Docker networks (kuryr-libnetwork does so too).

One ``docker:ID`` for each Docker network on it, whichever host that is on, and one
``docker:ID:at=HOST`` for each host that has it; ``docker:made`` on those that exist for Docker
alone and go with the last of them; and what a Docker network asked for. A closed network has
``docker:policy``, one with groups for published ports ``docker:published``, and the groups of
either ``docker:network:`` and its id.

A network of a Swarm has one id on all nodes, which come to it and leave it with their tasks; the
swarm itself has it as well, as if that were one more host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

DOCKER = "docker:"
"""What all of these begin with."""

MADE = "docker:made"
POLICY = "docker:policy"
PUBLISHED = "docker:published"

GROUPED = (POLICY, PUBLISHED)
"""Of networks that have security groups."""

OF_NETWORK = "docker:network:"
"""Before the id of a logical network: of what belongs to it."""

AT, POOL, LENT = "at", "pool", "lent"
PLACED = (AT, POOL, LENT)
"""The kinds of tags that end with the digest of a host's name."""

ALIAS = "alias:"
"""What a tag of a port begins with that gives it a further name."""

_MTU = ":mtu="
_AT = f":{AT}="
_POOL = {True: f":{POOL}=", False: f":{LENT}="}
_CLOSED = ":policy"
_GATEWAY = ":gateway="
# Older Neutrons take tags of at most 60 characters.
_ID_LENGTH = 32
_HOST_LENGTH = 12

SWARM = "swarm"
"""In the place of a host: the swarm that a network is of."""

_SWARM_ID_LENGTH = 25  # swarmkit's identity.NewID; Docker's own ids have 64 digits


@dataclass(frozen=True)
class Tag:
    """A tag of a Docker network: ``docker:ID``, or ``docker:ID:KIND=VALUE``."""

    docker_id: str
    kind: str = ""
    value: str = ""

    @property
    def of_swarm(self) -> bool:
        return is_of_swarm(self.docker_id)


def parse(tag: str) -> Tag | None:
    """The Docker network of a tag, and what it says; None for other tags."""
    if not tag.startswith(DOCKER) or tag.startswith(OF_NETWORK) or tag in (MADE, *GROUPED):
        return None
    docker_id, _, rest = tag[len(DOCKER) :].partition(":")
    kind, _, value = rest.partition("=")
    return Tag(docker_id, kind, value) if docker_id else None


@lru_cache(maxsize=4096)
def digest(host: str) -> str:
    """What a tag has of the name of a host."""
    return hashlib.sha256(host.encode()).hexdigest()[:_HOST_LENGTH]


def of(network_id: str) -> str:
    """The tag of a Docker network, which is found by it."""
    return f"{DOCKER}{short(network_id)}"


def with_mtu(network_id: str, mtu: int) -> str:
    """The tag that keeps the MTU which a Docker network asked for, in bytes."""
    return f"{of(network_id)}{_MTU}{mtu}"


def with_policy(network_id: str) -> str:
    """The tag of a Docker network that closes its network; from then on that may not go."""
    return f"{of(network_id)}{_CLOSED}"


def network(id: str) -> str:
    """The tag of what belongs to a logical network."""
    return f"{OF_NETWORK}{id}"


def mtu(tags: Iterable[str], network_id: str) -> int | None:
    """The MTU that a Docker network asked for, if it did."""
    found = _value(tags, f"{of(network_id)}{_MTU}")
    return None if found is None else int(found)


def with_gateway(network_id: str, gateway: str) -> str:
    """The tag that keeps the kind of gateway which a Docker network asked for."""
    return f"{of(network_id)}{_GATEWAY}{gateway}"


def gateway(tags: Iterable[str], network_id: str) -> str | None:
    """The kind of gateway that a Docker network asked for, if it did."""
    return _value(tags, f"{of(network_id)}{_GATEWAY}")


def at(network_id: str, host: str) -> str:
    """The tag that says that a Docker network is on a host.

    :param host: its ``system-id``, of which a digest goes into the tag.
    """
    return f"{of(network_id)}{_AT}{digest(host)}"


def is_at(text: str, host: str | None = None) -> bool:
    """Whether that is such a tag, of some host or of a certain one.

    What is being made has one as its description, as it has no tag at first.
    """
    of_some = text.startswith(DOCKER) and _AT in text
    return of_some and (host is None or text.endswith(f"{_AT}{digest(host)}"))


def held_by(text: str) -> str:
    """The beginning of the id of the Docker network in such a tag."""
    return text.removeprefix(DOCKER).partition(_AT)[0]


def held_at(tags: Iterable[str], host: str) -> list[str]:
    """The beginnings of the ids of the Docker networks that are on a host."""
    end = f"{_AT}{digest(host)}"
    return [tag.removeprefix(DOCKER).removesuffix(end) for tag in tags if tag.endswith(end)]


def held_somewhere(tags: Sequence[str]) -> list[str]:
    """The same of those of which no host is written down, unless it is a swarm alone."""
    swarm = f"{_AT}{digest(SWARM)}"
    placed = {tag.partition(_AT)[0] for tag in tags if _AT in tag and not tag.endswith(swarm)}
    # Whatever is left of a Docker network: not all of its tags come and go at once.
    owners = dict.fromkeys(":".join(tag.split(":")[:2]) for tag in holders(tags))
    return [owner.removeprefix(DOCKER) for owner in owners if owner not in placed]


def places(tags: Iterable[str], network_id: str) -> list[str]:
    """The tags that say on which hosts a Docker network is."""
    return [tag for tag in tags if tag.startswith(f"{of(network_id)}{_AT}")]


def of_host(tags: Iterable[str], network_id: str, host: str) -> list[str]:
    """The tags of a Docker network that are there for one host."""
    kinds = (_AT, *_POOL.values())
    own = {f"{of(network_id)}{kind}{digest(host)}" for kind in kinds}
    return [tag for tag in tags if tag in own]


def is_of_swarm(network_id: str) -> bool:
    """Whether an id, or the beginning that :func:`short` leaves of it, is one that a swarm gave."""
    return len(network_id) == _SWARM_ID_LENGTH


def short(network_id: str) -> str:
    """As much of a NetworkID as a tag keeps."""
    return network_id[:_ID_LENGTH]


def with_pool(network_id: str, host: str, *, made: bool) -> str:
    """The tag of a Docker network whose addresses this driver gives out, on that host.

    :param made: whether the logical network was made for its pool.
    """
    return f"{of(network_id)}{_ending(host, made=made)}"


def has_pool(tags: Iterable[str], host: str, *, made: bool) -> bool:
    """Whether some Docker network of a host has such a tag."""
    ending = _ending(host, made=made)
    return any(tag.startswith(DOCKER) and tag.endswith(ending) for tag in tags)


def _ending(host: str, *, made: bool) -> str:
    return _POOL[made] + digest(host)


def belonging(tags: Iterable[str], network_id: str) -> list[str]:
    """All the tags of one Docker network, in the order in which to take them off: last the hosts,
    by which a collector finds what was left half-way."""
    own = of(network_id)
    found = [tag for tag in tags if tag == own or tag.startswith(f"{own}:")]
    return sorted(found, key=lambda tag: tag.startswith(f"{own}{_AT}"))


def holders(tags: Iterable[str]) -> list[str]:
    """The tags that say that some Docker network is on this network."""
    return [tag for tag in tags if tag.startswith(DOCKER) and tag not in (MADE, POLICY, PUBLISHED)]


def _value(tags: Iterable[str], start: str) -> str | None:
    return next((tag.removeprefix(start) for tag in tags if tag.startswith(start)), None)


def alias(name: str) -> str:
    """The tag of a port that gives it a further name, as this program's IPAM server reads it."""
    return f"{ALIAS}{name}"


def without_aliases(tags: Iterable[str]) -> list[str]:
    """The tags of a port that are not further names."""
    return [tag for tag in tags if not tag.startswith(ALIAS)]
