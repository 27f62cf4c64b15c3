"""What chassis A must never have changed, whatever it was answered: said of Northbound's rows.

A row is somebody's by the id of the thing that it is of. Of what is not A's every row stays as it
was, but for what is listed here; and no new row of A's may take what others have: an address that
a network's gateway has, a name, their groups, their routers, the traffic of their networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from tests.functional.matrix import things
from tests.functional.matrix.northbound import Row, Rows
from tests.functional.matrix.world import A, B, World

_OWN = "a."
_PASSING = ("revision_number", "updated_at", *(one.split(":")[1] for one in things.FACTS))
"""Keys that change along with others: counts, times, and whose a thing is."""

_TAKEABLE = frozenset(
    f"{name}" for name in ("operator.port", "operator.port-grouped", "operator.port-at-a")
) | frozenset({"adopted.operator-port", "old.port"})
"""Ports that an operator made for whoever takes them (``ovn.port``), or for A."""

_TAKEN = frozenset(
    {"device_id", "device_owner", "host_id", "profile", "tags", "port_name", "mac_address"}
)
_BINDING = {"requested-chassis", "iface-id-ver"}
_SHARED = ("shared.", "left.", "left-all.", "adopted.")
_ENDABLE = ("left-all.", "left.")
"""What Docker's networks were that nobody else has: A may end it."""


def broken(world: World, now: Rows) -> list[str]:
    """What of all this does not hold."""
    before = world.kept
    return [] if now == before else list(_Look(world, before, now).broken())


