"""What can be done with the things of the API, whoever asks: bodies in, bodies out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from ovn_integrate.errors import NotFound
from ovn_integrate.ipam import (
    floatingips,
    networks,
    portforwardings,
    ports,
    query,
    routers,
    security_groups,
    security_rules,
    subnetpools,
    subnets,
)
from ovn_integrate.ipam.bodies import Resource
from ovn_integrate.ipam.draft import Draft, Request
from ovn_integrate.ipam.faults import (
    FloatingIPNotFound,
    NetworkNotFound,
    PortForwardingNotFound,
    PortNotFound,
    RouterNotFound,
    SecurityGroupNotFound,
    SecurityGroupRuleNotFound,
    SubnetNotFound,
    SubnetPoolNotFound,
    TagNotFound,
    Worded,
)
from ovn_integrate.ipam.index import KEYED, Index
from ovn_integrate.ipam.l3 import FloatingIp, Router
from ovn_integrate.ipam.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.networks import now
from ovn_integrate.ipam.portforwarding_model import PortForwarding
from ovn_integrate.ipam.query import Query
from ovn_integrate.ipam.security_model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.store import Store
from ovn_integrate.ipam.subnetpool_model import SubnetPool

T = TypeVar("T")

Body = dict[str, Any]

_RULES: dict[type, Any] = {
    Network: networks,
    Subnet: subnets,
    Port: ports,
    SecurityGroup: security_groups,
    SecurityRule: security_rules,
    Router: routers,
    FloatingIp: floatingips,
    SubnetPool: subnetpools,
    PortForwarding: portforwardings,
}
_MISSING: dict[type, type[Worded]] = {
    Network: NetworkNotFound,
    Subnet: SubnetNotFound,
    Port: PortNotFound,
    SecurityGroup: SecurityGroupNotFound,
    SecurityRule: SecurityGroupRuleNotFound,
    Router: RouterNotFound,
    FloatingIp: FloatingIPNotFound,
    SubnetPool: SubnetPoolNotFound,
    PortForwarding: PortForwardingNotFound,
}


class Service:
    """The verbs of the API on a store.

    Every method raises the errors of ``faults``, and DatabaseUnavailable when NB is away.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(
        self,
        resource: Resource,
        wanted: Sequence[Mapping[str, Any]],
        request: Request | None = None,
    ) -> list[Body]:
        """Create things, all or none.

        :param request: which request it is, where it may have come to another server too.
        """
        rules = _RULES[resource.kind]

        def plan(draft: Draft) -> list[Body]:
            made = [draft.made(resource.kind, number) for number in range(len(wanted))]
            things = [one for one in made if one is not None] or [
                rules.create(draft, attributes) for attributes in wanted
            ]
            return [_drafted(thing, draft) for thing in things]

        return self._store.change(plan, f"create {resource.name}", request)

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
        plan = _Removal(lambda draft: routers.disconnect(draft, router_id, wish))
        return self._store.change(plan, "remove router interface")

    def delete(self, resource: Resource, id: str) -> None:
        rules = _RULES[resource.kind]
        plan = _Removal(lambda draft: rules.delete(draft, id))
        self._store.change(plan, f"delete {resource.name}")

    def show(self, resource: Resource, id: str) -> Body:
        return self._store.read(lambda index: _shown(_named(resource, index, id), index))

    def forwarding(self, floating_id: str, id: str) -> Body:
        """:raises PortForwardingNotFound: the floating IP has no such port forwarding."""

        def question(index: Index) -> Body:
            if floating_id not in index.floating_ips:
                raise FloatingIPNotFound(id=floating_id)
            found = index.port_forwardings.get(id)
            if found is None or found.floatingip_id != floating_id:
                raise PortForwardingNotFound(id=id)
            return found.body()

        return self._store.read(question)

    def page(self, resource: Resource, asked: Query) -> tuple[Iterator[Body], list[Thing]]:
        """The bodies of a page, made as they are taken, and the things that they are of."""

        def question(index: Index) -> tuple[list[Thing], _Around]:
            page = _page(resource, index, asked)
            return page, _Around(page, index)

        # Nobody else has to wait while the bodies are made: things do not change.
        page, around = self._store.read(question)
        return (query.project(asked, around.body(thing)) for thing in page), page

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

        plan = _Removal(lambda draft: _retagged(resource, draft, id, without))
        self._store.change(plan, f"tag {resource.name}")

    def _retag(
        self,
        resource: Resource,
        id: str,
        retag: Callable[[tuple[str, ...]], tuple[str, ...]],
    ) -> list[str]:
        return self._store.change(
            lambda draft: _retagged(resource, draft, id, retag), f"tag {resource.name}"
        )


class _Removal(Generic[T]):
    """A plan to remove something, which need not be there any more when it is made again: an
    attempt whose answer was lost may have removed it."""

    def __init__(self, plan: Callable[[Draft], T]) -> None:
        self._plan = plan
        self._planned: list[T] = []

    def __call__(self, draft: Draft) -> T:
        try:
            self._planned.append(self._plan(draft))
        except NotFound:
            if not self._planned:
                raise
        return self._planned[-1]


