"""What a list is asked for: filters, fields, order and pages (Neutron: ``api/api_common.py``)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from ovn_integrate.ipam.neutron_errors import BadRequest, HTTPBadRequest, InvalidInput
from ovn_integrate.ipam.resources import convert, model
from ovn_integrate.ipam.resources.bodies import Resource
from ovn_integrate.ipam.resources.model import Port, Thing

K = TypeVar("K", bound=Thing)

Pairs = Sequence[tuple[str, str]]

_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")
_FIXED_IPS = ("ip_address", "ip_address_substr", "subnet_id")
_UNSORTED = frozenset({"tags", "security_groups", "fixed_ips", "subnets"})


@dataclass(frozen=True)
class Query:
    """A list request, taken apart.

    :param filters: by attribute, the values of which one must match.
    :param tags: by tag filter, the tags it names.
    :param fixed_ips: by part of a fixed ip, the values of which one must match.
    :param sort: (attribute, whether descending), the weightiest first.
    :param limit: the size of a page; None for all.
    """

    filters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fixed_ips: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fields: Sequence[str] = ()
    sort: Sequence[tuple[str, bool]] = ()
    limit: int | None = None
    marker: str | None = None
    reverse: bool = False


def parse(resource: Resource, pairs: Pairs) -> Query:
    """:raises Invalid: what Neutron answers to a list request that it does not take."""
    given: dict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        given[name].append(value)
    sort = _sort(resource, given.pop("sort_key", []), given.pop("sort_dir", []))
    fields = given.pop("fields", [])
    limit = _limit(given.pop("limit", []))
    marker = given.pop("marker", [None])[-1]
    reverse = given.pop("page_reverse", ["false"])[-1].lower() == "true"
    tags = {
        name: [tag for text in given.pop(name) for tag in text.split(",")]
        for name in _TAGS
        if name in given
    }
    fixed_ips = _fixed_ips(given.pop("fixed_ips", [])) if resource.kind is Port else {}
    return Query(_filters(resource, given), tags, fixed_ips, fields, sort, limit, marker, reverse)


def matches(query: Query, thing: Thing) -> bool:
    """Whether a thing passes all filters but those on fixed ips."""
    return all(
        _passes(model.value(thing, name), values) for name, values in query.filters.items()
    ) and _tags_match(query.tags, frozenset(thing.tags))


def _passes(found: Any, values: Sequence[Any]) -> bool:
    if isinstance(found, tuple):
        return any(one in values for one in found)
    return found in values


def ordered(query: Query, things: Iterable[K], missing: Callable[[str], Exception]) -> list[K]:
    """The things of the page, in order.

    :param missing: makes the error for a marker that no thing has.
    """
    found = list(things)
    paged = query.limit is not None
    if query.sort or paged:
        _order(query, found, paged)
    if query.marker is not None and paged:
        place = next((n for n, thing in enumerate(found) if thing.id == query.marker), None)
        if place is None:
            raise missing(query.marker)
        found = found[place + 1 :]
    page = found[: query.limit]
    return page[::-1] if query.reverse and paged else page


def goes_by_id(query: Query) -> bool:
    """Whether the query asks for a page, in the order of the ids."""
    return query.limit is not None and list(query.sort) in ([], [("id", False)])


def walked(
    query: Query,
    ids: Sequence[str],
    find: Callable[[str], K | None],
    missing: Callable[[str], Exception],
) -> list[K]:
    """What :func:`ordered` gives for a query that goes by id, without looking beyond the page.

    :param ids: all there are, in order.
    :param find: gives the thing of an id; None for one that is not wanted.
    """
    back = query.reverse
    start = len(ids) - 1 if back else 0
    if query.marker is not None:
        place = bisect_left(ids, query.marker)
        if place == len(ids) or ids[place] != query.marker:
            raise missing(query.marker)
        start = place - 1 if back else place + 1
    page: list[K] = []
    for n in range(start, -1, -1) if back else range(start, len(ids)):
        thing = find(ids[n])
        if thing is not None:
            page.append(thing)
            if len(page) == query.limit:
                break
    return page[::-1] if back else page


def project(query: Query, body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a body that were asked for; a field that is unknown is left out."""
    if not query.fields:
        return body
    return {name: value for name, value in body.items() if name in query.fields}