class _Look:
    def __init__(self, world: World, before: Rows, now: Rows) -> None:
        self._world = world
        self._before, self._now = before, now
        self._names = {str(body["id"]): name for name, (_, body) in world.things.items()}
        self._names |= {id.replace("-", "_"): name for id, name in list(self._names.items())}

    def broken(self) -> Iterator[str]:
        for key, row in self._before.items():
            name = self._thing(key[0], row)
            if name is None or name.startswith(_OWN) or name in _OTHERS_OWN:
                continue
            new = self._now.get(key)
            if new is None:
                if not self._may_end(name):
                    yield f"{name}: its {key[0]} is gone"
            elif new != row:
                yield from (f"{name}: {what}" for what in self._changed(name, key[0], row, new))
        for key in self._now.keys() - self._before.keys():
            yield from self._added(key[0], self._now[key])
        yield from self._names_of_others()

    def _may_end(self, name: str) -> bool:
        return name.startswith(_ENDABLE)

    def _thing(self, table: str, row: Row) -> str | None:
        """The name of the thing that a row is of; None for those of the server alone."""
        for id in _ids(table, row):
            if id in self._names:
                return self._names[id]
        return None

    def _changed(self, name: str, table: str, old: Row, new: Row) -> Iterator[str]:
        for column in old:
            if old[column] == new[column]:
                continue
            if column == "external_ids":
                yield from self._keys(name, table, _map(old[column]), _map(new[column]))
            elif isinstance(old[column], list) and old[column][:1] == ["map"]:
                yield from self._map(name, table, column, _map(old[column]), _map(new[column]))
            else:
                yield from self._set(name, table, column, _set(old[column]), _set(new[column]))

    def _keys(self, name: str, table: str, old: Any, new: Any) -> Iterator[str]:
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) == new.get(key):
                continue
            short = key.rpartition(":")[2]
            if short in (*_PASSING, "allocations", "members"):
                continue
            if short == "tags":
                yield from self._tags(name, old.get(key), new.get(key))
            elif short == "security_group_ids":
                yield from self._grouped(name, old.get(key, ""), new.get(key, ""))
            elif not (name in _TAKEABLE and short in _TAKEN):
                yield f"{table}.external_ids {key}: {old.get(key)} -> {new.get(key)}"

    def _tags(self, name: str, old: str | None, new: str | None) -> Iterator[str]:
        had, has = set(json.loads(old or "[]")), set(json.loads(new or "[]"))
        own = things.digest(A)
        for tag in had - has:
            mine = tag.endswith(own) or name.startswith(_SHARED)
            if not mine or tag.endswith(things.digest(B)):
                yield f"lost tag {tag}"
        for tag in has - had:
            if tag.startswith("alias:") and name in _TAKEABLE:
                continue
            if not tag.startswith("docker:") or tag == "docker:made":
                yield f"got tag {tag}"
            elif any(mark in tag for mark in (":at=", ":pool=", ":lent=")) and own not in tag:
                yield f"got tag {tag} of another host"

    def _grouped(self, name: str, old: str, new: str) -> Iterator[str]:
        had, has = set(old.split()), set(new.split())
        network = self._network_of(name)
        for id in had - has:
            if not self._closes(name, network, id):
                yield f"lost group {self._names.get(id, id)}"
        for id in has - had:
            if not self._closes(name, network, id):
                yield f"got group {self._names.get(id, id)}"

    def _closes(self, name: str, network: str, id: str) -> bool:
        """Whether a group is one of Docker's for a network that A is on, as it closes for all."""
        if name in _TAKEABLE and not name.startswith("adopted"):
            return id not in self._names
        if not network.startswith(_SHARED) and network not in ("operator.network", "old.network"):
            return False
        found = self._names.get(id)
        return found is None or found.startswith(network.split(".")[0])

    def _network_of(self, name: str) -> str:
        return self._names.get(str(self._world.things[name][1].get("network_id")), "")

    def _map(self, name: str, table: str, column: str, old: Any, new: Any) -> Iterator[str]:
        different = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        if table == "Logical_Switch_Port" and column == "options" and name in _TAKEABLE:
            different -= _BINDING
        if table == "DNS" and column == "records":
            return  # by name, see below
        if different:
            yield f"{table}.{column} {sorted(different)}: {old} -> {new}"

    def _set(
        self, name: str, table: str, column: str, old: set[Any], new: set[Any]
    ) -> Iterator[str]:
        gone, come = old - new, new - old
        if table == "Logical_Switch" and column in ("ports", "dns_records"):
            gone = {one for one in gone if not self._mine(one)}
            come = set()  # looked at as what is added
        if table == "Port_Group" and column == "ports":
            come = {one for one in come if not self._may_join(name, one)}
            gone = {one for one in gone if not self._mine(one)}
        if table == "Port_Group" and column == "acls" and name == "shared.group":
            come = set()
        if name == "shared.router" and column in ("nat", "load_balancer"):
            come = set()
        if table == "Logical_Switch_Port" and name in _TAKEABLE:
            if column == "addresses":
                yield from self._same_addresses(old, new)
                return
            if column in ("parent_name", "tag_request", "tag") or (
                column == "port_security" and new
            ):
                return
        if gone or come:
            yield f"{table}.{column}: {sorted(old)} -> {sorted(new)}"

    def _same_addresses(self, old: set[Any], new: set[Any]) -> Iterator[str]:
        def numbers(addresses: set[Any]) -> list[str]:
            return sorted(word for one in addresses for word in one.split()[1:])

        if numbers(old) != numbers(new) or "unknown" in new:
            yield f"addresses {sorted(old)} -> {sorted(new)}"

    def _mine(self, uuid: str) -> bool:
        row = next((row for (_, id), row in self._before.items() if id == uuid), None)
        table = next((table for (table, id) in self._before if id == uuid), "")
        name = None if row is None else self._thing(table, row)
        return row is None or (name is not None and (name.startswith(_OWN) or name in _OTHERS_OWN))

    def _may_join(self, group: str, port_uuid: str) -> bool:
        """Whether a port may come into a group: those of Docker's networks are for all that come
        to their networks."""
        port = self._now.get(("Logical_Switch_Port", port_uuid))
        if port is None:
            return True
        network = _map(port["external_ids"])["neutron:network_name"].removeprefix("neutron-")
        return self._is_of(group, self._names.get(network, ""))

    def _is_of(self, group: str, network: str) -> bool:
        """Whether a group is Docker's of a network."""
        return group.split(".")[0] == network.split(".")[0] and not group.startswith("operator")

    def _added(self, table: str, row: Row) -> Iterator[str]:
        keys = _map(row.get("external_ids", ["map", []]))
        network = keys.get("neutron:network_name", "").removeprefix("neutron-")
        network = network or keys.get("neutron:network_id", "")
        name = self._names.get(network, "")
        if table == "Logical_Switch_Port" and keys.get("neutron:device_owner") is not None:
            yield from (f"new port on {name}: {what}" for what in self._new_port(name, row, keys))
        own = name.startswith(_OWN) or name in ("", "gateway.network")
        if table == "DHCP_Options" and "subnet_id" in keys and not own:
            yield f"a new subnet {row['cidr']} on {name}"
        if table == "Logical_Router_Port":
            yield from self._new_router_port(name, row)
        if table in ("NAT", "DHCP_Options"):
            address = row.get("external_ip") or keys.get("ovn-integrate:address")
            yield from self._new_outer_address(str(address or ""), table)

    def _new_port(self, network: str, row: Row, keys: dict[str, str]) -> Iterator[str]:
        own = network.startswith(_OWN) or not network
        if keys["neutron:device_owner"].startswith("network:"):
            known = ("gateway.network", "shared.network", "adopted.network", "left.network")
            if not own and network not in known:
                yield f"is a router's: {keys['neutron:device_owner']}"
            return
        if own:
            return
        secure = _set(row["port_security"]) and "unknown" not in _set(row["addresses"])
        if row["type"] or not secure:
            yield f"takes any traffic: {row['type']} {row['addresses']} {row['port_security']}"
        if "ovn-integrate:pairs" in keys:
            yield f"has the addresses {keys['ovn-integrate:pairs']}"
        if network in ("gateway.network", "operator-outer.network"):
            yield "is on an external network"
        for cidr in keys.get("neutron:cidrs", "").split():
            if cidr.partition("/")[0] in self._gateways():
                yield f"has a gateway's address: {cidr}"
        host = keys.get("ovn-integrate:host_id", A)
        if host != A and keys["neutron:device_owner"] != "ovn-integrate:tested":
            yield f"is bound to {host}"
        for id in keys.get("neutron:security_group_ids", "").split():
            group = self._names.get(id, _OWN)
            if not group.startswith(_OWN) and not self._is_of(group, network):
                yield f"is in {group}"

    def _gateways(self) -> set[str]:
        subnets = self._world.names("subnets")
        bodies = [self._world.things[name][1] for name in subnets if not name.startswith(_OWN)]
        return {str(body["gateway_ip"]) for body in bodies}

    def _new_router_port(self, network: str, row: Row) -> Iterator[str]:
        own = network.startswith(_OWN) or not network
        # A router of the driver's, which any host makes for all that are on a network.
        shared = network in ("shared.network", "left.network", "adopted.network")
        if not (own or shared or network == "gateway.network"):
            yield f"a router on {network}: {row['networks']}"
        if network == "gateway.network":
            for one in _set(row["networks"]):
                yield from self._new_outer_address(str(one).partition("/")[0], "router")

    def _new_outer_address(self, text: str, what: str) -> Iterator[str]:
        """An address on an external network is of the subnet of A's own router."""
        for name in self._world.names("subnets"):
            subnet = self._world.things[name][1]
            theirs = "outer" in name and name.split(".")[0] not in ("a", "shared")
            if theirs and text and ip_address(text) in ip_network(subnet["cidr"]):
                yield f"{what}: {text} of {name}"
            if "outer" in name and text == subnet["gateway_ip"]:
                yield f"{what}: {text}, the gateway of {name}"

    def _names_of_others(self) -> Iterator[str]:
        """A name that others' ports have resolves as before, and so does the way back."""
        before, now = (_records(rows) for rows in (self._before, self._now))
        own = self._own_addresses()
        for key in sorted(before.keys() | now.keys()):
            network, record = key
            old, new = before.get(key, ""), now.get(key, "")
            if old == new:
                continue
            theirs = (
                [one for one in old.split() if one not in own] if not _is_reverse(record) else []
            )
            if theirs and set(theirs) != set(new.split()):
                yield f"DNS of {self._names.get(network)}: {record} {old!r} -> {new!r}"
            if theirs or not new:
                continue
            if _is_reverse(record):
                if _address(record) not in own | self._new_addresses():
                    yield f"DNS of {self._names.get(network)}: {record} {old!r} -> {new!r}"
            elif "." in record:
                yield f"DNS of {self._names.get(network)}: a domain {record} -> {new!r}"

    def _own_addresses(self) -> set[str]:
        found = set()
        for name in self._world.names("ports"):
            if name.startswith(_OWN) or name in _OTHERS_OWN or name in _TAKEABLE:
                for one in self._world.things[name][1]["fixed_ips"]:
                    found.add(str(one["ip_address"]))
        return found

    def _new_addresses(self) -> set[str]:
        added = [self._now[key] for key in self._now.keys() - self._before.keys()]
        keys = [_map(row["external_ids"]) for row in added if "port_security" in row]
        found = {
            cidr.partition("/")[0] for one in keys for cidr in one.get("neutron:cidrs", "").split()
        }
        for key, row in self._now.items():  # an own port's may have changed
            name = self._thing(*[key[0], row])
            if name and (name.startswith(_OWN) or name in _OTHERS_OWN):
                cidrs = _map(row.get("external_ids", ["map", []])).get("neutron:cidrs", "")
                found |= {cidr.partition("/")[0] for cidr in cidrs.split()}
        return found


