"""Which things a list's filters find, by an index where there is one for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ovn_integrate.ipam.engine import query
from ovn_integrate.ipam.engine.query import Query
from ovn_integrate.ipam.plan.index import KEYED, Index
from ovn_integrate.ipam.resources.bodies import Resource
from ovn_integrate.ipam.resources.model import Port, Thing


def page(
    resource: Resource, index: Index, asked: Query, missing: Callable[[str], Exception]
) -> list[Thing]:
    """The things of a page, in its order.

    :param missing: the error that there is no thing of an id.
    """
    table: dict[str, Thing] = index.table(resource.kind)

    def wanted(id: str) -> Thing | None:
        thing = table.get(id)
        fits = thing and query.matches(asked, thing) and _has_ips(asked, thing, index)
        return thing if fits else None

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
