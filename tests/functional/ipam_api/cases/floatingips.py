"""Floating IPs."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.cases.ports import ips, port
from tests.functional.ipam_api.cases.routers import INSIDE, OUTSIDE, R, connect, disconnect, gateway
from tests.functional.ipam_api.steps import Case, Request, Step, case, delete, get, post, put
from tests.functional.ipam_api.talk import UNKNOWN

AT = {"floating_ip_address": "100.64.0.50"}
WAY = (*OUTSIDE, *INSIDE, R, gateway(), connect(subnet_id="$s"))
PORT = port(fixed_ips=ips("10.0.0.9"))
_TWO = port(fixed_ips=ips("10.0.0.9", "10.0.0.8"))


def floating(save: str = "f", /, **more: Any) -> Request:
    return post("floatingips", save, **{"floating_network_id": "$x", **more})


def _out(name: str, *steps: Step) -> Case:
    return case(name, *OUTSIDE, *steps)


def _with(name: str, *steps: Step) -> Case:
    """With a floating IP of a port."""
    return case(name, *WAY, PORT, floating(port_id="$p", **AT), *steps)


_F = "floatingips/$f"

CASES = (
    _out("the least", floating(), get(_F)),
    _out("address", floating(**AT), get(_F)),
    _out("described", floating(description="d")),
    _out("of a subnet", floating(subnet_id="$y")),
    _out("address taken", floating(**AT), floating("g", **AT)),
    _out("address elsewhere", floating(floating_ip_address="10.9.0.9")),
    _out("address of nonsense", floating(floating_ip_address="x")),
    case("network missing", post("floatingips")),
    case("network not there", post("floatingips", floating_network_id=f"{UNKNOWN}1")),
    case("network inside", *INSIDE, post("floatingips", floating_network_id="$a")),
    case("network of nonsense", post("floatingips", floating_network_id="x")),
    case("network without a subnet", post("networks", "x", router__external=True), floating()),
    _out("subnet of another network", *INSIDE, floating(subnet_id="$s")),
    _out("unknown attribute", floating(bogus=1)),
    _with("with a port", get(_F)),
    case(
        "with an address of its port",
        *WAY,
        _TWO,
        floating(port_id="$p", fixed_ip_address="10.0.0.8", **AT),
    ),
    case("with a port of two addresses", *WAY, _TWO, floating(port_id="$p")),
    case(
        "with an address that its port has not",
        *WAY,
        PORT,
        floating(port_id="$p", fixed_ip_address="10.0.0.7"),
    ),
    _out("with an address and no port", floating(fixed_ip_address="10.0.0.7")),
    case("with a port without address", *WAY, port(fixed_ips=[]), floating(port_id="$p")),
    case("with a port that is not there", *WAY, floating(port_id=f"{UNKNOWN}1")),
    _out("with a port that has no router", *INSIDE, PORT, floating(port_id="$p")),
    _with(
        "with a port that has one", floating("g", port_id="$p", floating_ip_address="100.64.0.51")
    ),
    _with(
        "moved",
        port("q", fixed_ips=ips("10.0.0.8")),
        put(_F, port_id="$q"),
        put(_F, port_id=None),
    ),
    _with("described later", put(_F, description="d")),
    _with("update nothing", put(_F)),
    _out("update address", floating(**AT), put(_F, floating_ip_address="100.64.0.51")),
    _out("delete", floating(**AT), delete(_F), get(_F), get("ports")),
    _out("its port", floating(**AT), get("ports")),
    _with("delete its port", delete("ports/$p"), get(_F)),
    _out("delete its network", floating(**AT), delete("networks/$x")),
    _with("the router's way out in use", put("routers/$r", external_gateway_info=None)),
    _with("the router's interface in use", disconnect(subnet_id="$s")),
    _with("the port's address in use", put("ports/$p", fixed_ips=ips("10.0.0.7"))),
    case("not there", get(f"floatingips/{UNKNOWN}1")),
    case("update one that is not there", put(f"floatingips/{UNKNOWN}1", description="x")),
    case("delete one that is not there", delete(f"floatingips/{UNKNOWN}1")),
    _out("by address", floating(**AT), get("floatingips?floating_ip_address=100.64.0.50")),
    _with("by port", get("floatingips?port_id=$p&fields=floating_ip_address")),
    _out("by status", floating(**AT), get("floatingips?status=DOWN&fields=status")),
    case("by what it has not", get("floatingips?name=x")),
)
