"""A host as the packet filter knows it: OVN's way out, bridges of Docker with what Docker writes
for them, and another host; each with somebody behind it who listens, and asks."""

from __future__ import annotations

import itertools
import select
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ovn_integrate import netlink
from ovn_integrate.host import packet_filter
from ovn_integrate.host.packet_filter import links
from ovn_integrate.host.packet_filter.compare import links_of_docker
from ovn_integrate.host.packet_filter.ports import Ports
from ovn_integrate.host.packet_filter.published import Published
from ovn_integrate.host.packet_filter.tables import Tables
from ovn_integrate.host.packet_filter.wanted import Wanted
from ovn_integrate.netns import Namespace

LINK = "br-ovn-gw"
BLOCK = "100.64.0.0/20"
OVN, DOCKER0, CUSTOM, GWBRIDGE, OUTSIDE, HOST = (
    *("100.64.0.3", "172.17.0.2", "172.30.0.2", "172.18.0.2"),
    *("10.0.0.2", "10.0.0.1"),
)
GATEWAYS = {OVN: "100.64.0.1", DOCKER0: "172.17.0.1", CUSTOM: "172.30.0.1", GWBRIDGE: "172.18.0.1"}
BRIDGES = {DOCKER0: "docker0", CUSTOM: "my.net", GWBRIDGE: "docker_gwbridge"}
WEB, PUBLISHED, DOCKERS, SERVICE, UNUSUAL = 80, 8080, 8081, 2222, 9797
OVN_PORTS = (6640, 6641, 6642, 6643, 6644, 9696, 16642)
ONE = Published("a" * 64, "tcp", None, PUBLISHED, OVN, WEB)
PORTS = Ports(listening=(UNUSUAL,), closed=((OUTSIDE, UNUSUAL),))

_PATIENCE = 5.0  # seconds for what is to be reached
_SILENCE = 0.3  # seconds in which nothing comes from what is closed
_LISTENING = (WEB, SERVICE, UNUSUAL, *OVN_PORTS)

Probe = tuple[str, str, int]
"""Who asks, whom, and at which port."""


def run(*argv: str, input: str | None = None) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, input=input)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@dataclass
class Site:
    """:ivar published: what is published on OVN's side, as the database would have it."""

    spaces: dict[str, Namespace]
    published: list[Published] = field(default_factory=list)
    ports: Ports = PORTS

    def wanted(self, now: Tables) -> Wanted:
        return Wanted(
            LINK,
            (BLOCK,),
            tuple(self.published),
            links.inside(LINK, links_of_docker(now.v4)),
            links.outside(LINK, []),
            self.ports,
        )

    def mend(self) -> list[str]:
        return packet_filter.mend(self.wanted)

    def differing(self) -> list[str]:
        return packet_filter.differing(self.wanted)

    def reached(self, probes: Iterable[Probe], sure: Sequence[Probe] = ()) -> set[Probe]:
        """Those of the probes that got through.

        :param sure: those that are waited for.
        """
        waiting: dict[socket.socket, Probe] = {}
        found: set[Probe] = set()
        for probe in probes:
            client = self._run(probe[0], socket.socket)
            client.setblocking(False)
            client.connect_ex(probe[1:])
            waiting[client] = probe
        begun = time.monotonic()
        try:
            while waiting:
                spent = time.monotonic() - begun
                if spent > (_PATIENCE if set(sure) - found else _SILENCE):
                    break
                _, ready, _ = select.select([], list(waiting), [], 0.05)
                for client in ready:
                    if client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        found.add(waiting[client])
                    del waiting[client]
                    client.close()
        finally:
            for client in waiting:
                client.close()
        return found

    def _run(self, who: str, make: type[socket.socket]) -> socket.socket:
        return self.spaces[who].run(make) if who in self.spaces else make()


