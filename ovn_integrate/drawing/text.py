"""A topology as a tree of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ovn_integrate.drawing.model import Chassis, Port, Switch, Topology, Tunnel


@dataclass(frozen=True)
class _Node:
    text: str
    below: Sequence[_Node] = field(default=())


def draw(topology: Topology) -> list[str]:
    """The lines of a tree: each chassis with its ports and tunnels, then what no chassis has."""
    roots = [_of_chassis(one, topology) for one in topology.chassis]
    roots += [_of_switch(one, topology) for one in topology.switches]
    return [line for root in roots for line in _lines(root)]


def _lines(node: _Node) -> Iterator[str]:
    yield node.text
    for number, child in enumerate(node.below):
        last = number == len(node.below) - 1
        first, others = ("└─ ", "   ") if last else ("├─ ", "│  ")
        for position, line in enumerate(_lines(child)):
            yield (others if position else first) + line


def _of_chassis(one: Chassis, topology: Topology) -> _Node:
    words = [f"chassis {one.label}", *(f"{kind} {ip}" for kind, ip in one.encaps)]
    if one.here:
        words.append("this host")
    below = [
        _Node(_called(topology.switch(key)), _ports(ports))
        for key, ports in topology.bound(one.name).items()
    ]
    for tunnel in topology.tunnels:
        if one.name in tunnel.ends:
            below.append(_Node(_tunnel(tunnel, one, topology)))
    return _Node(", ".join(words), below)


def _tunnel(tunnel: Tunnel, one: Chassis, topology: Topology) -> str:
    (other,) = [end for end in tunnel.ends if end != one.name] or [one.name]
    words = f"tunnel to {topology.named(other)} {tunnel.type} {tunnel.state}"
    return words.rstrip()


def _ports(ports: Sequence[Port]) -> list[_Node]:
    rows = [(one.label, ", ".join(one.addresses), one.mac, _state(one)) for one in ports]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    cells = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return [_Node(line.rstrip()) for line in cells]


def _state(port: Port) -> str:
    if port.type:
        return port.type
    if not port.chassis:
        return "bound nowhere"
    return "" if port.up else "not up"


def _called(switch: Switch) -> str:
    return f"{'router' if switch.router else 'switch'} {switch.name}"


def _of_switch(one: Switch, topology: Topology) -> _Node:
    count = sum(port.switch == one.key for port in topology.ports)
    linked = sorted(
        topology.switch(key).name
        for pair in topology.links
        for key in pair
        if one.key in pair and key != one.key
    )
    words = [f"{_called(one)}, {count} port{'' if count == 1 else 's'}"]
    words += [f"linked to {', '.join(linked)}"] if linked else []
    free = topology.free(one.key)
    return _Node(", ".join(words), _ports(free) if free else ())
