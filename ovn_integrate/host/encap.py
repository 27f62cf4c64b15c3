"""Which tunnel encapsulations can work here, and what they cost in bytes.

Sources: ovn-controller(8), OVN's ``lib/ovn-util.h`` for the overheads, the NEWS of OVS 3.6 and
OVN 25.09 for the end of STT, and northd's limits in VXLAN mode (ovn-architecture(7)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ovn_integrate import paths
from ovn_integrate.errors import DatabaseUnavailable, Invalid
from ovn_integrate.host import settings
from ovn_integrate.ovsdb import SB, Session, get_schema

TYPES = ("geneve", "stt", "vxlan")

# Inner Ethernet 14, UDP 8 and the tunnel's own header (Geneve 8 + OVN's option 8, VXLAN 8).
# STT: TCP-like 20 + 18 + 14, what is on the wire.
_HEADERS = {"geneve": 38, "vxlan": 30, "stt": 52}
_IP_HEADER = {4: 20, 6: 40}

_STT_ENDED = (3, 6)
_SB_PATIENCE = 2.0


def parse(text: str) -> list[str]:
    """The encapsulation types of a comma list.

    :raises Invalid: it is empty or has an unknown type.
    """
    types = [part.strip() for part in text.split(",")]
    for one in types:
        if one not in TYPES:
            raise Invalid(f"encap type {one!r}", "is unknown", f"one of: {', '.join(TYPES)}")
    return list(dict.fromkeys(types))


def overhead(encap_type: str, ip_version: int) -> int:
    """Bytes that a tunnel adds to an inner IP packet."""
    return _HEADERS[encap_type] + _IP_HEADER[ip_version]


def refuse_impossible(session: Session, types: Iterable[str]) -> None:
    """Refuse a type with which this chassis could never register.

    The Southbound schema decides when it answers, what ovs-vswitchd supports otherwise.

    :raises Invalid: with the reason.
    """
    allowed = _southbound_types(session)
    for one in types:
        if allowed is not None and one not in allowed:
            raise Invalid(
                f"encap type {one!r}",
                f"the Southbound database allows only {', '.join(sorted(allowed))}, "
                "so this chassis would never register (OVN 25.09 removed STT)",
                "ovn-integrate set-encap-type geneve",
            )
        if one == "stt" and not _switch_has_stt(settings.root(session)):
            raise Invalid(
                "encap type 'stt'",
                "this Open vSwitch has none (OVS 3.6 removed it), so no tunnel would come up",
                "ovn-integrate set-encap-type geneve",
            )


def warnings(types: Iterable[str]) -> list[str]:
    """What an operator should know of these types on this host."""
    said = []
    if "stt" in types and not (paths.MODULES / "stt").exists():
        said.append(
            "stt: the kernel module is not loaded (it is not part of Linux); "
            "tunnels stay down until it is"
        )
    if "vxlan" in types:
        said.append(
            "vxlan: at most 4,095 networks of 2,047 ports each, and ACLs that match the "
            "inport of a packet do not work across chassis"
        )
    return said


def _southbound_types(session: Session) -> set[str] | None:
    remote = settings.read(session).remote
    if not remote:
        return None
    try:
        schema = get_schema(remote, SB, min(_SB_PATIENCE, session.timeout))
    except DatabaseUnavailable:
        return None
    key = schema["tables"]["Encap"]["columns"]["type"]["type"]["key"]
    return set(key["enum"][1])


def _switch_has_stt(root: Any) -> bool:
    if root.iface_types:
        return "stt" in root.iface_types
    version = re.match(r"(\d+)\.(\d+)", "".join(root.ovs_version))
    return version is None or tuple(map(int, version.groups())) < _STT_ENDED
