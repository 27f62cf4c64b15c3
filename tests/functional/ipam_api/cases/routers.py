"""Routers, their interfaces and their way out."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.cases.ports import port
from tests.functional.ipam_api.steps import Case, Request, Step, case, delete, get, post, put, raw
from tests.functional.ipam_api.talk import UNKNOWN

R = post("routers", "r", name="r")
INSIDE = (
    post("networks", "a", name="in"),
    post("subnets", "s", network_id="$a", ip_version=4, cidr="10.0.0.0/24", name="in"),
)
OUTSIDE = (
    post(
        "networks",
        "x",
        name="out",
        router__external=True,
        provider__network_type="flat",
        provider__physical_network="ovn-gw",
    ),
    post(
        "subnets",
        "y",
        network_id="$x",
        ip_version=4,
        cidr="100.64.0.0/24",
        gateway_ip="100.64.0.1",
        enable_dhcp=False,
        name="out",
    ),
)


def connect(**what: str) -> Request:
    return raw("PUT", "/v2.0/routers/$r/add_router_interface", what)


def disconnect(**what: str) -> Request:
    return raw("PUT", "/v2.0/routers/$r/remove_router_interface", what)


def gateway(**more: Any) -> Request:
    return put("routers/$r", external_gateway_info={"network_id": "$x", **more})


def _out(name: str, info: object) -> Case:
    return case(f"gateway {name}", R, put("routers/$r", external_gateway_info=info))


def _inside(name: str, *steps: Step) -> Case:
    return case(name, R, *INSIDE, *steps)


def _outside(name: str, *steps: Step) -> Case:
    return case(name, R, *OUTSIDE, *steps)


_ADDRESS = [{"ip_address": "100.64.0.9"}]
_PORTS = "ports?device_id=$r&sort_key=device_owner&sort_dir=asc"
_BY_SUBNET = connect(subnet_id="$s")

CASES = (
    case("name", R, get("routers/$r")),
    case("nothing given", post("routers")),
    case("all", post("routers", name="r", description="d", admin_state_up=False, project_id="p1")),
    case("name too long", post("routers", name="n" * 256)),
    case("unknown attribute", post("routers", bogus=1)),
    case("id given", post("routers", id=f"{UNKNOWN}1")),
    case("rename", R, put("routers/$r", name="s", description="d", admin_state_up=False)),
    case("update nothing", R, put("routers/$r")),
    case("update project", R, put("routers/$r", project_id="x")),
    case("delete", R, delete("routers/$r"), get("routers/$r")),
    case("not there", get(f"routers/{UNKNOWN}1")),
    case("update one that is not there", put(f"routers/{UNKNOWN}1", name="x")),
    case("delete one that is not there", delete(f"routers/{UNKNOWN}1")),
    case("by name", R, post("routers", "t", name="t"), get("routers?name=t")),
    case("by what it has not", get("routers?bogus=x")),
    _inside("interface by subnet", _BY_SUBNET, get(_PORTS)),
    _inside(
        "interface by port",
        port(fixed_ips=[{"ip_address": "10.0.0.99"}]),
        connect(port_id="$p"),
        get("ports/$p"),
    ),
    _inside("interface again", _BY_SUBNET, _BY_SUBNET),
    case("interface by nothing", R, connect()),
    _inside("interface by both", port(), connect(subnet_id="$s", port_id="$p")),
    case("interface by what is not", R, connect(bogus="x")),
    case("interface on no subnet", R, connect(subnet_id=f"{UNKNOWN}1")),
    case("interface of no port", R, connect(port_id=f"{UNKNOWN}1")),
    case("interface on nonsense", R, connect(subnet_id="x")),
    case(
        "interface of no router",
        *INSIDE,
        raw("PUT", f"/v2.0/routers/{UNKNOWN}1/add_router_interface", {"subnet_id": "$s"}),
    ),
    case(
        "interface without a gateway",
        R,
        INSIDE[0],
        post("subnets", "s", network_id="$a", ip_version=4, cidr="10.0.0.0/24", gateway_ip=None),
        _BY_SUBNET,
    ),
    _inside(
        "interface where the gateway is taken",
        port(fixed_ips=[{"ip_address": "10.0.0.1"}]),
        _BY_SUBNET,
    ),
    _inside("interface by a port without address", port(fixed_ips=[]), connect(port_id="$p")),
    _inside("interface by a port in use", port(device_id="c1"), connect(port_id="$p")),
    _inside(
        "interface that overlaps",
        post("networks", "b"),
        post("subnets", "t", network_id="$b", ip_version=4, cidr="10.0.0.0/25"),
        _BY_SUBNET,
        connect(subnet_id="$t"),
    ),
    _inside(
        "interfaces on two networks",
        post("networks", "b"),
        post("subnets", "t", network_id="$b", ip_version=6, cidr="fd00::/64", gateway_ip="fd00::1"),
        _BY_SUBNET,
        connect(subnet_id="$t"),
    ),
    _inside("interface removed by subnet", _BY_SUBNET, disconnect(subnet_id="$s"), get("ports")),
    _inside(
        "interface removed by port",
        port(),
        connect(port_id="$p"),
        disconnect(port_id="$p"),
        get("ports"),
    ),
    _inside("interface removed that is not there", disconnect(subnet_id="$s")),
    case("interface removed by nothing", R, disconnect()),
    case("interface removed of no port", R, disconnect(port_id=f"{UNKNOWN}1")),
    _inside("delete with an interface", _BY_SUBNET, delete("routers/$r")),
    _inside("delete an interface's port", port(), connect(port_id="$p"), delete("ports/$p")),
    _inside("delete an interface's subnet", _BY_SUBNET, delete("subnets/$s")),
    _inside("delete an interface's network", _BY_SUBNET, delete("networks/$a")),
    _outside("gateway", gateway(), get(_PORTS), get("routers/$r")),
    case(
        "gateway from the start",
        *OUTSIDE,
        post("routers", "r", external_gateway_info={"network_id": "$x"}),
    ),
    _outside("gateway without SNAT", gateway(enable_snat=False)),
    _outside("gateway with its address", gateway(external_fixed_ips=_ADDRESS)),
    _outside(
        "gateway with an address elsewhere",
        gateway(external_fixed_ips=[{"ip_address": "10.9.0.9"}]),
    ),
    _out("on no network", {"network_id": f"{UNKNOWN}1"}),
    _inside(
        "gateway on an inner network", put("routers/$r", external_gateway_info={"network_id": "$a"})
    ),
    _out("without a network", {"enable_snat": True}),
    _outside("gateway with more", gateway(bogus=1)),
    _out("of text", "x"),
    _outside(
        "gateway taken away", gateway(), put("routers/$r", external_gateway_info=None), get("ports")
    ),
    _outside("gateway taken away by {}", gateway(), put("routers/$r", external_gateway_info={})),
    _outside(
        "gateway changed",
        gateway(external_fixed_ips=_ADDRESS),
        gateway(external_fixed_ips=[{"ip_address": "100.64.0.10"}], enable_snat=False),
    ),
    _outside("delete a gateway's network", gateway(), delete("networks/$x")),
    _outside("delete with a gateway", gateway(), delete("routers/$r"), get("ports")),
)
