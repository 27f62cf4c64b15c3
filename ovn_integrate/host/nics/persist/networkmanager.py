"""NetworkManager: keyfiles of a bridge, its two ports, its own interface and the NIC
(nm-settings-keyfile(5), nm-openvswitch(7))."""

from __future__ import annotations

import configparser
import uuid
from collections.abc import Mapping, Sequence

from ovn_integrate import paths
from ovn_integrate.errors import Invalid
from ovn_integrate.host.nics.files import Files
from ovn_integrate.host.nics.persist.subject import HEADER, Subject

_FOLDER = "NetworkManager/system-connections"
_SUFFIX = ".nmconnection"
_ADDRESSES = ("ipv4", "ipv6", "proxy")
_PRIORITY = 900  # before a connection of the NIC that was there before

Sections = Mapping[str, Mapping[str, object]]


def files(subjects: Sequence[Subject]) -> dict[str, Files]:
    """The files of each NIC, by its name."""
    return {one.nic: _files(one) for one in subjects}


def _files(one: Subject) -> Files:
    id_ = {part: _uuid(one, part) for part in ("bridge", "port", "interface", "nic-port", "nic")}
    datapath = {"datapath-type": "netdev"} if one.userspace else {}
    keyfiles: dict[str, Sections] = {
        "bridge": {
            "connection": _connection(one, "bridge", "ovs-bridge", one.bridge),
            "ovs-bridge": {"fail-mode": "standalone", **datapath},
        },
        "port": {
            "connection": _connection(
                one, "port", "ovs-port", one.bridge, id_["bridge"], "ovs-bridge"
            ),
            "ovs-port": {},
        },
        "interface": {
            "connection": _connection(
                one, "interface", "ovs-interface", one.bridge, id_["port"], "ovs-port"
            ),
            "ethernet": {"cloned-mac-address": one.mac, "mtu": one.mtu},
            "ovs-interface": {"type": "internal"},
            **(_known(one) or _made(one)),
        },
        "nic-port": {
            "connection": _connection(
                one, "nic-port", "ovs-port", one.nic, id_["bridge"], "ovs-bridge"
            ),
            "ovs-port": {},
        },
        "nic": {
            "connection": _connection(one, "nic", "ethernet", one.nic, id_["nic-port"], "ovs-port"),
            "ethernet": {"mtu": one.mtu},
        },
    }
    folder = paths.etc() / _FOLDER
    return {
        folder / f"ovn-integrate-{one.bridge}-{part}{_SUFFIX}": _text(sections)
        for part, sections in keyfiles.items()
    }


def _uuid(one: Subject, part: str) -> str:
    """The same each time, of this NIC alone."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"ovn-integrate {one.mac} {one.bridge} {part}"))


def _connection(
    one: Subject, part: str, kind: str, interface: str, master: str = "", of: str = ""
) -> dict[str, object]:
    belongs = {"master": master, "slave-type": of} if master else {}
    return {
        "id": f"ovn-integrate-{one.bridge}-{part}",
        "uuid": _uuid(one, part),
        "type": kind,
        "interface-name": interface,
        "autoconnect-priority": _PRIORITY,
        **belongs,
    }


def _known(one: Subject) -> Sections:
    """The addresses of the NIC's own connection, if it has one."""
    for path in sorted((paths.etc() / _FOLDER).glob(f"*{_SUFFIX}")):
        keyfile = configparser.RawConfigParser(strict=False, delimiters=("=",))
        keyfile.optionxform = str  # type: ignore[assignment, method-assign]
        try:
            keyfile.read_string(path.read_text())
        except configparser.Error as error:
            raise Invalid(str(path), "is no keyfile", str(error).splitlines()[0]) from error
        named = keyfile.get("connection", "interface-name", fallback="")
        ours = path.name.startswith("ovn-integrate-")
        if named == one.nic and not ours and keyfile.has_section("ipv4"):
            return {part: dict(keyfile[part]) for part in _ADDRESSES if keyfile.has_section(part)}
    return {}


def _made(one: Subject) -> Sections:
    """What the NIC has now, in NetworkManager's words."""
    found: dict[str, Mapping[str, object]] = {}
    for section, six, method in (
        ("ipv4", False, "auto" if one.dhcp4 else ""),
        ("ipv6", True, "auto" if one.plain.ra else "dhcp" if one.dhcp6 else ""),
    ):
        addresses = [address for address in one.plain.addresses if address.six == six]
        routes = [route for route in one.plain.routes if route.six == six and not route.local]
        pairs: dict[str, object] = {
            "method": method or ("manual" if addresses else "link-local" if six else "disabled")
        }
        for number, address in enumerate(addresses, 1):
            pairs[f"address{number}"] = f"{address.ip}/{address.length}"
        for number, route in enumerate(routes, 1):
            to = route.to if route.to != "default" else "::/0" if six else "0.0.0.0/0"
            hop = [route.via or ("::" if six else "0.0.0.0"), str(route.metric)]
            pairs[f"route{number}"] = ",".join([to, *hop][: 3 if route.metric else 2])
            options = {
                "table": route.table if route.table != 254 else 0,
                "src": route.source,
                "onlink": "true" if route.onlink else "",
                "mtu": route.mtu,
            }
            said = ",".join(f"{key}={value}" for key, value in options.items() if value)
            if said:
                pairs[f"route{number}_options"] = said
        found[section] = pairs
    return found


def _text(sections: Sections) -> str:
    lines = [HEADER]
    for name, pairs in sections.items():
        lines += [f"[{name}]", *(f"{key}={value}" for key, value in pairs.items()), ""]
    return "\n".join(lines).rstrip() + "\n"
