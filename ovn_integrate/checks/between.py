"""Testing the network between this chassis and another, or of this one alone: two ports on a
logical network of their own, and what goes from one to the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, TypeVar

from ovn_integrate import netlink
from ovn_integrate.checks import measure
from ovn_integrate.checks.examine import chosen, examine
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.transport import PORTS
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import TESTED, TESTER
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.probe import probe, throughput
from ovn_integrate.errors import Invalid, NotFound
from ovn_integrate.host import controller, mtu, settings
from ovn_integrate.ovsdb import SB, Row, Session

T = TypeVar("T")

_SMALL, _USUAL = 64, 1400  # bytes
_PINGS = 5
_FIRST = 5.0  # seconds until the first ping must be answered
_PATIENCE = 1.0
_SEARCH = 0.3  # seconds for each ping that looks for the largest size
_SENDING = 2.0  # seconds of TCP
_BINDINGS = {
    "Chassis": ["name", "hostname"],
    "Port_Binding": ["logical_port", "chassis", "up", "external_ids"],
}
# What a lost packet may come from, as far as it can be seen from here.
_CAUSES = (
    *("controller", "encap-ip", "registered", "encap-ip-unique", "tunnels"),
    *("mtu", "checksum-offload", "tunnel-ports", "tunnel-route"),
)


@dataclass(frozen=True)
class Chassis:
    """:ivar host: its host's name."""

    name: str
    host: str


@dataclass(frozen=True)
class Step:
    """What one part of a test found.

    :ivar found: in one line.
    :ivar reasons: what may be the cause, and what to try, a line each.
    :ivar figures: the same for programs: ``milliseconds``, ``bits_per_second`` …
    """

    name: str
    ok: bool
    found: str
    reasons: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


def peer(facts: Facts, to: str | None) -> tuple[Chassis, Chassis]:
    """This chassis, and the one of that name or host name; this one again for None.

    :raises NotFound: there is none.
    :raises NotConfigured, DatabaseUnavailable: Southbound is not set, or does not answer.
    """
    settings.require(facts.settings, settings.SYSTEM_ID, settings.REMOTE, settings.IPAM)
    rows = [Chassis(row.name, row.hostname) for row in facts.southbound.rows("Chassis")]
    mine = [one for one in rows if one.name == facts.settings.system_id]
    if not mine:
        what = "is not in the Southbound database"
        hint = "ovn-integrate controller start"
        raise NotFound(f"chassis {facts.settings.system_id}", what, hint)
    if to is None:
        return mine[0], mine[0]
    found = [one for one in rows if to in (one.name, one.host)]
    if not found:
        others = ", ".join(sorted(one.host for one in rows if one not in mine)) or "no other"
        raise NotFound(f"chassis {to}", "is not in the Southbound database", f"there: {others}")
    return mine[0], found[0]


def run(facts: Facts, client: Client, here: Chassis, there: Chassis) -> Generator[Step, None, None]:
    """Test; all that it makes is gone when it ends or is closed."""
    with ExitStack() as undo:
        links = Links(facts.remote, facts.timeout)
        undo.callback(links.close)
        _clean(links, client, here.name)
        test = _Test(facts, links, client, here, there, undo)
        up = test.make()
        yield up
        if up.ok:
            yield from test.measure()