@contextmanager
def site() -> Iterator[Site]:
    """To be used in a network namespace of its own, which is the host."""
    with ExitStack() as stack:
        spaces = {one: stack.enter_context(Namespace()) for one in (OVN, *BRIDGES, OUTSIDE)}
        run("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        for who, bridge in BRIDGES.items():
            run("ip", "link", "add", bridge, "type", "bridge")
            run("ip", "address", "add", f"{GATEWAYS[who]}/24", "dev", bridge)
            run("ip", "link", "set", bridge, "up")
        for number, (who, space) in enumerate(spaces.items()):
            outer = {OVN: LINK, OUTSIDE: "eth0"}.get(who, f"veth{number}")
            mac = f"02:00:00:00:01:{number:02x}"
            netlink.make_veth_into(outer, "eth0", space.descriptor, mac=mac, mtu=1500)
            if who in BRIDGES:
                run("ip", "link", "set", outer, "master", BRIDGES[who])
            else:
                own = GATEWAYS.get(who, HOST)
                run("ip", "address", "add", f"{own}/24", "dev", outer)
            _inside(space, who, GATEWAYS.get(who, HOST))
        run("ip", "route", "add", "default", "via", OUTSIDE)
        Path(f"/proc/sys/net/ipv4/conf/{LINK}/route_localnet").write_text("1")
        for space in spaces.values():
            for port in _LISTENING:
                stack.enter_context(space.run(lambda port=port: listen(port)))
        for port in _LISTENING:
            stack.enter_context(listen(port))
        yield Site(spaces)


def _inside(space: Namespace, address: str, gateway: str) -> None:
    def settle() -> None:
        for words in (
            ("link", "set", "lo", "up"),
            ("address", "add", f"{address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("route", "add", "default", "via", gateway),
        ):
            run("ip", *words)

    space.run(settle)


def listen(port: int) -> socket.socket:
    """A server, of which nobody takes the connections."""
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("", port))
    server.listen(4096)
    return server


class Docker:
    """What Docker writes, as it starts: its chains before all others, and its DOCKER-USER first.

    :ivar filtering: whether its rules of the table filter are there; ``leading`` those of nat.
    """

    def __init__(self, generation: str) -> None:
        self.generation = generation
        self.filtering = self.leading = False

    def start(self) -> None:
        """Its rules that are there go, and come again: in front of all."""
        add = self._28 if self.generation == "28" else self._20
        for chain in ("DOCKER", "DOCKER-FORWARD", "DOCKER-ISOLATION-STAGE-1"):
            run("sh", "-c", f"iptables -N {chain} 2>/dev/null || iptables -F {chain}")
        run("sh", "-c", "iptables -N DOCKER-USER 2>/dev/null || true")
        for rule in self._jumps():
            run("sh", "-c", f"while iptables -D FORWARD {rule} 2>/dev/null; do :; done")
        add()
        run("iptables", "-D", "FORWARD", "-j", "DOCKER-USER") if " -j DOCKER-USER\n" in run(
            "iptables", "-S", "FORWARD"
        ) else None
        run("iptables", "-I", "FORWARD", "-j", "DOCKER-USER")
        run("iptables", "-P", "FORWARD", "DROP")
        self._nat()
        self.filtering = self.leading = True

    def _jumps(self) -> list[str]:
        rules = ["-j DOCKER-FORWARD", "-j DOCKER-ISOLATION-STAGE-1"]
        for bridge in BRIDGES.values():
            rules += [
                f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                f"-o {bridge} -j DOCKER",
                f"-i {bridge} ! -o {bridge} -j ACCEPT",
                f"-i {bridge} -o {bridge} -j ACCEPT",
            ]
        return rules

    def _20(self) -> None:
        for rule in reversed(self._jumps()[1:]):
            run("sh", "-c", f"iptables -I FORWARD {rule}")
        self._lead_in()

    def _28(self) -> None:
        for rule in self._jumps()[2:]:
            run("sh", "-c", f"iptables -A DOCKER-FORWARD {rule}")
        run("iptables", "-I", "FORWARD", "-j", "DOCKER-FORWARD")
        self._lead_in()

    def _lead_in(self) -> None:
        words = ("!", "-i", "docker0", "-o", "docker0", "-p", "tcp", "--dport", str(WEB))
        run("iptables", "-A", "DOCKER", "-d", DOCKER0, *words, "-j", "ACCEPT")

    def _nat(self) -> None:
        run("sh", "-c", "iptables -t nat -N DOCKER 2>/dev/null || iptables -t nat -F DOCKER")
        to = ("-p", "tcp", "--dport", str(DOCKERS), "-j", "DNAT", "--to", f"{DOCKER0}:{WEB}")
        run("iptables", "-t", "nat", "-A", "DOCKER", "!", "-i", "docker0", *to)
        jump = "PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"
        run("sh", "-c", f"iptables -t nat -C {jump} 2>/dev/null || iptables -t nat -A {jump}")


def closed() -> list[Probe]:
    """What never gets through."""
    inside = (OVN, *BRIDGES)
    found = [(OVN, other, WEB) for other in BRIDGES]
    found += [(other, OVN, WEB) for other in (*BRIDGES, OUTSIDE)]
    for who, port in itertools.product(inside, (*OVN_PORTS, UNUSUAL)):
        found += [(who, own, port) for own in (HOST, GATEWAYS[who], GATEWAYS[DOCKER0])]
        found.append((who, OUTSIDE, port))
    return sorted(set(found))


def open_ones(published: bool, dockers: bool) -> list[Probe]:
    """What gets through.

    :param published: whether OVN's port is; ``dockers`` whether Docker's is.
    """
    found = [(OVN, OUTSIDE, WEB), (OVN, HOST, SERVICE), (GWBRIDGE, HOST, SERVICE)]
    # Other hosts need them.
    found += [(OUTSIDE, HOST, port) for port in (*OVN_PORTS, UNUSUAL)]
    if published:
        found += [(who, HOST, PUBLISHED) for who in (OVN, *BRIDGES, OUTSIDE, HOST)]
    if dockers:
        found += [(who, HOST, DOCKERS) for who in (OVN, OUTSIDE)]
    return found
