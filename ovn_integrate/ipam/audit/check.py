"""What in NB contradicts itself, as an operator's ovn-nbctl can leave it: rows in, findings out.

What a port was given stands in its row's ``external_ids``; that is what its owner was told, so it
goes before what the other columns say. A port that a chassis has, or is to have, keeps what it has.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ovn_integrate.contract.device_owners import MADE as ENDPOINT
from ovn_integrate.contract.device_owners import RESERVED
from ovn_integrate.contract.tags import AT, MADE, digest, parse
from ovn_integrate.ipam import allocate
from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.audit.findings import (
    DIFFERENT,
    DUPLICATE,
    ORPHAN,
    OUTSIDE,
    OWNERLESS,
    UNKNOWN,
    UNREADABLE,
    Delete,
    Finding,
    Give,
    NewMac,
    Readdress,
    Records,
    Release,
    Rewrite,
    TakeOut,
)
from ovn_integrate.ipam.engine.store import SETTLED
from ovn_integrate.ipam.permit.facts import host_of
from ovn_integrate.ipam.resources import l3_rows, rows
from ovn_integrate.ipam.resources.l3 import FloatingIp, is_routers
from ovn_integrate.ipam.resources.model import Network, Port, Subnet
from ovn_integrate.ipam.resources.port import dns_rows
from ovn_integrate.ipam.resources.subnet import dhcp
from ovn_integrate.pki import ledger

T = TypeVar("T")

Tables = Callable[[str], Iterable[Any]]
"""Gives the rows of a table."""

TABLES: dict[str, Sequence[str]] = {
    rows.SWITCH: ["name", "external_ids", "ports", "dns_records"],
    rows.SWITCH_PORT: rows.TABLES[rows.SWITCH_PORT],
    rows.DHCP: rows.TABLES[rows.DHCP],
    dns_rows.DNS: dns_rows.TABLES[dns_rows.DNS],
    l3_rows.ROUTER: ["name", "ports", "nat"],
    l3_rows.ROUTER_PORT: ["name"],
    l3_rows.NAT: ["external_ids"],
    ledger.TABLE: [ledger.COLUMN],
}
"""The columns that are read here."""


def findings(table: Tables) -> list[Finding]:
    """All that is wrong in these tables, whose columns are those of ``TABLES``."""
    seen = _look(table)
    checks = (_orphans, _duplicate_rows, _addresses, _macs, _columns, _names, _routers, _owners)
    return seen.unreadable + [finding for check in checks for finding in check(seen)]


@dataclass
class _Plug:
    """A Logical_Switch_Port of a network; ``port`` is None when it is not Neutron's."""

    network_id: str
    row: Any
    port: Port | None

    @property
    def subject(self) -> str:
        if self.port is None:
            return f"logical switch port {self.row.name} on network {self.network_id}"
        name = f" ({self.port.name})" if self.port.name else ""
        return f"port {self.port.id}{name} on network {self.network_id}"


@dataclass
class _Seen:
    table: Tables
    networks: dict[str, Any] = field(default_factory=dict)
    told: list[Network] = field(default_factory=list)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    subnet_rows: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    subnets_of: dict[str, list[Subnet]] = field(default_factory=lambda: defaultdict(list))
    plugs: list[_Plug] = field(default_factory=list)
    floating: list[FloatingIp] = field(default_factory=list)
    behind: set[str | None] = field(default_factory=set)
    unreadable: list[Finding] = field(default_factory=list)

    def read(self, reader: Callable[[Any], T | None], table: str, row: Any) -> T | None:
        """What a row holds; one that holds nonsense is a finding."""
        try:
            return reader(row)
        except (ValueError, TypeError, KeyError) as error:
            mend = f"mend or delete it: ovn-nbctl list {table} {row.uuid}"
            said = f"cannot be understood: {error}"
            self.unreadable.append(Finding(UNREADABLE, f"{table} {row.uuid}", said, mend))
            return None

    @property
    def ports(self) -> dict[str, _Plug]:
        return {plug.port.id: plug for plug in self.plugs if plug.port is not None}


