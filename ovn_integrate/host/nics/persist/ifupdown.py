"""ifupdown, with the scripts that Debian's openvswitch-switch brings (its README.Debian).

The NIC's stanzas become the bridge's, word by word; where they were they are commented out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ovn_integrate import paths
from ovn_integrate.host.nics.files import Files
from ovn_integrate.host.nics.persist.subject import HEADER, Subject

_FILE = "network/interfaces.d/ovn-integrate-{}"
_STARTS = ("iface", "mapping", "auto", "source", "source-directory", "no-auto-down", "rename")


def files(subjects: Sequence[Subject]) -> dict[str, Files]:
    """The files of each NIC, by its name."""
    folder = paths.etc() / "network"
    texts = {
        path: path.read_text()
        for path in (folder / "interfaces", *sorted((folder / "interfaces.d").glob("*")))
        if path.is_file()
    }
    found: dict[str, Files] = {}
    for one in subjects:
        changed: dict[Path, str | None] = {}
        stanzas: list[list[str]] = []
        for path, text in texts.items():
            left, own = _split(text, one.nic)
            if own or left != text:
                changed[path] = texts[path] = left
                stanzas += own
        new = _stanzas(one, stanzas or _made(one))
        main = folder / "interfaces"
        if _sources_folder(texts.get(main, "")):
            changed[paths.etc() / _FILE.format(one.bridge)] = new
        else:
            texts[main] = changed[main] = f"{texts.get(main, '')}\n{new}"
        found[one.nic] = changed
    return found


def _split(text: str, nic: str) -> tuple[str, list[list[str]]]:
    """The text without a NIC's lines, and its stanzas: ``iface``, family, method and options."""
    left: list[str] = []
    own: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        words = line.split()
        if words and (words[0] in _STARTS or words[0].startswith("allow-")):
            inside = words[0] == "iface" and words[1:2] == [nic]
            if inside:
                own.append([" ".join(words[2:])])
        elif inside and words and not words[0].startswith("#"):
            own[-1].append(line.strip())
        names = words[1:] if words and (words[0] == "auto" or words[0].startswith("allow-")) else []
        if nic in names:
            rest = [name for name in names if name != nic]
            left += [f"#{line}", *([" ".join([words[0], *rest])] if rest else [])]
        else:
            left.append(f"#{line}" if inside and words else line)
    end = "\n" if text.endswith("\n") else ""
    return "\n".join(left) + end, own


def _sources_folder(text: str) -> bool:
    lines = [line.split() for line in text.splitlines()]
    return any(
        words[0].startswith("source") and "interfaces.d" in words[1]
        for words in lines
        if len(words) > 1
    )


def _stanzas(one: Subject, stanzas: Sequence[Sequence[str]]) -> str:
    datapath = " datapath_type=netdev" if one.userspace else ""
    ovs = [
        "ovs_type OVSBridge",
        f"ovs_ports {one.nic}",
        f"ovs_extra set Bridge {one.bridge} other_config:hwaddr={one.mac}{datapath}",
    ]
    lines = [HEADER, f"auto {one.bridge}", f"allow-ovs {one.bridge}"]
    for number, (how, *options) in enumerate(stanzas):
        # The scripts look at each stanza by itself; the bridge is one thing.
        lines += [f"iface {one.bridge} {how}", *_indented([*options, *([] if number else ovs)])]
    nic = ["ovs_type OVSPort", f"ovs_bridge {one.bridge}"]
    lines += ["", f"allow-{one.bridge} {one.nic}", f"iface {one.nic} inet manual", *_indented(nic)]
    return "\n".join(lines) + "\n"


def _made(one: Subject) -> list[list[str]]:
    """Stanzas of what the NIC has now."""
    found = []
    for family, six, dhcp in (("inet", False, one.dhcp4), ("inet6", True, one.dhcp6)):
        addresses = [address for address in one.plain.addresses if address.six == six]
        routes = [route for route in one.plain.routes if route.six == six]
        flag = "-6 " if six else ""
        link = f"dev {one.bridge}"
        options = [f"up ip {flag}route add {' '.join(route.words())} {link}" for route in routes]
        options += [
            f"up ip {flag}neighbour replace {ip} lladdr {mac} {link} nud permanent"
            for ip, mac in one.plain.neighbours
            if (":" in ip) == six
        ]
        more = [
            f"up ip {flag}address add {address.ip}{_rest(address.peer, address.length)} {link}"
            for address in addresses[0 if dhcp else 1 :]
        ]
        if dhcp:
            found.append([f"{family} dhcp", *more, *options])
        elif addresses:
            first = f"address {addresses[0].ip}/{addresses[0].length}"
            found.append([f"{family} static", first, *more, *options])
        elif six and one.plain.ra:
            found.append([f"{family} auto", *options])
    return found or [["inet manual"]]


def _rest(peer: str, length: int) -> str:
    return f" peer {peer}/{length}" if peer else f"/{length}"


def _indented(options: Sequence[str]) -> list[str]:
    return [f"    {one}" for one in options]
