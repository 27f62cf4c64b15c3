"""What NB holds, kept ready to be asked: every question that names something costs no search."""

from __future__ import annotations

import uuid
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from ovn_integrate.contract.tags import parse
from ovn_integrate.ipam.allocate import Address, Used
from ovn_integrate.ipam.resources.l3 import INTERFACE, FloatingIp, Router
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

Key = tuple[Any, ...]


class Groups:
    """From a key to the ids under it. A lone id is kept bare: most keys have one."""

    def __init__(self) -> None:
        self._ids: dict[Key, str | dict[str, None]] = {}

    def add(self, key: Key, id: str) -> None:
        found = self._ids.setdefault(key, id)
        if isinstance(found, dict):
            found[id] = None
        elif found != id:
            self._ids[key] = {found: None, id: None}

    def discard(self, key: Key, id: str) -> None:
        found = self._ids.get(key)
        if isinstance(found, dict):
            found.pop(id, None)
        if not found or found == id:
            self._ids.pop(key, None)

    def get(self, key: Key) -> Iterator[str]:
        """The ids, oldest first. Not to be kept over a change."""
        found = self._ids.get(key, ())
        return iter((found,)) if isinstance(found, str) else iter(found)

    def size(self, key: Key) -> int:
        found = self._ids.get(key, ())
        return 1 if isinstance(found, str) else len(found)

    def __contains__(self, key: Key) -> bool:
        return key in self._ids


class Index:
    """Networks, subnets, ports … by id and by what else they are asked for.

    To be read and changed under the session's lock.
    """

    def __init__(self) -> None:
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.ports: dict[str, Port] = {}
        self.security_groups: dict[str, SecurityGroup] = {}
        self.security_rules: dict[str, SecurityRule] = {}
        self.routers: dict[str, Router] = {}
        self.floating_ips: dict[str, FloatingIp] = {}
        self.subnet_pools: dict[str, SubnetPool] = {}
        self.port_forwardings: dict[str, PortForwarding] = {}
        self._tables: dict[type, dict[str, Any]] = {
            Network: self.networks,
            Subnet: self.subnets,
            Port: self.ports,
            SecurityGroup: self.security_groups,
            SecurityRule: self.security_rules,
            Router: self.routers,
            FloatingIp: self.floating_ips,
            SubnetPool: self.subnet_pools,
            PortForwarding: self.port_forwardings,
        }
        self.groups = Groups()
        self._used: dict[tuple[str, int], Used] = defaultdict(Used)
        self._orders: dict[type, list[str]] = {}
        self._things: dict[uuid.UUID, Thing] = {}
        self._rows: dict[str, uuid.UUID] = {}

    def replace(self, row: uuid.UUID, new: Thing | None) -> None:
        """Take in what a row now holds; None when it is gone or not ours."""
        old = self._things.pop(row, None)
        if old is not None:
            self._forget(old, row)
        if new is not None:
            self._things[row] = new
            self._rows[new.id] = row
            self._learn(new)

    def get(self, id: str) -> Thing | None:
        """The thing of that id."""
        row = self._rows.get(id)
        return None if row is None else self._things.get(row)

    def row(self, id: str) -> uuid.UUID | None:
        """The row of a network, subnet or port."""
        return self._rows.get(id)

    def subnets_of(self, network_id: str) -> list[Subnet]:
        return [self.subnets[id] for id in self.groups.get((Subnet, "network_id", network_id))]

    def used(self, network_id: str, version: int) -> Used:
        """The addresses of a network's ports. Subnets of one network do not overlap."""
        return self._used.get((network_id, version), _NOTHING)

    def holder(self, network_id: str, address: Address) -> str | None:
        """The id of the port that has an address on a network."""
        return next(self.groups.get((Port, "ip", network_id, address)), None)

    def table(self, kind: type) -> dict[str, Any]:
        """The things of a kind by their ids."""
        return self._tables[kind]

    def has_owner(self, owner: str) -> bool:
        """Whether somebody has made something that is there, or has put tags on it."""
        return any(
            thing.owner == owner or any(other == owner for other, _ in thing.marks)
            for thing in self._things.values()
        )

    def order(self, kind: type) -> Sequence[str]:
        """The ids of the things of a kind in order, kept so from the first time on."""
        if kind not in self._orders:
            self._orders[kind] = sorted(self.table(kind))
        return self._orders[kind]

    def _learn(self, thing: Thing) -> None:
        kind = type(thing)
        table = self.table(kind)
        if kind in self._orders and thing.id not in table:
            insort(self._orders[kind], thing.id)
        table[thing.id] = thing
        for key in keys(thing):
            self.groups.add(key, thing.id)
        if isinstance(thing, (Port, FloatingIp)):
            for address in thing.addresses:
                self._used[thing.network_id, address.version].add(int(address))

    def _forget(self, thing: Thing, row: uuid.UUID) -> None:
        table = self.table(type(thing))
        if table.get(thing.id) is thing:
            del table[thing.id]
            order = self._orders.get(type(thing))
            if order is not None:
                del order[bisect_left(order, thing.id)]
        if self._rows.get(thing.id) == row:
            del self._rows[thing.id]
        for key in keys(thing):
            self.groups.discard(key, thing.id)
        if isinstance(thing, (Port, FloatingIp)):
            self._release(thing)

    def _release(self, port: Port | FloatingIp) -> None:
        for address in port.addresses:
            # An operator may have given an address twice: it is free when the last one lets go.
            if self.holder(port.network_id, address) is None:
                self._used[port.network_id, address.version].discard(int(address))


_NOTHING = Used()

KEYED: dict[type, tuple[str, ...]] = {
    Network: ("name", "physical_network"),
    Subnet: ("name", "network_id", "cidr", "subnetpool_id"),
    Port: ("name", "network_id", "device_id", "mac_address"),
    SecurityGroup: ("name",),
    SecurityRule: ("security_group_id", "remote_group_id"),
    Router: ("name",),
    FloatingIp: ("floating_network_id", "floating_ip_address", "port_id"),
    SubnetPool: ("name",),
    PortForwarding: ("floatingip_id", "internal_port_id"),
}
"""The attributes by which things of each kind are found without a search, beside their id."""


def keys(thing: Thing) -> Iterator[Key]:
    """The keys of the groups that a thing is in."""
    kind = type(thing)
    for attribute in KEYED[kind]:
        found = getattr(thing, attribute)
        if found is not None:
            yield kind, attribute, str(found) if attribute == "cidr" else found
    if thing.tags:
        for tag in thing.tags:
            yield kind, "tags", tag
        for docker_id in {one.docker_id for one in map(parse, thing.tags) if one is not None}:
            yield kind, "docker", docker_id
    if isinstance(thing, Port):
        for group in thing.security_groups:
            yield Port, "security_groups", group
        yield Port, "mac", thing.network_id, thing.mac_address
        for name in thing.names:
            yield Port, "dns", thing.network_id, name
        for address in thing.addresses:
            yield Port, "ip_address", str(address)
        if thing.device_owner == INTERFACE:
            yield Port, INTERFACE, thing.network_id
        if thing.parent_port:
            yield Port, "parent", thing.parent_port
    if isinstance(thing, (Port, FloatingIp)):
        for address in thing.addresses:
            yield Port, "ip", thing.network_id, address