def _look(table: Tables) -> _Seen:
    seen = _Seen(table)
    switches: list[tuple[Network, Any]] = []
    for row in table(rows.SWITCH):
        network = seen.read(l3_rows.network_of, rows.SWITCH, row)
        if network is not None:
            switches.append((network, row))
            seen.told.append(network)
            seen.networks.setdefault(network.id, row)
    for row in table(rows.DHCP):
        subnet = seen.read(rows.subnet_of_row, rows.DHCP, row)
        floating = seen.read(l3_rows.floating_of, rows.DHCP, row)
        if floating is not None:
            seen.floating.append(floating)
            seen.behind.add(floating.port_id)
        if subnet is not None:
            seen.subnet_rows[subnet.id].append(row)
            if seen.subnets.setdefault(subnet.id, subnet) is subnet:
                seen.subnets_of[subnet.network_id].append(subnet)
    for network, switch in switches:
        for row in switch.ports:
            port = seen.read(rows.port_of, rows.SWITCH_PORT, row)
            seen.plugs.append(_Plug(network.id, row, port))
    return seen


def _orphans(seen: _Seen) -> Iterator[Finding]:
    ports = seen.ports
    for row in seen.table(rows.DHCP):
        subject, network = _owner(row.external_ids)
        if network is not None and network not in seen.networks:
            gone = f"its network {network} is gone"
            yield _deleted(subject, gone, rows.DHCP, row)
        elif row.external_ids.get("port_id", "") not in ("", *ports):
            port = row.external_ids["port_id"]
            yield _deleted(f"DHCP options of port {port}", "the port is gone", rows.DHCP, row)
    for row in seen.table(dns_rows.DNS):
        network = row.external_ids.get("ls_name", "").removeprefix("neutron-")
        if _is_id(network) and network not in seen.networks:
            yield _deleted(f"names of network {network}", "the network is gone", dns_rows.DNS, row)
    for floating in seen.floating:
        if floating.port_id is not None and floating.port_id not in ports:
            subject = f"floating IP {floating.id} ({floating.floating_ip_address})"
            gone = f"its port {floating.port_id} is gone"
            mend = "have it stand for no port"
            yield Finding(ORPHAN, subject, gone, mend, Release(floating.id))


def _owners(seen: _Seen) -> Iterator[Finding]:
    """What an older server, or one of the open mode, made for a host that cannot end it."""
    if not any(SETTLED in row.external_ids for row in seen.table(ledger.TABLE)):
        return
    ports = [plug.port for plug in seen.plugs if plug.port is not None]
    hosts = {digest(host_of(port)) for port in ports if host_of(port)}
    for port in ports:
        if not port.owner and port.device_owner in (ENDPOINT, RESERVED) and host_of(port):
            yield _ownerless(f"port {port.id} on network {port.network_id}", host_of(port))
    for network in seen.told:
        known = filter(None, map(parse, network.tags))
        there = any(tag.kind == AT and tag.value in hosts for tag in known)
        if not network.owner and MADE in network.tags and there:
            yield _ownerless(f"network {network.id}", "hosts that are on it")


def _ownerless(subject: str, whose: str) -> Finding:
    what = f"has no owner, so that {whose} cannot delete it"
    return Finding(OWNERLESS, subject, what, "make it theirs whom it was made for", Give())


def _owner(keys: Mapping[str, str]) -> tuple[str, str | None]:
    """What a DHCP_Options is of, and of which network that is."""
    for key, kind in (("subnet_id", "subnet"), (l3_rows.FLOATING, "floating IP")):
        if key in keys:
            network = keys.get("neutron:network_id") or keys.get(rows.OURS + "network_id")
            return f"{kind} {keys[key]}", network
    return "ledger", keys.get(rows.OURS + "ledger")


def _deleted(subject: str, what: str, table: str, row: Any) -> Finding:
    return Finding(ORPHAN, subject, what, f"delete its row in {table}", Delete(table, row.uuid))


