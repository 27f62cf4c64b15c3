"""What Docker asks for an endpoint, and what one has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from ovn_integrate.errors import Conflict

Interface4or6 = IPv4Interface | IPv6Interface


@dataclass(frozen=True)
class Identity:
    """The two ids by which Docker names an endpoint."""

    network_id: str
    endpoint_id: str

    def __str__(self) -> str:
        return f"endpoint {self.endpoint_id[:12]}"


@dataclass(frozen=True)
class Addresses:
    """What an interface has, or is wanted to have: None is not set."""

    ipv4: IPv4Interface | None = None
    ipv6: IPv6Interface | None = None
    mac: str | None = None

    @property
    def ips(self) -> list[Interface4or6]:
        return [one for one in (self.ipv4, self.ipv6) if one is not None]

    def refuse_other(self, has: Addresses, subject: str, hint: str = "") -> None:
        """:raises Conflict: something that is set here is different there."""
        for asked, got in zip(self._words(), has._words(), strict=True):
            if asked is not None and asked != got:
                raise Conflict(subject, f"has {got or 'no address'} instead of {asked}", hint)

    def _words(self) -> tuple[str | None, ...]:
        ips = [str(one) if one else None for one in (self.ipv4, self.ipv6)]
        return (*ips, self.mac)


@dataclass(frozen=True)
class Binding:
    """Where OVN is to find a port.

    :param host_id: its ``binding:host_id``: a chassis, or empty for any.
    :param profile: what stands in its ``binding:profile``.
    """

    host_id: str
    profile: Mapping[str, Any]

    def attributes(self, **more: Any) -> dict[str, Any]:
        """Of the port.

        :param more: what is to stand in the profile as well.
        """
        return {"binding:host_id": self.host_id, "binding:profile": {**self.profile, **more}}


@dataclass(frozen=True)
class Wish:
    """What Docker asks for an endpoint.

    :param host: this one.
    :param port: id or name of the port to take; None to have one made.
    :param groups: names of the network's groups that it shall be in.
    :param own_mac: whether the MAC address is the user's wish, and none that Docker made up.
    """

    who: Identity
    addresses: Addresses
    host: str
    binding: Binding
    port: str | None = None
    groups: tuple[str, ...] = ()
    own_mac: bool = True
