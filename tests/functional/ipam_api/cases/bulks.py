"""Several things in one request."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.cases.ports import on_v4
from tests.functional.ipam_api.steps import bulk, case, get, post, raw
from tests.functional.ipam_api.talk import UNKNOWN


def _port(**more: Any) -> dict[str, Any]:
    return {"network_id": "$a", "security_groups": [], **more}


def _at(address: str) -> dict[str, Any]:
    return _port(fixed_ips=[{"ip_address": address}])


def _subnet(cidr: str) -> dict[str, Any]:
    return {"network_id": "$a", "ip_version": 4, "cidr": cidr}


def _rule(protocol: str) -> dict[str, Any]:
    return {"security_group_id": "$g", "direction": "ingress", "protocol": protocol}


_A = post("networks", "a")
_G = post("security-groups", "g", name="g")

CASES = (
    case("networks", bulk("networks", "a b", {"name": "a"}, {"name": "b"}), get("networks?name=b")),
    case("one network", bulk("networks", "a", {"name": "a"})),
    case("none", bulk("networks", "")),
    case("no list", raw("POST", "/v2.0/networks", {"networks": {"name": "a"}})),
    case("no objects", raw("POST", "/v2.0/networks", {"networks": ["a"]})),
    case("null", raw("POST", "/v2.0/networks", {"networks": None})),
    case(
        "one of them wrong",
        bulk("networks", "", {"name": "a"}, {"name": "b", "bogus": 1}),
        get("networks"),
    ),
    case("subnets", _A, bulk("subnets", "s t", _subnet("10.0.0.0/24"), _subnet("10.0.1.0/24"))),
    case(
        "subnets that overlap",
        _A,
        bulk("subnets", "", _subnet("10.0.0.0/24"), _subnet("10.0.0.0/16")),
        get("subnets"),
    ),
    on_v4("ports", bulk("ports", "p q", _port(name="p"), _port(name="q"))),
    on_v4("ports with addresses", bulk("ports", "p q", _at("10.0.0.7"), _at("10.0.0.8"))),
    on_v4(
        "ports with one address", bulk("ports", "", _at("10.0.0.7"), _at("10.0.0.7")), get("ports")
    ),
    on_v4("ports, one wrong", bulk("ports", "", _port(), _port(mac_address="x")), get("ports")),
    on_v4(
        "ports, one on no network",
        bulk("ports", "", _port(), _port(network_id=f"{UNKNOWN}1")),
        get("ports"),
    ),
    on_v4("ports with tags", bulk("ports", "p q", _port(tags=["a"]), _port(tags=["b"]))),
    case("groups", bulk("security-groups", "g h", {"name": "g"}, {"name": "h"})),
    case("rules", _G, bulk("security-group-rules", "r s", _rule("tcp"), _rule("udp"))),
    case("rules twice the same", _G, bulk("security-group-rules", "", _rule("tcp"), _rule("tcp"))),
    case("routers", bulk("routers", "r s", {"name": "r"}, {"name": "s"})),
)
