"""An endpoint on this host: a veth pair, and a port on the integration bridge.

OVN binds a logical port where an OVS Interface carries its name as ``external_ids:iface-id`` and
has an OpenFlow port; when its flows are installed, ovn-controller writes
``external_ids:ovn-installed`` there (ovn-architecture(7), "Life Cycle of a VIF").
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ovn_integrate import faultpoint, netlink
from ovn_integrate.core.link.veth import Pair, inner, outer
from ovn_integrate.errors import Conflict, DatabaseUnavailable, NotConfigured
from ovn_integrate.group_commit import Pump
from ovn_integrate.host import mtu, settings
from ovn_integrate.host.packet_filter.published import ENDPOINT
from ovn_integrate.host.settings import Settings
from ovn_integrate.ovsdb import HOST, Change, Row, Session, Tables

# Who made a Port and its Interface, for what collects the ones without an owner: ENDPOINT, and
NETWORK = "ovn-integrate:network"

_TABLES = {
    **settings.TABLES,
    "Bridge": ["name", "datapath_type", "external_ids"],
    "Port": ["name", "interfaces", "tag", "other_config", "external_ids"],
    "Interface": ["name", "ofport", "error", "external_ids"],
}
# A bridge's set of ports is only added to and taken from: replicating it would make the cost of
# each port grow with the number of ports.
_UNREAD = {"Bridge": ["ports"]}

_MTU_AGE = 5.0  # seconds


@dataclass(frozen=True)
class Link:
    """An endpoint's link.

    :param port: id of its Neutron port, which is the name of its logical switch port.
    :param mac: what the container's interface will have.
    :param tag: the VLAN of it on the bridge; None for none.
    """

    network_id: str
    endpoint_id: str
    port: str
    mac: str
    tag: int | None = None

    @property
    def outer(self) -> str:
        return outer(self.endpoint_id)


@dataclass(frozen=True)
class Attached:
    """The OVS Interface of an endpoint as the replica shows it."""

    name: str
    network_id: str
    endpoint_id: str
    port: str
    mac: str
    installed: bool
    ofport: int | None
    error: str | None


class Links:
    """The links of this host's endpoints. Any thread may use it.

    :param owner: the key under which an endpoint's id stands with what is its.
    """

    def __init__(self, remote: str, timeout: float, owner: str = ENDPOINT) -> None:
        self._remote = remote
        self._owner = owner
        self._timeout = timeout
        self._opening = threading.Lock()
        self._pump: Pump | None = None
        # Read anew when the replica tells of a change, as each call asks for them several times.
        self._settings: Settings | None = None
        # Of which settings, the MTU, and how long that holds; one tuple, replaced as a whole.
        self._mtu: tuple[object, int, float] = (None, 0, 0.0)
        # Rows by name, kept by the replica's notices.
        self._by_name: dict[tuple[str, str], uuid.UUID] = {}

    def open(self) -> Pump:
        """The running connection to the host's database, made when there is none yet.

        :raises DatabaseUnavailable: Open vSwitch does not answer.
        """
        if self._pump is not None:
            return self._pump
        if not self._opening.acquire(timeout=self._timeout):
            raise DatabaseUnavailable(self._remote, "does not answer", "start Open vSwitch")
        try:
            if self._pump is None:
                session = Session.open(
                    self._remote,
                    HOST,
                    _TABLES,
                    timeout=self._timeout,
                    unread=_UNREAD,
                    notice=self._note,
                )
                pump = Pump(session)
                pump.start()
                self._pump = pump
            return self._pump
        finally:
            self._opening.release()

    def close(self) -> None:
        with self._opening:
            if self._pump is not None:
                self._pump.stop()
                self._pump = None

    def check(self) -> None:
        """Return if endpoints could be made now.

        :raises DatabaseUnavailable: the connection to Open vSwitch is down.
        :raises NotConfigured: the integration bridge does not exist.
        """
        pump = self.open()
        if not pump.session.connected:
            raise DatabaseUnavailable(self._remote, "the connection is down", "start Open vSwitch")
        with pump.lock:
            self._bridge(pump.session)

    def settings(self) -> Settings:
        """The host's settings as they are now."""
        pump = self.open()
        with pump.lock:
            if self._settings is None:
                self._settings = settings.read(pump.session)
            return self._settings

    def mtu(self) -> int:
        """The largest MTU in bytes that the tunnels of this host let pass.

        A change of the underlay's is seen after `_MTU_AGE` seconds: to ask the kernel takes the
        longer the more links there are, 5 ms with a hundred containers.
        """
        now = self.settings()
        key = (now.encap_types, now.encap_ips)
        known, value, until = self._mtu
        if known != key or time.monotonic() > until:
            value = mtu.container_mtu(*key)
            self._mtu = (key, value, time.monotonic() + _MTU_AGE)
        return value

    def bridge(self, name: str) -> tuple[str, dict[str, str]] | None:
        """The datapath type and the external_ids of a bridge; None when there is none."""
        pump = self.open()
        with pump.lock:
            row = pump.session.find("Bridge", name=name)
            return None if row is None else (row.datapath_type, dict(row.external_ids))

    def session(self, tables: Tables) -> Session:
        """A connection of its own, for what is rare and needs further tables."""
        return Session.open(self._remote, HOST, tables, timeout=self._timeout)

    def prepare(self, endpoint_id: str, mac: str | None, mtu: int) -> Pair:
        """The veth pair of an endpoint, to be made.

        :raises NotConfigured: the integration bridge does not exist.
        """
        pump = self.open()
        with pump.lock:
            bridge = self._bridge(pump.session)
            userspace = bridge.datapath_type == "netdev"
        return Pair(endpoint_id, mac, mtu, userspace=userspace)

    def attach(self, link: Link) -> None:
        """Put the outer end on the bridge, bound to its logical port.

        :raises Conflict: another endpoint has this name.
        :raises NotConfigured: the bridge does not exist.
        :raises DatabaseUnavailable: no answer in time; it may have been applied.
        """
        faultpoint.reach("before attach")
        self.open().transact(
            lambda change: self._attach(change, link), f"attach {link.endpoint_id[:12]}"
        )
        faultpoint.reach("after attach")

    def detach(self, endpoint_id: str) -> None:
        """Take an endpoint's port off the bridge and delete its veth pair, as far as they exist.

        :raises DatabaseUnavailable: no answer in time; it may have been applied.
        :raises CommandFailed: the kernel refused to delete the link.
        """
        faultpoint.reach("before detach")
        self.open().transact(
            lambda change: self._detach(change, endpoint_id), f"detach {endpoint_id[:12]}"
        )
        faultpoint.reach("after detach")
        # The other end goes with it, wherever it is: in the container or back from it.
        netlink.delete_link(outer(endpoint_id))
        faultpoint.reach("after deletion of the veth")

    def attached(self, endpoint_id: str) -> Attached | None:
        """The endpoint's OVS Interface, or None."""
        pump = self.open()
        with pump.lock:
            row = self._row(pump.session, "Interface", outer(endpoint_id))
            view = self._view(row) if row is not None else None
        return view if view and view.endpoint_id == endpoint_id else None

    def all_attached(self) -> list[Attached]:
        """The OVS Interfaces of all endpoints."""
        pump = self.open()
        with pump.lock:
            views = [self._view(row) for row in pump.session.rows("Interface")]
        return [view for view in views if view.endpoint_id]

    def tags(self) -> set[int]:
        """The VLANs of all ports of this host's bridges."""
        pump = self.open()
        with pump.lock:
            return {tag for row in pump.session.rows("Port") for tag in row.tag}

    def complete(self, endpoint_id: str) -> bool:
        """Whether the port is on the bridge and both ends of the pair are here."""
        return (
            self.attached(endpoint_id) is not None
            and netlink.exists(outer(endpoint_id))
            and netlink.exists(inner(endpoint_id))
        )

    def wait_installed(self, endpoint_id: str, timeout: float) -> bool:
        """Wait until OVN has installed the endpoint's flows; False after ``timeout`` seconds."""
        pump, name = self.open(), outer(endpoint_id)

        def installed() -> bool:
            row = self._row(pump.session, "Interface", name)
            return row is not None and row.external_ids.get("ovn-installed") == "true"

        return bool(pump.wait_until(installed, timeout=timeout))

    def missing(self, endpoint_id: str) -> str:
        """Why an endpoint's flows may not be installed, in words."""
        view = self.attached(endpoint_id)
        if view is None:
            return "its port is not on the integration bridge any more"
        if view.error:
            return f"Open vSwitch cannot use its link: {view.error}"
        if not view.ofport or view.ofport < 0:
            return "Open vSwitch gave its link no port number: is ovs-vswitchd running?"
        return (
            f"ovn-controller did not install the flows of logical port {view.port}: "
            "is it running and connected to the Southbound database?"
        )

    def _attach(self, change: Change, link: Link) -> None:
        ids: dict[str, str | None] = {
            "iface-id": link.port,
            "iface-id-ver": link.endpoint_id,
            "attached-mac": link.mac,
            "iface-status": "active",
            NETWORK: link.network_id,
            self._owner: link.endpoint_id,
        }
        tag = [] if link.tag is None else [link.tag]
        old = self._row(change, "Interface", link.outer)
        old_port = self._row(change, "Port", link.outer)
        if old is not None and old_port is not None:
            self._refuse_stranger(old, link.endpoint_id)
            change.set(old_port, tag=tag)
            if old.external_ids.get("iface-id") != link.port:
                ids["ovn-installed"] = None  # that was said of another logical port
            change.set_keys(old, "external_ids", ids)
            return
        bridge = self._bridge(change)
        interface = change.insert("Interface", name=link.outer, external_ids=ids)
        port = change.insert(
            "Port",
            name=link.outer,
            interfaces=[interface],
            tag=tag,
            # ovs-ctl removes such ports when the host starts, as their links are gone then.
            other_config={"transient": "true"},
            external_ids={NETWORK: link.network_id, self._owner: link.endpoint_id},
        )
        change.add(bridge, "ports", port)

    def _detach(self, change: Change, endpoint_id: str) -> None:
        interface = self._row(change, "Interface", outer(endpoint_id))
        port = self._row(change, "Port", outer(endpoint_id))
        if port is None or interface is None:
            return
        if interface.external_ids.get(self._owner) != endpoint_id:
            return
        # Whose port it is is not replicated, and the setting may have changed since.
        for bridge in change.rows("Bridge"):
            change.remove(bridge, "ports", port)

    def _bridge(self, session: Session | Change) -> Row:
        now = settings.read(session)
        name = now.endpoint_bridge
        bridge = session.find("Bridge", name=name)
        if bridge is None:
            verb = "nics-to-bridge NIC" if now.nested else "create-integration-bridge"
            raise NotConfigured(f"bridge {name}", "does not exist", f"ovn-integrate {verb}")
        return bridge

    def _refuse_stranger(self, row: Row, endpoint_id: str) -> None:
        owner = row.external_ids.get(self._owner)
        if owner != endpoint_id:
            raise Conflict(
                f"OVS port {row.name}",
                f"belongs to {owner or 'something else'}",
                f"ovs-vsctl del-port {row.name}",
            )

    def _view(self, row: Any) -> Attached:
        ids: Mapping[str, str] = row.external_ids
        return Attached(
            name=row.name,
            network_id=ids.get(NETWORK, ""),
            endpoint_id=ids.get(self._owner, ""),
            port=ids.get("iface-id", ""),
            mac=ids.get("attached-mac", ""),
            installed=ids.get("ovn-installed") == "true",
            ofport=next(iter(row.ofport), None),
            error=next(iter(row.error), None),
        )

    def _row(self, session: Session | Change, table: str, name: str) -> Row | None:
        where = self._by_name.get((table, name))
        return session.row(table, where) if where is not None else None

    def _note(self, event: str, row: Row) -> None:
        table = row._table.name
        if table == settings.ROOT:
            self._settings = None
        if table not in ("Port", "Interface"):
            return
        if event == "delete":
            # A name may have been taken by a new row in the same update.
            if self._by_name.get((table, row.name)) == row.uuid:
                del self._by_name[table, row.name]
        else:
            self._by_name[table, row.name] = row.uuid
