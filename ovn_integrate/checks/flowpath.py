"""Reading what ovn-trace(8) and ``ovs-appctl ofproto/trace`` (ovs-vswitchd(8)) print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"^\s*(ingress|egress|multicast|ct_next|ct_\w+|arp|nd_ns)\b(?:\((.*)\))?$")
_NAMED = re.compile(r'(\w+)="([^"]*)"')
_FLOW = re.compile(r"^\s*\d+\. (\w+)(?: \([^)]*\))?: (.*), priority (\d+), uuid ([0-9a-f]+)$")
_NO_MATCH = re.compile(r"^\s*\d+\. (\w+)(?: \([^)]*\))?: no match")
_OUTPUT = re.compile(r'/\* output to "([^"]*)", type "([^"]*)" \*/')
_NEXT_HOP = re.compile(r"^(?:reg0|xxreg0) = (ip[46]\.dst|[0-9a-f.:]+);$")
_NAT = re.compile(r"^ct_(dnat|snat|lb)\w*\((.+)\);?$")

DEFAULT, _HIGHEST = 1000, 33767
"""What ovn-northd adds to an ACL's priority, and the highest that there is then; a flow of another
is no ACL's."""


@dataclass(frozen=True)
class Hop:
    """One thing that happens to a packet on its way.

    :ivar kind: ``switch``, ``router``, ``acl``, ``route``, ``nat``, ``arp``, ``output``, ``drop``,
        ``reject``.
    :ivar where: the datapath's name, or the port's of an output.
    :ivar stage: of OVN's pipeline.
    :ivar what: the match of its flow, the new address …
    :ivar priority: of the flow, 0 where there is none.
    :ivar uuid: the beginning of the logical flow's.
    """

    kind: str
    where: str
    stage: str = ""
    what: str = ""
    priority: int = 0
    uuid: str = ""
    port: str = ""


def logical(text: str) -> list[Hop]:
    """The way that ovn-trace prints, with ``--no-friendly-names``."""
    return list(_Reader().read(text.splitlines()))


class _Reader:
    def __init__(self) -> None:
        self._datapath = ""
        self._port = ""
        self._flow = Hop("", "")
        self._going = True  # until something is said of its end

    def read(self, lines: list[str]) -> Iterator[Hop]:
        for line in lines:
            if block := _BLOCK.match(line):
                yield from self._enter(block[1], dict(_NAMED.findall(block[2] or "")))
            elif flow := _FLOW.match(line):
                self._flow = Hop("", self._datapath, flow[1], flow[2], int(flow[3]), flow[4])
                yield from self._acl_of(self._flow)
            elif none := _NO_MATCH.match(line):
                self._going = False
                yield Hop("drop", self._datapath, none[1], "no flow matches")
            else:
                yield from self._action(line.strip())
        if self._going and self._flow.stage:
            # In OVN 25.03 and 26.03 what a policy drops just ends, without a word.
            yield self._hop("drop", self._flow.what)

    def _enter(self, kind: str, names: dict[str, str]) -> Iterator[Hop]:
        if kind != "ingress":
            if kind in ("arp", "nd_ns"):
                yield self._hop("arp", "asks for the next hop's MAC address")
            return
        self._datapath, self._port = names.get("dp", ""), names.get("inport", "")
        # Of switch or router, its first flow tells.
        yield Hop("datapath", self._datapath, port=self._port)

    def _acl_of(self, flow: Hop) -> Iterator[Hop]:
        if "_acl" in flow.stage and DEFAULT < flow.priority <= _HIGHEST:
            yield self._hop("acl", flow.what)

    def _action(self, action: str) -> Iterator[Hop]:
        if action == "drop;":
            self._going = False
            yield self._hop("drop", self._flow.what)
        elif action.startswith("reject"):
            self._going = False
            yield self._hop("reject", self._flow.what)
        elif out := _OUTPUT.search(action):
            self._going = self._going and out[2] == "patch"
            yield Hop("output", out[1], self._flow.stage, out[2])
        elif "ip_routing" in self._flow.stage and (hop := _NEXT_HOP.match(action)):
            by = "" if hop[1].startswith("ip") else f" by {hop[1]}"
            yield self._hop("route", self._flow.what + by)
        elif nat := _NAT.match(action):
            end = "source" if nat[1] == "snat" else "target"
            yield self._hop("nat", f"the {end} becomes {nat[2]}")

    def _hop(self, kind: str, what: str) -> Hop:
        flow = self._flow
        return Hop(kind, self._datapath, flow.stage, what, flow.priority, flow.uuid)


@dataclass(frozen=True)
class Physical:
    """What this host's flows do with the packet.

    :ivar actions: of the last pass through the datapath.
    :ivar outputs: OpenFlow ports of the integration bridge, in order.
    :ivar asks: whether it goes to ovn-controller.
    :ivar dropped: the flow at which it ends when it goes nowhere.
    """

    actions: str
    outputs: tuple[int, ...]
    asks: bool = False
    dropped: str = ""

    @property
    def goes(self) -> bool:
        return self.actions != "drop" or self.asks


_TABLE = re.compile(r"^\s*(\d+)\. (.*)$")
_TO_PORT = re.compile(r"^\s*output:(\d+)$")
_BRIDGE = re.compile(r'^bridge\("([^"]*)"\)$')


def physical(text: str, bridge: str) -> Physical:
    """The way that ``ofproto/trace`` prints.

    :param bridge: whose outputs count.
    """
    actions, outputs, last, inside, asks = "", [], "", bridge, False
    for line in text.splitlines():
        if found := _BRIDGE.match(line):
            inside = found[1]
        elif table := _TABLE.match(line):
            last = f"table {table[1]}: {table[2]}"
        elif (out := _TO_PORT.match(line)) and inside == bridge:
            outputs.append(int(out[1]))
        elif line.lstrip().startswith("controller("):
            asks = True
        elif line.startswith("Datapath actions: "):
            actions = line.partition(": ")[2].strip()
    return Physical(actions, tuple(outputs), asks, last if actions == "drop" else "")
