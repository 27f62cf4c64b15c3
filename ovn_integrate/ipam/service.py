"""What can be done with the things of the API, whoever asks: bodies in, bodies out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from ovn_integrate.errors import NotFound
from ovn_integrate.ipam import (
    floatingips,
    networks,
    permit,
    portforwardings,
    ports,
    query,
    routers,
    search,
    security_groups,
    security_rules,
    subnetpools,
    subnets,
)
from ovn_integrate.ipam.bodies import RESOURCES, Resource
from ovn_integrate.ipam.draft import Draft, Request
from ovn_integrate.ipam.faults import (
    FloatingIPNotFound,
    NetworkNotFound,
    PolicyNotAuthorized,
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
from ovn_integrate.ipam.index import Index
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

    :param who: for whom; None where everybody may do everything.
    """

    def __init__(self, store: Store, who: permit.Identity | None = None) -> None:
        self._store = store
        self._who = who

    def asked_by(self, who: permit.Identity | None) -> Service:
        """The same for somebody."""
        return self if who is None else Service(self._store, who)

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
            for attributes in wanted:
                self._permit(draft, permit.CREATE, resource.kind, None, attributes)
            made = [draft.made(resource.kind, number) for number in range(len(wanted))]
            things = [one for one in made if one is not None] or [
                rules.create(draft, attributes) for attributes in wanted
            ]
            return [_drafted(thing, draft) for thing in things]

        return self._store.change(plan, f"create {resource.name}", request)

    def update(self, resource: Resource, id: str, attributes: Mapping[str, Any]) -> Body:
        rules = _RULES[resource.kind]

        def plan(draft: Draft) -> Body:
            self._permit(draft, permit.UPDATE, resource.kind, id, attributes)
            return _drafted(rules.update(draft, id, attributes), draft)

        return self._store.change(plan, f"update {resource.name}")

    def connect(self, router_id: str, wish: routers.Interface) -> Body:
        """Give a router an interface."""

        def plan(draft: Draft) -> Body:
            self._permit(draft, permit.CONNECT, Router, router_id, _interface(draft, wish))
            return routers.connect(draft, router_id, wish)

        return self._store.change(plan, "add router interface")

    def disconnect(self, router_id: str, wish: routers.Interface) -> Body:
        """Take an interface from a router."""

        def plan(draft: Draft) -> Body:
            self._permit(draft, permit.DISCONNECT, Router, router_id)
            return routers.disconnect(draft, router_id, wish)

        return self._store.change(_Removal(plan), "remove router interface")

    def delete(self, resource: Resource, id: str) -> None:
        rules = _RULES[resource.kind]

        def plan(draft: Draft) -> None:
            self._permit(draft, permit.DELETE, resource.kind, id)
            rules.delete(draft, id)

        self._store.change(_Removal(plan), f"delete {resource.name}")

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
            page = search.page(resource, index, asked, partial(_missing, resource))
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

        def plan(draft: Draft) -> list[str]:
            self._permit(draft, permit.TAG, resource.kind, id)
            return _retagged(resource, draft, id, without)

        self._store.change(_Removal(plan), f"tag {resource.name}")

    def _retag(
        self,
        resource: Resource,
        id: str,
        retag: Callable[[tuple[str, ...]], tuple[str, ...]],
    ) -> list[str]:
        def plan(draft: Draft) -> list[str]:
            self._permit(draft, permit.TAG, resource.kind, id)
            return _retagged(resource, draft, id, retag)

        return self._store.change(plan, f"tag {resource.name}")

    def _permit(
        self,
        draft: Draft,
        what: str,
        kind: type,
        id: str | None,
        wanted: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """In the transaction that does it, so that it is true of what is changed.

        :raises PolicyNotAuthorized:
        """
        if self._who is None:
            return
        current: Any = None if id is None else draft.get(kind, id)
        if id is not None and current is None:
            return  # what there is not, the rules tell
        why = permit.refusal(self._who, permit.Act(what, kind, wanted, current), draft.get)
        if why is not None:
            raise PolicyNotAuthorized(action=f"rule:{what}_{_called(kind)}", reason=why)


def _called(kind: type) -> str:
    return next((one.name for one in RESOURCES.values() if one.kind is kind), "port_forwarding")


def _interface(draft: Draft, wish: routers.Interface) -> dict[str, Any]:
    """The subnet that an interface is, or shall be, on."""
    subnet_id = wish.subnet_id
    if wish.port_id is not None and (port := draft.get(Port, wish.port_id)) is not None:
        on = [one.id for one in draft.subnets_of(port.network_id)]
        subnet_id = subnet_id or next(iter(on), None)
    return {"subnet_id": subnet_id}


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


def _missing(resource: Resource, id: str) -> Worded:
    return _MISSING[resource.kind](id=id)


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
        raise _missing(resource, id)
    return thing


def _named(resource: Resource, index: Index, id: str) -> Thing:
    thing: Thing | None = index.table(resource.kind).get(id)
    if thing is None:
        raise _missing(resource, id)
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
