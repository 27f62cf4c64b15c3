"""Filters, fields and order of lists."""

from __future__ import annotations

from tests.functional.ipam_api.cases.ports import MAC, ips, port
from tests.functional.ipam_api.steps import Case, bulk, case, get, post
from tests.functional.ipam_api.talk import UNKNOWN

_NETWORKS = bulk(
    "networks",
    "a b c",
    {"name": "a", "description": "x", "project_id": "p1"},
    {"name": "b", "admin_state_up": False, "mtu": 1400},
    {"name": "", "shared": True, "port_security_enabled": False},
)
_V4 = {"network_id": "$a", "ip_version": 4}
_SUBNETS = (
    post("networks", "a", name="a"),
    post("subnets", "s", **_V4, cidr="10.0.0.0/24", name="s"),
    post(
        "subnets", "t", network_id="$a", ip_version=6, cidr="fd00::/64", name="t", gateway_ip=None
    ),
    post("subnets", "u", **_V4, cidr="10.1.0.0/24", name="u", enable_dhcp=False),
)
_PORTS = (
    *_SUBNETS,
    port("p", name="p", fixed_ips=ips("10.0.0.9"), mac_address=MAC, device_id="c1"),
    port("q", name="q", fixed_ips=ips("10.0.0.99", "fd00::9"), device_owner="docker:x"),
    port("r", name="", fixed_ips=[], admin_state_up=False),
)


def _networks(query: str) -> Case:
    return case(f"networks?{query}", _NETWORKS, get(f"networks?{query}&fields=name"))


def _subnets(query: str) -> Case:
    return case(f"subnets?{query}", *_SUBNETS, get(f"subnets?{query}&fields=name"))


def _ports(query: str) -> Case:
    return case(f"ports?{query}", *_PORTS, get(f"ports?{query}&fields=name"))


CASES = (
    case("nothing", get("networks"), get("subnets"), get("ports")),
    case("all", _NETWORKS, get("networks")),
    _networks("name=a"),
    _networks("name=a&name=b"),
    _networks("name="),
    _networks("name=nobody"),
    _networks("id=$b"),
    _networks("id=$a&name=b"),
    _networks("id=nonsense"),
    _networks("admin_state_up=False"),
    _networks("admin_state_up=true"),
    _networks("admin_state_up=maybe"),
    _networks("shared=True"),
    _networks("router:external=False"),
    _networks("router:external=True"),
    _networks("status=ACTIVE"),
    _networks("description=x"),
    _networks("project_id=p1"),
    _networks("tenant_id=p1"),
    _networks("mtu=1400"),
    _networks("mtu=big"),
    _networks("port_security_enabled=False"),
    _networks("provider:network_type=geneve"),
    _networks("provider:physical_network=x"),
    _networks("revision_number=1"),
    _networks("bogus=1"),
    _networks("subnets=x"),
    _networks("tags=x"),
    _networks("sort_key=name&sort_dir=asc"),
    _networks("sort_key=name&sort_dir=desc"),
    _networks("sort_key=name"),
    _networks("sort_dir=asc"),
    _networks("sort_key=bogus&sort_dir=asc"),
    _networks("sort_key=subnets&sort_dir=asc"),
    _networks("sort_key=name&sort_dir=up"),
    _networks("sort_key=admin_state_up&sort_dir=asc&sort_key=name&sort_dir=desc"),
    case("fields", _NETWORKS, get("networks?fields=name&fields=mtu&fields=bogus")),
    case("an unknown field alone", _NETWORKS, get("networks?fields=bogus")),
    case("an empty field", _NETWORKS, get("networks?name=a&fields=")),
    case("fields with a comma", _NETWORKS, get("networks?name=a&fields=name,mtu")),
    case("all subnets", *_SUBNETS, get("subnets")),
    _subnets("cidr=10.0.0.0/24"),
    _subnets("ip_version=6"),
    _subnets("ip_version=x"),
    _subnets("network_id=$a"),
    _subnets("gateway_ip=10.0.0.1"),
    _subnets("enable_dhcp=False"),
    _subnets("dns_nameservers=x"),
    _subnets("allocation_pools=x"),
    _subnets("sort_key=cidr&sort_dir=desc"),
    _subnets("sort_key=gateway_ip&sort_dir=asc"),
    _subnets("sort_key=ip_version&sort_dir=desc&sort_key=name&sort_dir=desc"),
    _subnets(f"network_id={UNKNOWN}1"),
    case("all ports", *_PORTS, get("ports")),
    _ports("network_id=$a"),
    _ports("mac_address=02:42:ac:11:00:02"),
    _ports("mac_address=02:42:AC:11:00:02"),
    _ports("mac_address=x"),
    _ports("device_id=c1"),
    _ports("device_id="),
    _ports("device_owner=docker:x"),
    _ports("device_owner=docker:x&device_owner="),
    _ports("status=DOWN"),
    _ports("admin_state_up=False"),
    _ports("binding:host_id=x"),
    _ports("binding:vnic_type=normal"),
    _ports("fixed_ips=ip_address%3D10.0.0.9"),
    _ports("fixed_ips=ip_address%3D10.0.0.9&fixed_ips=ip_address%3Dfd00::9"),
    _ports("fixed_ips=ip_address_substr%3D.9"),
    _ports("fixed_ips=subnet_id%3D$t"),
    _ports("fixed_ips=subnet_id%3D$s&fixed_ips=ip_address%3D10.0.0.9"),
    _ports("fixed_ips=ip_address%3Dx"),
    _ports("fixed_ips=bogus%3Dx"),
    _ports("fixed_ips=x"),
    _ports(f"security_groups={UNKNOWN}1"),
    _ports("dns_name=x"),
    _ports("name=p&device_id=c1"),
    _ports("sort_key=mac_address&sort_dir=asc&mac_address=02:42:ac:11:00:02"),
    _ports("sort_key=fixed_ips&sort_dir=asc"),
)
