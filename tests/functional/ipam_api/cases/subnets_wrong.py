"""Subnets that cannot be."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.cases.subnets import on_network, subnet
from tests.functional.ipam_api.steps import Case, case, post, put
from tests.functional.ipam_api.talk import UNKNOWN

_V4 = {"ip_version": 4, "cidr": "10.0.0.0/24"}
_ROUTE = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}


def _wrong(name: str, /, **given: Any) -> Case:
    return on_network(name, subnet(**given))


def _pools(name: str, /, *pools: tuple[str, str], **more: Any) -> Case:
    given = [dict(zip(("start", "end"), pool, strict=True)) for pool in pools]
    return _wrong(f"pool {name}", allocation_pools=given, **more)


def _update(name: str, /, **given: Any) -> Case:
    return on_network(f"update to {name}", subnet(), put("subnets/$s", **given))


CASES = (
    case("network missing", post("subnets", **_V4)),
    case("network not there", post("subnets", network_id=f"{UNKNOWN}1", **_V4)),
    case("network of nonsense", post("subnets", network_id="x", **_V4)),
    _wrong("version missing", ip_version="-"),
    _wrong("version 5", ip_version=5),
    _wrong("version 6 of an IPv4 block", ip_version=6),
    _wrong("block missing", cidr="-"),
    _wrong("block null", cidr=None),
    _wrong("block empty", cidr=""),
    _wrong("block of nonsense", cidr="x"),
    _wrong("block without a length", cidr="10.0.0.0"),
    _wrong("block with a length too large", cidr="10.0.0.0/33"),
    _wrong("block with a mask", cidr="10.0.0.0/255.255.255.0"),
    _wrong("block that is a number", cidr=10),
    _wrong("block of all", cidr="0.0.0.0/0"),
    _wrong("block of all, without DHCP", cidr="0.0.0.0/0", enable_dhcp=False),
    _wrong("block that begins with 0", cidr="0.0.0.0/8"),
    _wrong("block of multicast", cidr="224.0.0.0/24"),
    _wrong("block of multicast, without DHCP", cidr="224.0.0.0/24", enable_dhcp=False),
    _wrong("block of loopback", cidr="127.0.0.0/24"),
    _wrong("block of link-local", cidr="169.254.0.0/16"),
    _wrong("block with spaces", cidr=" 10.0.0.0/24"),
    on_network("overlap", subnet(), subnet("t", cidr="10.0.0.0/16")),
    on_network("overlap within", subnet(cidr="10.0.0.0/16"), subnet("t", cidr="10.0.9.0/24")),
    on_network("the same twice", subnet(), subnet("t")),
    _pools("outside", ("10.0.1.1", "10.0.1.9")),
    _pools("half outside", ("10.0.0.200", "10.0.1.9")),
    _pools("on the broadcast", ("10.0.0.200", "10.0.0.255")),
    _pools("on the network address", ("10.0.0.0", "10.0.0.9")),
    _pools("reversed", ("10.0.0.9", "10.0.0.2")),
    _pools("of IPv6", ("fd00::1", "fd00::9")),
    _pools("of two versions", ("10.0.0.1", "fd00::9")),
    _pools("that overlaps another", ("10.0.0.2", "10.0.0.20"), ("10.0.0.10", "10.0.0.30")),
    _pools("over the default gateway", ("10.0.0.1", "10.0.0.9")),
    _pools("over the gateway", ("10.0.0.2", "10.0.0.9"), gateway_ip="10.0.0.5"),
    _pools("of nonsense", ("x", "y")),
    _wrong("pools without an end", allocation_pools=[{"start": "10.0.0.2"}]),
    _wrong("pools with more", allocation_pools=[{"start": "10.0.0.2", "end": "10.0.0.3", "x": 1}]),
    _wrong("pools that are no list", allocation_pools="10.0.0.2"),
    _wrong("pools of text", allocation_pools=["10.0.0.2"]),
    _wrong("name server of nonsense", dns_nameservers=["x"]),
    _wrong("name server twice", dns_nameservers=["9.9.9.9", "9.9.9.9"]),
    _wrong("name servers that are text", dns_nameservers="9.9.9.9"),
    _wrong("name server that is a number", dns_nameservers=[9]),
    _wrong("route of nonsense", host_routes=[_ROUTE | {"destination": "x"}]),
    _wrong("route to nowhere", host_routes=[_ROUTE | {"nexthop": "x"}]),
    _wrong("route without a next hop", host_routes=[{"destination": "10.9.0.0/16"}]),
    _wrong("route twice", host_routes=[_ROUTE, _ROUTE]),
    _wrong("route of IPv6", host_routes=[{"destination": "fd01::/48", "nexthop": "fd00::9"}]),
    _wrong("routes that are text", host_routes="10.9.0.0/16"),
    _wrong("DHCP of nonsense", enable_dhcp="maybe"),
    _wrong("DHCP null", enable_dhcp=None),
    _wrong("name too long", name="n" * 256),
    _wrong("unknown attribute", bogus=1),
    _wrong("id given", id=f"{UNKNOWN}1"),
    _update("a pool outside", allocation_pools=[{"start": "10.0.1.2", "end": "10.0.1.9"}]),
    _update("a pool over the gateway", allocation_pools=[{"start": "10.0.0.1", "end": "10.0.0.9"}]),
    _update("the broadcast as gateway", gateway_ip="10.0.0.255"),
    _update("a name server of nonsense", dns_nameservers=["x"]),
    _update("a route of IPv6", host_routes=[{"destination": "fd01::/48", "nexthop": "fd00::9"}]),
    on_network(
        "gateway that a port has",
        subnet(),
        post("ports", network_id="$a", security_groups=[], fixed_ips=[{"ip_address": "10.0.0.9"}]),
        put("subnets/$s", gateway_ip="10.0.0.9"),
    ),
)
