"""The rules of security groups."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.steps import Case, Request, case, delete, get, post, put
from tests.functional.ipam_api.talk import UNKNOWN

_G = post("security-groups", "g", name="g")
_PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "ah", "dccp", "esp", "gre", "igmp", "ospf", "pgm")
_PROTOCOLS_6 = ("icmpv6", "ipv6-icmp", "ipv6-encap", "ipv6-frag", "ipv6-route")


def rule(save: str = "r", /, **attributes: Any) -> Request:
    given = {"security_group_id": "$g", "direction": "ingress", **attributes}
    return post("security-group-rules", save, **given)


def _one(name: str, /, **attributes: Any) -> Case:
    return case(name, _G, rule(**attributes))


def _ports(name: str, low: Any, high: Any, /, **more: Any) -> Case:
    given = {"protocol": "tcp", "port_range_min": low, "port_range_max": high, **more}
    return _one(f"ports {name}", **{key: value for key, value in given.items() if value != ""})


_TCP = rule(protocol="tcp")
_R = "security-group-rules/$r"
_OF_G = "security-group-rules?security_group_id=$g"

CASES = (
    case("the least", _G, rule(), get(_R)),
    _one("egress", direction="egress", protocol="tcp"),
    _one("egress as the group's own", direction="egress"),
    _one("sideways", direction="sideways"),
    case("direction missing", _G, post("security-group-rules", security_group_id="$g")),
    case("group missing", post("security-group-rules", direction="ingress")),
    case("group not there", rule(security_group_id=f"{UNKNOWN}1")),
    case("group of nonsense", rule(security_group_id="x")),
    _one("IPv6", ethertype="IPv6"),
    _one("ipv4 in small letters", ethertype="ipv4"),
    _one("ethertype of nonsense", ethertype="IPX"),
    _one("ethertype null", ethertype=None),
    *(_one(f"protocol {name}", protocol=name) for name in _PROTOCOLS),
    *(_one(f"protocol {name}", protocol=name, ethertype="IPv6") for name in _PROTOCOLS_6),
    *(_one(f"protocol {name} over IPv4", protocol=name) for name in _PROTOCOLS_6),
    _one("protocol in capitals", protocol="TCP"),
    _one("protocol as number", protocol=6),
    _one("protocol as text of a number", protocol="6"),
    _one("protocol 255", protocol=255),
    _one("protocol 256", protocol=256),
    _one("protocol -1", protocol=-1),
    _one("protocol any", protocol="any"),
    _one("protocol 0", protocol=0),
    _one("protocol empty", protocol=""),
    _one("protocol of nonsense", protocol="nonsense"),
    _one("protocol null", protocol=None),
    _ports("80 to 90", 80, 90),
    _ports("as text", "80", "90"),
    _ports("one", 80, 80),
    _ports("all", 1, 65535),
    _ports("reversed", 90, 80),
    _ports("without an end", 80, ""),
    _ports("without a start", "", 80),
    _ports("null", None, None),
    _ports("0", 0, 0),
    _ports("0 to 80", 0, 80),
    _ports("65536", 65536, 65536),
    _ports("negative", -1, 80),
    _ports("of text", "x", "y"),
    _ports("without a protocol", 80, 80, protocol=None),
    _ports("of gre", 80, 80, protocol="gre"),
    _ports("of dccp", 80, 80, protocol="dccp"),
    _ports("of udplite", 80, 80, protocol="udplite"),
    _ports("of number 17", 80, 80, protocol=17),
    _ports("of icmp: a type", 8, "", protocol="icmp"),
    _ports("of icmp: type and code", 3, 4, protocol="icmp"),
    _ports("of icmp: a code alone", "", 4, protocol="icmp"),
    _ports("of icmp: a type too large", 256, "", protocol="icmp"),
    _ports("of icmp: a code too large", 3, 256, protocol="icmp"),
    _ports("of icmp: type 0", 0, 0, protocol="icmp"),
    _ports("of icmpv6", 128, 0, protocol="icmpv6", ethertype="IPv6"),
    _one("from a block", remote_ip_prefix="10.0.0.0/24"),
    _one("from a block with host bits", remote_ip_prefix="10.0.0.5/24"),
    _one("from an address", remote_ip_prefix="10.0.0.5"),
    _one("from all", remote_ip_prefix="0.0.0.0/0"),
    _one("from a block of IPv6", remote_ip_prefix="fd00::/64", ethertype="IPv6"),
    _one("from a block of the other version", remote_ip_prefix="fd00::/64"),
    _one("from a block of nonsense", remote_ip_prefix="x"),
    _one("from a block null", remote_ip_prefix=None),
    _one("from a group", remote_group_id="$g"),
    _one("from a group that is not there", remote_group_id=f"{UNKNOWN}1"),
    _one("from a group and a block", remote_group_id="$g", remote_ip_prefix="10.0.0.0/24"),
    _one("from a group of nonsense", remote_group_id="x"),
    _one("described", description="d"),
    _one("unknown attribute", bogus=1),
    _one("id given", id=f"{UNKNOWN}1"),
    case("twice", _G, _TCP, rule("s", protocol="tcp")),
    case("twice, as name and number", _G, _TCP, rule("s", protocol=6)),
    case("twice, otherwise described", _G, _TCP, rule("s", protocol="tcp", description="d")),
    case(
        "twice, from all and from anywhere",
        _G,
        _TCP,
        rule("s", protocol="tcp", remote_ip_prefix="0.0.0.0/0"),
    ),
    case("describe", _G, rule(), put(_R, description="d")),
    case("update protocol", _G, rule(), put(_R, protocol="tcp")),
    case("delete", _G, rule(), delete(_R), get(_R), get("security-groups/$g")),
    case("a group's revision", _G, rule(), get("security-groups/$g?fields=revision_number")),
    case("not there", get(f"security-group-rules/{UNKNOWN}1")),
    case("update one that is not there", put(f"security-group-rules/{UNKNOWN}1", description="x")),
    case("delete one that is not there", delete(f"security-group-rules/{UNKNOWN}1")),
    case("by group", _G, rule(), get(f"{_OF_G}&direction=ingress")),
    case("by protocol", _G, _TCP, get(f"{_OF_G}&protocol=tcp")),
    case(
        "by port",
        _G,
        rule(protocol="tcp", port_range_min=80, port_range_max=90),
        get(f"{_OF_G}&port_range_min=80"),
    ),
    case("by what it has not", get("security-group-rules?name=x")),
)
