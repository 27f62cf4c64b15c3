"""What is written into Northbound for a request."""

from __future__ import annotations

from tests.functional.ipam_api.cases.floatingips import AT, PORT, WAY, floating
from tests.functional.ipam_api.cases.ports import MAC, NETWORK, SLAAC, V4, V6, ips, port
from tests.functional.ipam_api.cases.routers import INSIDE, OUTSIDE, R, connect, gateway
from tests.functional.ipam_api.cases.security_rules import rule
from tests.functional.ipam_api.steps import Case, Step, bulk, case, delete, post, put, rows

_G = post("security-groups", "g", name="g")
_SWITCH = rows("Logical_Switch")
_PORTS = rows("Logical_Switch_Port")
_DHCP = rows("DHCP_Options")
_NAMES = rows("DNS")
_POLICY = rows("Port_Group", "ACL")
_ROUTER = rows("Logical_Router", "Logical_Router_Port", "Logical_Router_Static_Route", "NAT")
_TWO = ips("10.0.0.9", "fd00::9")
_ROUTE = [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]


def _port(name: str, /, **given: object) -> Case:
    given = {"mac_address": MAC, "fixed_ips": _TWO, **given}
    return case(f"port: {name}", NETWORK, V4, V6, port(**given), _PORTS)


def _child(name: str, tag: int, *steps: Step) -> Case:
    """A container's port below that of its VM."""
    profile = {"parent_name": "$p", "tag": tag}
    child = port("q", fixed_ips=ips("10.0.0.8"), binding__profile=profile)
    made = port(mac_address=MAC, fixed_ips=ips("10.0.0.9"))
    return case(f"port: {name}", NETWORK, V4, made, child, *steps, _PORTS)


def _changed(name: str, change: Step) -> Case:
    made = port(mac_address=MAC, fixed_ips=_TWO)
    return case(f"port: {name}", NETWORK, V4, V6, made, change, _PORTS)


def _subnet(name: str, /, **attributes: object) -> Case:
    given = {"network_id": "$a", "ip_version": 4, "cidr": "10.0.0.0/24", **attributes}
    return case(f"subnet: {name}", NETWORK, post("subnets", "s", **given), _DHCP)


def _subnet_6(name: str, /, **attributes: object) -> Case:
    return _subnet(f"IPv6{name}", ip_version=6, cidr="fd00::/64", **attributes)


def _named(name: str, *steps: Step) -> Case:
    web = port(fixed_ips=ips("10.0.0.9"), dns_name="web", device_id="c1")
    return case(f"names: {name}", NETWORK, V4, web, *steps, _NAMES)


CASES = (
    case("network", NETWORK, _SWITCH),
    case("network: changed", NETWORK, put("networks/$a", name="red", mtu=1400), _SWITCH),
    case("network: flat", *OUTSIDE, rows("Logical_Switch", "Logical_Switch_Port")),
    case(
        "network: gone", NETWORK, V4, delete("networks/$a"), rows("Logical_Switch", "DHCP_Options")
    ),
    _subnet("IPv4"),
    _subnet("no gateway", gateway_ip=None),
    _subnet("no DHCP", enable_dhcp=False),
    _subnet("name servers", dns_nameservers=["9.9.9.9", "1.1.1.1"]),
    _subnet("routes", host_routes=_ROUTE),
    _subnet("routes without a gateway", host_routes=_ROUTE, gateway_ip=None),
    _subnet_6(""),
    _subnet_6(" name servers", dns_nameservers=["2620:fe::fe"]),
    *(
        _subnet_6(f" {mode}", ipv6_address_mode=mode, ipv6_ra_mode=mode)
        for mode in ("slaac", "dhcpv6-stateful", "dhcpv6-stateless")
    ),
    case(
        "subnet: changed",
        NETWORK,
        V4,
        put("subnets/$s", gateway_ip="10.0.0.1", dns_nameservers=["9.9.9.9"], host_routes=_ROUTE),
        _DHCP,
    ),
    case("subnet: DHCP off", NETWORK, V4, put("subnets/$s", enable_dhcp=False), _DHCP),
    case("subnet: mtu changed", NETWORK, V4, put("networks/$a", mtu=1400), _DHCP),
    _port("two versions", name="db"),
    _port("no address", fixed_ips=[]),
    _port("two addresses", fixed_ips=ips("10.0.0.9", "10.0.0.8")),
    _port("down", admin_state_up=False),
    _port("no security", port_security_enabled=False),
    _port("of a device", device_id="c1", device_owner="docker:x"),
    _port(
        "pairs",
        allowed_address_pairs=[
            {"ip_address": "10.0.0.99"},
            {"ip_address": "10.0.5.0/24", "mac_address": "02:42:ac:11:00:09"},
        ],
    ),
    _port("host that is not there", binding__host_id="nowhere"),
    _child("child", 5),
    _child("child whose tag OVN chooses", 0),
    _child("child no more", 5, put("ports/$q", binding__profile={})),
    _changed("changed", put("ports/$p", name="n", fixed_ips=ips("10.0.0.7"))),
    _changed("gone", delete("ports/$p")),
    case(
        "port: slaac",
        NETWORK,
        V4,
        SLAAC,
        port(mac_address=MAC, fixed_ips=ips("10.0.0.9", "$u")),
        _PORTS,
    ),
    case("names: none", NETWORK, V4, port(fixed_ips=ips("10.0.0.9"), device_id="c1"), _NAMES),
    _named("one"),
    _named("two", port("q", fixed_ips=ips("10.0.0.8"), dns_name="db", device_id="c2")),
    _named("changed", put("ports/$p", dns_name="www")),
    _named("gone", delete("ports/$p")),
    case("group", _G, _POLICY),
    case("group: without state", post("security-groups", "g", name="g", stateful=False), _POLICY),
    case(
        "group: rules",
        _G,
        bulk(
            "security-group-rules",
            "q r t u v w",
            *(
                {"security_group_id": "$g", "direction": "ingress", **more}
                for more in (
                    {"protocol": "tcp", "port_range_min": 80, "port_range_max": 90},
                    {"protocol": "udp", "port_range_min": 53, "port_range_max": 53},
                    {"protocol": "icmp", "port_range_min": 8},
                    {"protocol": "gre"},
                    {"remote_group_id": "$g"},
                    {"remote_ip_prefix": "fd00::/64", "ethertype": "IPv6", "protocol": "tcp"},
                )
            ),
        ),
        _POLICY,
    ),
    case("group: rule gone", _G, rule(protocol="tcp"), delete("security-group-rules/$r"), _POLICY),
    case(
        "group: of a port",
        NETWORK,
        V4,
        _G,
        port(fixed_ips=ips("10.0.0.9"), security_groups=["$g"]),
        _POLICY,
    ),
    case("router", R, _ROUTER),
    case("router: down", post("routers", "r", name="r", admin_state_up=False), _ROUTER),
    case("router: interface", R, *INSIDE, connect(subnet_id="$s"), _ROUTER, _PORTS),
    case("router: gateway", R, *OUTSIDE, gateway(external_fixed_ips=ips("100.64.0.9")), _ROUTER),
    case(
        "router: all",
        R,
        *OUTSIDE,
        *INSIDE,
        gateway(external_fixed_ips=ips("100.64.0.9")),
        connect(subnet_id="$s"),
        _ROUTER,
    ),
    case("floating IP", *WAY, PORT, floating(port_id="$p", **AT), rows("NAT")),
)
