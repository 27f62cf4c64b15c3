"""What can be done with the things of the API, whoever asks: bodies in, bodies out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ovn_integrate.ipam import (
    floatingips,
    networks,
    ports,
    query,
    routers,
    security_groups,
    security_rules,
    subnets,
)
from ovn_integrate.ipam.bodies import Resource
from ovn_integrate.ipam.draft import Draft
from ovn_integrate.ipam.faults import (
    FloatingIPNotFound,
    NetworkNotFound,
    PortNotFound,
    RouterNotFound,
    SecurityGroupNotFound,
    SecurityGroupRuleNotFound,
    SubnetNotFound,
    TagNotFound,
    Worded,
)
from ovn_integrate.ipam.index import KEYED, Index
from ovn_integrate.ipam.l3 import FloatingIp, Router
from ovn_integrate.ipam.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.networks import now
from ovn_integrate.ipam.query import Query
from ovn_integrate.ipam.security_model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.store import Store

Body = dict[str, Any]

_RULES: dict[type, Any] = {
    Network: networks,
    Subnet: subnets,
    Port: ports,
    SecurityGroup: security_groups,
    SecurityRule: security_rules,
    Router: routers,
    FloatingIp: floatingips,
}
_MISSING: dict[type, type[Worded]] = {
    Network: NetworkNotFound,
    Subnet: SubnetNotFound,
    Port: PortNotFound,
    SecurityGroup: SecurityGroupNotFound,
    SecurityRule: SecurityGroupRuleNotFound,
    Router: RouterNotFound,
    FloatingIp: FloatingIPNotFound,
}


class Service:
    """The verbs of the API on a store.

    Every method raises the errors of ``faults``, and DatabaseUnavailable when NB is away.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, resource: Resource, wanted: Sequence[Mapping[str, Any]]) -> list[Body]:
        """Create things, all or none."""
        rules = _RULES[resource.kind]

        def plan(draft: Draft) -> list[Body]:
            things = [rules.create(draft, attributes) for attributes in wanted]
            return [_drafted(thing, draft) for thing in things]

        return self._store.change(plan, f"create {resource.name}")

    def update(self, resource: Resource, id: str, attributes: Mapping[str, Any]) -> Body:
        rules = _RULES[resource.kind]
        return self._store.change(
            lambda draft: _drafted(rules.update(draft, id, attributes), draft),
            f"update {resource.name}",
        )

    def connect(self, router_id: str, wish: routers.Interface) -> Body:
        """Give a router an interface."""
        return self._store.change(
            lambda draft: routers.connect(draft, router_id, wish), "add router interface"
        )

    def disconnect(self, router_id: str, wish: routers.Interface) -> Body:
        """Take an interface from a router."""
        return self._store.change(
            lambda draft: routers.disconnect(draft, router_id, wish), "remove router interface"
        )

    def delete(self, resource: Resource, id: str) -> None:
        rules = _RULES[resource.kind]
        self._store.change(lambda draft: rules.delete(draft, id), f"delete {resource.name}")

    def show(self, resource: Resource, id: str) -> Body:
        return self._store.read(lambda index: _shown(_named(resource, index, id), index))

    def page(self, resource: Resource, asked: Query) -> tuple[list[Body], list[Thing]]:
        """The bodies of a page, and the things that they are of."""

        def question(index: Index) -> tuple[list[Body], list[Thing]]:
            found = (
                thing
                for thing in _candidates(resource, index, asked)
                if query.matches(asked, thing) and _has_ips(asked, thing, index)
            )
            page = query.ordered(asked, found, lambda id: _MISSING[resource.kind](id=id))
            bodies = (_shown(thing, index) for thing in page)
            return [query.project(asked, body) for body in bodies], page

        return self._store.read(question)

    def tags(self, resource: Resource, id: str) -> list[str]:
        return self._store.read(lambda index: list(_named(resource, index, id).tags))

    def set_tags(self, resource: Resource, id: str, tags: Sequence[str]) -> list[str]:
        return self._retag(resource, id, lambda _: tuple(tags))

    def add_tags(self, resource: Resource, id: str, more: Sequence[str]) -> None:
        self._retag(resource, id, lambda tags: tuple(dict.fromkeys([*tags, *more])))

    def has_tag(self, resource: Resource, id: str, tag: str) -> None:
        """:raises TagNotFound:"""
        if tag not in self.tags(resource, id):
            raise TagNotFound(tag=tag)

    def remove_tag(self, resource: Resource, id: str, tag: str) -> None:
        """:raises TagNotFound:"""

        def without(tags: tuple[str, ...]) -> tuple[str, ...]:
            if tag not in tags:
                raise TagNotFound(tag=tag)
            return tuple(one for one in tags if one != tag)

        self._retag(resource, id, without)

    def _retag(
        self,
        resource: Resource,
        id: str,
        retag: Callable[[tuple[str, ...]], tuple[str, ...]],
    ) -> list[str]:
        def plan(draft: Draft) -> list[str]:
            old = _in_draft(resource, draft, id)
            tags = retag(old.tags)
            if tags != old.tags:
                revision = old.revision_number + 1
                draft.put(replace(old, tags=tags, updated_at=now(), revision_number=revision))
            return list(tags)

        return self._store.change(plan, f"tag {resource.name}")


