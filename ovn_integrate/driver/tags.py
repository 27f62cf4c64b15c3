"""The tags by which a network in Neutron knows its Docker networks (kuryr-libnetwork does so too).

One ``docker:ID`` for each Docker network on it, whichever host that is on; ``docker:made`` on those
that exist for Docker alone and go with the last of them; and what a Docker network asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

MADE = "docker:made"

_HOLDER = "docker:"
_MTU = ":mtu="
_GATEWAY = ":gateway="
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
    found = _value(tags, f"{of(network_id)}{_MTU}")
    return None if found is None else int(found)


def with_gateway(network_id: str, gateway: str) -> str:
    """The tag that keeps the kind of gateway which a Docker network asked for."""
    return f"{of(network_id)}{_GATEWAY}{gateway}"


def gateway(tags: Iterable[str], network_id: str) -> str | None:
    """The kind of gateway that a Docker network asked for, if it did."""
    return _value(tags, f"{of(network_id)}{_GATEWAY}")


def belonging(tags: Iterable[str], network_id: str) -> list[str]:
    """All the tags of one Docker network."""
    own = of(network_id)
    return [tag for tag in tags if tag == own or tag.startswith(f"{own}:")]


def holders(tags: Iterable[str]) -> list[str]:
    """The tags that say that some Docker network is on this network."""
    return [tag for tag in tags if tag.startswith(_HOLDER) and tag != MADE]


def _value(tags: Iterable[str], start: str) -> str | None:
    return next((tag.removeprefix(start) for tag in tags if tag.startswith(start)), None)
