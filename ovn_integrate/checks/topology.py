"""What OVN Southbound knows of the whole network: chassis, tunnels, switches and ports."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ovn_integrate import paths
from ovn_integrate.drawing.model import Chassis, Port, Switch, Topology, Tunnel
from ovn_integrate.errors import DatabaseUnavailable, NotConfigured
from ovn_integrate.host import bridge, settings
from ovn_integrate.ovsdb import HOST, SB, Row, Session

_TABLES = {
    "Chassis": ["name", "hostname", "encaps", "transport_zones"],
    "Encap": ["type", "ip"],
    "Datapath_Binding": ["external_ids"],
    "Port_Binding": [
        *("logical_port", "datapath", "chassis", "type", "mac", "up", "options", "external_ids"),
    ],
    "DNS": ["records", "datapaths"],
}

# Of two chassis that have several in common, the first is used (ovn-controller, encaps.c).
_PREFERRED = ("geneve", "stt", "vxlan")

# Both ends of a link between a switch and a router are ports of these types.
_LINKING = ("patch", "l3gateway")

# A port's name, as its network's IPAM or Neutron gave it; OVN copies the first one.
_NAMES = ("name", "neutron:port_name")


def look(host: str, southbound: str | None, timeout: float) -> Topology:
    """Ask Southbound, and this host's Open vSwitch how its tunnels are.

    :param host: the remote of the host's Open_vSwitch database, which need not answer.
    :param southbound: the remote of Southbound; as set on this host, or its own, if not given.
    :raises NotConfigured: none is known.
    :raises DatabaseUnavailable: Southbound does not answer in time.
    """
    own, remote, tunnels = "", None, []
    # A central host need not be a chassis.
    with (
        suppress(DatabaseUnavailable),
        Session.open(host, HOST, bridge.TABLES, timeout=timeout) as session,
    ):
        now = settings.read(session)
        own, remote = now.system_id or "", now.remote
        tunnels = bridge.tunnels(session)
    remote = southbound or remote or _local()
    with Session.open(remote, SB, _TABLES, timeout=timeout, any_member=True) as session:
        return read(session, own, tunnels)


def _local() -> str:
    if not (paths.ovn_rundir() / "ovnsb_db.sock").exists():
        raise NotConfigured("Southbound database", "no remote is set", "ovn-integrate set-ipam")
    return paths.sb_remote()


def read(southbound: Session, own: str, tunnels: Sequence[dict[str, str]]) -> Topology:
    """What there is, each part in the order of its names.

    :param southbound: has the columns that :func:`look` asks for.
    :param own: the system-id of this host.
    :param tunnels: those of this host, as :func:`bridge.tunnels` has them.
    """
    chassis = sorted(southbound.rows("Chassis"), key=lambda row: (row.hostname, row.name))
    bindings = southbound.rows("Port_Binding")
    names = _container_names(southbound.rows("DNS"))
    ports = [_port(row, names) for row in bindings if row.type not in _LINKING or row.chassis]
    switches = [_switch(row) for row in southbound.rows("Datapath_Binding")]
    return Topology(
        chassis=[_chassis(row, own) for row in chassis],
        tunnels=[*_seen(own, tunnels), *_unseen(chassis, own)],
        switches=sorted(switches, key=lambda one: (one.router, one.name, one.key)),
        ports=sorted(ports, key=lambda one: (one.label, one.name)),
        links=_links(bindings),
    )


def _chassis(row: Row, own: str) -> Chassis:
    encaps = tuple(sorted((one.type, one.ip) for one in row.encaps))
    return Chassis(row.name, row.hostname, encaps, here=row.name == own)


def _seen(own: str, tunnels: Iterable[dict[str, str]]) -> list[Tunnel]:
    return [Tunnel((own, one["chassis"]), one["type"], one["state"]) for one in tunnels]


def _unseen(chassis: Sequence[Row], own: str) -> list[Tunnel]:
    """The tunnels that other chassis make to each other; how they are only these know."""
    found = []
    for one, other in itertools.combinations(chassis, 2):
        kind = _common(one, other)
        if kind and own not in (one.name, other.name) and _share(one, other):
            found.append(Tunnel((one.name, other.name), kind))
    return found


def _common(one: Row, other: Row) -> str:
    kinds = {encap.type for encap in one.encaps} & {encap.type for encap in other.encaps}
    return next((kind for kind in _PREFERRED if kind in kinds), "")


def _share(one: Row, other: Row) -> bool:
    """Whether two chassis are in one transport zone (ovn-controller(8), ovn-transport-zones)."""
    zones, others = set(one.transport_zones), set(other.transport_zones)
    return bool(zones & others) or not (zones or others)


def _switch(row: Row) -> Switch:
    ids = row.external_ids
    # Of the names, the second is the one that a person gave.
    name = ids.get("name2") or ids.get("name") or str(row.uuid)
    return Switch(str(row.uuid), name, router="logical-router" in ids)


def _container_names(rows: Iterable[Row]) -> dict[tuple[str, str], str]:
    """The name that OVN's DNS has for an address of a switch, by the switch's key and the address;
    of several the shortest, which is the container's own."""
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        for name, addresses in row.records.items():
            for key in itertools.product(
                [str(one.uuid) for one in row.datapaths], addresses.split()
            ):
                found[key] = min(found.get(key, name), name, key=lambda one: (len(one), one))
    return found


def _port(row: Row, names: dict[tuple[str, str], str]) -> Port:
    switch = str(row.datapath.uuid)
    mac, addresses = _addresses(row.mac)
    known = [names.get((switch, address), "") for address in addresses]
    known += [row.external_ids.get(key, "") for key in _NAMES]
    return Port(
        name=row.logical_port,
        label=next((one for one in known if one), row.logical_port),
        switch=switch,
        type=row.type,
        chassis="".join(one.name for one in row.chassis),
        mac=mac,
        addresses=addresses,
        up=row.up == [True],
    )


def _addresses(column: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Of ``mac``: "02:42:… 192.168.1.2 …", or "unknown", "router", "dynamic"."""
    words = " ".join(column).split()
    macs = [one for one in words if one.count(":") == 5 and "." not in one and len(one) == 17]
    ips = [one for one in words if one not in macs and any(mark in one for mark in ".:")]
    return (macs[0] if macs else ""), tuple(dict.fromkeys(ips))


def _links(bindings: Sequence[Row]) -> list[tuple[str, str]]:
    """Between switches and routers, each once."""
    ports = {row.logical_port: row for row in bindings if row.type in _LINKING}
    found = set()
    for row in ports.values():
        peer = ports.get(row.options.get("peer", ""))
        if peer is not None:
            one, other = sorted((str(row.datapath.uuid), str(peer.datapath.uuid)))
            found.add((one, other))
    return sorted(found)
