"""The bridges of NICs, in Open vSwitch's database: one a NIC, ``br`` and its name."""

from __future__ import annotations

from typing import Any

from ovn_integrate.errors import Conflict, Invalid, NotConfigured
from ovn_integrate.host import bridge, settings, vswitch
from ovn_integrate.netlink import NAME_MAX
from ovn_integrate.ovsdb import Change, Row, Session

TABLES = {
    **bridge.TABLES,
    "Port": [*bridge.TABLES["Port"], "other_config"],
    "Interface": [*bridge.TABLES["Interface"], "mtu_request"],
}

NIC_KEY = "ovn-integrate-nic"
"""Of a bridge's external_ids: the NIC that it was made for."""


_OFFLOAD_KEY = "ovn-integrate-nic-offload"


def name_of(nic: str) -> str:
    """The name of a NIC's bridge.

    :raises Invalid: the kernel takes no name of that length.
    """
    name = f"br{nic}"
    if len(name.encode()) > NAME_MAX:
        what = f"its bridge would be {name}, of more than {NAME_MAX} characters"
        raise Invalid(f"NIC {nic}", what, f"ip link set {nic} name SHORTER")
    return name


def require_running() -> None:
    """:raises NotConfigured: ovs-vswitchd does not run; a NIC in a bridge would be cut off."""
    if not vswitch.switch_running():
        raise NotConfigured("ovs-vswitchd", "does not run", vswitch.start_command())


def of_port(session: Session, port: str) -> str | None:
    """The bridge that has a port of that name."""
    for row in session.rows("Bridge"):
        if port in [one.name for one in row.ports] and port != row.name:
            return str(row.name)
    return None


def made(session: Session) -> dict[str, str]:
    """The NIC of each bridge that was made for one."""
    rows = session.rows("Bridge")
    return {row.name: row.external_ids[NIC_KEY] for row in rows if NIC_KEY in row.external_ids}


def refuse_taken(session: Session, name: str, nic: str) -> None:
    """:raises Conflict: there is a bridge of that name, and it was not made for this NIC."""
    row = session.find("Bridge", name=name)
    if row is not None and row.external_ids.get(NIC_KEY) != nic:
        raise Conflict(f"bridge {name}", f"exists, and not for {nic}", f"ovs-vsctl del-br {name}")


def userspace(session: Session) -> bool:
    """Whether such bridges are of the userspace datapath, as the integration bridge is."""
    integration = session.find("Bridge", name=settings.read(session).bridge)
    if integration is not None:
        return bool(integration.datapath_type == "netdev")
    return not vswitch.kernel_module()


def offload(session: Session, name: str) -> bool:
    """Whether the NIC of a bridge left checksums to its hardware before."""
    row = session.find("Bridge", name=name)
    return row is not None and row.external_ids.get(_OFFLOAD_KEY) == "true"


def create(
    session: Session, name: str, nic: str, *, mac: str, mtu: int, offload: bool = False
) -> None:
    """Have the bridge of a NIC, without the NIC yet.

    :param offload: whether the NIC leaves checksums to its hardware, for the way back.
    :raises CommandFailed: ovs-vswitchd did not take it in.
    """
    datapath = "netdev" if userspace(session) else "system"

    def change(draft: Change) -> None:
        row = draft.find("Bridge", name=name) or _insert(draft, name, mtu)
        draft.set(row, fail_mode="standalone", datapath_type=datapath)
        for own in (one for port in row.ports if port.name == name for one in port.interfaces):
            draft.set(own, mtu_request=mtu)
        draft.set_keys(row, "other_config", {"hwaddr": mac})
        draft.set_keys(row, "external_ids", {"bridge-id": name, NIC_KEY: nic})
        draft.set_keys(row, "external_ids", {_OFFLOAD_KEY: "true" if offload else None})

    vswitch.reconfigure(session, change, f"nics-to-bridge {nic}: {name}")


def join(session: Session, name: str, nic: str) -> None:
    """Have the NIC in its bridge; until it is kept, for as long as this boot lasts alone.

    :raises CommandFailed: ovs-vswitchd did not take it in.
    """

    def change(draft: Change) -> None:
        row = draft.find("Bridge", name=name)
        if row is None:
            raise Conflict(f"bridge {name}", "has gone meanwhile")
        if nic not in [port.name for port in row.ports]:
            interface = draft.insert("Interface", name=nic)
            other = {"transient": "true"}  # ovs-ctl(8), --delete-transient-ports
            port = draft.insert("Port", name=nic, interfaces=[interface], other_config=other)
            draft.set(row, ports=[*row.ports, port])

    vswitch.reconfigure(session, change, f"nics-to-bridge {nic}")


def keep(session: Session, nic: str) -> None:
    """Have the NIC's port over the next boot too: what configures the host then knows of it."""

    def change(draft: Change) -> None:
        port = draft.find("Port", name=nic)
        if port is not None:
            draft.set_keys(port, "other_config", {"transient": None})

    vswitch.reconfigure(session, change, f"nics-to-bridge {nic}: kept")


def delete(session: Session, name: str, nic: str) -> bool:
    """Remove the bridge of a NIC; whether it was there.

    :raises CommandFailed: ovs-vswitchd did not take it in.
    """

    def change(draft: Change) -> None:
        row = draft.find("Bridge", name=name)
        if row is not None and row.external_ids.get(NIC_KEY) == nic:
            root = settings.root(draft)
            draft.set(root, bridges=[one for one in root.bridges if one.uuid != row.uuid])

    changed, _ = vswitch.reconfigure(session, change, f"bridge-to-nics {name}")
    return changed


def strangers(row: Row, nic: str) -> list[str]:
    """The ports of a NIC's bridge that are neither the NIC nor OVN's patches."""
    return [
        port.name
        for port in row.ports
        if port.name not in (nic, row.name)
        and not all(one.type == "patch" for one in port.interfaces)
    ]


def _insert(draft: Change, name: str, mtu: int) -> Any:
    interface = draft.insert("Interface", name=name, type="internal", mtu_request=mtu)
    port = draft.insert("Port", name=name, interfaces=[interface], other_config={})
    row = draft.insert("Bridge", name=name, ports=[port], other_config={}, external_ids={})
    root = settings.root(draft)
    draft.set(root, bridges=[*root.bridges, row])
    return row
