"""What one transaction is about to do, seen before it is done.

Several requests share a transaction. Each sees, over what NB holds, what those before it in the
same attempt have planned; one that fails leaves no trace of its own plans.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from ovn_integrate.contract import idempotency
from ovn_integrate.ipam.allocate import Address, Span, Used, lowest_free
from ovn_integrate.ipam.neutron_errors import (
    FloatingIPNotFound,
    NetworkNotFound,
    PolicyNotAuthorized,
    PortNotFound,
    RouterNotFound,
    SubnetNotFound,
)
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.plan.index import Index, keys
from ovn_integrate.ipam.resources.l3 import INTERFACE, FloatingIp, Router, is_routers
from ovn_integrate.ipam.resources.model import Network, Port, Subnet, Thing, parent

T = TypeVar("T", bound=Thing)

# The key of the few planned things that are looked for by more than their network.
_ANY = ""


@dataclass(frozen=True)
class Request:
    """A request that its client may send to several servers.

    :param id: what it has made already is not made again.
    :param abandoned: whether the client has gone elsewhere. Then it is not even attempted: what
        another server made for that client may have been deleted again.
    """

    id: uuid.UUID
    abandoned: Callable[[], bool]


class Attempt:
    """What all requests of one attempt have planned together."""

    def __init__(self) -> None:
        self.things: dict[str, Thing | None] = {}
        self.children: dict[tuple[type, str], dict[str, None]] = defaultdict(dict)
        self.taken: dict[tuple[str, int], Used] = defaultdict(Used)
        self.macs: set[tuple[str, str]] = set()
        self.floors: dict[str, int] = {}
        self.touched: set[str] = set()
        self.joined: set[str] = set()


class Draft:
    """One request's plans. Nothing is written before all of them are made.

    An address or MAC that the same attempt lets go stays taken until the attempt is over: the
    requests came at once, so either order is right, and this one needs no bookkeeping.
    """

    def __init__(self, index: Index, attempt: Attempt, request: uuid.UUID, asker: str = "") -> None:
        """
        :param request: the same for each attempt at one request, and of no other request.
        :param asker: who becomes the owner of what is new, see ``ownership``.
        """
        self.asker = asker
        self._index = index
        self._attempt = attempt
        self._request = request
        self._new: Counter[type] = Counter()
        self._ids: dict[tuple[type, int], str] = {}
        self._undo: list[Callable[[], Any]] = []
        self.plans: list[tuple[Thing | None, Thing | None]] = []
        """(what is, what shall be), in order; None for what is not."""
        self.touched: list[str] = []

    def new_id(self, kind: type) -> str:
        """An id for a new thing, the same in each attempt at the request.

        A transaction whose answer was lost may have been applied. The next attempt then finds what
        it was about to make, or NB refuses to have it twice.
        """
        self._new[kind] += 1
        return self._id(kind, self._new[kind] - 1)

    def made(self, kind: type[T], number: int = 0) -> T | None:
        """What an earlier attempt at this request has made: its thing of a kind and number.

        :raises PolicyNotAuthorized: somebody else's request has made it.
        """
        found = self.get(kind, self._id(kind, number))
        if found is not None and self.asker and found.owner not in ("", self.asker):
            raise PolicyNotAuthorized(
                action=f"rule:create_{kind.__name__.lower()}", reason="the request was another's"
            )
        return found

    def network(self, id: str) -> Network:
        """:raises NetworkNotFound:"""
        found = self._find(Network, self._index.networks, id)
        if found is None:
            raise NetworkNotFound(id=id)
        return found

    def subnet(self, id: str) -> Subnet:
        """:raises SubnetNotFound:"""
        found = self._find(Subnet, self._index.subnets, id)
        if found is None:
            raise SubnetNotFound(id=id)
        return found

    def port(self, id: str) -> Port:
        """:raises PortNotFound:"""
        found = self._find(Port, self._index.ports, id)
        if found is None:
            raise PortNotFound(id=id)
        return found

    def get(self, kind: type[T], id: str) -> T | None:
        """The thing of that kind and id, if there is one."""
        return self._find(kind, self._index.table(kind), id)

    def having(self, kind: type[T], attribute: str, value: str) -> list[T]:
        """The things of a kind that stand under a key of the index."""
        planned = [id for id, thing in self._attempt.things.items() if isinstance(thing, kind)]
        key = (kind, attribute, value)
        ids = dict.fromkeys(chain(self._index.groups.get(key), planned))
        found = (self.get(kind, id) for id in ids)
        return [thing for thing in found if thing is not None and key in keys(thing)]

    def all(self, kind: type[T]) -> list[T]:
        """All things of a kind."""
        found = (self.get(kind, id) for id in {**self._index.table(kind), **self._attempt.things})
        return [thing for thing in found if thing is not None]

    def router(self, id: str) -> Router:
        """:raises RouterNotFound:"""
        found = self._find(Router, self._index.routers, id)
        if found is None:
            raise RouterNotFound(id=id)
        return found

    def floating_ip(self, id: str) -> FloatingIp:
        """:raises FloatingIPNotFound:"""
        found = self._find(FloatingIp, self._index.floating_ips, id)
        if found is None:
            raise FloatingIPNotFound(id=id)
        return found

    def router_ports(self, router_id: str) -> list[Port]:
        """The ports of a router, interfaces and gateway."""
        ids = self._index.groups.get((Port, "device_id", router_id))
        found = self._with_planned(Port, self._index.ports, ids)
        return [one for one in found if is_routers(one) and one.device_id == router_id]

    def interfaces_on(self, network_id: str) -> list[Port]:
        """The routers' interfaces on a network."""
        ids = self._index.groups.get((Port, INTERFACE, network_id))
        found = self._with_planned(Port, self._index.ports, ids)
        return [
            one for one in found if one.device_owner == INTERFACE and one.network_id == network_id
        ]

    def subnets_of(self, network_id: str) -> list[Subnet]:
        return list(self._children(Subnet, self._index.subnets, network_id))

    def ports_of(self, network_id: str) -> Iterator[Port]:
        return self._children(Port, self._index.ports, network_id)

    def ports_named(self, network_id: str, name: str) -> Iterator[Port]:
        """The ports that have a name, be it their only one or a further one."""
        known = self._index.groups.get((Port, "dns", network_id, name))
        for id in dict.fromkeys(chain(known, self._attempt.things)):
            port = self.get(Port, id)
            if port is not None and port.network_id == network_id and name in port.names:
                yield port

    def is_taken(self, network_id: str, address: Address) -> bool:
        return any(int(address) in used for used in self._used(network_id, address.version))

    def any_taken(self, network_id: str, version: int, span: Span) -> bool:
        """Whether a port of the network has an address of the span."""
        return any(used.any_between(*span) for used in self._used(network_id, version))

    def mac_taken(self, network_id: str, mac: str) -> bool:
        if (network_id, mac) in self._attempt.macs:
            return True
        return (Port, "mac", network_id, mac) in self._index.groups

    def free_number(self, subnet: Subnet, chosen: Iterable[int] = ()) -> int | None:
        """The lowest address number of a subnet's pools that is neither taken nor ``chosen``."""
        used = [*self._used(subnet.network_id, subnet.ip_version), Used(chosen)]
        # Within one attempt numbers are only taken, so the search goes on where it ended. Without
        # that a thousand ports at once would each step over those before it.
        floor = self._attempt.floors.get(subnet.id, 0)
        number = lowest_free(subnet.pools, used, floor)
        if number is not None:
            self._set(self._attempt.floors, subnet.id, number)
        return number

    def touch(self, network_id: str) -> None:
        """Plan to collide with every other server that allocates on this network meanwhile."""
        self.touched.append(network_id)

    def put(self, new: Thing) -> None:
        """Plan to create a thing, or to replace the one of its id. Its owner stays who it is."""
        old = self._current(new.id)
        settled = ownership.begun(new, self.asker) if old is None else ownership.kept(new, old)
        if isinstance(settled, Port):
            before = old if isinstance(old, Port) else None
            settled = ownership.pinned(settled, before, self.asker)
            if before is not None and settled is not new and _same(settled, before):
                return  # what was asked for is not to be, and nothing else was
        self._plan(old, settled)

    def pass_on(self, new: Thing) -> None:
        """Plan to replace a thing by one that may be another owner's."""
        self._plan(self._current(new.id), new)

    def known(self, kind: type[T], id: str) -> T | None:
        """The thing of an id, also one that this request plans to delete."""
        found = self.get(kind, id)
        if found is not None:
            return found
        gone = (old for old, _ in self.plans if isinstance(old, kind) and old.id == id)
        return next(gone, None)

    def _plan(self, old: Thing | None, new: Thing) -> None:
        self.plans.append((old, new))
        if isinstance(new, Port) and (new.names or _names(old)):
            # Two servers that write one name must see each other's addresses.
            self.touch(new.network_id)
        self._set(self._attempt.things, new.id, new)
        above = parent(new)
        if old is None and above is not None:
            self._set(self._attempt.children[type(new), above], new.id, None)
        if isinstance(new, Port) and is_routers(new):
            self._set(self._attempt.children[Port, _ANY], new.id, None)
        if isinstance(new, Subnet):
            self._attempt.floors.pop(new.id, None)
        if isinstance(new, (Port, FloatingIp)):
            self._claim(new, old if isinstance(old, (Port, FloatingIp)) else None)

    def drop(self, old: Thing) -> None:
        """Plan to delete a thing."""
        if isinstance(old, Port) and old.names:
            self.touch(old.network_id)
        self.plans.append((old, None))
        self._set(self._attempt.things, old.id, None)

    def undo(self) -> None:
        """Take this request's plans back, after it failed."""
        while self._undo:
            self._undo.pop()()

    def _id(self, kind: type, number: int) -> str:
        known = self._ids.get((kind, number))
        if known is None:
            known = self._ids[kind, number] = idempotency.made(self._request, kind.__name__, number)
        return known

    def _claim(self, new: Port | FloatingIp, old: Port | FloatingIp | None) -> None:
        for address in new.addresses:
            used = self._attempt.taken[new.network_id, address.version]
            if int(address) not in used and not (old and address in old.addresses):
                used.add(int(address))
                self._undo.append(partial(used.discard, int(address)))
        mac = (new.network_id, new.mac_address)
        if mac not in self._attempt.macs and not (old and old.mac_address == new.mac_address):
            self._attempt.macs.add(mac)
            self._undo.append(lambda: self._attempt.macs.discard(mac))

    def _used(self, network_id: str, version: int) -> tuple[Used, Used]:
        return (
            self._index.used(network_id, version),
            self._attempt.taken[network_id, version],
        )

    def _current(self, id: str) -> Thing | None:
        if id in self._attempt.things:
            return self._attempt.things[id]
        return self._index.get(id)

    def _find(self, kind: type[T], table: dict[str, T], id: str) -> T | None:
        if id not in self._attempt.things:
            return table.get(id)
        found = self._attempt.things[id]
        return found if isinstance(found, kind) else None

    def _children(self, kind: type[T], table: dict[str, T], network_id: str) -> Iterator[T]:
        added = self._attempt.children.get((kind, network_id), {})
        for id in chain(self._index.groups.get((kind, "network_id", network_id)), added):
            found = self._find(kind, table, id)
            if found is not None:
                yield found

    def _with_planned(self, kind: type[T], table: dict[str, T], ids: Iterable[str]) -> Iterator[T]:
        for id in dict.fromkeys(chain(ids, self._attempt.children.get((kind, _ANY), ()))):
            found = self._find(kind, table, id)
            if found is not None:
                yield found

    def _set(self, mapping: MutableMapping[str, Any], key: str, value: Any) -> None:
        if key in mapping:
            before = mapping[key]
            self._undo.append(lambda: mapping.__setitem__(key, before))
        else:
            self._undo.append(lambda: mapping.pop(key, None))
        mapping[key] = value


def _same(new: Port, old: Port) -> bool:
    """Whether a port is as it was, but for being written."""
    if new == old:
        return False
    plain = replace(new, updated_at=old.updated_at, revision_number=old.revision_number)
    return plain == old


def _names(thing: Thing | None) -> tuple[str, ...]:
    return thing.names if isinstance(thing, Port) else ()