def _in_draft(resource: Resource, draft: Draft, id: str) -> Thing:
    thing = draft.get(resource.kind, id)
    if thing is None:
        raise _MISSING[resource.kind](id=id)
    return thing


def _named(resource: Resource, index: Index, id: str) -> Thing:
    thing: Thing | None = index.table(resource.kind).get(id)
    if thing is None:
        raise _MISSING[resource.kind](id=id)
    return thing


def _drafted(thing: Thing, draft: Draft) -> Body:
    if isinstance(thing, SecurityGroup):
        return thing.body(draft.having(SecurityRule, "security_group_id", thing.id))
    return _body(thing, draft.subnets_of, draft.network)


def _shown(thing: Thing, index: Index) -> Body:
    if isinstance(thing, SecurityGroup):
        ids = index.groups.get((SecurityRule, "security_group_id", thing.id))
        return thing.body(index.security_rules[id] for id in ids)
    return _body(thing, index.subnets_of, index.networks.get)


def _body(
    thing: Network | Subnet | Port | SecurityRule | Router | FloatingIp,
    subnets_of: Callable[[str], list[Subnet]],
    network: Callable[[str], Network | None],
) -> Body:
    if isinstance(thing, Network):
        return thing.body([subnet.id for subnet in subnets_of(thing.id)])
    if isinstance(thing, Subnet):
        home = network(thing.network_id)
        return thing.body(home is not None and home.external)
    if not isinstance(thing, Port):
        return thing.body()
    return thing.body(subnets_of(thing.network_id) if thing.addresses else ())


def _candidates(resource: Resource, index: Index, asked: Query) -> Iterable[Thing]:
    """The things that can match: found by a key where a filter names one, else all."""
    table = index.table(resource.kind)
    if "id" in asked.filters:
        return (table[id] for id in dict.fromkeys(asked.filters["id"]) if id in table)
    for attribute, values in _keyed(resource, asked):
        ids = (
            id
            for value in dict.fromkeys(values)
            for id in index.groups.get((resource.kind, attribute, value))
        )
        return (table[id] for id in dict.fromkeys(ids))
    return table.values()


def _keyed(resource: Resource, asked: Query) -> Iterator[tuple[str, Sequence[Any]]]:
    """The filters that there are groups for, those first that leave the fewest."""
    if "ip_address" in asked.fixed_ips:
        yield "ip_address", asked.fixed_ips["ip_address"]
    if "tags" in asked.tags:
        yield "tags", asked.tags["tags"]
    for attribute in _NARROWEST_FIRST:
        if attribute in KEYED[resource.kind] and attribute in asked.filters:
            yield attribute, asked.filters[attribute]


_NARROWEST_FIRST = (
    *("mac_address", "device_id", "port_id", "cidr", "name"),
    *("security_group_id", "remote_group_id"),
    "network_id",
)


def _has_ips(asked: Query, thing: Thing, index: Index) -> bool:
    if not asked.fixed_ips or not isinstance(thing, Port):
        return True
    tests = asked.fixed_ips
    texts = [str(address) for address in thing.addresses]
    if "ip_address" in tests and not set(texts) & set(tests["ip_address"]):
        return False
    if "ip_address_substr" in tests and not any(
        part in text for part in tests["ip_address_substr"] for text in texts
    ):
        return False
    return "subnet_id" not in tests or _is_in(thing, tests["subnet_id"], index)


def _is_in(port: Port, subnet_ids: Sequence[str], index: Index) -> bool:
    subnets = [index.subnets[id] for id in subnet_ids if id in index.subnets]
    return any(
        subnet.network_id == port.network_id and subnet.has(address)
        for subnet in subnets
        for address in port.addresses
    )
