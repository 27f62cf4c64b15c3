"""The way of a packet from a container: through OVN's logical network, and through the flows of
this host."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ovn_integrate import runner
from ovn_integrate.checks import flowpath
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.flowpath import Hop
from ovn_integrate.checks.trace_endpoints import Ends
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.way_out import ROUTER
from ovn_integrate.errors import Error
from ovn_integrate.ovsdb import SB, Row, Session

# More passes through connection tracking than a packet makes.
_PASSES = 8
_LOGICAL_TIMEOUT = 30.0  # seconds: ovn-trace reads all of Southbound
_BINDINGS = {
    "Chassis": ["name", "hostname"],
    "Port_Binding": ["logical_port", "chassis", "type"],
}
_ROUTER = "network:router"
_CLOSED = "@neutron_pg_drop"


@dataclass(frozen=True)
class Packet:
    """:ivar port: of the target; 0 for ICMP."""

    protocol: str
    port: int = 0

    def __str__(self) -> str:
        return f"{self.protocol}/{self.port}" if self.port else self.protocol


@dataclass(frozen=True)
class Way:
    """What became of a packet.

    :ivar verdict: ``delivered`` (to a port, or out of the logical networks), ``dropped`` or
        ``rejected``.
    :ivar reason: where and by what it ended, in one line.
    :ivar lines: the way, a pair of what and where for each hop.
    :ivar raw: the commands, and what they printed.
    """

    verdict: str
    reason: str
    lines: tuple[tuple[str, str], ...]
    raw: Mapping[str, str] = field(default_factory=dict)


def trace(facts: Facts, client: Client, ends: Ends, packet: Packet) -> Way:
    """Follow the first packet of a connection.

    :raises CommandFailed: ovn-trace is missing or failed.
    :raises NotConfigured, DatabaseUnavailable: Southbound is not set, or does not answer.
    """
    logical = _ovn_trace(facts, ends, packet)
    hops = flowpath.logical(logical[1])
    told = _Telling(client, ends)
    lines = [line for hop in hops if (line := told.line(hop))]
    verdict, reason = _judge(hops, told)
    raw = dict([logical])
    place = [_binding(facts, hop.where) for hop in hops if hop.kind == "output" and hop.what == ""]
    lines += [("on chassis", one) for one in place if one]
    number = _ofport(facts, ends.port["id"])
    if number is None:
        lines.append(("this host", f"does not have {ends.source}: its flows are not looked at"))
        return Way(verdict, reason, tuple(lines), raw)
    command, printed = _ofproto_trace(facts, ends, packet, number)
    raw[command] = printed
    found = flowpath.physical(printed, facts.settings.bridge)
    lines.append(("this host", _physically(facts, found)))
    if verdict == "delivered" and not found.goes:
        verdict = "dropped"
        reason = f"by this host's flows, which are not what OVN says: {found.dropped}"
    return Way(verdict, reason, tuple(lines), raw)


class _Telling:
    """Hops in words, with names that people gave."""

    def __init__(self, client: Client, ends: Ends) -> None:
        self._client = client
        self._ends = ends
        self._names: dict[tuple[str, str], str] = {}

    def line(self, hop: Hop) -> tuple[str, str] | None:
        if hop.kind == "datapath":
            by = f", in by {self.port(hop.port)}" if hop.port else ""
            return self.datapath(hop.where), by.removeprefix(", ")
        if hop.kind == "output":
            kinds = {"patch": "goes on by", "localnet": "leaves OVN by", "": "arrives at"}
            return kinds.get(hop.what, f"goes to ({hop.what})"), self.port(hop.where)
        words = self.groups(hop.what)
        if hop.kind == "acl":
            return "policy", f"{words} (ACL of priority {hop.priority - flowpath.DEFAULT})"
        if hop.kind in ("drop", "reject"):
            return f"✗ {hop.kind}", f"{hop.stage}: {words}" if words else hop.stage
        return {"route": "route", "nat": "NAT", "arp": "ARP"}[hop.kind], words

    def datapath(self, name: str) -> str:
        """``neutron-ID`` by the name of the network or router."""
        id = name.removeprefix("neutron-")
        for collection, word in (("networks", "network"), ("routers", "router")):
            known = self._known(collection, id)
            if known:
                return f"{word} {known}"
        return name

    def port(self, name: str) -> str:
        if name.startswith("provnet-"):
            return "the bridge that the network is mapped to"
        id = name.removeprefix("lrp-")
        return self._ends.called(id) or self._known("ports", id) or name

    def groups(self, match: str) -> str:
        """A match with port groups by the names of their security groups."""
        if _CLOSED in match:
            where = "to" if "outport" in match else "from"
            return f"nothing allows it {where} a container of a closed network"
        said = [one for one in match.split(" && ") if not one.lstrip("(").startswith("reg")]
        text = " && ".join(said).strip("()")
        for word in text.split():
            bare = word.strip("()")
            if bare.startswith(("@pg_", "$pg_")):
                id = bare[4:].removesuffix("_ip4").removesuffix("_ip6").replace("_", "-")
                text = text.replace(bare, f"group {self._known('security-groups', id) or id}")
        return text

    def _known(self, collection: str, id: str) -> str:
        """The name of what Neutron knows by that id; empty for what it does not know."""
        key = collection, id
        if key not in self._names:
            try:
                found = self._client.show(collection, id)
            except Error:
                self._names[key] = ""
            else:
                self._names[key] = self._called(found)
        return self._names[key]

    def _called(self, found: Resource) -> str:
        if str(found.get("device_owner", "")).startswith(_ROUTER):
            return "the router's port " + ", ".join(f["ip_address"] for f in found["fixed_ips"])
        name = str(found.get("dns_name") or found.get("name") or "")
        of = name.removeprefix(ROUTER)
        # A router that is there for a logical network is called after it.
        return self._ends.called(name) or (of != name and self._known("networks", of)) or name


def _judge(hops: Sequence[Hop], told: _Telling) -> tuple[str, str]:
    ends = [hop for hop in hops if hop.kind == "output" and hop.what != "patch"]
    rejected = next((hop for hop in hops if hop.kind == "reject"), None)
    if rejected is not None:
        return "rejected", f"by {rejected.stage} of {told.datapath(rejected.where)}"
    if ends:
        return "delivered", "to " + ", ".join(dict.fromkeys(told.port(one.where) for one in ends))
    dropped = [hop for hop in hops if hop.kind == "drop"]
    if not dropped:
        return "dropped", "OVN does nothing with it; see --raw"
    last = dropped[-1]
    where = told.datapath(last.where)
    if "_acl" not in last.stage:
        return "dropped", f"by {last.stage} of {where}: {last.what}"
    # It may be a later stage that does what an ACL said.
    way = last.stage.partition("_acl")[0]
    acls = [hop for hop in hops if hop.kind == "acl" and hop.where == last.where]
    by = next((hop for hop in acls[::-1] if hop.stage.startswith(way)), last)
    return "dropped", f"by the policy of {where} ({last.stage}): {told.groups(by.what)}"


def _ovn_trace(facts: Facts, ends: Ends, packet: Packet) -> tuple[str, str]:
    argv = ["ovn-trace", f"--db={facts.settings.remote}", "--no-leader-only", *facts.credentials]
    # Of a new connection; without these it takes all for established ones.
    argv += ["--no-friendly-names", *["--ct=new"] * _PASSES]
    argv += [f"neutron-{ends.port['network_id']}", _microflow(ends, packet)]
    printed = runner.run(argv, timeout=max(_LOGICAL_TIMEOUT, facts.timeout))
    return " ".join(argv[-2:]), printed


def _microflow(ends: Ends, packet: Packet) -> str:
    ip = f"ip{ends.version}"
    terms = [
        f'inport == "{ends.port["id"]}"',
        f"eth.src == {ends.port['mac_address']}",
        f"eth.dst == {ends.next_mac}",
        f"{ip}.src == {ends.source_ip}",
        f"{ip}.dst == {ends.target_ip}",
        "ip.ttl == 64",
    ]
    if packet.protocol == "icmp":
        kind = ("icmp4", 8) if ends.version == 4 else ("icmp6", 128)
        terms.append(f"{kind[0]}.type == {kind[1]}")
    else:
        terms.append(f"{packet.protocol}.dst == {packet.port}")
    return " && ".join(terms)


def _ofproto_trace(facts: Facts, ends: Ends, packet: Packet, number: int) -> tuple[str, str]:
    four = ends.version == 4
    protocol = packet.protocol if four else f"{packet.protocol}6"
    source, target = ("nw_src", "nw_dst") if four else ("ipv6_src", "ipv6_dst")
    terms = [
        f"in_port={number}",
        protocol,
        f"dl_src={ends.port['mac_address']}",
        f"dl_dst={ends.next_mac}",
        f"{source}={ends.source_ip}",
        f"{target}={ends.target_ip}",
        "nw_ttl=64",
    ]
    if packet.protocol == "icmp":
        terms += ["icmp_type=8"] if four else ["icmp_type=128"]
    else:
        terms.append(f"{packet.protocol}_dst={packet.port}")
    argv = ["ovs-appctl", "ofproto/trace", facts.settings.bridge, ",".join(terms)]
    # Those that it does not need it complains of, and goes on.
    passes = ["--ct-next", "trk,new"] * _PASSES
    return " ".join(argv), runner.run([*argv, *passes], timeout=facts.timeout)


def _ofport(facts: Facts, port: str) -> int | None:
    """The OpenFlow port of a logical port on this host."""
    for row in facts.interfaces():
        if row.external_ids.get("iface-id") == port and row.ofport:
            return int(row.ofport[0])
    return None


def _physically(facts: Facts, found: flowpath.Physical) -> str:
    if found.asks:
        return "hands it to ovn-controller (DNS, ARP, a reject …)"
    if not found.goes:
        return f"drops it: {found.dropped}"
    known = {row.ofport[0]: row for row in facts.interfaces() if row.ofport}
    rows = [known[one] for one in dict.fromkeys(found.outputs) if one in known]
    if not rows:
        return f"does with it: {found.actions}"
    return "sends it out by " + ", ".join(map(_interface, rows))


def _interface(row: Row) -> str:
    remote = row.options.get("remote_ip")
    return f"{row.name}, the {row.type} tunnel to {remote}" if remote else str(row.name)


def _binding(facts: Facts, port: str) -> str:
    """The chassis that has a logical port, in words."""
    condition = ["logical_port", "==", port]
    with Session.open(
        str(facts.settings.remote),
        SB,
        _BINDINGS,
        timeout=facts.timeout,
        only={"Port_Binding": [condition]},
    ) as session:
        row = session.find("Port_Binding", logical_port=port)
        if row is None:
            return ""
        return ", ".join(f"{one.name} ({one.hostname})" for one in row.chassis) or "none has it"


def parse_target(text: str) -> tuple[str, int]:
    """``NAME``, ``NAME:PORT``, ``IP``, ``IP:PORT`` or ``[IPv6]:PORT``, taken apart; the port is 0
    when there is none.

    :raises ValueError: the port is no number.
    """
    if text.startswith("[") and "]:" in text:
        host, _, port = text[1:].partition("]:")
        return host, int(port)
    try:
        return str(ipaddress.ip_address(text.strip("[]"))), 0
    except ValueError:
        host, colon, port = text.rpartition(":")
    return (host, int(port)) if colon else (text, 0)
