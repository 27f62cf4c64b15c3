"""The rules that should be: pure, out of what this host is and has.

What closes stands in the table mangle, and once more, with what opens, in the table filter: who
flushes one of both opens nothing, and no rule of another's that accepts goes before it. What opens
stands behind DOCKER-USER, in which the administrator decides first.

All are spelled as iptables-save(8) does, so that what is can be compared with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ovn_integrate.host.packet_filter.ports import STT, Ports
from ovn_integrate.host.packet_filter.published import Published

COMMENT = "ovn-endpoint-"
DOCKER_USER = "DOCKER-USER"

SOURCE = "OVN-INTEGRATE-SOURCE"
INPUT = "OVN-INTEGRATE-INPUT"
FORWARD = "OVN-INTEGRATE-FORWARD"
CLOSED = "OVN-INTEGRATE-CLOSED"
GATEWAY = "OVN-GATEWAY"
OUT = "OVN-GATEWAY-OUT"
IN = "OVN-GATEWAY-IN"
CHAINS = {"mangle": (CLOSED, SOURCE, INPUT, FORWARD), "filter": (GATEWAY,), "nat": (OUT, IN)}
"""Of each table, in the order in which they are set right: what closes comes first, and what leads
in last."""

_TO_HERE = ("-m", "addrtype", "--dst-type", "LOCAL")
_ANSWERS = "-m conntrack --ctdir REPLY"
_LED_IN = "-m conntrack --ctstate RELATED,DNAT"
_AT_ONCE = 15  # ports that one rule of multiport takes


@dataclass(frozen=True)
class Wanted:
    """What the rules are made of.

    :param link: the way from OVN out of this host.
    :param blocks: of addresses behind it; none while nobody goes out by it.
    :param inside: the links by which containers reach the host, whatever their way out.
    :param outside: the links by which the host reaches others. What goes from OVN out by another
        one, a bridge of Docker for example, are answers and what Docker publishes.
    """

    link: str
    blocks: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    ports: Ports = field(default_factory=Ports)


@dataclass(frozen=True)
class Jump:
    """A rule of a built-in chain that leads to one of ours."""

    chain: str
    to: str
    match: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        return " ".join((*self.match, "-j", self.to))


JUMPS = {
    "mangle": (Jump("PREROUTING", SOURCE), Jump("INPUT", INPUT), Jump("FORWARD", FORWARD)),
    "filter": (Jump("FORWARD", GATEWAY),),
    "nat": (
        Jump("POSTROUTING", OUT),
        Jump("PREROUTING", IN, _TO_HERE),
        Jump("OUTPUT", IN, _TO_HERE),
    ),
}
BUILT_IN = {table: {one.chain for one in jumps} for table, jumps in JUMPS.items()}


def rules(wanted: Wanted, table: str, *, six: bool = False) -> dict[str, list[str]]:
    """The chains of a table that there should be, and the rules of each.

    :param six: of IPv6, for which OVN has no way out of this host.
    """
    found: dict[str, list[str]] = {}
    if table == "mangle":
        found[CLOSED] = list(_closed(wanted.ports, six))
        found[INPUT] = [f"-i {one} -j {CLOSED}" for one in wanted.inside]
        found[FORWARD] = [
            *(rule for one in wanted.inside for rule in _onward(wanted.link, one)),
            *(_shut(wanted, six) if wanted.blocks else ()),
        ]
        if wanted.blocks and not six:
            found[SOURCE] = list(_sources(wanted))
    elif wanted.blocks and not six:
        if table == "filter":
            found[GATEWAY] = list(_open(wanted))
        else:
            found[OUT] = list(_masqueraded(wanted))
            found[IN] = [_led(one) for one in wanted.published]
    return found


def _onward(link: str, inside: str) -> Iterator[str]:
    """What a container does not reach on other hosts.

    :param link: behind which are containers, whose own ports of these numbers may be published.
    """
    if inside != link:
        # Two containers of one bridge; the kernel asks for them too (bridge-nf-call-iptables).
        yield f"-i {inside} -o {inside} -j RETURN"
    yield f"-i {inside} ! -o {link} -j {CLOSED}"


def _sources(wanted: Wanted) -> Iterator[str]:
    """Who comes by the link and who does not, by address: with a stranger's a packet could make the
    connection to which another one is taken for the answer."""
    link = wanted.link
    # What route_localnet lets pass is the host's own.
    yield f"-d 127.0.0.0/8 -i {link} -j DROP"
    yield from (f"-s {block} -i {link} -j RETURN" for block in wanted.blocks)
    yield f"-i {link} -j DROP"
    yield "-i lo -j RETURN"
    yield from (f"-s {block} -j DROP" for block in wanted.blocks)


def _closed(ports: Ports, six: bool) -> Iterator[str]:
    """The ports that a container reaches neither here nor on another host."""
    length = 128 if six else 32
    for address, port in ports.open_at(six):
        yield f"-d {address}/{length} -p tcp -m tcp --dport {port} -j RETURN"
    # Tunnels have no connections, of which one could have been made by a stranger's address.
    yield from _dropped("-p udp", ports.udp)
    yield from _dropped("-p tcp", [one for one in ports.tcp if one == STT])
    # A server's answers to somebody whose own port is one of these. None of them begins anything.
    yield f"-p tcp {_ANSWERS} -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j RETURN"
    yield from _dropped("-p tcp", [one for one in ports.tcp if one != STT])
    yield from _dropped("-p tcp -m addrtype --dst-type LOCAL", ports.listening)
    for address, port in ports.closed_at(six):
        yield f"-d {address}/{length} -p tcp -m tcp --dport {port} -j DROP"


def _dropped(match: str, ports: Sequence[int]) -> Iterator[str]:
    for at in range(0, len(ports), _AT_ONCE):
        some = ",".join(map(str, ports[at : at + _AT_ONCE]))
        yield f"{match} -m multiport --dports {some} -j DROP"


def _shut(wanted: Wanted, six: bool) -> Iterator[str]:
    link = wanted.link
    if six:
        yield f"-i {link} -j DROP"
        yield f"-o {link} -j DROP"
        return
    yield f"{_ANSWERS} -j RETURN"
    yield f"{_LED_IN} -j RETURN"
    # Nobody comes in but to a port that is published, nor from one network to another.
    yield f"-o {link} -j DROP"
    yield from (f"-i {link} -o {one} -j RETURN" for one in wanted.outside)
    yield f"-i {link} -j DROP"


def _open(wanted: Wanted) -> Iterator[str]:
    link = wanted.link
    yield f"-o {link} {_ANSWERS} -j ACCEPT"
    yield f"-o {link} {_LED_IN} -j ACCEPT"
    yield f"-o {link} -j DROP"
    yield f"-i {link} {_ANSWERS} -j ACCEPT"
    yield f"-i {link} -m conntrack --ctstate RELATED -j ACCEPT"
    yield from (f"-i {link} -o {one} -j ACCEPT" for one in wanted.outside)
    # What Docker publishes is Docker's to let in.
    yield f"-i {link} -m conntrack --ctstate DNAT -j RETURN"
    yield f"-i {link} -j DROP"


def _masqueraded(wanted: Wanted) -> Iterator[str]:
    link = wanted.link
    yield f"-s 127.0.0.0/8 -o {link} -j MASQUERADE"
    yield from (f"-s {block} ! -o {link} -j MASQUERADE" for block in wanted.blocks)
    # Answers of its own and of a neighbour would not come back through the host.
    for block in wanted.blocks:
        yield f"-s {block} -o {link} -m conntrack --ctstate DNAT -j MASQUERADE"


def _led(one: Published) -> str:
    to = f"-d {one.address}/32 " if one.address else ""
    return (
        f"{to}-p {one.protocol} -m {one.protocol} --dport {one.port}"
        f" -m comment --comment {COMMENT}{one.endpoint_id}"
        f" -j DNAT --to-destination {one.target}:{one.target_port}"
    )
