"""The pictures of a topology: all is there, nothing lies on anything else, nothing is fetched."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from ovn_integrate.drawing import dot, layout, page, svg, text
from ovn_integrate.drawing.layout import Box
from ovn_integrate.drawing.model import Chassis, Port, Switch, Topology, Tunnel
from tests.unit.hostile import NAMES, unsafe


def made(chassis: int, switches: int, ports: int) -> Topology:
    """Ports go round all switches and chassis; every tenth is bound nowhere."""
    hosts = [
        Chassis(f"id-{number}", f"host-{number}", (("geneve", f"10.0.0.{number}"),), number == 0)
        for number in range(chassis)
    ]
    networks = [Switch(f"key-{number}", f"net-{number}") for number in range(switches)]
    pairs = itertools.combinations(hosts, 2)
    return Topology(
        chassis=hosts,
        switches=[*networks, Switch("key-router", "out", router=True)],
        tunnels=[
            Tunnel((one.name, other.name), "geneve", "up" if one.here else "")
            for one, other in pairs
        ],
        ports=[
            Port(
                name=f"id-of-{number}",
                label=f"port-{number}",
                switch=networks[number % switches].key,
                chassis=hosts[number // switches % chassis].name if number % 10 else "",
                mac=f"02:42:00:00:{number // 256:02x}:{number % 256:02x}",
                addresses=(f"192.168.{number // 200}.{number % 200}",),
                up=True,
            )
            for number in range(ports)
        ],
        links=[("key-0", "key-router")],
    )


SIZES = ((0, 1, 0), (1, 1, 0), (1, 1, 1), (2, 3, 12), (6, 2, 150), (7, 3, 40), (20, 8, 500))


def titles(picture: str) -> str:
    """All that a picture says, in words and when one points at something."""
    return "\n".join(ElementTree.fromstring(picture).itertext())


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_everything_is_in_the_picture(size: tuple[int, int, int]) -> None:
    topology = made(*size) if size[0] else Topology(switches=[Switch("key", "alone")])
    said = titles(svg.draw(topology))
    for name in (
        *(one.label for one in (*topology.chassis, *topology.ports)),
        *(one.name for one in topology.switches),
    ):
        assert name in said


@pytest.mark.parametrize("size", SIZES[1:], ids=str)
def test_nothing_lies_on_anything_else(size: tuple[int, int, int]) -> None:
    placed = layout.arrange(made(*size))
    boxes = [one.box for one in (*placed.chassis, *placed.switches)]
    for one, other in itertools.combinations(boxes, 2):
        assert apart(one, other)
    for host in placed.chassis:
        inner = [chip.box for section in host.sections for chip in section.chips]
        assert all(within(box, host.box) for box in inner)
        assert all(apart(one, other) for one, other in itertools.combinations(inner, 2))
    whole = Box(0, 0, placed.width, placed.height)
    assert all(within(box, whole) for box in boxes)


def apart(one: Box, other: Box) -> bool:
    beside = one.right <= other.x or other.right <= one.x
    return beside or one.bottom <= other.y or other.bottom <= one.y


def within(inner: Box, outer: Box) -> bool:
    across = outer.x <= inner.x and inner.right <= outer.right
    return across and outer.y <= inner.y and inner.bottom <= outer.bottom


def test_many_ports_are_folded_into_a_number() -> None:
    placed = layout.arrange(made(1, 1, 500))
    (section,) = placed.chassis[0].sections
    assert section.count == 450
    assert len(section.chips) < 10
    assert len(section.chips[-1].more) == 450 - len(section.chips) + 1


def test_many_chassis_make_a_page_and_no_tangle() -> None:
    placed = layout.arrange(made(20, 8, 500))
    assert 1 < placed.width / placed.height < 2.5
    assert (placed.wires, placed.tunnels) == ((), ())
    few = layout.arrange(made(6, 2, 30))
    assert len(few.tunnels) == 15
    assert len(few.wires) == 12


def test_the_same_topology_is_drawn_the_same() -> None:
    assert svg.draw(made(5, 4, 60)) == svg.draw(made(5, 4, 60))


def test_names_are_only_names() -> None:
    evil = "<script>\"&'\\"
    topology = Topology(
        chassis=[Chassis("id", evil, ())],
        switches=[Switch(evil, evil)],
        ports=[Port(evil, evil, evil, chassis="id")],
    )
    assert evil in titles(svg.draw(topology))
    assert evil not in page.draw(topology, evil)
    assert '"<script>\\"&\'\\\\"' in dot.draw(topology)


def test_the_page_fetches_nothing() -> None:
    whole = page.draw(made(2, 2, 8), "here")
    namespace = 'xmlns="http://www.w3.org/2000/svg"'
    assert whole.count(namespace) == 1
    rest = whole.replace(namespace, "")
    for trace in ("http:", "https:", "//", "src=", "@import", "url("):
        assert trace not in rest


def test_the_state_of_a_tunnel_is_told() -> None:
    ends = [Chassis("a", "one", (), here=True), Chassis("b", "two", ()), Chassis("c", "six", ())]
    tunnels = [
        Tunnel(("a", "b"), "geneve", "up"),
        Tunnel(("a", "c"), "vxlan", "down: no route"),
        Tunnel(("b", "c"), "geneve"),
    ]
    said = titles(svg.draw(Topology(chassis=ends, tunnels=tunnels)))
    assert "one \N{EN DASH} two: geneve, up" in said
    assert "one \N{EN DASH} six: vxlan, down: no route" in said
    assert "two \N{EN DASH} six: geneve, not seen from here" in said


def test_the_tree() -> None:
    topology = Topology(
        chassis=[
            Chassis("a", "one", (("geneve", "10.0.0.1"),), here=True),
            Chassis("b", "", (("geneve", "10.0.0.2"),)),
        ],
        tunnels=[Tunnel(("a", "b"), "geneve", "up")],
        switches=[Switch("k", "foo"), Switch("r", "out", router=True)],
        ports=[
            Port("p1", "web", "k", chassis="a", mac="02:00", addresses=("10.1.0.2",), up=True),
            Port("p2", "database", "k", chassis="a", mac="02:01", addresses=("10.1.0.3",)),
            Port("p3", "spare", "k"),
        ],
        links=[("k", "r")],
    )
    assert text.draw(topology) == [
        "chassis one, geneve 10.0.0.1, this host",
        "├─ switch foo",
        "│  ├─ web       10.1.0.2  02:00",
        "│  └─ database  10.1.0.3  02:01  not up",
        "└─ tunnel to b geneve up",
        "chassis b, geneve 10.0.0.2",
        "└─ tunnel to one geneve up",
        "switch foo, 3 ports, linked to out",
        "└─ spare      bound nowhere",
        "router out, 0 ports, linked to foo",
    ]


def named(name: str, number: int) -> Topology:
    """All that others choose is the name, with a number where it has to differ."""
    hosts = [
        Chassis(f"{name}{one}", name, ((name, name), (name, f"{name}2"), ("c", "d")), one == 0)
        for one in range(number)
    ]
    return Topology(
        chassis=hosts,
        switches=[Switch(f"{name}a", name), Switch(f"{name}b", name, router=True)],
        tunnels=[
            Tunnel((one.name, other.name), name, name)
            for one, other in itertools.combinations(hosts, 2)
        ],
        ports=[
            Port(f"{name}{one}", name, f"{name}a", kind, host, name, (name, name))
            for one, (kind, host) in enumerate(
                itertools.product(("", name), ("", *(one.name for one in hosts)))
            )
        ],
        links=[(f"{name}a", f"{name}b")],
    )


class _Page(HTMLParser):
    """Reads a page, and keeps what could do something in it."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("number", [2, 7])
def test_no_name_does_anything_in_a_picture(name: str, number: int) -> None:
    topology = named(name, number)
    drawn = svg.draw(topology)
    shown = page.draw(topology, name)
    for text_of in (drawn, shown, dot.draw(topology)):
        assert not unsafe(text_of)
    # As bytes too: what cannot be encoded is no file.
    root = ElementTree.fromstring(drawn.encode())
    tags = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert tags <= {"svg", "title", "style", "rect", "g", "text", "path", "circle"}
    read = _Page()
    read.feed(shown)
    assert read.scripts == 1
    assert not read.handlers


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_no_name_ends_a_text_for_graphviz(name: str) -> None:
    drawn = dot.draw(named(name, 2))
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", drawn)
    assert '"' not in outside
    assert set(re.findall(r"\w+", outside)) <= set(
        re.findall(r"\w+", re.sub(r'"[^"]*"', "", dot.draw(named("a", 2))))
    )