def _duplicate_rows(seen: _Seen) -> Iterator[Finding]:
    for id, found in seen.subnet_rows.items():
        if len(found) > 1:
            others = ", ".join(str(row.uuid) for row in found)
            mend = f"delete all but one: ovn-nbctl dhcp-options-del, of {others}"
            yield Finding(DUPLICATE, f"subnet {id}", f"stands in {len(found)} rows", mend)
    for row in seen.table(rows.SWITCH):
        id = row.name.removeprefix("neutron-")
        if id in seen.networks and seen.networks[id].uuid != row.uuid:
            mend = f"delete the one that is not in use: ovn-nbctl ls-del {row.uuid}"
            yield Finding(DUPLICATE, f"network {id}", "has more than one logical switch", mend)


@dataclass(frozen=True)
class _Holder:
    """Who has an address, or a MAC; those that keep it sort first."""

    movable: bool
    created_at: str
    id: str
    subject: str
    known: bool = True


def _addresses(seen: _Seen) -> Iterator[Finding]:
    holders: dict[tuple[str, Address], list[_Holder]] = defaultdict(list)
    for floating in seen.floating:
        subject = f"floating IP {floating.id}"
        one = _Holder(False, floating.created_at, floating.id, subject)
        holders[floating.network_id, floating.floating_ip_address].append(one)
    for plug in seen.plugs:
        for address in _given(plug):
            holders[plug.network_id, address].append(_holder(seen, plug))
    for (network_id, address), found in holders.items():
        subnets = seen.subnets_of[network_id]
        inside = any(allocate.is_host(address, one.cidr) for one in subnets)
        first, *others = sorted(found, key=lambda one: (one.movable, one.created_at, one.id))
        for other in others:
            what = f"has {address} as {first.subject} has"
            yield _moved(DUPLICATE, other, what, address)
        if first.known and not inside:
            yield _moved(OUTSIDE, first, f"has {address}, which no subnet of it has", address)
        elif not first.known and inside and not others:
            what = f"has {address}, which the IPAM does not know and may give to another"
            yield Finding(UNKNOWN, first.subject, what, f"ovn-nbctl lsp-del {first.id}")


def _given(plug: _Plug) -> Iterable[Address]:
    """The addresses that a port was given; those of its row when nobody knows of it here."""
    if plug.port is not None:
        return plug.port.addresses
    words = [word for entry in plug.row.addresses for word in entry.split()]
    return {address for address in map(_address, words) if address is not None}


def _holder(seen: _Seen, plug: _Plug) -> _Holder:
    port = plug.port
    if port is None:
        return _Holder(False, "", plug.row.name, plug.subject, known=False)
    used = port.up or port.host_id or is_routers(port) or port.id in seen.behind
    return _Holder(not used, port.created_at, port.id, plug.subject)


def _moved(kind: str, holder: _Holder, what: str, address: Address) -> Finding:
    if not holder.movable:
        mend = "it is in use or not the IPAM's: change or delete it where it was made"
        return Finding(kind, holder.subject, what, mend)
    repair = Readdress(holder.id, address)
    return Finding(kind, holder.subject, what, "give it another address", repair)


def _macs(seen: _Seen) -> Iterator[Finding]:
    holders: dict[tuple[str, str], list[_Holder]] = defaultdict(list)
    for plug in seen.plugs:
        if plug.port is not None:
            holders[plug.network_id, plug.port.mac_address].append(_holder(seen, plug))
    for (_, mac), found in holders.items():
        first, *others = sorted(found, key=lambda one: (one.movable, one.created_at, one.id))
        for other in others:
            what = f"has the MAC {mac} as {first.subject} has"
            repair = NewMac(other.id) if other.movable else None
            mend = "give it another MAC" if other.movable else "it is in use: make it anew"
            yield Finding(DUPLICATE, other.subject, what, mend, repair)


def _columns(seen: _Seen) -> Iterator[Finding]:
    """What a port's row says to OVN, against what the port was given."""
    for plug in seen.plugs:
        port = plug.port
        if port is None:
            continue
        if port.network_id != plug.network_id:
            what = f"says that it is on network {port.network_id}"
            yield Finding(DIFFERENT, plug.subject, what, f"ovn-nbctl lsp-del {port.id}")
            continue
        wanted = {
            **rows.port_columns(port, seen.subnets_of[port.network_id]),
            **l3_rows.switch_port_columns(port),
        }
        differences = []
        for column in ("addresses", "port_security"):
            has = getattr(plug.row, column)
            if _words(has) != _words(wanted[column]):
                differences.append(f"{column} {_text(has)} instead of {_text(wanted[column])}")
        differences += _dhcp(seen, plug.row, port)
        if differences:
            mend = "write what it was given"
            what = f"has {', '.join(differences)}"
            yield Finding(DIFFERENT, plug.subject, what, mend, Rewrite((port.id,)))


