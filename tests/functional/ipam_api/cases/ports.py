"""Ports that can be."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.steps import Case, Request, Step, case, delete, get, post, put
from tests.functional.ipam_api.talk import UNKNOWN

NETWORK = post("networks", "a", name="blue")
V4 = post("subnets", "s", network_id="$a", ip_version=4, cidr="10.0.0.0/24")
V6 = post("subnets", "t", network_id="$a", ip_version=6, cidr="fd00::/64")
SLAAC = post(
    "subnets",
    "u",
    network_id="$a",
    ip_version=6,
    cidr="fd01::/64",
    ipv6_ra_mode="slaac",
    ipv6_address_mode="slaac",
)
MAC = "02:42:ac:11:00:02"


def port(save: str = "p", /, **attributes: Any) -> Request:
    return post("ports", save, **{"network_id": "$a", "security_groups": [], **attributes})


def on_v4(name: str, *steps: Step) -> Case:
    """A case on a network with an IPv4 subnet."""
    return case(name, NETWORK, V4, *steps)


def _made(name: str, /, **attributes: Any) -> Case:
    return on_v4(name, port(**attributes))


def _update(name: str, /, **attributes: Any) -> Case:
    return on_v4(f"update {name}", port(), put("ports/$p", **attributes))


def ips(*entries: str) -> list[dict[str, str]]:
    """``fixed_ips`` of addresses, and of subnets as ``$name``."""
    return [{"subnet_id" if one[0] == "$" else "ip_address": one} for one in entries]


_PAIRS = [
    {"ip_address": "10.0.0.99"},
    {"ip_address": "10.0.5.0/24", "mac_address": "02:42:ac:11:00:09"},
]
_NINE = ips("10.0.0.9")
_SMALL = post(
    "subnets",
    "s",
    network_id="$a",
    ip_version=4,
    cidr="10.0.0.0/24",
    allocation_pools=[{"start": "10.0.0.20", "end": "10.0.0.20"}],
)

CASES = (
    case("no subnet", NETWORK, port(), get("ports/$p")),
    on_v4("the least", port(), get("ports/$p")),
    on_v4(
        "all of it",
        port(
            name="db",
            description="d",
            mac_address=MAC,
            fixed_ips=_NINE,
            admin_state_up=False,
            device_id="c1",
            device_owner="docker:endpoint",
            project_id="p1",
            allowed_address_pairs=[{"ip_address": "10.0.0.99"}],
        ),
        get("ports/$p"),
    ),
    case("both versions", NETWORK, V4, V6, port()),
    case("slaac beside IPv4", NETWORK, V4, SLAAC, port(mac_address=MAC)),
    case("slaac beside stateful", NETWORK, V6, SLAAC, port(mac_address=MAC)),
    case("slaac by name", NETWORK, SLAAC, port(mac_address=MAC, fixed_ips=ips("$u"))),
    case("slaac with another address", NETWORK, SLAAC, port(fixed_ips=ips("fd01::99"))),
    _made("no addresses", fixed_ips=[]),
    _made("addresses null", fixed_ips=None),
    _made("address", fixed_ips=ips("10.0.0.77")),
    _made("address of the subnet", fixed_ips=[{"subnet_id": "$s", "ip_address": "10.0.0.77"}]),
    _made("any address of the subnet", fixed_ips=ips("$s")),
    _made("two addresses", fixed_ips=ips("10.0.0.77", "10.0.0.78")),
    _made("two addresses of the subnet", fixed_ips=ips("$s", "$s")),
    _made("gateway's address", fixed_ips=ips("10.0.0.1")),
    case("address of each", NETWORK, V4, V6, port(fixed_ips=ips("fd00::77", "10.0.0.77"))),
    case("address of IPv6 in long form", NETWORK, V6, port(fixed_ips=ips("FD00:0::0077"))),
    case("address out of the pool", NETWORK, _SMALL, port(fixed_ips=ips("10.0.0.99")), port("q")),
    _made("MAC in capitals", mac_address="02:42:AC:11:00:02"),
    _made("MAC with dashes", mac_address="02-42-ac-11-00-02"),
    _made("MAC null", mac_address=None),
    _made("MAC of multicast", mac_address="01:00:5e:00:00:01"),
    _made("MAC with dots", mac_address="0242.ac11.0002"),
    case(
        "same MAC on another network",
        NETWORK,
        post("networks", "b"),
        port(mac_address=MAC),
        port("q", network_id="$b", mac_address=MAC),
    ),
    _made("port security off", port_security_enabled=False),
    case(
        "port security off by its network",
        post("networks", "a", port_security_enabled=False),
        port(),
    ),
    on_v4("host that is not there", port(binding__host_id="nowhere"), get("ports/$p")),
    _made("host null", binding__host_id=None),
    _made("profile", binding__profile={"a": 1}),
    _made("profile null", binding__profile=None),
    _made("kind of NIC", binding__vnic_type="normal"),
    _made("name for DNS", dns_name="web"),
    _made("name for DNS in capitals", dns_name="Web"),
    _made("name for DNS with a domain", dns_name="web.example.org"),
    _made("name for DNS with two addresses", dns_name="web", fixed_ips=ips("$s", "$s")),
    _made("name for DNS null", dns_name=None),
    on_v4(
        "pairs",
        port(mac_address=MAC, allowed_address_pairs=_PAIRS),
        put("ports/$p", allowed_address_pairs=[]),
    ),
    on_v4("same name twice", port(name="a"), port("q", name="a")),
    on_v4(
        "update names",
        port(name="a"),
        put("ports/$p", name="b", description="d", device_id="c1", device_owner="docker:x"),
        get("ports/$p?fields=name&fields=revision_number"),
    ),
    _update("nothing"),
    on_v4("update to the same", port(name="a"), put("ports/$p", name="a")),
    _update("admin state", admin_state_up=False),
    _update("MAC", mac_address=MAC),
    on_v4("update MAC to null", port(mac_address=MAC), put("ports/$p", mac_address=None)),
    on_v4("update address", port(fixed_ips=_NINE), put("ports/$p", fixed_ips=ips("10.0.0.8"))),
    on_v4(
        "update to one more address",
        port(fixed_ips=_NINE),
        put("ports/$p", fixed_ips=ips("10.0.0.9", "10.0.0.8")),
    ),
    on_v4(
        "update to the subnet keeps the address",
        port(fixed_ips=_NINE),
        put("ports/$p", fixed_ips=ips("$s")),
    ),
    _update("to no address", fixed_ips=[]),
    _update("port security", port_security_enabled=False),
    on_v4("update name for DNS", port(dns_name="a"), put("ports/$p", dns_name="b")),
    on_v4("update name for DNS to none", port(dns_name="a"), put("ports/$p", dns_name="")),
    _update("profile", binding__profile={"a": 1}),
    _update("host", binding__host_id="nowhere"),
    _update("network", network_id="$a"),
    _update("status", status="ACTIVE"),
    _update("unknown", bogus=1),
    on_v4("delete", port(), delete("ports/$p"), get("ports/$p")),
    on_v4(
        "address is free again",
        port(fixed_ips=_NINE, mac_address=MAC),
        delete("ports/$p"),
        port("q", fixed_ips=_NINE, mac_address=MAC),
    ),
    on_v4("show fields", port(name="a"), get("ports/$p?fields=name&fields=fixed_ips")),
    case("show one that is not there", get(f"ports/{UNKNOWN}1")),
    case("update one that is not there", put(f"ports/{UNKNOWN}1", name="x")),
    case("delete one that is not there", delete(f"ports/{UNKNOWN}1")),
)
