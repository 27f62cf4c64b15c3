"""Port forwardings on a real Northbound, and the rows that they are.

Answers: a real Neutron 29, asked the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_routers import Neutron

IP = "100.64.0.50"
INSIDE = "192.168.1.10"


@pytest.fixture
def neutron(api: FlaskClient, nb: OvsdbServer) -> Neutron:
    return Neutron(api, nb)


class Site:
    """A floating IP of a router, with a port behind it."""

    def __init__(self, neutron: Neutron) -> None:
        self.neutron = neutron
        inside, outside = neutron.network("192.168.1.0/24"), neutron.external()
        gateway = {"network_id": outside["id"]}
        self.inside, self.outside = inside["id"], outside["id"]
        self.subnet = inside["subnet"]
        self.router = neutron.make("router", external_gateway_info=gateway)["id"]
        self.connect(self.subnet)
        self.port = self.host(INSIDE)
        own = {"floating_network_id": self.outside, "floating_ip_address": IP}
        self.floating = neutron.make("floatingip", **own)["id"]
        self.path = f"floatingips/{self.floating}/port_forwardings"

    def connect(self, subnet: str, verb: str = "add", status: int = 200) -> Any:
        path = f"routers/{self.router}/{verb}_router_interface"
        return self.neutron.call("PUT", path, {"subnet_id": subnet}, status)

    def host(self, address: str) -> str:
        wish = [{"ip_address": address}]
        made: str = self.neutron.make("port", network_id=self.inside, fixed_ips=wish)["id"]
        return made

    def wish(self, **attributes: Any) -> dict[str, Any]:
        ends = {"internal_ip_address": INSIDE, "internal_port_id": self.port}
        return {"port_forwarding": {"protocol": "tcp", **ends, **attributes}}

    def forward(self, external: Any, internal: Any, **further: Any) -> dict[str, Any]:
        end = "_port_range" if isinstance(external, str) else "_port"
        wish = self.wish(**{"external" + end: external, "internal" + end: internal}, **further)
        made: dict[str, Any] = self.neutron.call("POST", self.path, wish, 201)["port_forwarding"]
        return made

    def refused(self, status: int = 400, **attributes: Any) -> str:
        return self.neutron.refused("POST", self.path, self.wish(**attributes), status)

    def balancers(self) -> dict[str, str]:
        """The VIPs of each Load_Balancer, by its name without the floating IP's id."""
        found = self.neutron.rows("Load_Balancer", "name", "vips")
        return {name.replace(self.floating, "ID"): vips for name, vips in found}


@pytest.fixture
def site(neutron: Neutron) -> Site:
    return Site(neutron)


def test_ports_are_vips_on_the_router_and_its_switches(site: Site, nb: OvsdbServer) -> None:
    web = site.forward(8080, 80, description="web")
    assert {key: web[key] for key in web.keys() - {"id", "internal_port_id"}} == {
        "external_port": 8080,
        "external_port_range": "8080:8080",
        "protocol": "tcp",
        "internal_ip_address": INSIDE,
        "internal_port": 80,
        "internal_port_range": "80:80",
        "description": "web",
    }
    site.forward(53, 53, protocol="udp")
    site.forward(8443, 443)
    assert site.balancers() == {
        "pf-floatingip-ID-tcp": {f"{IP}:8080": f"{INSIDE}:80", f"{IP}:8443": f"{INSIDE}:443"},
        "pf-floatingip-ID-udp": {f"{IP}:53": f"{INSIDE}:53"},
    }
    assert site.neutron.rows("Load_Balancer", "protocol") == ["tcp", "udp"]
    ids = nb.ctl("--bare", "--columns=_uuid", "list", "Load_Balancer").split()
    for table, id in (("Logical_Router", site.router), ("Logical_Switch", site.inside)):
        on = nb.ctl("--bare", "--columns=load_balancer", "list", table, id).split()
        assert sorted(on) == sorted(ids)
    assert nb.ctl("--bare", "--columns=load_balancer", "list", "Logical_Switch", site.outside) == (
        "\n"
    )
    for _, keys in site.neutron.rows("Load_Balancer", "name", "external_ids"):
        assert keys.pop("neutron:revision_number")
        assert keys == {
            "neutron:device_owner": "port_forwarding_plugin",
            "neutron:fip_id": site.floating,
            "neutron:router_name": f"neutron-{site.router}",
        }


