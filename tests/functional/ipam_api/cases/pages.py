"""Pages of lists, and the links between them."""

from __future__ import annotations

from tests.functional.ipam_api.steps import Case, bulk, case, get
from tests.functional.ipam_api.talk import UNKNOWN

_NETWORKS = bulk("networks", "a b c d e", *({"name": name} for name in "abcde"))
_SORTED = "networks?fields=name&sort_key=name&sort_dir=asc"
_DOWN = "networks?fields=name&sort_key=name&sort_dir=desc&limit=2"


def _page(query: str) -> Case:
    return case(query, _NETWORKS, get(f"{_SORTED}&{query}"))


CASES = (
    _page("limit=2"),
    _page("limit=2&marker=$b"),
    _page("limit=2&marker=$d"),
    _page("limit=2&marker=$e"),
    _page("limit=5"),
    _page("limit=6"),
    _page("limit=0"),
    _page("limit=-1"),
    _page("limit=x"),
    _page("limit="),
    _page("marker=$c"),
    _page(f"limit=2&marker={UNKNOWN}1"),
    _page("limit=2&marker=x"),
    _page("limit=2&page_reverse=True"),
    _page("limit=2&page_reverse=True&marker=$d"),
    _page("limit=2&page_reverse=true&marker=$c"),
    _page("limit=2&page_reverse=True&marker=$b"),
    _page("limit=2&page_reverse=True&marker=$a"),
    _page("limit=2&page_reverse=False&marker=$a"),
    _page("limit=2&page_reverse=maybe"),
    _page("page_reverse=True"),
    _page("limit=1&name=c"),
    _page("limit=2&name=nobody"),
    case(
        "downwards",
        _NETWORKS,
        get(f"{_DOWN}&marker=$d"),
        get(f"{_DOWN}&marker=$b&page_reverse=True"),
    ),
    case(
        "links keep what was asked",
        _NETWORKS,
        get(
            "networks?admin_state_up=True&sort_key=name&sort_dir=asc&limit=1&fields=id&fields=name"
        ),
    ),
    case("of ports", get("ports?limit=2")),
    case("of subnets", get("subnets?limit=2")),
)
