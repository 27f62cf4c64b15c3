"""Ports that cannot be."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.cases.ports import MAC, V6, ips, on_v4, port
from tests.functional.ipam_api.steps import Case, Step, case, delete, post, put
from tests.functional.ipam_api.talk import UNKNOWN

_OTHER = post("networks", "b")
_OF_OTHER = post("subnets", "o", network_id="$b", ip_version=4, cidr="10.5.0.0/24")
_G = post("security-groups", "g", name="g")


def _wrong(name: str, /, **given: Any) -> Case:
    return on_v4(name, port(**given))


def _pair(name: str, /, **given: Any) -> Case:
    return _wrong(f"pair {name}", allowed_address_pairs=[given])


def _small(name: str, *steps: Step) -> Case:
    """On a subnet with two addresses to give."""
    small = post("subnets", "s", network_id="$a", ip_version=4, cidr="10.0.0.0/30", gateway_ip=None)
    return case(name, post("networks", "a"), small, *steps)


_NINE = ips("10.0.0.9")
_BOTH = [{"subnet_id": "$s", "ip_address": "10.0.0.9"}]
_P, _Q = port(fixed_ips=_NINE), port("q", fixed_ips=_NINE)

CASES = (
    case("network missing", post("ports", name="x")),
    case("network not there", port(network_id=f"{UNKNOWN}1")),
    case("network of nonsense", port(network_id="x")),
    case("network null", port(network_id=None)),
    on_v4("address taken", _P, _Q),
    on_v4("address taken, by subnet", _P, port("q", fixed_ips=_BOTH)),
    on_v4("address taken, at an update", _P, port("q"), put("ports/$q", fixed_ips=_NINE)),
    _wrong("address elsewhere", fixed_ips=ips("10.9.0.9")),
    _wrong("address elsewhere, by subnet", fixed_ips=[_BOTH[0] | {"ip_address": "10.9.0.9"}]),
    _wrong("address of the network", fixed_ips=ips("10.0.0.0")),
    _wrong("address of the broadcast", fixed_ips=ips("10.0.0.255")),
    _wrong(
        "address of the broadcast, by subnet", fixed_ips=[_BOTH[0] | {"ip_address": "10.0.0.255"}]
    ),
    _wrong("address of the other version", fixed_ips=ips("fd00::1")),
    _wrong("address twice", fixed_ips=ips("10.0.0.9", "10.0.0.9")),
    _wrong("address of nonsense", fixed_ips=[{"ip_address": "x"}]),
    _wrong("address with a length", fixed_ips=[{"ip_address": "10.0.0.9/24"}]),
    _wrong("address that is a number", fixed_ips=[{"ip_address": 1}]),
    _wrong("address empty", fixed_ips=[{"ip_address": ""}]),
    _wrong("entry empty", fixed_ips=[{}]),
    _wrong("entry with more", fixed_ips=[{"ip_address": "10.0.0.9", "bogus": 1}]),
    _wrong("entry that is text", fixed_ips=["10.0.0.9"]),
    _wrong("addresses that are text", fixed_ips="10.0.0.9"),
    _wrong("subnet that is not there", fixed_ips=[{"subnet_id": f"{UNKNOWN}1"}]),
    _wrong("subnet of nonsense", fixed_ips=[{"subnet_id": "x"}]),
    on_v4("subnet of another network", _OTHER, _OF_OTHER, port(fixed_ips=ips("$o"))),
    case("address on a network without subnets", post("networks", "a"), _P),
    _small("exhausted", port(), port("q"), port("r")),
    _small("exhausted, by subnet", port(), port("q"), port("r", fixed_ips=ips("$s"))),
    _small("exhausted, and one freed", port(), port("q"), delete("ports/$p"), port("r")),
    _small("exhausted for IPv4, not for IPv6", V6, port(), port("q"), port("r")),
    _small("more than there are", port(fixed_ips=ips("$s", "$s", "$s"))),
    on_v4("MAC taken", port(mac_address=MAC), port("q", mac_address=MAC)),
    on_v4(
        "MAC taken, at an update",
        port(mac_address=MAC),
        port("q"),
        put("ports/$q", mac_address=MAC),
    ),
    _wrong("MAC zero", mac_address="00:00:00:00:00:00"),
    _wrong("MAC of nonsense", mac_address="x"),
    _wrong("MAC empty", mac_address=""),
    _wrong("MAC too short", mac_address="02:42:ac:11:00"),
    _wrong("MAC that is a number", mac_address=1),
    _wrong("name too long", name="n" * 256),
    _wrong("name null", name=None),
    _wrong("device too long", device_id="d" * 256),
    _wrong("owner too long", device_owner="d" * 256),
    _wrong("admin state of nonsense", admin_state_up="maybe"),
    _wrong("kind of NIC of nonsense", binding__vnic_type="nonsense"),
    _wrong("profile of text", binding__profile="x"),
    _wrong("parent that is not there", binding__profile={"parent_name": f"{UNKNOWN}1", "tag": 5}),
    _wrong("parent without a tag", binding__profile={"parent_name": f"{UNKNOWN}1"}),
    _wrong("tag without a parent", binding__profile={"tag": 5}),
    *(
        on_v4(
            f"parent and a tag of {tag!r}",
            port(),
            port("q", binding__profile={"parent_name": "$p", "tag": tag}),
        )
        for tag in (-1, 4096, "5")
    ),
    on_v4(
        "parent that is not there, at an update",
        port(),
        put("ports/$p", binding__profile={"parent_name": f"{UNKNOWN}1", "tag": 5}),
    ),
    _wrong("status given", status="ACTIVE"),
    _wrong("kind of VIF given", binding__vif_type="ovs"),
    _wrong("unknown attribute", bogus=1),
    _wrong("id given", id=f"{UNKNOWN}1"),
    _wrong("name for DNS of nonsense", dns_name="a_b"),
    _wrong("name for DNS with a dash first", dns_name="-a"),
    _wrong("name for DNS too long", dns_name="a" * 64),
    _wrong("name for DNS that is a number", dns_name=5),
    _wrong("tag empty", tags=[""]),
    _wrong("tag too long", tags=["t" * 256]),
    _wrong("tags that are text", tags="t"),
    _pair("without an address"),
    _pair("of nonsense", ip_address="x"),
    _pair("with more", ip_address="10.0.0.9", x=1),
    _pair("with a MAC of nonsense", ip_address="10.0.0.9", mac_address="x"),
    _wrong("pair twice", allowed_address_pairs=[{"ip_address": "10.0.0.9"}] * 2),
    _wrong("pairs that are text", allowed_address_pairs="x"),
    _wrong("group that is not there", security_groups=[f"{UNKNOWN}1"]),
    _wrong("group of nonsense", security_groups=["x"]),
    _wrong("groups that are text", security_groups="x"),
    _wrong("port security of nonsense", port_security_enabled="maybe"),
    on_v4(
        "group without port security", _G, port(security_groups=["$g"], port_security_enabled=False)
    ),
    on_v4(
        "port security off with a group",
        _G,
        port(security_groups=["$g"]),
        put("ports/$p", port_security_enabled=False),
        put("ports/$p", port_security_enabled=False, security_groups=[]),
    ),
    _wrong(
        "pairs without port security",
        port_security_enabled=False,
        allowed_address_pairs=[{"ip_address": "10.0.0.9"}],
    ),
    on_v4("update to an address elsewhere", port(), put("ports/$p", fixed_ips=ips("10.9.0.9"))),
    on_v4("update to a MAC of nonsense", port(), put("ports/$p", mac_address="x")),
)
