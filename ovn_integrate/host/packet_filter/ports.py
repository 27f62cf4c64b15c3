"""The ports that containers do not reach, whatever their way out: those of OVN, on this host and on
others.

The databases and the IPAM server of the open mode let in whoever reaches them, and a tunnel's other
end takes what comes from this host's address, which what a container sends has on its way.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ovn_integrate import paths, servers
from ovn_integrate.errors import Invalid
from ovn_integrate.host import settings
from ovn_integrate.host.settings import Settings

STT = 7471
TCP = (6640, paths.NB_PORT, paths.SB_PORT, 6643, 6644, STT, paths.IPAM_PORT, 16642)
"""OVSDB of a host, Northbound, Southbound, their raft ports, STT, the IPAM server, Southbound's for
ovn-northd."""

UDP = (4789, 6081)
"""VXLAN, Geneve."""

_NUMBER = re.compile(r"[1-9][0-9]{0,4}")
_LISTEN = "0A"  # TCP_LISTEN of the kernel's tcp_states.h
Place = tuple[str, int]
"""An address and a port there."""


@dataclass(frozen=True)
class Ports:
    """Which ports are closed.

    :ivar listening: those that the daemons of OVS and OVN, and the IPAM server, have open here.
    :ivar closed: where the host is configured to ask, beside the usual ports.
    :ivar open: where containers may go all the same.
    """

    tcp: tuple[int, ...] = TCP
    udp: tuple[int, ...] = UDP
    listening: tuple[int, ...] = ()
    closed: tuple[Place, ...] = ()
    open: tuple[Place, ...] = ()

    def closed_at(self, six: bool) -> Iterator[Place]:
        """Those of one family."""
        return (one for one in self.closed if (":" in one[0]) is six)

    def open_at(self, six: bool) -> Iterator[Place]:
        """Those of one family."""
        return (one for one in self.open if (":" in one[0]) is six)


def find(now: Settings) -> Ports:
    """The ports that are closed on a host of these settings; one that is no port opens none."""
    words = now.reachable.split(",")
    if settings.ALL_PORTS in words:
        return Ports((), ())
    some = [one for one in map(_place, words) if one is not None]
    numbers = {port for address, port in some if not address}
    places = {one for one in some if one[0]}
    listening = listening_ports() - numbers - set(TCP)
    asked = {one for one in _asked(now) if one[1] not in (*TCP, *numbers)} - places
    return Ports(
        tuple(one for one in TCP if one not in numbers),
        tuple(one for one in UDP if one not in numbers),
        tuple(sorted(listening)),
        tuple(sorted(asked)),
        tuple(sorted(places)),
    )


def check(text: str) -> str:
    """What containers may reach, as it is kept.

    :param text: a comma list of ``PORT`` and ``ADDRESS:PORT``, or ``all``.
    :raises Invalid: a part is none of these.
    """
    words = [one.strip() for one in text.split(",")]
    for word in words:
        if word != settings.ALL_PORTS and _place(word) is None:
            hint = f"PORT, ADDRESS:PORT or {settings.ALL_PORTS}"
            raise Invalid(f"port {word!r}", "is none", hint)
    return ",".join(words)


def _place(word: str) -> Place | None:
    """An address, or none, and a port; None for what is neither."""
    address, _, port = word.rpartition(":")
    known = _spelled(address.removeprefix("[").removesuffix("]")) if address else ""
    if known is None or not _NUMBER.fullmatch(port) or int(port) >= 1 << 16:
        return None
    return known, int(port)


def _spelled(address: str) -> str | None:
    """An address as iptables-save(8) has it; None for what is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, address))
    except (OSError, ValueError):
        return None


def listening_ports() -> set[int]:
    """The TCP ports that the daemons of OVS and OVN and the IPAM server have open on this host."""
    found: set[int] = set()
    for process in _daemons():
        found |= _listening(process)
    return found


def _daemons() -> Iterator[Path]:
    own = _namespace(Path("/proc/thread-self"))
    numbers = [servers.pid("ipam"), *_written_down()]
    for process in (paths.PROCESSES / str(one) for one in numbers if one):
        if own and _namespace(process) == own:
            yield process


def _written_down() -> Iterator[int]:
    """The processes that the pid files of OVS and OVN name, if they are of these."""
    for folder in (paths.ovs_rundir(), paths.ovn_rundir()):
        for file in sorted(folder.glob("*.pid")):
            try:
                number = int(file.read_text())
                name = (paths.PROCESSES / str(number) / "comm").read_text()
            except (OSError, ValueError):
                continue
            if name.startswith(("ovsdb", "ovs-", "ovn-")):
                yield number


def _namespace(process: Path) -> str:
    try:
        return os.readlink(process / "ns" / "net")
    except OSError:
        return ""


def _listening(process: Path) -> set[int]:
    """The ports of the listening sockets that a process has open."""
    try:
        links = [os.readlink(one) for one in (process / "fd").iterdir()]
        lines = [
            line.split()
            for table in ("tcp", "tcp6")
            if (process / "net" / table).exists()
            for line in (process / "net" / table).read_text().splitlines()[1:]
        ]
    except OSError:
        return set()
    own = {one[len("socket:[") : -1] for one in links if one.startswith("socket:[")}
    # proc(5): local address, state and inode of each.
    return {
        int(one[1].rpartition(":")[2], 16) for one in lines if one[3] == _LISTEN and one[9] in own
    }


def _asked(now: Settings) -> Iterator[Place]:
    """Where the host asks the IPAM server, Southbound and Northbound, as far as it says so by
    address."""
    for place in [settings.endpoint(one) for one in now.ipam_urls]:
        yield from _literal(*place)
    for remote in _remotes(now.remote, now.northbound):
        host, _, port = remote.partition(":")[2].rpartition(":")
        if port.isdigit():
            yield from _literal(host.strip("[]"), int(port))


def _remotes(*lists: str | None) -> Sequence[str]:
    some: Iterable[str] = (one for text in lists for one in (text or "").split(","))
    return [one for one in some if one.startswith(("tcp:", "ssl:"))]


def _literal(host: str, port: int) -> Iterator[Place]:
    known = _spelled(host)
    if known:
        yield known, port