def test_a_range_is_a_load_balancer_for_each_port(site: Site) -> None:
    site.forward("9000:9002", "90:92")
    one = site.forward("9100:9101", "95:95")
    assert (one["external_port"], one["internal_port"]) == (None, 95)
    assert site.forward("9300", "120")["external_port"] == 9300
    assert site.balancers() == {
        **{f"pf-floatingip-ID-tcp-900{n}": {f"{IP}:900{n}": f"{INSIDE}:9{n}"} for n in range(3)},
        **{f"pf-floatingip-ID-tcp-910{n}": {f"{IP}:910{n}": f"{INSIDE}:95"} for n in range(2)},
        "pf-floatingip-ID-tcp": {f"{IP}:9300": f"{INSIDE}:120"},
    }
    site.neutron.call("DELETE", f"{site.path}/{one['id']}", status=204)
    assert len(site.balancers()) == 4
    relation = site.refused(external_port_range="9200:9202", internal_port_range="96:97")
    assert relation == "BadRequest"
    backwards = site.refused(external_port_range="9202:9200", internal_port_range="96:96")
    assert backwards == "HTTPBadRequest"
    overlap = site.refused(external_port_range="9002:9010", internal_port_range="100:108")
    assert overlap == "BadRequest"


def test_they_are_listed_shown_changed_and_deleted(
    site: Site, nb: OvsdbServer, stores: Callable[[str], Store]
) -> None:
    neutron = site.neutron
    one, two = site.forward(8080, 80), site.forward(53, 53, protocol="udp")
    other = Neutron(create_app(Service(stores(nb.remote))).test_client(), nb)
    listed = other.call("GET", site.path)["port_forwardings"]
    assert sorted(listed, key=lambda one: str(one["protocol"])) == [one, two]
    assert other.call("GET", f"{site.path}?protocol=udp")["port_forwardings"] == [two]
    found = other.call("GET", f"{site.path}?external_port=8080&fields=protocol")
    assert found == {"port_forwardings": [{"protocol": "tcp"}]}
    for unfit in ("internal_port=80", "bogus=1"):
        assert neutron.refused("GET", f"{site.path}?{unfit}", None, 400) == "HTTPBadRequest"
    path = f"{site.path}/{one['id']}"
    assert neutron.call("GET", path) == {"port_forwarding": one}
    shown = neutron.call("GET", f"floatingips/{site.floating}")["floatingip"]
    assert (shown["router_id"], shown["port_id"], shown["status"]) == (site.router, None, "ACTIVE")
    assert {"id": two["id"], "protocol": "udp", "internal_ip_address": INSIDE} == {
        key: next(x for x in shown["port_forwardings"] if x["id"] == two["id"])[key]
        for key in ("id", "protocol", "internal_ip_address")
    }

    def change(status: int = 200, **attributes: Any) -> Any:
        return neutron.call("PUT", path, {"port_forwarding": attributes}, status)

    changed = change(external_port=8888, description="x")["port_forwarding"]
    assert (changed["external_port_range"], changed["internal_port"]) == ("8888:8888", 80)
    assert site.balancers()["pf-floatingip-ID-tcp"] == {f"{IP}:8888": f"{INSIDE}:80"}
    change(protocol="udp")
    assert site.balancers() == {
        "pf-floatingip-ID-udp": {f"{IP}:8888": f"{INSIDE}:80", f"{IP}:53": f"{INSIDE}:53"}
    }
    assert change(400, external_port=53)["NeutronError"]["type"] == "BadRequest"
    assert change(400, internal_ip_address="192.168.1.77")["NeutronError"]["type"] == "BadRequest"

    for id in (one["id"], two["id"]):
        neutron.call("DELETE", f"{site.path}/{id}", status=204)
        assert neutron.refused("DELETE", f"{site.path}/{id}", None, 404) == (
            "PortForwardingNotFound"
        )
    assert site.balancers() == {}
    free = neutron.call("GET", f"floatingips/{site.floating}")["floatingip"]
    assert (free["router_id"], free["status"], free["port_forwardings"]) == (None, "DOWN", [])
    stray = f"floatingips/{site.port}/port_forwardings"
    assert neutron.refused("GET", stray, None, 404) == "FloatingIPNotFound"
    neutron.call("DELETE", f"floatingips/{site.floating}", status=204)


