"""The tags by which a network in Neutron knows its Docker networks (kuryr-libnetwork does so too).

One ``docker:ID`` for each Docker network on it, whichever host that is on; ``docker:made`` on those
that exist for Docker alone and go with the last of them; and what a Docker network asked for. A
closed network has ``docker:policy``, and its groups ``docker:network:`` and its id.
"""

from __future__ import annotations

from collections.abc import Iterable

MADE = "docker:made"
POLICY = "docker:policy"

_HOLDER = "docker:"
_MTU = ":mtu="
_CLOSED = ":policy"
_NETWORK = "docker:network:"
# Older Neutrons take tags of at most 60 characters.
_ID_LENGTH = 32


def of(network_id: str) -> str:
    """The tag of a Docker network, which is found by it."""
    return f"{_HOLDER}{network_id[:_ID_LENGTH]}"


def with_mtu(network_id: str, mtu: int) -> str:
    """The tag that keeps the MTU which a Docker network asked for, in bytes."""
    return f"{of(network_id)}{_MTU}{mtu}"


def with_policy(network_id: str) -> str:
    """The tag of a Docker network that closes its network; from then on that may not go."""
    return f"{of(network_id)}{_CLOSED}"


def network(id: str) -> str:
    """The tag of what belongs to a logical network."""
    return f"{_NETWORK}{id}"


def mtu(tags: Iterable[str], network_id: str) -> int | None:
    """The MTU that a Docker network asked for, if it did."""
    start = f"{of(network_id)}{_MTU}"
    return next((int(tag.removeprefix(start)) for tag in tags if tag.startswith(start)), None)


def belonging(tags: Iterable[str], network_id: str) -> list[str]:
    """All the tags of one Docker network."""
    own = of(network_id)
    return [tag for tag in tags if tag == own or tag.startswith(f"{own}:")]


def holders(tags: Iterable[str]) -> list[str]:
    """The tags that say that some Docker network is on this network."""
    return [tag for tag in tags if tag.startswith(_HOLDER) and tag not in (MADE, POLICY)]
