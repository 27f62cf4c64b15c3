"""IPv4 subnets that can be."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.steps import Case, Request, Step, case, delete, get, post, put
from tests.functional.ipam_api.talk import UNKNOWN

_NETWORK = post("networks", "a")


def subnet(save: str = "s", /, **attributes: Any) -> Request:
    given = {"network_id": "$a", "ip_version": 4, "cidr": "10.0.0.0/24", **attributes}
    return post("subnets", save, **{key: value for key, value in given.items() if value != "-"})


def on_network(name: str, *steps: Step) -> Case:
    return case(name, _NETWORK, *steps)


def _made(name: str, /, **attributes: Any) -> Case:
    return on_network(name, subnet(**attributes))


def _pool(*ends: str) -> list[dict[str, str]]:
    return [{"start": start, "end": end} for start, end in zip(ends[::2], ends[1::2], strict=True)]


_ROUTE = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]

CASES = (
    on_network("the least", subnet(), get("subnets/$s")),
    on_network(
        "all of it",
        subnet(
            name="s",
            description="d",
            gateway_ip="10.0.0.254",
            enable_dhcp=False,
            allocation_pools=_pool("10.0.0.10", "10.0.0.20", "10.0.0.30", "10.0.0.40"),
            dns_nameservers=["9.9.9.9", "1.1.1.1"],
            host_routes=_ROUTE,
        ),
        get("subnets/$s"),
    ),
    _made("no gateway", gateway_ip=None),
    _made("gateway last", gateway_ip="10.0.0.254"),
    _made("gateway amid", gateway_ip="10.0.0.100"),
    _made("gateway outside", gateway_ip="10.9.9.9"),
    _made("gateway is the network", gateway_ip="10.0.0.0"),
    _made("gateway is the broadcast", gateway_ip="10.0.0.255"),
    _made("gateway of IPv6", gateway_ip="fd00::1"),
    _made("gateway of nonsense", gateway_ip="x"),
    _made("/8", cidr="10.0.0.0/8"),
    _made("/29", cidr="10.0.0.8/29"),
    _made("/30", cidr="10.0.0.4/30"),
    _made("/31 without DHCP", cidr="10.0.0.4/31", enable_dhcp=False),
    _made("/32 without DHCP", cidr="10.0.0.4/32", enable_dhcp=False),
    _made("/31", cidr="10.0.0.4/31"),
    _made("/32", cidr="10.0.0.4/32"),
    _made("host bits", cidr="10.2.0.5/24"),
    _made("version as text", ip_version="4"),
    _made("empty pools", allocation_pools=[]),
    _made("pool of one address", allocation_pools=_pool("10.0.0.7", "10.0.0.7")),
    _made(
        "pools in another order",
        allocation_pools=_pool("10.0.0.50", "10.0.0.60", "10.0.0.5", "10.0.0.9"),
    ),
    _made(
        "pools side by side",
        allocation_pools=_pool("10.0.0.5", "10.0.0.9", "10.0.0.10", "10.0.0.19"),
    ),
    on_network("two on a network", subnet(), subnet("t", cidr="10.0.1.0/24")),
    case(
        "the same on two networks",
        post("networks", "a"),
        post("networks", "b"),
        subnet(),
        subnet("t", network_id="$b"),
    ),
    _made("project", project_id="p1"),
    _made("service types", service_types=["compute:nova"]),
    _made("name servers null", dns_nameservers=None),
    _made("routes null", host_routes=None),
    _made("route with host bits", host_routes=[{**_ROUTE[0], "destination": "10.9.0.1/16"}]),
    on_network(
        "rename and describe",
        subnet(),
        put("subnets/$s", name="n", description="d"),
        get("subnets/$s?fields=name&fields=description&fields=revision_number"),
    ),
    on_network("update nothing", subnet(), put("subnets/$s")),
    on_network(
        "update all",
        subnet(allocation_pools=_pool("10.0.0.10", "10.0.0.20")),
        put(
            "subnets/$s",
            gateway_ip="10.0.0.254",
            dns_nameservers=["9.9.9.9"],
            host_routes=_ROUTE,
            enable_dhcp=False,
            allocation_pools=_pool("10.0.0.30", "10.0.0.40"),
        ),
        get("subnets/$s"),
    ),
    on_network("take the gateway", subnet(), put("subnets/$s", gateway_ip=None)),
    on_network(
        "take routes and name servers",
        subnet(dns_nameservers=["9.9.9.9"], host_routes=_ROUTE),
        put("subnets/$s", dns_nameservers=[], host_routes=[]),
    ),
    on_network(
        "gateway into the pool",
        subnet(allocation_pools=_pool("10.0.0.10", "10.0.0.20")),
        put("subnets/$s", gateway_ip="10.0.0.15"),
    ),
    on_network(
        "gateway into the default pool", subnet(), put("subnets/$s", gateway_ip="10.0.0.15")
    ),
    on_network("update cidr", subnet(), put("subnets/$s", cidr="10.1.0.0/24")),
    on_network("update version", subnet(), put("subnets/$s", ip_version=6)),
    on_network("update network", subnet(), put("subnets/$s", network_id="$a")),
    on_network("delete", subnet(), delete("subnets/$s"), get("subnets/$s")),
    on_network(
        "delete with an address in use",
        subnet(),
        post("ports", network_id="$a", security_groups=[]),
        delete("subnets/$s"),
    ),
    on_network(
        "delete beside a port without address",
        subnet(),
        post("ports", network_id="$a", security_groups=[], fixed_ips=[]),
        delete("subnets/$s"),
    ),
    case("show one that is not there", get(f"subnets/{UNKNOWN}1")),
    case("update one that is not there", put(f"subnets/{UNKNOWN}1", name="x")),
    case("delete one that is not there", delete(f"subnets/{UNKNOWN}1")),
)