def test_what_no_forwarding_can_be(site: Site) -> None:
    neutron = site.neutron
    site.forward(8080, 80)
    ports = {"external_port": 81, "internal_port": 81}
    assert site.refused(external_port=8080, internal_port=81) == "BadRequest"
    assert site.refused(external_port=8081, internal_port=80) == "BadRequest"
    assert site.refused(internal_port=81) == "BadRequest"
    for bad in (0, 70000, "x"):
        assert site.refused(external_port=bad, internal_port=81) == "HTTPBadRequest"
    assert site.refused(**ports, protocol="bogus") == "InvalidInput"
    assert site.refused(**ports, internal_ip_address="192.168.1.99") == "BadRequest"
    assert site.refused(404, **ports, internal_port_id=site.router) == "PortNotFound"
    stray = neutron.network("10.0.0.0/24")
    far = neutron.make("port", network_id=stray["id"])
    ends = {"internal_port_id": far["id"], "internal_ip_address": "10.0.0.2"}
    assert site.refused(**ports, **ends) == "BadRequest"

    # A port has a floating IP or port forwardings, and so has a floating IP.
    own = {"floating_network_id": site.outside}
    asked = {"floatingip": {**own, "port_id": site.port}}
    assert neutron.refused("POST", "floatingips", asked, 400) == "PortHasPortForwarding"
    late = site.host("192.168.1.11")
    neutron.make("floatingip", **own, port_id=late)
    ends = {"internal_port_id": late, "internal_ip_address": "192.168.1.11"}
    assert site.refused(409, **ports, **ends) == "PortHasBindingFloatingIP"
    path = f"floatingips/{site.floating}"
    wish = {"floatingip": {"port_id": site.host("192.168.1.12")}}
    assert neutron.refused("PUT", path, wish, 409) == "FipInUseByPortForwarding"
    assert neutron.refused("DELETE", path, None, 409) == "FipInUseByPortForwarding"
    neutron.call("PUT", path, {"floatingip": {"port_id": None}})
    assert neutron.call("GET", path)["floatingip"]["router_id"] == site.router

    refused = site.connect(site.subnet, "remove", 409)["NeutronError"]["type"]
    assert refused == "RouterInterfaceInUseByFloatingIP"
    clear = {"router": {"external_gateway_info": None}}
    in_use = "RouterExternalGatewayInUseByFloatingIp"
    assert neutron.refused("PUT", f"routers/{site.router}", clear, 409) == in_use


def test_they_go_with_their_ports_addresses(site: Site) -> None:
    neutron = site.neutron
    site.forward(8080, 80)
    moved = {"port": {"fixed_ips": [{"ip_address": "192.168.1.20"}]}}
    neutron.call("PUT", f"ports/{site.port}", moved)
    assert (site.balancers(), neutron.call("GET", site.path)) == ({}, {"port_forwardings": []})
    site.forward(8080, 80, internal_ip_address="192.168.1.20")
    neutron.call("DELETE", f"ports/{site.port}", status=204)
    assert (site.balancers(), neutron.call("GET", site.path)) == ({}, {"port_forwardings": []})
    neutron.call("DELETE", f"floatingips/{site.floating}", status=204)


def test_a_switch_that_the_router_comes_to_has_them_too(site: Site, nb: OvsdbServer) -> None:
    site.forward(8080, 80)
    late = site.neutron.network("10.0.0.0/24")
    switch = ("--bare", "--columns=load_balancer", "list", "Logical_Switch", late["id"])
    (balancer,) = nb.ctl("--bare", "--columns=_uuid", "list", "Load_Balancer").split()
    for verb, there in (("add", [balancer]), ("remove", [])):
        site.connect(late["subnet"], verb)
        assert nb.ctl(*switch).split() == there