class _Test:
    def __init__(
        self,
        facts: Facts,
        links: Links,
        client: Client,
        here: Chassis,
        there: Chassis,
        undo: ExitStack,
    ) -> None:
        self._facts = facts
        self._links = links
        self._client = client
        self._here = here
        self._there = there
        self._undo = undo
        self._id = probe.new()
        self._mtu = links.mtu()
        self._near: probe.End
        self._far: Resource

    def make(self) -> Step:
        """Both ports, and wait until OVN has installed them."""
        # First, and gone last: while it is there nobody takes the rest for left behind.
        self._near = self._end(probe.NEAR)
        ends = [self._near]
        if self._there == self._here:
            ends.append(self._end(probe.FAR))
        network = self._network()
        ports = [self._port(network, "near", self._here, TESTER, self._near.mac)]
        foreign = self._there != self._here
        mac = probe.random_mac() if foreign else ends[1].mac
        owner = TESTED if foreign else TESTER
        ports.append(self._port(network, "far", self._there, owner, mac))
        self._far = ports[1]
        for end, port in zip(ends, ports, strict=False):
            self._undo.callback(end.detach)
            end.attach(_place(port))
        if not foreign:
            sink = throughput.Sink(ends[1].namespace.run(throughput.listen))
            self._undo.callback(sink.close)
        return self._installed(ports)

    def measure(self) -> Iterator[Step]:
        target = _place(self._far).address.ip
        took = self._inside(lambda: measure.first_ping(str(target), _SMALL, _FIRST))
        if took is None:
            found = f"no answer within {_FIRST:g} s"
            yield Step(f"ping {_SMALL}", False, found, self._causes())
            return
        for size in sorted({_SMALL, min(_USUAL, self._mtu), self._mtu}):
            yield self._pings(str(target), size)
        yield self._tcp(str(target))
        yield self._names(str(target))

    def _end(self, kind: str) -> probe.End:
        mac = probe.random_mac()
        end = probe.End(self._links, kind, self._id, mac=mac, mtu=self._mtu)
        self._undo.callback(end.close)
        return end

    def _network(self) -> str:
        name = probe.network_name(self._id, self._here.name)
        network = self._client.create("networks", name=name)
        self._undo.callback(probe.delete_network, self._client, network["id"])
        self._client.create(
            "subnets",
            network_id=network["id"],
            cidr=probe.SUBNET,
            ip_version=4,
            gateway_ip=None,
            enable_dhcp=False,
        )
        return str(network["id"])

    def _port(self, network: str, which: str, chassis: Chassis, owner: str, mac: str) -> Resource:
        name = f"{which}-{self._id}"
        wish = probe.attributes(chassis.name, owner, self._id, name)
        port = self._client.create("ports", network_id=network, mac_address=mac, **wish)
        try:
            return self._client.update("ports", port["id"], dns_name=name)
        except Invalid:
            return port  # a Neutron without the extension driver dns

    def _installed(self, ports: Sequence[Resource]) -> Step:
        words = f"one on {self._here.host}, one on {self._there.host}"
        condition = ["external_ids", "includes", ["map", [["neutron:device_id", self._id]]]]
        with Session.open(
            str(self._facts.settings.remote),
            SB,
            _BINDINGS,
            timeout=self._facts.timeout,
            only={"Port_Binding": [condition]},
        ) as session:

            def rows() -> dict[str, Row]:
                return {row.logical_port: row for row in session.rows("Port_Binding")}

            session.wait_until(
                lambda: all(port["id"] in rows() and _up(rows()[port["id"]]) for port in ports),
                timeout=self._facts.timeout,
            )
            both = zip(ports, (self._here, self._there), strict=True)
            reasons = [self._missing(rows().get(port["id"]), where) for port, where in both]
        missing = tuple(filter(None, reasons))
        return Step("ports", not missing, words if not missing else "not up", missing)

    def _missing(self, row: Row | None, where: Chassis) -> str:
        """Why a port is not up; empty when it is."""
        seconds = f"within {self._facts.timeout:g} s"
        if row is None:
            central = "on the central host: ovn-integrate central status"
            return f"ovn-northd did not take in the port {seconds}; {central}"
        if _up(row):
            return ""
        if row.chassis:
            return f"ovn-controller of {where.host} did not install the port's flows {seconds}"
        if where == self._here:
            return f"ovn-controller did not bind the port {seconds}; ovn-integrate doctor"
        return (
            f"nobody on {where.host} brought its port up {seconds}; there: "
            "ovn-integrate driver status, or without a driver: ovn-integrate test --answer"
        )

    def _pings(self, target: str, size: int) -> Step:
        done = self._inside(lambda: measure.ping(target, size, _PINGS, _PATIENCE))
        came = len(done.seconds)
        figures = {"sent": done.sent, "received": came, "milliseconds": done.milliseconds}
        found = f"{came} of {done.sent} answered"
        if came == done.sent:
            return Step(f"ping {size}", True, f"{found}, {done.milliseconds:.2f} ms", (), figures)
        reasons = self._causes()
        if not came and size > _SMALL:
            reasons = (self._narrow(target, size), *reasons)
        return Step(f"ping {size}", False, found, reasons, figures)

    def _narrow(self, target: str, size: int) -> str:
        """Which size passes, in words."""
        passes, lost = _SMALL, size
        while lost - passes > 1:
            middle = (passes + lost) // 2
            asked = self._inside(lambda: measure.ping(target, middle, 1, _SEARCH))  # noqa: B023
            passes, lost = (middle, lost) if asked.seconds else (passes, middle)
        if self._here == self._there:
            return f"packets of at most {passes} bytes pass"
        now = self._facts.settings
        underlay = mtu.underlay_mtu(now.encap_ips)
        wanted = underlay - self._mtu + passes
        return (
            f"packets of at most {passes} bytes pass: the network between the hosts takes {wanted} "
            f"bytes, their NICs say {underlay}; have it take more, or on both: ip link set NIC mtu "
            f"{wanted}, and start containers anew"
        )

    def _tcp(self, target: str) -> Step:
        try:
            rate = self._inside(lambda: throughput.send(target, _SENDING))
        except (OSError, ValueError) as error:
            return Step("tcp", False, f"port {throughput.PORT}: {error}", self._causes())
        figures = {"bits_per_second": round(rate)}
        return Step("tcp", True, f"{rate / 1e6:,.0f} Mbit/s", (), figures)

    def _names(self, target: str) -> Step:
        known = self._far.get("dns_assignment") or [{"fqdn": self._far.get("dns_name")}]
        name = str(known[0].get("fqdn") or "").rstrip(".")
        if not name:
            return Step("names", True, "this Neutron gives ports no names")
        # OVN takes the question off its way, whoever it goes to.
        found = self._inside(lambda: measure.resolve(name, target, _PATIENCE * 2))
        if found == target:
            return Step("names", True, f"OVN's DNS answers: {name} is {found}")
        said = f"OVN's DNS says that {name} is {found}" if found else f"no answer for {name}"
        return Step("names", False, said, (f"see {controller.log()} for pinctrl",))

    def _causes(self) -> tuple[str, ...]:
        """What `doctor` finds here that could be it."""
        wrong = [
            f"doctor {one.check.name}: {one.verdict.found}; {one.verdict.remedy}"
            for one in examine(chosen(_CAUSES), self._facts.remote, self._facts.timeout)
            if one.wrong
        ]
        if wrong or self._here == self._there:
            return tuple(wrong) or ("nothing to be seen from here: ovn-integrate doctor",)
        # A filter that drops is silent, and so is a kernel that refused enough (icmp_ratelimit).
        types = self._facts.settings.encap_types
        named = [f"{one} (UDP {PORTS[one]})" if one in PORTS else one for one in types]
        return (
            f"nothing wrong to be seen here; on {self._there.host}: ovn-integrate doctor; and a "
            f"packet filter between the hosts may drop {' or '.join(named)}",
        )

    def _inside(self, do: Callable[[], T]) -> T:
        return self._near.namespace.run(do)


def _clean(links: Links, client: Client, host: str) -> None:
    networks = client.query("networks")
    for network in probe.left_behind(networks, netlink.veths(), host):
        probe.delete_network(client, network["id"])
    for name in probe.ports_left(links):
        probe.delete_port(links, name)


def _place(port: Resource) -> probe.Place:
    ip = port["fixed_ips"][0]["ip_address"]
    address = IPv4Interface(f"{ip}/{IPv4Network(probe.SUBNET).prefixlen}")
    return probe.Place(port["id"], port["mac_address"], address)


def _up(row: Row) -> bool:
    return bool(row.up == [True])
