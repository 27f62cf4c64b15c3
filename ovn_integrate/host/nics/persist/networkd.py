"""systemd-networkd: one .network file for the NIC and one for its bridge (systemd.network(5)).

networkd makes no bridges of Open vSwitch; that one stays in Open vSwitch's own database.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ovn_integrate import paths
from ovn_integrate.host.nics.files import Files
from ovn_integrate.host.nics.persist.subject import HEADER, Subject
from ovn_integrate.netlink.link_config import Address, Route

# The first file that matches, in the order of their names, is the one that counts.
_FILE = "systemd/network/00-ovn-integrate-{}.network"
_OF_THE_NIC = ("[Match]", "[Link]")


def files(subjects: Sequence[Subject]) -> dict[str, Files]:
    """The files of each NIC, by its name."""
    return {
        one.nic: {
            paths.etc() / _FILE.format(one.nic): _nic(one),
            paths.etc() / _FILE.format(one.bridge): _bridge(one),
        }
        for one in subjects
    }


def _nic(one: Subject) -> str:
    network = ["[Network]", "LinkLocalAddressing=no", "IPv6AcceptRA=no", "LLDP=no"]
    return _text([HEADER, "[Match]", f"Name={one.nic}", "", *_link(one), *network])


def _bridge(one: Subject) -> str:
    known = _known(one)
    return _text([HEADER, "[Match]", f"Name={one.bridge}", "", *_link(one), *(known or _made(one))])


def _link(one: Subject) -> list[str]:
    return ["[Link]", f"MTUBytes={one.mtu}", ""]


def _known(one: Subject) -> list[str]:
    """What the file says by which networkd configures the NIC, if it does."""
    told = paths.NETWORKD_LINKS / str(one.index)
    if not told.exists():
        return []
    pairs = dict(line.partition("=")[::2] for line in told.read_text().splitlines() if "=" in line)
    named = [pairs.get("NETWORK_FILE", ""), *pairs.get("NETWORK_FILE_DROPINS", "").split(":")]
    lines: list[str] = []
    for name in named:
        path = Path(name.strip('"'))
        if path.is_file():
            lines += _of_the_network(path.read_text(), one)
    return lines


def _of_the_network(text: str, one: Subject) -> Iterator[str]:
    """All but how the NIC is found and set up as a link."""
    section = ""
    for line in text.splitlines():
        if line.strip().startswith("["):
            section = line.strip()
        if section and section not in _OF_THE_NIC:
            yield re.sub(
                rf"^((?:Incoming|Outgoing)Interface)={one.nic}$", rf"\1={one.bridge}", line
            )


def _made(one: Subject) -> list[str]:
    """The same, from what the NIC has now."""
    kinds = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6"}
    network = [
        "[Network]",
        f"DHCP={kinds.get((one.dhcp4, one.dhcp6), 'no')}",
        f"IPv6AcceptRA={'yes' if one.plain.ra else 'no'}",
        "",
    ]
    for address in one.plain.addresses:
        network += [*_address(address), ""]
    for route in one.plain.routes:
        network += [*_route(route), ""]
    for ip, mac in one.plain.neighbours:
        network += ["[Neighbor]", f"Address={ip}", f"LinkLayerAddress={mac}", ""]
    return network


def _address(one: Address) -> list[str]:
    peer = [f"Peer={one.peer}/{one.length}"] if one.peer else []
    scope = [f"Scope={one.scope}"] if one.scope != "global" else []
    return ["[Address]", f"Address={one.ip}{'' if one.peer else f'/{one.length}'}", *peer, *scope]


def _route(one: Route) -> list[str]:
    to = one.to if one.to != "default" else "::/0" if one.six else "0.0.0.0/0"
    pairs = {
        "Destination": to,
        "Gateway": one.via,
        "Metric": one.metric,
        "Table": one.table if one.table != 254 else 0,
        "PreferredSource": one.source,
        "GatewayOnLink": "yes" if one.onlink else "",
        "Type": "local" if one.local else "",
        "MTUBytes": one.mtu,
    }
    return ["[Route]", *(f"{key}={value}" for key, value in pairs.items() if value)]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