_OTHERS_OWN = frozenset({"shared.a-port", "adopted.a-port"})
"""What A made on networks of others."""


def _ids(table: str, row: Row) -> Iterator[str]:
    """The ids of the things that a row may be of, the nearest first."""
    keys = _map(row.get("external_ids", ["map", []]))
    named = str(row.get("name", ""))
    yield from (named, named.removeprefix("neutron-"), named.removeprefix("lrp-"))
    yield named.removeprefix("lrp-").partition("_")[0]
    yield named.removeprefix("pg_")
    for key in (
        *("subnet_id", "ovn-integrate:floatingip", "ovn-integrate:port_forwarding"),
        *("neutron:security_group_rule_id", "neutron:fip_id", "ovn-integrate:subnetpool"),
    ):
        if key in keys:
            yield keys[key]
    if table == "DNS":
        yield keys.get("ls_name", "").removeprefix("neutron-")
    if "neutron:subnet_id" in keys:
        yield keys["neutron:subnet_id"]


def _records(rows: Rows) -> dict[tuple[str, str], str]:
    found = {}
    for (table, _), row in rows.items():
        if table == "DNS":
            network = _map(row["external_ids"]).get("ls_name", "").removeprefix("neutron-")
            for record, text in _map(row["records"]).items():
                found[network, record] = text
    return found


def _is_reverse(record: str) -> bool:
    return record.endswith((".in-addr.arpa", ".ip6.arpa"))


def _address(record: str) -> str:
    return ".".join(reversed(record.removesuffix(".in-addr.arpa").split(".")))


def _map(value: Any) -> dict[str, str]:
    return dict(value[1]) if isinstance(value, list) and value[:1] == ["map"] else {}


def _set(value: Any) -> set[Any]:
    if isinstance(value, list) and value[:1] == ["set"]:
        return {_atom(one) for one in value[1]}
    return {_atom(value)}


def _atom(value: Any) -> Any:
    return value[1] if isinstance(value, list) else value
