"""Port forwardings in Neutron's words, and their JSON shape as Neutron 29 answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ovn_integrate.ipam.allocate import Address, Span
from ovn_integrate.ipam.resources.standard import Standard


@dataclass(frozen=True, slots=True, kw_only=True)
class PortForwarding(Standard):
    """Ports of a floating IP, and where what comes to them goes.

    :param external: the first and the last port of the floating IP.
    :param internal: as many ports of the internal address, or one for all of them.
    """

    floatingip_id: str
    protocol: str
    internal_port_id: str
    internal_ip_address: Address
    external: Span
    internal: Span

    @property
    def external_port(self) -> int | None:
        return _lone(self.external)

    @property
    def external_port_range(self) -> str:
        return text(self.external)

    def pairs(self) -> list[tuple[int, int]]:
        """Each external port with its internal one."""
        first, last = self.external
        spread = self.internal[0] != self.internal[1]
        return [
            (port, self.internal[0] + (port - first if spread else 0))
            for port in range(first, last + 1)
        ]

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "external_port": self.external_port,
            "external_port_range": self.external_port_range,
            "protocol": self.protocol,
            "internal_port_id": self.internal_port_id,
            "internal_ip_address": str(self.internal_ip_address),
            "internal_port": _lone(self.internal),
            "internal_port_range": text(self.internal),
            "description": self.description,
        }

    def brief(self) -> dict[str, Any]:
        """What the body of its floating IP says of it."""
        names = ("id", "protocol", "internal_ip_address", "internal_port_id")
        ports = ("internal_port", "external_port")
        body = self.body()
        return {name: body[name] for name in (*names, *ports) if body[name] is not None}


def text(ports: Span) -> str:
    """A range as Neutron writes it."""
    return f"{ports[0]}:{ports[1]}"


def _lone(ports: Span) -> int | None:
    return ports[0] if ports[0] == ports[1] else None
