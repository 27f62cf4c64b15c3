"""A topology as SVG: one file, legible in light and dark, with a title on everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ovn_integrate.drawing import layout
from ovn_integrate.drawing.escaped import markup
from ovn_integrate.drawing.layout import (
    Arc,
    Box,
    ChassisBox,
    Chip,
    Layout,
    Section,
    SwitchBox,
    Wire,
)
from ovn_integrate.drawing.model import UNKNOWN, UP, Port, Switch, Topology, Tunnel
from ovn_integrate.drawing.style import COLOURS, STYLE
from ovn_integrate.errors import one_line

_STATES = {
    "up": "tunnel, up",
    "down": "tunnel, down",
    "unseen": "tunnel, not seen from here",
}


def draw(topology: Topology) -> str:
    """The text of a whole SVG file."""
    placed = layout.arrange(topology)
    size = f'width="{placed.width:.0f}" height="{placed.height:.0f}"'
    view = f'viewBox="0 0 {placed.width:.0f} {placed.height:.0f}"'
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {view} {size} class="topology" role="img">'
    parts = ["<title>OVN topology</title>", f"<style>{STYLE}</style>"]
    parts.append('<rect class="ground" width="100%" height="100%"/>')
    parts += _parts(topology, placed)
    return "\n".join([start, *parts, "</svg>"]) + "\n"


def _parts(topology: Topology, placed: Layout) -> Iterator[str]:
    switches = {one.key: one for one in topology.switches}
    colours = {one.switch.key: one.colour % COLOURS for one in placed.switches}
    for wire in placed.wires:
        yield _wire(wire, switches[wire.switch], colours[wire.switch], topology)
    for one, other, arc in placed.links:
        yield _link(switches[one], switches[other], arc)
    # The widest first: what is written beside the others then lies above it.
    for tunnel, arc in sorted(placed.tunnels, key=lambda pair: -pair[1].bulge):
        yield _tunnel(tunnel, arc, topology)
    for switch in placed.switches:
        yield _switch(switch)
    for chassis in placed.chassis:
        pills = () if placed.lines else _own_tunnels(chassis.chassis.name, topology)
        yield _chassis(chassis, switches, colours, [_pill(chassis, *one) for one in pills])
    yield _legend(placed, topology)


def _group(kind: str, title: str, parts: Sequence[str], **data: str) -> str:
    marks = "".join(f' data-{key}="{markup(value)}"' for key, value in data.items())
    return f'<g class="{kind}"{marks}><title>{markup(title)}</title>{"".join(parts)}</g>'


def _rect(kind: str, box: Box, radius: float) -> str:
    place = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect class="{kind}" {place} rx="{radius:g}"/>'


def _text(kind: str, x: float, y: float, text: str, *, room: int = 0, anchor: str = "") -> str:
    """:param room: how many characters there is place for; the rest is in the title."""
    text = one_line(text)
    shown = text if not room or len(text) <= room else text[: room - 1] + "…"
    aligned = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{aligned}>{markup(shown)}</text>'


def _path(kind: str, line: str) -> str:
    return f'<path class="{kind}" d="{line}"/>'


def _wire(wire: Wire, switch: Switch, colour: int, topology: Topology) -> str:
    (x, y), (to_x, to_y) = wire.start, wire.end
    half = (x + to_x) / 2
    line = _bezier((x, y), (half, y), (half, to_y), (to_x, to_y))
    title = f"{switch.name} on {topology.named(wire.chassis)}"
    return _group("wire", title, [_path(f"line c{colour}", line)], switch=wire.switch)


def _curve(arc: Arc) -> str:
    out = arc.x + arc.bulge
    return _bezier((arc.x, arc.start), (out, arc.start), (out, arc.end), (arc.x, arc.end))


def _bezier(start: tuple[float, float], *others: tuple[float, float]) -> str:
    first, *rest = (f"{x:.1f},{y:.1f}" for x, y in (start, *others))
    return f"M{first} C{' '.join(rest)}"


def _link(one: Switch, other: Switch, arc: Arc) -> str:
    return _group("link", f"{one.name} \N{EN DASH} {other.name}", [_path("line", _curve(arc))])


def _state(tunnel: Tunnel) -> str:
    return {UP: "up", UNKNOWN: "unseen"}.get(tunnel.state, "down")


def _tunnel(tunnel: Tunnel, arc: Arc, topology: Topology) -> str:
    state = _state(tunnel)
    # The middle of such a curve is three quarters of the way out.
    x, y = arc.x + arc.bulge * 0.75 + 9, (arc.start + arc.end) / 2 + 4
    parts = [_path("line", _curve(arc)), _text("type", x, y, tunnel.type)]
    if state == "down":
        parts.append(_text("why", x, y + 16, tunnel.state, room=16))
    return _group(f"tunnel {state}", _between(tunnel, topology), parts)


def _between(tunnel: Tunnel, topology: Topology) -> str:
    ends = " \N{EN DASH} ".join(topology.named(end) for end in tunnel.ends)
    return f"{ends}: {tunnel.type}, {tunnel.state or 'not seen from here'}"


def _switch(one: SwitchBox) -> str:
    box, colour = one.box, one.colour % COLOURS
    kind = "router" if one.switch.router else "switch"
    counted = f" · {_counted(one.count, 'port')}" if one.count or kind == "switch" else ""
    parts = [
        _rect("body", box, 12),
        _rect(f"stripe c{colour}", Box(box.x, box.y + 12, 5, box.height - 24), 2.5),
        _text("name", box.x + 20, box.y + 27, one.switch.name, room=22),
        _text("small", box.x + 20, box.y + 46, kind + counted),
    ]
    y = box.y + layout.SWITCH_HEIGHT + 10
    for port in one.free:
        parts.append(_free(port, box.x + 20, y))
        y += layout.LINE
    if one.more:
        title = "\n".join(port.label for port in one.more)
        words = _text("small", box.x + 32, y, f"+ {len(one.more)} more, bound nowhere")
        parts.append(_group("port more", title, [words]))
    title = f"{kind} {one.switch.name}\n{one.switch.key}"
    return _group(f"node {kind}", title, parts, switch=one.switch.key)


def _free(port: Port, x: float, y: float) -> str:
    mark = f'<circle class="free" cx="{x + 4:.1f}" cy="{y - 4:.1f}" r="3.5"/>'
    words = _text("small", x + 14, y, port.label, room=26)
    return _group("port", f"{_described(port)}\nbound nowhere", [mark, words])


def _own_tunnels(chassis: str, topology: Topology) -> list[tuple[str, str]]:
    """State and title of the tunnel between this host and another chassis, where no lines are."""
    found = [one for one in topology.tunnels if chassis in one.ends and _state(one) != "unseen"]
    here = [one.name for one in topology.chassis if one.here]
    if chassis in here or not found:
        return []
    states = [_state(one) for one in found]
    title = "\n".join(_between(one, topology) for one in found)
    return [("down" if "down" in states else "up", title)]


def _pill(one: ChassisBox, state: str, title: str) -> str:
    x = one.box.x + 62 + min(len(one.chassis.label), 24) * 9.6
    width = 58 if state == "up" else 76
    parts = [_rect("body", Box(x, one.box.y + 21, width, 22), 11)]
    words = f"tunnel {state}" if state == "down" else "tunnel"
    parts.append(_text("badged", x + width / 2, one.box.y + 36, words, anchor="middle"))
    return _group(f"pill {state}", title, parts)


def _chassis(
    one: ChassisBox, switches: dict[str, Switch], colours: dict[str, int], pills: Sequence[str]
) -> str:
    box = one.box
    name = one.chassis.label
    parts = [_rect("body", box, 16), _server(box.x + 20, box.y + 20)]
    parts.append(_text("host", box.x + 50, box.y + 37, name, room=24))
    if one.chassis.here:
        badge = Box(box.x + 62 + min(len(name), 24) * 9.6, box.y + 21, 68, 22)
        parts += [_rect("badge", badge, 11)]
        parts.append(_text("badged", badge.x + 34, badge.y + 15, "this host", anchor="middle"))
    parts += [*pills, *_encaps(one)]
    if not one.sections:
        parts.append(_text("small", box.x + 50, box.y + layout.HEAD + 8, "no ports"))
    for section in one.sections:
        parts += _section(section, switches[section.switch], colours[section.switch])
    ends = "\n".join(f"{kind} {ip}" for kind, ip in one.chassis.encaps)
    return _group("node chassis", f"{name}\n{one.chassis.name}\n{ends}", parts)


def _server(x: float, y: float) -> str:
    """A small picture of a machine."""
    units = "".join(
        f'<rect x="{x:.1f}" y="{y + step:.1f}" width="20" height="9" rx="2.5"/>'
        f'<circle cx="{x + 4.5:.1f}" cy="{y + step + 4.5:.1f}" r="1.4"/>'
        for step in (0, 12)
    )
    return f'<g class="server">{units}</g>'


def _encaps(one: ChassisBox) -> Iterator[str]:
    """The tunnel endpoints, in the right upper corner."""
    by_ip: dict[str, list[str]] = {}
    for kind, ip in one.chassis.encaps:
        by_ip.setdefault(ip, []).append(kind)
    lines = [f"{ip}  {', '.join(sorted(kinds))}" for ip, kinds in by_ip.items()]
    first = one.box.y + (37 if len(lines) == 1 else 27)
    if len(lines) > 2:
        lines[1:] = [f"+ {len(lines) - 1} more"]
    for number, line in enumerate(lines):
        yield _text("mono", one.box.right - 20, first + 17 * number, line, anchor="end")


def _section(section: Section, switch: Switch, colour: int) -> Iterator[str]:
    box = section.box
    yield f'<circle class="dot c{colour}" cx="{box.x + 5:.1f}" cy="{box.y + 13:.1f}" r="5"/>'
    title = f"{switch.name} · {section.count}"
    yield _text("section", box.x + 17, box.y + 17.5, title, room=60)
    for chip in section.chips:
        yield _chip(chip, colour, section.switch)


def _chip(chip: Chip, colour: int, switch: str) -> str:
    box = chip.box
    middle = box.middle + 4.5
    if chip.port is None:
        words = f"+ {len(chip.more)} more"
        label = _text("label", box.x + box.width / 2, middle, words, anchor="middle")
        title = "\n".join(_described(one).partition("\n")[0] for one in chip.more)
        return _group("port more", title, [_rect("chip", box, 9), label], switch=switch)
    port = chip.port
    # With one line's height the address is in the title alone.
    low = box.height < 40
    stripe = Box(box.x, box.y + (6 if low else 9), 4, box.height - (12 if low else 18))
    parts = [_rect("chip", box, 9), _rect(f"stripe c{colour}", stripe, 2)]
    parts.append(_text("label", box.x + 14, middle if low else box.y + 18, port.label, room=22))
    if not low:
        second = ", ".join(port.addresses) or port.type
        parts.append(_text("mono", box.x + 14, box.y + 33, second, room=23))
    if not port.up and not port.type:
        parts.append(
            f'<circle class="late" cx="{box.right - 12:.1f}" cy="{box.y + 13:.1f}" r="4"/>'
        )
    return _group("port", _described(port), parts, switch=switch)


def _described(port: Port) -> str:
    """All that is known of a port, in lines."""
    named = f"{port.label} {', '.join(port.addresses)}".strip()
    more = [port.name if port.name != port.label else "", port.mac, port.type]
    state = "not up" if port.chassis and not port.up and not port.type else ""
    return "\n".join([named, *(one for one in (*more, state) if one)])


def _legend(placed: Layout, topology: Topology) -> str:
    """What the lines mean, as far as there are such."""
    y = placed.height - layout.MARGIN
    x: float = layout.MARGIN
    parts = []
    states = {_state(one) for one, _ in placed.tunnels}
    for state, words in _STATES.items():
        if state not in states:
            continue
        line = f"M{x:.1f},{y - 4:.1f} h30"
        parts.append(f'<g class="tunnel {state}">{_path("line", line)}</g>')
        parts.append(_text("small", x + 38, y, words))
        x += 62 + 6.5 * len(words)
    counts = [
        f"{len(placed.chassis)} chassis",
        _counted(sum(not one.router for one in topology.switches), "switch"),
        _counted(len(topology.ports), "port"),
        f"{len(topology.tunnels)} tunnels",
    ]
    parts.append(_text("small", x, y, " · ".join(counts)))
    return f'<g class="legend">{"".join(parts)}</g>'


def _counted(number: int, what: str) -> str:
    plural = "es" if what.endswith("ch") else "s"
    return f"{number} {what}{'' if number == 1 else plural}"