def _dhcp(seen: _Seen, row: Any, port: Port) -> Iterator[str]:
    for version in (4, 6):
        id = dhcp.subnet_of_port(port, seen.subnets_of[port.network_id], version)
        allowed = [one.uuid for one in seen.subnet_rows[id]] if id is not None else [None]
        options = getattr(row, f"dhcpv{version}_options")
        # Neutron gives a port with options of its own a row of its own.
        own = any("port_id" in one.external_ids for one in options)
        if not own and (options[0].uuid if options else None) not in allowed:
            yield f"not the DHCPv{version} options of its subnet"


def _names(seen: _Seen) -> Iterator[Finding]:
    """The names in a network's own DNS row, against those that its ports have."""
    known = {row.uuid: row for row in seen.table(dns_rows.DNS)}
    named: dict[str, list[Port]] = defaultdict(list)
    for plug in seen.plugs:
        if plug.port is not None and plug.port.names:
            named[plug.network_id].append(plug.port)
    for network_id, switch in seen.networks.items():
        ports, row = named[network_id], known.get(dns_rows.row_id(network_id))
        subject = f"names of network {network_id}"
        wanted = dns_rows.records_of(ports)
        if row is None or row.uuid not in [one.uuid for one in switch.dns_records]:
            if ports and not switch.dns_records:
                ids = tuple(port.id for port in ports)
                what = f"{len(ports)} ports have some, and OVN has none"
                yield Finding(DIFFERENT, subject, what, "write them", Rewrite(ids))
            continue
        texts = {name: wanted.get(name) for name in {**row.records, **wanted}}
        wrong = {one: text for one, text in texts.items() if row.records.get(one) != text}
        if wrong:
            what = f"OVN's are not those of its ports: {', '.join(sorted(wrong))}"
            repair = Records(row.uuid, tuple(sorted(wrong.items())))
            yield Finding(DIFFERENT, subject, what, "set them", repair)


def _routers(seen: _Seen) -> Iterator[Finding]:
    plugged = {l3_rows.router_port_name(one.port) for one in seen.plugs if one.port is not None}
    there = {row.name for row in seen.table(l3_rows.ROUTER_PORT)}
    floating = {one.id for one in seen.floating}
    for plug in seen.plugs:
        port = plug.port
        if port is None or not is_routers(port) or l3_rows.router_port_name(port) in there:
            continue
        what, mend = "its router has no port for it", "make that again"
        yield Finding(DIFFERENT, plug.subject, what, mend, Rewrite((port.id,)))
    for router in seen.table(l3_rows.ROUTER):
        id = router.name.removeprefix("neutron-")
        subject = f"router {id}"
        for row in router.ports:
            if _is_id(row.name.removeprefix("lrp-")) and row.name not in plugged:
                table = l3_rows.ROUTER_PORT
                repair = TakeOut(l3_rows.ROUTER, router.uuid, "ports", table, row.uuid)
                what = f"its port {row.name} leads to no network"
                yield Finding(ORPHAN, subject, what, "delete that port", repair)
        for row in router.nat:
            gone = row.external_ids.get("neutron:fip_id")
            if gone in (None, *floating) or row.uuid != l3_rows.row_id(id, f"floating {gone}"):
                continue  # Neutron keeps its own in SQL
            repair = TakeOut(l3_rows.ROUTER, router.uuid, "nat", l3_rows.NAT, row.uuid)
            what = f"translates for floating IP {gone}, which is gone"
            yield Finding(ORPHAN, subject, what, "delete that translation", repair)


def _address(word: str) -> Address | None:
    try:
        return ipaddress.ip_address(word)
    except ValueError:
        return None


def _words(entries: Iterable[str]) -> set[frozenset[str]]:
    return {frozenset(entry.split()) for entry in entries}


def _text(entries: Iterable[str]) -> str:
    return " | ".join(sorted(entries)) or "none"


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
