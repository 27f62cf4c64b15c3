"""What the checks look at, fetched once and when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from ovn_integrate.errors import Error, NotConfigured
from ovn_integrate.host import bridge, settings
from ovn_integrate.ovsdb import HOST, SB, Row, Session

T = TypeVar("T")

_SOUTHBOUND = {
    "SB_Global": ["nb_cfg", "options"],
    "Chassis": ["name", "hostname", "encaps", "other_config", "transport_zones"],
    "Chassis_Private": ["name", "nb_cfg", "nb_cfg_timestamp"],
    "Encap": ["type", "ip"],
}
_BINDINGS = {
    "Chassis": ["name", "hostname"],
    "Port_Binding": ["logical_port", "chassis"],
}
_REQUESTED = {"Port_Binding": ["logical_port", "type", "parent_port", "options", "external_ids"]}


class Facts:
    """The databases and settings of this host, at one moment.

    Each of them raises the error that it met when it was first asked for, without another try: a
    server that does not answer costs its time limit once.

    :param remote: of the host's Open_vSwitch database.
    :param timeout: seconds for each thing that is asked.
    """

    def __init__(self, remote: str, timeout: float) -> None:
        self.remote = remote
        self.timeout = timeout
        self._open = ExitStack()
        self._known: dict[str, Any] = {}

    def close(self) -> None:
        """End the sessions."""
        self._open.close()

    @property
    def host(self) -> Session:
        """:raises DatabaseUnavailable: Open vSwitch does not answer."""
        return self._once("host", lambda: self._session(self.remote, HOST, bridge.TABLES))

    @property
    def settings(self) -> settings.Settings:
        return self._once("settings", lambda: settings.read(self.host))

    @property
    def keys(self) -> dict[str, str]:
        """The external_ids of this host."""
        keys: dict[str, str] = settings.root(self.host).external_ids
        return keys

    @property
    def credentials(self) -> list[str]:
        """The options by which OVN's own tools show this host's certificate (``ovs-vsctl
        set-ssl``); none where it has none."""
        return [
            f"--{name}={value}"
            for row in self.host.rows("SSL")
            for name, value in (
                ("private-key", row.private_key),
                ("certificate", row.certificate),
                ("ca-cert", row.ca_cert),
            )
        ]

    @property
    def southbound(self) -> Session:
        """:raises NotConfigured: no remote is set.
        :raises DatabaseUnavailable: none of them answers.
        """
        return self._once("southbound", lambda: self._southbound(_SOUTHBOUND))

    @property
    def bindings(self) -> Session:
        """Of its own, as it grows with the ports of all hosts."""
        return self._once("bindings", lambda: self._southbound(_BINDINGS))

    @property
    def requested(self) -> Session:
        """The bindings of the ports that are to be on this chassis (ovn-nb(5), requested-chassis),
        wherever they are."""
        # By its name, or as an OpenStack does it, by that of its host.
        names = filter(None, (self.settings.system_id, self.keys.get("hostname")))
        wanted = [["map", [["requested-chassis", name]]] for name in names]
        only = {"Port_Binding": [["options", "includes", one] for one in wanted]}
        return self._once("requested", lambda: self._southbound(_REQUESTED, only))

    @property
    def bridge(self) -> Row | None:
        """The integration bridge."""
        return self.host.find("Bridge", name=self.settings.bridge)

    @property
    def userspace(self) -> bool:
        """Whether this host's packets go by OVS's userspace datapath."""
        row = self.bridge
        return row is not None and row.datapath_type == "netdev"

    def interfaces(self) -> list[Row]:
        """The OVS Interfaces on the integration bridge."""
        row = self.bridge
        return [one for port in row.ports for one in port.interfaces] if row is not None else []

    def others(self) -> list[Row]:
        """The chassis that this one has tunnels to (ovn-controller(8), ovn-transport-zones)."""
        rows = self.southbound.rows("Chassis")
        mine = next((row for row in rows if row.name == self.settings.system_id), None)
        zones = set(mine.transport_zones) if mine is not None else set()
        return [
            row
            for row in rows
            if row is not mine
            and row.other_config.get("is-remote") != "true"
            and _share(zones, set(row.transport_zones))
        ]

    def _southbound(
        self, tables: dict[str, list[str]], only: Mapping[str, Sequence[Any]] | None = None
    ) -> Session:
        remote = self.settings.remote
        if not remote:
            raise NotConfigured("Southbound database", "no remote is set", "ovn-integrate set-ipam")
        return self._session(remote, SB, tables, only)

    def _session(
        self,
        remote: str,
        database: str,
        tables: dict[str, list[str]],
        only: Mapping[str, Sequence[Any]] | None = None,
    ) -> Session:
        session = Session.open(remote, database, tables, timeout=self.timeout, only=only)
        return self._open.enter_context(session)

    def _once(self, name: str, make: Callable[[], T]) -> T:
        if name not in self._known:
            try:
                self._known[name] = make()
            except Error as error:
                self._known[name] = error
        known = self._known[name]
        if isinstance(known, Error):
            raise known
        found: T = known
        return found


def _share(one: set[str], other: set[str]) -> bool:
    return bool(one & other) or not (one or other)