def _retagged(
    resource: Resource,
    draft: Draft,
    id: str,
    retag: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> list[str]:
    old = _in_draft(resource, draft, id)
    tags = retag(old.tags)
    if tags != old.tags:
        revision = old.revision_number + 1
        draft.put(replace(old, tags=tags, updated_at=now(), revision_number=revision))
    return list(tags)


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
    if isinstance(thing, FloatingIp):
        return _floating(thing, draft.having(PortForwarding, "floatingip_id", thing.id))
    return _body(thing, draft.subnets_of, draft.network)


def _shown(thing: Thing, index: Index) -> Body:
    return _Around([thing], index).body(thing)


class _Around:
    """What the bodies of things say of others."""

    def __init__(self, things: Iterable[Thing], index: Index) -> None:
        networks = {
            thing.network_id if isinstance(thing, Port) else thing.id
            for thing in things
            if isinstance(thing, (Network, Port))
        }
        self._subnets = {id: index.subnets_of(id) for id in networks}
        self._networks = {
            thing.network_id: index.networks.get(thing.network_id)
            for thing in things
            if isinstance(thing, Subnet)
        }
        groups = [thing.id for thing in things if isinstance(thing, SecurityGroup)]
        self._rules = _naming(index, SecurityRule, "security_group_id", groups)
        floating = [thing.id for thing in things if isinstance(thing, FloatingIp)]
        self._forwardings = _naming(index, PortForwarding, "floatingip_id", floating)

    def body(self, thing: Thing) -> Body:
        if isinstance(thing, SecurityGroup):
            return thing.body(self._rules[thing.id])
        if isinstance(thing, FloatingIp):
            return _floating(thing, self._forwardings[thing.id])
        return _body(thing, self._subnets.__getitem__, self._networks.get)


def _naming(index: Index, kind: type, attribute: str, ids: Iterable[str]) -> dict[str, list[Any]]:
    """For each id, the things of a kind whose attribute is that id."""
    table = index.table(kind)
    return {id: [table[one] for one in index.groups.get((kind, attribute, id))] for id in ids}


def _floating(thing: FloatingIp, forwardings: Iterable[PortForwarding]) -> Body:
    return {**thing.body(), "port_forwardings": [one.brief() for one in forwardings]}


def _body(
    thing: Network | Subnet | Port | SecurityRule | Router | SubnetPool | PortForwarding,
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


def _page(resource: Resource, index: Index, asked: Query) -> list[Thing]:
    table: dict[str, Thing] = index.table(resource.kind)

    def wanted(id: str) -> Thing | None:
        thing = table.get(id)
        fits = thing and query.matches(asked, thing) and _has_ips(asked, thing, index)
        return thing if fits else None

    def missing(id: str) -> Exception:
        return _MISSING[resource.kind](id=id)

    narrow = _narrow(resource, index, asked)
    if narrow is None and query.goes_by_id(asked):
        return query.walked(asked, index.order(resource.kind), wanted, missing)
    found = map(wanted, table if narrow is None else narrow)
    return query.ordered(asked, (thing for thing in found if thing), missing)


def _narrow(resource: Resource, index: Index, asked: Query) -> Iterable[str] | None:
    """The ids of those that can match, found by a key where a filter names one.

    :returns: None when that is all of them, or too many to sort for each page.
    """
    if "id" in asked.filters:
        return dict.fromkeys(asked.filters["id"])
    for attribute, values in _keyed(resource, asked):
        keys = [(resource.kind, attribute, value) for value in dict.fromkeys(values)]
        count = sum(index.groups.size(key) for key in keys)
        if query.goes_by_id(asked) and count * _BROAD > len(index.table(resource.kind)):
            return None
        return dict.fromkeys(id for key in keys for id in index.groups.get(key))
    return None


def _keyed(resource: Resource, asked: Query) -> Iterator[tuple[str, Sequence[Any]]]:
    """The filters that there are groups for, those first that leave the fewest."""
    if "ip_address" in asked.fixed_ips:
        yield "ip_address", asked.fixed_ips["ip_address"]
    if "tags" in asked.tags:
        yield "tags", asked.tags["tags"]
    if "security_groups" in asked.filters:
        yield "security_groups", asked.filters["security_groups"]
    for attribute in _NARROWEST_FIRST:
        if attribute in KEYED[resource.kind] and attribute in asked.filters:
            yield attribute, asked.filters[attribute]


_BROAD = 16
"""A page is walked to rather than sorted for where one in so many things, or more, can match."""

_NARROWEST_FIRST = (
    *("mac_address", "device_id", "port_id", "cidr", "name"),
    *("security_group_id", "remote_group_id", "subnetpool_id"),
    *("internal_port_id", "floatingip_id"),
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
