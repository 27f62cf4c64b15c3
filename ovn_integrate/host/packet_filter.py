"""The rules of the host's packet filter (iptables(8)) for the way out of OVN, and for the ports
that are published on this host.

All stand in chains of their own: which ports are published is read back from there. Only the
destination of what comes in is changed, so that servers see their clients' addresses.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ovn_integrate import faultpoint, runner
from ovn_integrate.errors import CommandFailed

_OUT = "OVN-GATEWAY-OUT"
_IN = "OVN-GATEWAY-IN"
_FORWARD = "OVN-GATEWAY"
_JUMPS = (
    ("nat", "POSTROUTING", (), _OUT),
    ("nat", "PREROUTING", ("-m", "addrtype", "--dst-type", "LOCAL"), _IN),
    ("nat", "OUTPUT", ("-m", "addrtype", "--dst-type", "LOCAL"), _IN),
    ("filter", "FORWARD", (), _FORWARD),
)
_CHAINS = (("nat", _OUT), ("nat", _IN), ("filter", _FORWARD))
_COMMENT = "ovn-endpoint-"
_CHANGING = frozenset(("-A", "-I", "-D", "-N", "-F", "-X"))


@dataclass(frozen=True)
class Published:
    """A port of this host's that leads to one of an endpoint's.

    :param protocol: ``tcp``, ``udp`` or ``sctp``.
    :param address: the host's address that it is published on; None for all.
    :param target: the address that stands for the endpoint.
    """

    endpoint_id: str
    protocol: str
    address: str | None
    port: int
    target: str
    target_port: int

    def collides(self, other: Published) -> bool:
        """Whether one of both would hide the other."""
        same = (self.protocol, self.port) == (other.protocol, other.port)
        return same and (None in (self.address, other.address) or self.address == other.address)


def have(link: str, blocks: Sequence[str]) -> None:
    """Have the rules by which the host forwards for blocks of addresses behind a link."""
    jumps = [("-t", table, "-C", chain, *match, "-j", to) for table, chain, match, to in _JUMPS]
    out = [
        f"-A {_OUT} -s 127.0.0.0/8 -o {link} -j MASQUERADE",
        *(f"-A {_OUT} -s {block} ! -o {link} -j MASQUERADE" for block in blocks),
        # Answers of its own and of a neighbour would not come back through the host.
        *(
            f"-A {_OUT} -s {block} -o {link} -m conntrack --ctstate DNAT -j MASQUERADE"
            for block in blocks
        ),
    ]
    if all(_here(*jump) for jump in jumps) and _listed(_OUT) == out:
        return
    rules = (
        *("*nat", f":{_OUT} - [0:0]"),
        *out,
        "COMMIT",
        *("*filter", f":{_FORWARD} - [0:0]"),
        f"-A {_FORWARD} -i {link} ! -o {link} -j ACCEPT",
        f"-A {_FORWARD} -o {link} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
        # Nobody comes in but to a port that is published, nor from one network to another.
        f"-A {_FORWARD} -o {link} -j DROP",
        "COMMIT",
    )
    if not _here("-t", "nat", "-S", _IN):
        _iptables("-t", "nat", "-N", _IN)
    runner.run(["iptables-restore", "--noflush", "--wait"], input="\n".join([*rules, ""]))
    faultpoint.reach("after iptables-restore")
    for table, chain, match, to in _JUMPS:
        if not _here("-t", table, "-C", chain, *match, "-j", to):
            _iptables("-t", table, "-I", chain, *match, "-j", to)


def remove() -> None:
    """Take all of the rules away, as far as they are there."""
    for table, chain, match, to in _JUMPS:
        # All of them: two processes may have made it at the same moment.
        while _here("-t", table, "-D", chain, *match, "-j", to):
            pass
    for table, chain in _CHAINS:
        if _here("-t", table, "-F", chain):
            _iptables("-t", table, "-X", chain)


def published() -> list[Published]:
    """The ports that are published on this host."""
    rules = (shlex.split(line) for line in _listed(_IN))
    return [_published(words) for words in rules if "--comment" in words]


def publish(one: Published) -> None:
    """Add the rule of a published port."""
    _iptables("-t", "nat", "-A", _IN, *_words(one))


def revoke(endpoint_id: str) -> None:
    """Take the rules of an endpoint away, as far as there are any."""
    for one in published():
        if one.endpoint_id == endpoint_id:
            _iptables("-t", "nat", "-D", _IN, *_words(one))


def _words(one: Published) -> list[str]:
    return [
        *(("-d", f"{one.address}/32") if one.address else ()),
        *("-p", one.protocol, "--dport", str(one.port)),
        *("-m", "comment", "--comment", _COMMENT + one.endpoint_id),
        *("-j", "DNAT", "--to-destination", f"{one.target}:{one.target_port}"),
    ]


def _published(words: list[str]) -> Published:
    said = dict(pairwise(words))
    target, _, port = said["--to-destination"].rpartition(":")
    address = said.get("-d")
    return Published(
        endpoint_id=said["--comment"].removeprefix(_COMMENT),
        protocol=said["-p"],
        address=address.partition("/")[0] if address else None,
        port=int(said["--dport"]),
        target=target,
        target_port=int(port),
    )


def _listed(chain: str) -> list[str]:
    """The rules of a chain of the table nat; none if there is no such chain."""
    try:
        said = _iptables("-t", "nat", "-S", chain)
    except CommandFailed:
        return []
    return [line for line in said.splitlines() if line.startswith("-A")]


def _here(*words: str) -> bool:
    """Whether a question, or a removal, finds what it names."""
    try:
        _iptables(*words)
    except CommandFailed:
        if not runner.installed("iptables"):
            raise
        return False
    return True


def _iptables(*words: str) -> str:
    said = runner.run(["iptables", "--wait", *words])
    for changing in _CHANGING.intersection(words):
        faultpoint.reach(f"after iptables {changing}")
    return said
