"""The ports of endpoints that are published on this host, as the Open_vSwitch database has them.

They stand in the external_ids of the endpoint's own Interface, so that they come and go with it:
whatever takes the rules away, from here they are made again. What a host's root could write there
by hand becomes part of a rule, so that all of it is read strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

ENDPOINT = "ovn-integrate:endpoint"
"""The key under which an Interface has the id of its endpoint."""

RECORD = "ovn-integrate:published"
"""The key under which it has what is published of that."""

RECORDED = "ovn-integrate:published-is-recorded"
"""The bridge's key that says so. Without it, the rules themselves are the only record: they are of
a version before this one, and are taken over once."""

PROTOCOLS = ("tcp", "udp", "sctp")

_ID = re.compile(r"[0-9a-f]{1,64}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LAST_PORT = 65535


@dataclass(frozen=True)
class Published:
    """A port of this host's that leads to one of an endpoint's.

    :param protocol: ``tcp``, ``udp`` or ``sctp``.
    :param address: the host's address that it is published on; None for all.
    :param target: the address that stands for the endpoint.
    """

    endpoint_id: str
    protocol: str
    address: str | None
    port: int
    target: str
    target_port: int

    def collides(self, other: Published) -> bool:
        """Whether one of both would hide the other."""
        same = (self.protocol, self.port) == (other.protocol, other.port)
        return same and (None in (self.address, other.address) or self.address == other.address)


def record(ports: Iterable[Published]) -> str | None:
    """What the database has of an endpoint's ports; None for none."""
    words = (
        f"{one.protocol}/{one.address or ''}/{one.port}/{one.target}/{one.target_port}"
        for one in ports
    )
    return " ".join(words) or None


def of(ids: Mapping[str, str]) -> list[Published]:
    """The ports of the endpoint whose Interface has these external_ids."""
    endpoint_id = ids.get(ENDPOINT, "")
    return list(_parsed(endpoint_id, ids.get(RECORD, ""))) if endpoint_id else []


def parse(
    endpoint_id: str, protocol: str, address: str, port: str, target: str, target_port: str
) -> Published | None:
    """A port out of words; None where one of them is not what it should be.

    :param address: empty for all.
    """
    if not (_ID.fullmatch(endpoint_id) and protocol in PROTOCOLS):
        return None
    if not all(_PORT.fullmatch(one) and int(one) <= _LAST_PORT for one in (port, target_port)):
        return None
    try:
        where = str(IPv4Address(address)) if address else None
        to = str(IPv4Address(target))
    except AddressValueError:
        return None
    return Published(endpoint_id, protocol, where, int(port), to, int(target_port))


def _parsed(endpoint_id: str, text: str) -> Iterator[Published]:
    for word in text.split():
        parts = word.split("/")
        one = parse(endpoint_id, *parts) if len(parts) == 5 else None
        if one is not None:
            yield one
