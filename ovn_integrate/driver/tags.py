"""The tags by which a network in Neutron knows its Docker networks (kuryr-libnetwork does so too).

One ``docker:ID`` for each Docker network on it, whichever host that is on; ``docker:made`` on those
that exist for Docker alone and go with the last of them; and what a Docker network asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MADE = "docker:made"

_HOLDER = "docker:"
_MTU = ":mtu="
_POOL = {True: ":pool=", False: ":lent="}
_HOST_LENGTH = 8
# Older Neutrons take tags of at most 60 characters.
_ID_LENGTH = 32


def of(network_id: str) -> str:
    """The tag of a Docker network, which is found by it."""
    return f"{_HOLDER}{network_id[:_ID_LENGTH]}"


def with_mtu(network_id: str, mtu: int) -> str:
    """The tag that keeps the MTU which a Docker network asked for, in bytes."""
    return f"{of(network_id)}{_MTU}{mtu}"


def mtu(tags: Iterable[str], network_id: str) -> int | None:
    """The MTU that a Docker network asked for, if it did."""
    start = f"{of(network_id)}{_MTU}"
    return next((int(tag.removeprefix(start)) for tag in tags if tag.startswith(start)), None)


def with_pool(network_id: str, host: str, *, made: bool) -> str:
    """The tag of a Docker network whose addresses this driver gives out, on that host.

    :param host: its chassis, of which a digest stands in the tag, as it may be of any length.
    :param made: whether the logical network was made for its pool.
    """
    return f"{of(network_id)}{_ending(host, made=made)}"


def has_pool(tags: Iterable[str], host: str, *, made: bool) -> bool:
    """Whether some Docker network of a host has such a tag."""
    ending = _ending(host, made=made)
    return any(tag.startswith(_HOLDER) and tag.endswith(ending) for tag in tags)


def _ending(host: str, *, made: bool) -> str:
    return _POOL[made] + hashlib.sha256(host.encode()).hexdigest()[:_HOST_LENGTH]


def belonging(tags: Iterable[str], network_id: str) -> list[str]:
    """All the tags of one Docker network."""
    own = of(network_id)
    return [tag for tag in tags if tag == own or tag.startswith(f"{own}:")]


def holders(tags: Iterable[str]) -> list[str]:
    """The tags that say that some Docker network is on this network."""
    return [tag for tag in tags if tag.startswith(_HOLDER) and tag != MADE]