def links(
    query: Query, base: str, pairs: Pairs, page: Sequence[Thing]
) -> list[dict[str, str]] | None:
    """The links to the pages around this one; None when the list has no pages.

    :param base: the address of the collection.
    """
    if query.limit is None:
        return None
    full = len(page) >= query.limit
    kept = [pair for pair in pairs if pair[0] not in ("marker", "page_reverse")]
    if not page:
        # Back to where the pages end, or begin.
        if query.reverse:
            return [_link("next", base, kept)]
        return [_link("previous", base, [*kept, ("page_reverse", "True")])]
    found = []
    if full or query.reverse:
        found.append(_link("next", base, [*kept, ("marker", page[-1].id)]))
    if full or not query.reverse:
        back = [*kept, ("marker", page[0].id), ("page_reverse", "True")]
        found.append(_link("previous", base, back))
    return found


def _link(rel: str, base: str, pairs: Pairs) -> dict[str, str]:
    return {"rel": rel, "href": f"{base}?{urlencode(pairs)}"}


def _order(query: Query, things: list[K], paged: bool) -> None:
    # Pages need one order from request to request, so the id decides between equals.
    keys = [*query.sort, ("id", False)] if paged else query.sort
    for name, descending in reversed(keys):
        backwards = descending != query.reverse
        things.sort(key=partial(_rank, name), reverse=backwards)


def _rank(name: str, thing: Thing) -> tuple[bool, Any]:
    found = model.value(thing, name)
    return found is not None, found


def _limit(values: list[str]) -> int | None:
    if not values:
        return None
    text = values[-1]
    try:
        limit = int(text)
    except ValueError:
        limit = -1
    if limit < 0:
        raise BadRequest(
            resource="limit",
            reason=f"Limit must be an integer 0 or greater and not '{text}'",
        )
    return limit or None


def _sort(resource: Resource, names: list[str], ways: list[str]) -> list[tuple[str, bool]]:
    if len(names) != len(ways):
        raise HTTPBadRequest(reason="The number of sort_keys and sort_dirs must be same")
    for name in names:
        attribute = resource.attributes.get(name)
        if attribute is None or attribute.filter is None or name in _UNSORTED:
            raise HTTPBadRequest(reason=f"['{name}'] is invalid attribute for sort_keys")
    for way in ways:
        if way not in ("asc", "desc"):
            raise HTTPBadRequest(
                reason=f"['{way}'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'"
            )
    return [(name, way == "desc") for name, way in zip(names, ways, strict=True)]


def _filters(resource: Resource, given: Mapping[str, list[str]]) -> dict[str, list[Any]]:
    filters = {}
    unknown = []
    for name, values in given.items():
        attribute = resource.attributes.get(name)
        if attribute is None or attribute.filter is None:
            unknown.append(name)
        else:
            filters[name] = [attribute.filter(name, value) for value in values]
    if unknown:
        raise HTTPBadRequest(reason=f"{unknown} is invalid attribute for filtering")
    return filters


def _fixed_ips(values: list[str]) -> dict[str, list[str]]:
    filters: dict[str, list[str]] = {}
    for text in values:
        part, _, wanted = text.partition("=")
        if not wanted:
            raise InvalidInput(reason=f"'{text}' is not of the form <key>=[value]")
        if part not in _FIXED_IPS:
            continue
        if part == "ip_address":
            wanted = _spelled(wanted)
        filters.setdefault(part, []).append(wanted)
    return filters


def _spelled(address: str) -> str:
    """An address in its usual spelling; what is none matches nothing."""
    try:
        return str(convert.address("fixed_ips", address))
    except HTTPBadRequest:
        return address


def _tags_match(filters: Mapping[str, Sequence[str]], tags: frozenset[str]) -> bool:
    tests: dict[str, Callable[[frozenset[str]], bool]] = {
        "tags": lambda named: named <= tags,
        "tags-any": lambda named: bool(named & tags),
        "not-tags": lambda named: not named <= tags,
        "not-tags-any": lambda named: not named & tags,
    }
    return all(tests[name](frozenset(named)) for name, named in filters.items())
