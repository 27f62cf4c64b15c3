"""Tags, by their own paths and as filters."""

from __future__ import annotations

from tests.functional.ipam_api.steps import Case, Request, bulk, case, get, post, put, raw
from tests.functional.ipam_api.talk import UNKNOWN

_PATH = "/v2.0/networks/$a/tags"
_A = (post("networks", "a", name="a"), raw("PUT", _PATH, {"tags": ["red", "blue"]}))
_ALL = raw("GET", _PATH)
_THREE = (
    bulk("networks", "a b c", {"name": "a"}, {"name": "b"}, {"name": "c"}),
    raw("PUT", _PATH, {"tags": ["red", "blue"]}),
    raw("PUT", "/v2.0/networks/$b/tags", {"tags": ["red"]}),
)


def _set(name: str, tags: object) -> Case:
    return case(f"set {name}", *_A, raw("PUT", _PATH, {"tags": tags}), _ALL)


def _filter(query: str) -> Case:
    return case(query, *_THREE, get(f"networks?fields=name&{query}"))


def _other(name: str, path: str, *made: Request) -> Case:
    path = f"/v2.0/{path}/tags"
    return case(name, *made, raw("PUT", f"{path}/x"), raw("GET", path))


_N = post("networks", "n")

CASES = (
    case("at creation", post("networks", tags=["a"])),
    case("all of them", *_A, _ALL),
    case("whether it has one", *_A, raw("GET", f"{_PATH}/red"), raw("GET", f"{_PATH}/green")),
    case("add", *_A, raw("PUT", f"{_PATH}/green"), get("networks/$a?fields=tags")),
    case("add again", *_A, raw("PUT", f"{_PATH}/red"), get("networks/$a?fields=tags")),
    case("add with a colon", *_A, raw("PUT", f"{_PATH}/docker:network:x"), _ALL),
    case("add an escaped one", *_A, raw("PUT", f"{_PATH}/a%20b"), _ALL),
    case("add one that is too long", *_A, raw("PUT", f"{_PATH}/{'t' * 256}")),
    _set("two", ["x", "y"]),
    _set("none", []),
    _set("twice the same", ["x", "x"]),
    _set("text", "x"),
    _set("numbers", [1]),
    _set("one that is too long", ["t" * 256]),
    _set("an empty one", [""]),
    case("set without any", *_A, raw("PUT", _PATH, {})),
    case("remove", *_A, raw("DELETE", f"{_PATH}/red"), _ALL),
    case("remove one that is not there", *_A, raw("DELETE", f"{_PATH}/green")),
    case("remove all", *_A, raw("DELETE", _PATH), _ALL),
    case("of nothing yet", post("networks", "a"), _ALL, raw("DELETE", _PATH)),
    case("of a network that is not there", raw("GET", f"/v2.0/networks/{UNKNOWN}1/tags")),
    case("add to nothing", raw("PUT", f"/v2.0/networks/{UNKNOWN}1/tags/a")),
    case("more by POST", *_A, raw("POST", _PATH, {"tags": ["green", "red"]}), _ALL),
    case("by an update", *_A, put("networks/$a", tags=[])),
    _other("of a port", "ports/$p", _N, post("ports", "p", network_id="$n", security_groups=[])),
    _other(
        "of a subnet",
        "subnets/$s",
        _N,
        post("subnets", "s", network_id="$n", ip_version=4, cidr="10.0.0.0/24"),
    ),
    _other("of a group", "security-groups/$g", post("security-groups", "g", name="g")),
    _other("of a router", "routers/$r", post("routers", "r", name="r")),
    _filter("tags=red"),
    _filter("tags=red,blue"),
    _filter("tags-any=blue,green"),
    _filter("not-tags=red"),
    _filter("not-tags=red,blue"),
    _filter("not-tags-any=blue,green"),
    _filter("tags=red&not-tags=blue"),
    _filter("tags=red&name=b"),
)
