"""Filters, order and pages of lists."""

from __future__ import annotations

from typing import Any

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.ipam.engine import query
from ovn_integrate.ipam.neutron_errors import NetworkNotFound
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT
from ovn_integrate.ipam.resources.model import Network

NETWORKS = [
    Network(id="3", name="c", mtu=1400, tags=("x", "y")),
    Network(id="1", name="a", mtu=1500, shared=True),
    Network(id="4", name="b", mtu=1400, tags=("x",)),
    Network(id="2", name="", mtu=1500),
]


def found(text: str) -> list[str]:
    asked = query.parse(NETWORK, pairs(text))
    things = [one for one in NETWORKS if query.matches(asked, one)]
    page = query.ordered(asked, things, _missing)
    if query.goes_by_id(asked):
        by_id = {one.id: one for one in things}
        ids = sorted(one.id for one in NETWORKS)
        assert query.walked(asked, ids, by_id.get, _missing) == page
    return [one.id for one in page]


def _missing(id: str) -> Exception:
    return NetworkNotFound(id=id)


def pairs(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (one.partition("=") for one in text.split("&"))]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("name=a", ["1"]),
        ("name=a&name=b", ["1", "4"]),
        ("name=", ["2"]),
        ("mtu=1400&name=b", ["4"]),
        ("shared=TRUE", ["1"]),
        ("shared=0", ["3", "4", "2"]),
        ("tags=x", ["3", "4"]),
        ("tags=x,y", ["3"]),
        ("tags-any=y,z", ["3"]),
        ("not-tags=x,y", ["1", "4", "2"]),
        ("not-tags-any=x", ["1", "2"]),
        ("sort_key=name&sort_dir=desc", ["3", "4", "1", "2"]),
        ("sort_key=mtu&sort_dir=asc&sort_key=name&sort_dir=desc", ["3", "4", "1", "2"]),
        ("limit=2", ["1", "2"]),
        ("limit=2&marker=2", ["3", "4"]),
        ("limit=2&marker=4", []),
        ("limit=0", ["3", "1", "4", "2"]),
        ("limit=2&marker=4&page_reverse=True", ["2", "3"]),
        ("limit=2&page_reverse=True", ["3", "4"]),
        ("mtu=1400&limit=1", ["3"]),
        ("mtu=1400&limit=2&marker=3", ["4"]),
        ("marker=2", ["3", "1", "4", "2"]),
        ("limit=2&marker=1&page_reverse=True", []),
        ("limit=3&sort_key=id&sort_dir=asc", ["1", "2", "3"]),
    ],
)
def test_lists(text: str, ids: list[str]) -> None:
    assert found(text) == ids


@pytest.mark.parametrize(
    "text",
    [
        "bogus=1",
        "shared=maybe",
        "sort_key=name",
        "sort_dir=asc",
        "sort_key=bogus&sort_dir=asc",
        "sort_key=tags&sort_dir=asc",
        "sort_key=name&sort_dir=up",
        "limit=abc",
        "limit=-1",
        "mtu=abc",
    ],
)
def test_what_a_list_does_not_take(text: str) -> None:
    with pytest.raises(Invalid):
        query.parse(NETWORK, pairs(text))


def test_a_marker_that_nothing_has_is_not_found() -> None:
    for marker in ("0", "11", "9"):
        asked = query.parse(NETWORK, pairs(f"limit=1&marker={marker}"))
        with pytest.raises(NetworkNotFound):
            query.ordered(asked, NETWORKS, _missing)
        with pytest.raises(NetworkNotFound):
            query.walked(asked, ["1", "2", "3", "4"], lambda _: None, _missing)


def test_pages_of_any_size_hold_everything_once() -> None:
    for size in (1, 2, 3, 5):
        for order in ("", "&sort_key=mtu&sort_dir=desc"):
            seen: list[str] = []
            page = found(f"limit={size}{order}")
            while page:
                seen += page
                page = found(f"limit={size}{order}&marker={page[-1]}")
            assert seen == ["1", "2", "3", "4"]


def test_parts_of_a_fixed_ip() -> None:
    asked = query.parse(
        PORT, [("fixed_ips", "ip_address=FD00::0001"), ("fixed_ips", "subnet_id=s")]
    )
    assert asked.fixed_ips == {"ip_address": ["fd00::1"], "subnet_id": ["s"]}
    assert query.parse(PORT, [("fixed_ips", "bogus=1")]).fixed_ips == {}
    with pytest.raises(Invalid):
        query.parse(PORT, [("fixed_ips", "bogus")])


def test_unknown_fields_leave_nothing() -> None:
    body: dict[str, Any] = {"id": "1", "name": "a"}
    assert query.project(query.Query(fields=["bogus"]), body) == {}
    assert query.project(query.Query(fields=["id"]), body) == {"id": "1"}
    assert query.project(query.Query(), body) == body


def test_links_keep_the_query_and_move_the_marker() -> None:
    text = pairs("name=a&limit=1&marker=0")
    asked = query.parse(NETWORK, text)
    assert query.links(asked, "http://h/v2.0/networks", text, NETWORKS[:1]) == [
        {"rel": "next", "href": "http://h/v2.0/networks?name=a&limit=1&marker=3"},
        {
            "rel": "previous",
            "href": "http://h/v2.0/networks?name=a&limit=1&marker=3&page_reverse=True",
        },
    ]
    assert query.links(asked, "http://h", text, []) == [
        {"rel": "previous", "href": "http://h?name=a&limit=1&page_reverse=True"}
    ]
    assert query.links(query.Query(), "http://h", [], NETWORKS) is None
