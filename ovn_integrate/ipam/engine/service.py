"""What can be done with the things of the API, whoever asks: bodies in, bodies out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Generic, TypeVar

from ovn_integrate.errors import Error, NotFound
from ovn_integrate.ipam.engine import query, search
from ovn_integrate.ipam.engine.query import Query
from ovn_integrate.ipam.engine.shown import Around, Body, drafted, shown
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.neutron_errors import (
    FloatingIPNotFound,
    NetworkNotFound,
    PolicyNotAuthorized,
    PortForwardingNotFound,
    PortNotFound,
    RouterNotFound,
    SecurityGroupNotFound,
    SecurityGroupRuleNotFound,
    ServiceUnavailable,
    SubnetNotFound,
    SubnetPoolNotFound,
    TagNotFound,
    Worded,
)
from ovn_integrate.ipam.permit import leaving
from ovn_integrate.ipam.permit import rules as permit
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.plan.draft import Draft, Request
from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.resources.bodies import RESOURCES, Resource
from ovn_integrate.ipam.resources.floating_ip import rules as floatingips
from ovn_integrate.ipam.resources.l3 import FloatingIp, Router
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.resources.network import rules as networks
from ovn_integrate.ipam.resources.network.rules import now
from ovn_integrate.ipam.resources.port import rules as ports
from ovn_integrate.ipam.resources.port_forwarding import rules as portforwardings
from ovn_integrate.ipam.resources.port_forwarding.model import PortForwarding
from ovn_integrate.ipam.resources.router import rules as routers
from ovn_integrate.ipam.resources.security_group import rules as security_groups
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.resources.security_group_rule import rules as security_rules
from ovn_integrate.ipam.resources.subnet import rules as subnets
from ovn_integrate.ipam.resources.subnet_pool import rules as subnetpools
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool

T = TypeVar("T")

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

    Every method raises the errors of ``neutron_errors``, and DatabaseUnavailable when NB is away.

    :param who: for whom; None where everybody may do everything.
    :param settled: whether it is known whose all is that is there, see ``heritage``.
    """

    def __init__(
        self,
        store: Store,
        who: permit.Identity | None = None,
        settled: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._who = who
        self._settled = settled

    def asked_by(self, who: permit.Identity | None) -> Service:
        """The same for somebody."""
        return self if who is None else Service(self._store, who, self._settled)

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
            things = [one for one in made if one is not None]
            if not things:
                acts = [permit.Act(permit.CREATE, resource.kind, None, one) for one in wanted]
                things = [self._created(rules, act, draft) for act in acts]
                for act in acts[:1]:  # all of what is planned, at once
                    self._refuse(permit.after, act, draft)
            return [drafted(thing, draft) for thing in things]

        return self._change(plan, f"create {resource.name}", request)

    def _created(self, rules: Any, act: permit.Act, draft: Draft) -> Thing:
        self._refuse(permit.before, act, draft)
        try:
            made: Thing = rules.create(draft, act.wanted)
        except Error:
            self._refuse(permit.instead, act, draft)
            raise
        return made

    def update(self, resource: Resource, id: str, attributes: Mapping[str, Any]) -> Body:
        rules = _RULES[resource.kind]
        act = permit.Act(permit.UPDATE, resource.kind, id, attributes)

        def plan(draft: Draft) -> Body:
            with self._permitted(act, draft):
                updated = rules.update(draft, id, attributes)
            return drafted(updated, draft)

        return self._change(plan, f"update {resource.name}")

    def connect(self, router_id: str, wish: routers.Interface) -> Body:
        """Give a router an interface."""
        act = permit.Act(permit.CONNECT, Router, router_id, asdict(wish))

        def plan(draft: Draft) -> Body:
            with self._permitted(act, draft):
                return routers.connect(draft, router_id, wish)

        return self._change(plan, "add router interface")

    def disconnect(self, router_id: str, wish: routers.Interface) -> Body:
        """Take an interface from a router."""
        act = permit.Act(permit.DISCONNECT, Router, router_id, asdict(wish))

        def plan(draft: Draft) -> Body:
            with self._permitted(act, draft):
                return routers.disconnect(draft, router_id, wish)

        return self._change(_Removal(plan), "remove router interface")

    def delete(self, resource: Resource, id: str) -> None:
        rules = _RULES[resource.kind]
        act = permit.Act(permit.DELETE, resource.kind, id)

        def plan(draft: Draft) -> None:
            old: Any = draft.get(resource.kind, id)
            with self._permitted(act, draft):
                rules.delete(draft, id)
            if isinstance(old, Subnet):
                leaving.cut_off(draft, old)

        self._change(_Removal(plan), f"delete {resource.name}")

    def show(self, resource: Resource, id: str) -> Body:
        return self._store.read(lambda index: shown(_named(resource, index, id), index))

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

        def question(index: Index) -> tuple[list[Thing], Around]:
            page = search.page(resource, index, asked, partial(_missing, resource))
            return page, Around(page, index)

        # Nobody else has to wait while the bodies are made: things do not change.
        page, around = self._store.read(question)
        return (query.project(asked, around.body(thing)) for thing in page), page

    def tags(self, resource: Resource, id: str) -> list[str]:
        return self._store.read(lambda index: list(_named(resource, index, id).tags))

    def set_tags(self, resource: Resource, id: str, tags: Sequence[str]) -> list[str]:
        def retag(draft: Draft, old: Thing) -> Thing:
            gone = [tag for tag in old.tags if tag not in tags]
            new = leaving.untagged(draft, old, gone) if gone else old
            if set(new.tags).difference(tags):
                raise self._shared(resource, set(new.tags).difference(tags))
            more = [tag for tag in tags if tag not in old.tags]
            return replace(ownership.with_tags(new, more, draft.asker), tags=tuple(tags))

        return self._retag(resource, id, retag)

    def add_tags(self, resource: Resource, id: str, more: Sequence[str]) -> None:
        self._retag(resource, id, lambda draft, old: ownership.with_tags(old, more, draft.asker))

    def has_tag(self, resource: Resource, id: str, tag: str) -> None:
        """:raises TagNotFound:"""
        if tag not in self.tags(resource, id):
            raise TagNotFound(tag=tag)

    def remove_tag(self, resource: Resource, id: str, tag: str) -> None:
        """:raises TagNotFound:"""

        def retag(draft: Draft, old: Thing) -> Thing:
            if tag not in old.tags:
                raise TagNotFound(tag=tag)
            return leaving.untagged(draft, old, [tag])

        self._retag(resource, id, retag, removal=True)

    def _retag(
        self,
        resource: Resource,
        id: str,
        retag: Callable[[Draft, Thing], Thing],
        *,
        removal: bool = False,
    ) -> list[str]:
        act = permit.Act(permit.TAG, resource.kind, id)

        def plan(draft: Draft) -> list[str]:
            old = _in_draft(resource, draft, id)
            with self._permitted(act, draft):
                new = retag(draft, old)
                if new != old:
                    revision = old.revision_number + (new.tags != old.tags)
                    time = now() if new.tags != old.tags else old.updated_at
                    draft.pass_on(replace(new, updated_at=time, revision_number=revision))
            return list(new.tags)

        return self._change(_Removal(plan) if removal else plan, f"tag {resource.name}")

    def _shared(self, resource: Resource, tags: Iterable[str]) -> PolicyNotAuthorized:
        reason = f"others have put {', '.join(sorted(tags))} there too"
        return PolicyNotAuthorized(action=f"rule:tag_{_called(resource.kind)}", reason=reason)

    def _change(
        self, plan: Callable[[Draft], T], comment: str, request: Request | None = None
    ) -> T:
        if self._who is None:
            return self._store.change(plan, comment, request)
        if self._who.role == permit.READER:
            # Before anything is looked for: what is not found is asked of the database once more.
            raise PolicyNotAuthorized(
                action=f"rule:{comment}", reason=f"reader {self._who.name} may only read"
            )
        if self._who.role == permit.CHASSIS and not self._settled():
            raise ServiceUnavailable(reason="The owners of what there is are being written.")
        return self._store.change(plan, comment, request, self._who.owner)

    @contextmanager
    def _permitted(self, act: permit.Act, draft: Draft) -> Iterator[None]:
        """In the transaction that does it, so that it is true of what is changed.

        :raises PolicyNotAuthorized:
        """
        self._refuse(permit.before, act, draft)
        try:
            yield
        except NotFound:
            raise
        except Error:
            # Who may not change it does not learn what would have been wrong with it.
            self._refuse(permit.instead, act, draft)
            raise
        self._refuse(permit.after, act, draft)

    def _refuse(
        self,
        rule: Callable[[permit.Identity, permit.Act, Draft], str | None],
        act: permit.Act,
        draft: Draft,
    ) -> None:
        why = None if self._who is None else rule(self._who, act, draft)
        if why is not None:
            raise PolicyNotAuthorized(action=f"rule:{act.what}_{_called(act.kind)}", reason=why)


def _called(kind: type) -> str:
    return next((one.name for one in RESOURCES.values() if one.kind is kind), "port_forwarding")


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
