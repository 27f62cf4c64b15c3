"""netplan: the addresses of the NIC's stanza become a bridge's (netplan(5), "openvswitch").

netplan puts files together and can take nothing out of an earlier one, so that one is written anew
without what moved; its text of before is kept for the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovn_integrate import paths
from ovn_integrate.errors import Invalid
from ovn_integrate.host.nics.bridges import NIC_KEY
from ovn_integrate.host.nics.files import Files
from ovn_integrate.host.nics.persist.subject import HEADER, Subject
from ovn_integrate.netlink.link_config import Route

_FILE = "netplan/99-ovn-integrate-{}.yaml"
_MOVED = (
    *("accept-ra", "addresses", "critical", "dhcp-identifier", "dhcp4", "dhcp4-overrides"),
    *("dhcp6", "dhcp6-overrides", "gateway4", "gateway6", "ignore-carrier", "ipv6-mtu"),
    *("ipv6-address-generation", "ipv6-address-token", "ipv6-privacy", "link-local"),
    *("nameservers", "neigh-suppress", "optional", "optional-addresses", "routes"),
    "routing-policy",
)
_NO_ADDRESSES = {"dhcp4": False, "dhcp6": False, "accept-ra": False, "link-local": []}

Stanza = dict[str, Any]


def files(subjects: Sequence[Subject]) -> dict[str, Files]:
    """The files of each NIC, by its name; one that tells of several is changed for each."""
    documents = {path: _read(path) for path in sorted((paths.etc() / "netplan").glob("*.yaml"))}
    found: dict[str, Files] = {}
    for one in subjects:
        known: Stanza = {}
        name = one.nic
        changed: dict[Path, str | None] = {}
        for path, document in documents.items():
            for key, stanza in _ethernets(document).items():
                if _means(key, stanza, one):
                    name = key
                    _merge(known, {word: stanza.pop(word) for word in _MOVED if word in stanza})
                    stanza.update(_NO_ADDRESSES)
                    changed[path] = _text(document)
        bridges = {one.bridge: {**_frame(one, name), **(known or _made(one))}}
        ethernets = {} if changed else {"ethernets": {name: dict(_NO_ADDRESSES)}}
        own = {"network": {"version": 2, **ethernets, "bridges": bridges}}
        changed[paths.etc() / _FILE.format(one.bridge)] = _text(own)
        found[one.nic] = changed
    return found


def _read(path: Path) -> Stanza:
    import yaml

    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise Invalid(str(path), "is no YAML", str(error).splitlines()[0]) from error
    return document if isinstance(document, dict) else {}


def _ethernets(document: Stanza) -> dict[str, Stanza]:
    network = document.get("network") or {}
    stanzas = network.get("ethernets") or {}
    return {key: one for key, one in stanzas.items() if isinstance(one, dict)}


def _means(key: str, stanza: Stanza, one: Subject) -> bool:
    """Whether a stanza is this NIC's: by its own name, or by what it matches."""
    match = stanza.get("match") or {}
    if match:
        mac = str(match.get("macaddress", "")).lower()
        return mac == one.mac or one.nic in (match.get("name"), stanza.get("set-name"))
    return key == one.nic


def _merge(known: Stanza, more: Stanza) -> None:
    """As netplan does: lists grow, all else is replaced."""
    for key, value in more.items():
        if isinstance(value, list) and isinstance(known.get(key), list):
            known[key] = known[key] + value
        else:
            known[key] = value


def _frame(one: Subject, name: str) -> Stanza:
    return {
        "interfaces": [name],
        "macaddress": one.mac,
        "mtu": one.mtu,
        "openvswitch": {
            "fail-mode": "standalone",
            "other-config": {"hwaddr": one.mac},
            "external-ids": {"bridge-id": one.bridge, NIC_KEY: one.nic},
        },
    }


def _made(one: Subject) -> Stanza:
    """What the NIC has now, in netplan's words."""
    found: Stanza = {"dhcp4": one.dhcp4, "dhcp6": one.dhcp6, "accept-ra": one.plain.ra}
    addresses = [f"{address.ip}/{address.length}" for address in one.plain.addresses]
    routes = [_route(route) for route in one.plain.routes if not route.local]
    return {
        **found,
        **({"addresses": addresses} if addresses else {}),
        **({"routes": routes} if routes else {}),
    }


def _route(one: Route) -> Stanza:
    pairs = {
        "to": one.to if one.to != "default" else "::/0" if one.six else "0.0.0.0/0",
        "via": one.via,
        "metric": one.metric,
        "table": one.table if one.table != 254 else 0,
        "from": one.source,
        "on-link": one.onlink,
        "mtu": one.mtu,
        "scope": "" if one.via else "link",
    }
    return {key: value for key, value in pairs.items() if value}


def _text(document: Stanza) -> str:
    import yaml

    return f"{HEADER}\n{yaml.safe_dump(document, sort_keys=False)}"
