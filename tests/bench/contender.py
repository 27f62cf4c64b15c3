"""What is measured: something that gives endpoints a life, as libnetwork asks for it."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from typing import Protocol

POOL = ipaddress.IPv4Network("10.128.0.0/16")
GATEWAY = POOL[1]
# The lower half of the pool is for the ports that an NB is filled with.
_FIRST = 1 << 15
_COUNT = (1 << 15) - 2


def new_id() -> str:
    """An id as Docker makes them: 64 hexadecimal digits."""
    return secrets.token_hex(32)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that Docker's own IPAM gave an address.

    :ivar address: with the prefix length of the pool.
    """

    network_id: str
    id: str
    address: str

    @classmethod
    def new(cls, network_id: str, number: int) -> Endpoint:
        """:param number: counts up; it wraps around long after the address was let go."""
        address = POOL[_FIRST + number % _COUNT]
        return cls(network_id, new_id(), f"{address}/{POOL.prefixlen}")

    @property
    def ip(self) -> str:
        return self.address.partition("/")[0]


class Contender(Protocol):
    """Any thread may call it; calls about one endpoint come one after another."""

    def create_network(self, network_id: str) -> None: ...

    def delete_network(self, network_id: str) -> None: ...

    def create(self, endpoint: Endpoint) -> None: ...

    def join(self, endpoint: Endpoint) -> None: ...

    def leave(self, endpoint: Endpoint) -> None: ...

    def delete(self, endpoint: Endpoint) -> None: ...
