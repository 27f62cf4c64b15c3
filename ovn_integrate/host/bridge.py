"""The integration bridge, as ovn-controller wants it (ovn-architecture(7), "br-int")."""

from __future__ import annotations

import secrets
from typing import Any

from ovn_integrate.errors import NotFound
from ovn_integrate.host import settings, vswitch
from ovn_integrate.ovsdb import Change, Session

TABLES = {
    **vswitch.TABLES,
    settings.ROOT: [*vswitch.TABLES[settings.ROOT], "bridges", "datapath_types"],
    "Bridge": ["name", "ports", "fail_mode", "datapath_type", "other_config", "external_ids"],
    "Port": ["name", "interfaces", "external_ids"],
    "Interface": ["name", "type", "ofport", "error", "link_state", "options", "external_ids"],
}

DATAPATHS = ("auto", "system", "netdev")


def create(session: Session, datapath: str = "auto") -> bool:
    """Have the integration bridge, right in every respect; whether anything had to change.

    :param datapath: ``system`` (kernel), ``netdev`` (userspace), or ``auto``: the kernel's where
        its module is there, unless an existing bridge is a userspace one.
    :raises CommandFailed: ovs-vswitchd did not take it in.
    """
    name = settings.read(session).bridge

    def change(draft: Change) -> None:
        bridge = draft.find("Bridge", name=name) or _insert(draft, name)
        wanted = _wanted(bridge, name, datapath)
        draft.set(bridge, fail_mode=wanted["fail_mode"], datapath_type=wanted["datapath_type"])
        draft.set_keys(bridge, "other_config", wanted["other_config"])
        draft.set_keys(bridge, "external_ids", wanted["external_ids"])

    changed, _ = vswitch.reconfigure(session, change, f"create-integration-bridge {name}")
    return changed


def is_right(session: Session, datapath: str = "auto") -> bool:
    """Whether :func:`create` would change nothing."""
    name = settings.read(session).bridge
    bridge = session.find("Bridge", name=name)
    if bridge is None:
        return False
    wanted = _wanted(bridge, name, datapath)
    return bool(
        bridge.fail_mode == [wanted["fail_mode"]]
        and bridge.datapath_type == wanted["datapath_type"]
        and wanted["other_config"].items() <= bridge.other_config.items()
        and wanted["external_ids"].items() <= bridge.external_ids.items()
    )


def delete(session: Session) -> bool:
    """Remove the integration bridge and its ports; whether it was there."""
    name = settings.read(session).bridge

    def change(draft: Change) -> None:
        bridge = draft.find("Bridge", name=name)
        if bridge is not None:
            root = settings.root(draft)
            draft.set(root, bridges=[one for one in root.bridges if one.uuid != bridge.uuid])

    changed, _ = vswitch.reconfigure(session, change, f"delete {name}")
    return changed


def describe(session: Session) -> dict[str, Any]:
    """The integration bridge in a form to show.

    :raises NotFound: there is none.
    """
    name = settings.read(session).bridge
    bridge = session.find("Bridge", name=name)
    if bridge is None:
        raise NotFound(
            f"bridge {name}", "does not exist", "ovn-integrate create-integration-bridge"
        )
    return {
        "name": name,
        "datapath_type": bridge.datapath_type or "system",
        "fail_mode": "".join(bridge.fail_mode),
        "hwaddr": bridge.other_config.get("hwaddr", ""),
        "ports": len(bridge.ports),
    }


def tunnels(session: Session) -> list[dict[str, str]]:
    """The tunnels that ovn-controller made to other chassis, one row each."""
    rows = []
    for port in session.rows("Port"):
        chassis = port.external_ids.get("ovn-chassis-id")
        if chassis:
            rows += [_tunnel(chassis, interface) for interface in port.interfaces]
    return sorted(rows, key=lambda row: row["chassis"])


def _tunnel(chassis: str, interface: Any) -> dict[str, str]:
    up = interface.ofport and interface.ofport[0] > 0
    return {
        # OVN 24.03 and newer write "<chassis>@<remote>%<local>", older ones "<chassis>@<remote>".
        "chassis": chassis.split("@")[0],
        "type": interface.type,
        "remote_ip": interface.options.get("remote_ip", ""),
        "state": "up" if up else "down: " + ("".join(interface.error) or "no OpenFlow port"),
    }


def _wanted(bridge: Any, name: str, datapath: str) -> dict[str, Any]:
    # Without a fixed hwaddr the datapath id changes with the first port, and with it
    # ovn-controller's OpenFlow connection is made anew.
    hwaddr = bridge.other_config.get("hwaddr") or _random_mac()
    return {
        "fail_mode": "secure",
        "datapath_type": _datapath(bridge, datapath),
        "other_config": {"disable-in-band": "true", "hwaddr": hwaddr},
        "external_ids": {"bridge-id": name},
    }


def _insert(draft: Change, name: str) -> Any:
    interface = draft.insert("Interface", name=name, type="internal")
    port = draft.insert("Port", name=name, interfaces=[interface])
    bridge = draft.insert("Bridge", name=name, ports=[port], other_config={}, external_ids={})
    root = settings.root(draft)
    draft.set(root, bridges=[*root.bridges, bridge])
    return bridge


def _datapath(bridge: Any, wanted: str) -> str:
    if wanted != "auto":
        return wanted
    # ovn-controller makes a missing bridge with the kernel's datapath whether there is one or not.
    if getattr(bridge, "datapath_type", "") == "netdev" or not vswitch.kernel_module():
        return "netdev"
    return "system"


def _random_mac() -> str:
    octets = [secrets.randbits(8) & 0xFC | 0x02, *secrets.token_bytes(5)]
    return ":".join(f"{octet:02x}" for octet in octets)
