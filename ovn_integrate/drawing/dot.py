"""A topology as a graph for Graphviz (``dot -Tsvg``)."""

from __future__ import annotations

from collections.abc import Iterator

from ovn_integrate.drawing.escaped import lines
from ovn_integrate.drawing.model import UNKNOWN, UP, Port, Topology, Tunnel

_LOOKS = {UP: "color=green4", UNKNOWN: "color=gray style=dashed"}


def draw(topology: Topology) -> str:
    """The text of the graph: a cluster for each chassis, its ports inside."""
    return "\n".join(_lines(topology)) + "\n"


def _lines(topology: Topology) -> Iterator[str]:
    yield "graph ovn {"
    yield "  graph [rankdir=LR compound=true fontname=sans-serif];"
    yield "  node [shape=box style=rounded fontname=sans-serif];"
    for switch in topology.switches:
        shape = "diamond" if switch.router else "ellipse"
        yield f"  {_quoted(switch.key)} [label={_quoted(switch.name)} shape={shape}];"
    for number, chassis in enumerate(topology.chassis):
        ends = "\n".join(f"{kind} {ip}" for kind, ip in chassis.encaps)
        yield f"  subgraph cluster_{number} {{"
        yield f"    label={_quoted(chassis.label)};"
        yield f"    {_quoted(chassis.name)} [label={_quoted(ends)} shape=plain];"
        for port in topology.ports:
            if port.chassis == chassis.name:
                yield f"    {_port(port)}"
        yield "  }"
    for port in topology.ports:
        if not port.chassis:
            yield f"  {_port(port)}"
        yield f"  {_quoted(port.switch)} -- {_quoted(port.name)};"
    for one, other in topology.links:
        yield f"  {_quoted(one)} -- {_quoted(other)};"
    for tunnel in topology.tunnels:
        yield f"  {_tunnel(tunnel)}"
    yield "}"


def _port(port: Port) -> str:
    label = "\n".join([port.label, *port.addresses])
    return f"{_quoted(port.name)} [label={_quoted(label)}];"


def _tunnel(tunnel: Tunnel) -> str:
    one, other = map(_quoted, tunnel.ends)
    look = _LOOKS.get(tunnel.state, "color=red")
    label = _quoted(f"{tunnel.type} {tunnel.state}".strip())
    return f"{one} -- {other} [label={label} {look} constraint=false];"


def _quoted(text: str) -> str:
    escaped = lines(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
