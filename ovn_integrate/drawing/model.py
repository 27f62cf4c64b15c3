"""What there is to draw: chassis, the tunnels between them, switches and routers, ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

UP, UNKNOWN = "up", ""


@dataclass(frozen=True)
class Chassis:
    """A host in OVN.

    :ivar name: its system-id.
    :ivar encaps: its tunnel endpoints, as pairs of type and IP address.
    :ivar here: whether it is the one that looks.
    """

    name: str
    hostname: str
    encaps: tuple[tuple[str, str], ...]
    here: bool = False

    @property
    def label(self) -> str:
        return self.hostname or self.name


@dataclass(frozen=True)
class Tunnel:
    """Between two chassis, seen from one of them.

    :ivar state: ``up``, why it is not, or empty where nobody here knows.
    """

    ends: tuple[str, str]
    type: str
    state: str = UNKNOWN


@dataclass(frozen=True)
class Switch:
    """A logical switch or router.

    :ivar key: of its datapath.
    """

    key: str
    name: str
    router: bool = False


@dataclass(frozen=True)
class Port:
    """A logical port.

    :ivar name: OVN's own (``logical_port``).
    :ivar label: what people know it by: its container's name, the port's name, or OVN's.
    :ivar switch: the key of the switch that it is on.
    :ivar chassis: the name of the chassis that has bound it, or empty.
    """

    name: str
    label: str
    switch: str
    type: str = ""
    chassis: str = ""
    mac: str = ""
    addresses: tuple[str, ...] = ()
    up: bool = False


@dataclass(frozen=True)
class Topology:
    """
    :ivar links: pairs of keys of switches and routers that are connected.
    """

    chassis: Sequence[Chassis] = ()
    tunnels: Sequence[Tunnel] = ()
    switches: Sequence[Switch] = ()
    ports: Sequence[Port] = ()
    links: Sequence[tuple[str, str]] = field(default=())

    def as_data(self) -> dict[str, Any]:
        """In a form to print."""
        return {
            "chassis": [
                {
                    **asdict(one),
                    "encaps": [{"type": kind, "ip": ip} for kind, ip in one.encaps],
                    "ports": [port.name for port in self.ports if port.chassis == one.name],
                }
                for one in self.chassis
            ],
            "tunnels": [{**asdict(one), "ends": list(one.ends)} for one in self.tunnels],
            "switches": [asdict(one) for one in self.switches],
            "ports": [{**asdict(one), "addresses": list(one.addresses)} for one in self.ports],
            "links": [list(one) for one in self.links],
        }

    def bound(self, chassis: str) -> dict[str, list[Port]]:
        """The ports of a chassis by the key of their switch, in the order of the switches."""
        found: dict[str, list[Port]] = {one.key: [] for one in self.switches}
        for port in self.ports:
            if port.chassis == chassis:
                found[port.switch].append(port)
        return {key: ports for key, ports in found.items() if ports}

    def free(self, switch: str) -> list[Port]:
        """The ports of a switch that could be bound and are not; of a type are those that OVN
        has for itself."""
        ports = (port for port in self.ports if port.switch == switch)
        return [port for port in ports if not port.chassis and not port.type]

    def switch(self, key: str) -> Switch:
        """:raises StopIteration: there is none."""
        return next(one for one in self.switches if one.key == key)

    def named(self, chassis: str) -> str:
        """How a chassis is called, by its system-id."""
        return next((one.label for one in self.chassis if one.name == chassis), chassis)
