"""Where everything of a topology lies in the picture, in pixels; the same for the same topology.

Switches stand in a column on the left, chassis on the right of it with their ports inside. Wires
lead from a switch to its ports, tunnels bulge out on the right, links of routers on the left.
Many chassis stand in several columns, where lines would be a tangle: there are none then. Ports
have the colours of their switches in any case.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ovn_integrate.drawing.model import Chassis, Port, Switch, Topology, Tunnel

MARGIN = 36
CHIP_WIDTH, GAP = 184, 10
PADDING, HEAD, SECTION_HEAD = 18, 62, 28
SWITCH_WIDTH, SWITCH_HEIGHT, LINE = 216, 62, 19
WIRES = 170
BETWEEN = 30
LEGEND = 54

# So many ports of a switch are drawn in one chassis before the rest becomes a number.
_MANY, _FOLDED, _MANY_IN_ALL = 24, 8, 160
_FREE = 4
_MANY_CHASSIS = 6
_ASPECT = 1.7
# So far down the first switch is at most, to be seen without looking for it.
_LOWEST = 150
_BULGE, _MORE_BULGE, _LARGEST_BULGE = 70, 46, 330


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Chip:
    """A port, or with ``more`` those that are not drawn one by one."""

    box: Box
    port: Port | None
    more: tuple[Port, ...] = ()


@dataclass(frozen=True)
class Section:
    """The ports of one switch in one chassis."""

    switch: str
    box: Box
    chips: tuple[Chip, ...]
    count: int


@dataclass(frozen=True)
class ChassisBox:
    chassis: Chassis
    box: Box
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class SwitchBox:
    """:ivar free: some of the ports that no chassis has; ``more`` are the others."""

    switch: Switch
    box: Box
    colour: int
    count: int
    free: tuple[Port, ...] = ()
    more: tuple[Port, ...] = ()


@dataclass(frozen=True)
class Arc:
    """A line between two points on vertical edges, bulging out by so much (to the left if
    negative)."""

    x: float
    start: float
    end: float
    bulge: float


@dataclass(frozen=True)
class Wire:
    """From the right edge of a switch to a section of a chassis."""

    switch: str
    chassis: str
    start: tuple[float, float]
    end: tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """:ivar lines: whether there are wires and tunnels."""

    lines: bool
    width: float
    height: float
    chassis: tuple[ChassisBox, ...]
    switches: tuple[SwitchBox, ...]
    wires: tuple[Wire, ...] = ()
    tunnels: tuple[tuple[Tunnel, Arc], ...] = field(default=())
    links: tuple[tuple[str, str, Arc], ...] = field(default=())


@dataclass(frozen=True)
class _Measure:
    """How ports are drawn in a chassis.

    :ivar columns: side by side.
    :ivar limit: of one switch, before the rest becomes a number.
    """

    columns: int
    limit: int
    chip_height: int


def arrange(topology: Topology) -> Layout:
    """Lay a topology out."""
    lines = len(topology.chassis) <= _MANY_CHASSIS
    left = MARGIN + (_bulge(2) if topology.links else 0)
    boxes = _place(topology, left + SWITCH_WIDTH + (WIRES if lines else 2 * BETWEEN), lines)
    switches = _column(topology, boxes, left, lines)
    drawn = [*(one.box for one in boxes), *(one.box for one in switches)]
    bottom = max((one.bottom for one in drawn), default=MARGIN)
    edge = max((one.box.right for one in boxes), default=left + SWITCH_WIDTH)
    tunnels = _tunnels(topology, boxes) if lines else ()
    bulges = max((arc.bulge for _, arc in tunnels), default=0)
    return Layout(
        lines=lines,
        width=edge + bulges * 0.75 + (110 if tunnels else 0) + MARGIN,
        height=bottom + LEGEND + MARGIN,
        chassis=boxes,
        switches=switches,
        wires=_wires(boxes, switches) if lines else (),
        tunnels=tunnels,
        links=_links(topology, switches),
    )


def _place(topology: Topology, x: float, lines: bool) -> tuple[ChassisBox, ...]:
    """The chassis, one below the other, or in as many columns as make a good page."""
    bound = {one.name: topology.bound(one.name) for one in topology.chassis}
    many = max((len(ports) for part in bound.values() for ports in part.values()), default=0)
    measure = _Measure(
        columns=3 if not lines or 6 < many <= 12 else 2 if many <= 6 else 4,
        limit=_FOLDED if len(topology.ports) > _MANY_IN_ALL else _MANY,
        chip_height=42 if lines else 28,
    )
    drawn = [_chassis(one, bound[one.name], x, MARGIN, measure) for one in topology.chassis]
    columns = 1 if lines else _columns([one.box for one in drawn])
    ends = [float(MARGIN)] * columns
    made = []
    for one, chassis in zip(drawn, topology.chassis, strict=True):
        column = ends.index(min(ends))
        place = x + column * (one.box.width + BETWEEN)
        made.append(_chassis(chassis, bound[chassis.name], place, ends[column], measure))
        ends[column] = made[-1].box.bottom + BETWEEN
    return tuple(made)


def _columns(boxes: Sequence[Box]) -> int:
    """How many columns make the page about as wide as a screen."""
    width = boxes[0].width + BETWEEN
    height = sum(one.height + BETWEEN for one in boxes)
    return max(1, round(math.sqrt(_ASPECT * height / width)))


def _chassis(
    chassis: Chassis,
    bound: Mapping[str, Sequence[Port]],
    x: float,
    y: float,
    measure: _Measure,
) -> ChassisBox:
    width = measure.columns * (CHIP_WIDTH + GAP) - GAP + 2 * PADDING
    sections = []
    top = y + HEAD
    for switch, ports in bound.items():
        area = Box(x + PADDING, top, width - 2 * PADDING, 0)
        section = _section(switch, ports, area, measure)
        sections.append(section)
        top = section.box.bottom + GAP
    height = max(top - y + PADDING - GAP, HEAD + PADDING) if sections else HEAD + 34
    return ChassisBox(chassis, Box(x, y, width, height), tuple(sections))


def _section(switch: str, ports: Sequence[Port], area: Box, measure: _Measure) -> Section:
    shown = list(ports) if len(ports) <= measure.limit else list(ports[: measure.limit - 1])
    more = tuple(ports[len(shown) :])
    chips = [
        Chip(_cell(number, area, measure), port, more if port is None else ())
        for number, port in enumerate([*shown, *([None] if more else [])])
    ]
    rows = math.ceil(len(chips) / measure.columns)
    height = SECTION_HEAD + rows * (measure.chip_height + GAP)
    return Section(switch, Box(area.x, area.y, area.width, height), tuple(chips), len(ports))


def _cell(number: int, area: Box, measure: _Measure) -> Box:
    row, column = divmod(number, measure.columns)
    x = area.x + column * (CHIP_WIDTH + GAP)
    y = area.y + SECTION_HEAD + row * (measure.chip_height + GAP)
    return Box(x, y, CHIP_WIDTH, measure.chip_height)


def _column(
    topology: Topology, boxes: Sequence[ChassisBox], x: float, lines: bool
) -> tuple[SwitchBox, ...]:
    """The switches, with lines in the order of what they lead to, so that few cross, and spread
    over the height of the chassis."""
    heights = _heights(topology, boxes)
    numbers = {one.key: number for number, one in enumerate(topology.switches)}
    order = list(topology.switches)
    if lines:
        order.sort(key=lambda one: (heights[one.key], one.name))
    sizes = [_switch_height(topology, one) for one in order]
    room = (max((one.box.bottom for one in boxes), default=0)) - MARGIN - sum(sizes)
    gap = min(max(room / (len(order) + 1), 18), 90) if lines else 18
    taken = sum(sizes) + gap * (len(order) - 1)
    y = MARGIN + min(max(0, (sum(sizes) + room - taken) / 2 if lines else 0), _LOWEST)
    made = []
    for one, size in zip(order, sizes, strict=True):
        free = topology.free(one.key)
        made.append(
            SwitchBox(
                switch=one,
                box=Box(x, y, SWITCH_WIDTH, size),
                colour=numbers[one.key],
                count=sum(port.switch == one.key for port in topology.ports),
                free=tuple(free[:_FREE]),
                more=tuple(free[_FREE:]),
            )
        )
        y += size + gap
    return tuple(made)


def _heights(topology: Topology, boxes: Sequence[ChassisBox]) -> dict[str, float]:
    """For each switch how far down, on average, its ports are; a router is where its switches
    are."""
    found: dict[str, list[float]] = {one.key: [] for one in topology.switches}
    for box in boxes:
        for section in box.sections:
            found[section.switch].append(section.box.middle)
    own = {key: sum(places) / len(places) for key, places in found.items() if places}
    for one, other in topology.links:
        for key, neighbour in ((one, other), (other, one)):
            if key not in own and found.get(neighbour):
                own[key] = sum(found[neighbour]) / len(found[neighbour])
    return {one.key: own.get(one.key, math.inf) for one in topology.switches}


def _switch_height(topology: Topology, switch: Switch) -> float:
    free = len(topology.free(switch.key))
    lines = min(free, _FREE) + (free > _FREE)
    return SWITCH_HEIGHT + (lines * LINE + 8 if lines else 0)


def _wires(boxes: Sequence[ChassisBox], switches: Sequence[SwitchBox]) -> tuple[Wire, ...]:
    made = []
    for one in switches:
        ends = [
            (box, part) for box in boxes for part in box.sections if part.switch == one.switch.key
        ]
        for number, (box, section) in enumerate(ends):
            start = one.box.y + SWITCH_HEIGHT * (number + 1) / (len(ends) + 1)
            end = (box.box.x, section.box.y + SECTION_HEAD / 2)
            made.append(Wire(one.switch.key, box.chassis.name, (one.box.right, start), end))
    return tuple(made)


def _tunnels(topology: Topology, boxes: Sequence[ChassisBox]) -> tuple[tuple[Tunnel, Arc], ...]:
    places = {one.chassis.name: number for number, one in enumerate(boxes)}
    drawn = [one for one in topology.tunnels if set(one.ends) <= set(places)]
    pairs: dict[tuple[int, int], int] = {}
    made = []
    for tunnel in drawn:
        first, last = sorted(places[end] for end in tunnel.ends)
        several = pairs.setdefault((first, last), 0)
        pairs[first, last] += 1
        arc = Arc(
            x=boxes[first].box.right,
            start=_spread(boxes[first].box, last - first, len(boxes), several, down=True),
            end=_spread(boxes[last].box, last - first, len(boxes), several, down=False),
            bulge=_bulge(last - first) + 26 * several,
        )
        made.append((tunnel, arc))
    return tuple(made)


def _spread(box: Box, distance: int, count: int, several: int, *, down: bool) -> float:
    """Where on the right edge of a chassis a tunnel ends: those that lead down in the lower half,
    the nearest one lowest."""
    share = min((distance - 0.5) / max(count, 2) + 0.12 * several, 0.92) * box.height / 2
    return box.bottom - 12 - share if down else box.y + 12 + share


def _bulge(distance: int) -> float:
    return min(_BULGE + _MORE_BULGE * (distance - 1), _LARGEST_BULGE)


def _links(topology: Topology, switches: Sequence[SwitchBox]) -> tuple[tuple[str, str, Arc], ...]:
    places = {one.switch.key: number for number, one in enumerate(switches)}
    made = []
    for one, other in topology.links:
        if one in places and other in places:
            first, last = sorted((places[one], places[other]))
            edge = switches[first].box
            bulge = -min(34 + 16 * (last - first), _bulge(2))
            arc = Arc(edge.x, edge.middle + 6, switches[last].box.middle - 6, bulge)
            made.append((one, other, arc))
    return tuple(made)
