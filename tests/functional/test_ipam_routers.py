"""Routers, external networks and floating IPs on a real Northbound, and the rows that they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.daemons import OvsdbServer

TABLES = (
    *("Logical_Switch", "Logical_Switch_Port", "DHCP_Options", "Logical_Router"),
    *("Logical_Router_Port", "Logical_Router_Static_Route", "NAT", "Gateway_Chassis"),
)
CHASSIS = "chassis-1"


class Neutron:
    """The API as a client has it."""

    def __init__(self, client: FlaskClient, nb: OvsdbServer) -> None:
        self._client = client
        self._nb = nb

    def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self._client.open(f"/v2.0/{path}", method=method, json=body)
        assert answer.status_code == status, answer.text
        return answer.get_json(silent=True)

    def make(self, kind: str, **attributes: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.call("POST", f"{kind}s", {kind: attributes}, 201)[kind]
        return made

    def refused(self, method: str, path: str, body: Any, status: int) -> str:
        return str(self.call(method, path, body, status)["NeutronError"]["type"])

    def network(self, cidr: str, **attributes: Any) -> dict[str, Any]:
        """A network with a subnet, which stands under ``subnet`` in the answer."""
        network = self.make("network", **attributes)
        subnet = self.make("subnet", network_id=network["id"], cidr=cidr, ip_version=4)
        return {**network, "subnet": subnet["id"]}

    def external(self) -> dict[str, Any]:
        provider = {"provider:network_type": "flat", "provider:physical_network": "host"}
        return self.network("100.64.0.0/24", **{"router:external": True}, **provider)

    def rows(self, table: str, *columns: str) -> list[Any]:
        """The values of columns, one list a row; of a single column the values alone."""
        said = self._nb.ctl("-f", "json", f"--columns={','.join(columns)}", "list", table)
        found = [[_plain(value) for value in row] for row in json.loads(said)["data"]]
        return sorted(row[0] if len(columns) == 1 else row for row in found)

    def all_rows(self) -> list[str]:
        return [f"{table} {row}" for table in TABLES for row in self.rows(table, "_uuid")]


def _plain(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    kind, content = value
    return dict(content) if kind == "map" else content


@pytest.fixture
def neutron(api: FlaskClient, nb: OvsdbServer) -> Neutron:
    return Neutron(api, nb)


def test_a_flat_network_has_a_localnet_port_and_its_physical_network_to_itself(
    neutron: Neutron,
) -> None:
    made = neutron.external()
    assert made["provider:network_type"] == "flat"
    assert made["provider:physical_network"] == "host"
    assert made["router:external"] is True
    assert made["mtu"] == 1500
    ((kind, addresses, options),) = neutron.rows(
        "Logical_Switch_Port", "type", "addresses", "options"
    )
    assert (kind, addresses, options["network_name"]) == ("localnet", "unknown", "host")
    again = {"network": {"provider:network_type": "flat", "provider:physical_network": "host"}}
    assert neutron.refused("POST", "networks", again, 409) == "FlatNetworkInUse"
    again["network"].pop("provider:physical_network")
    assert neutron.refused("POST", "networks", again, 400) == "InvalidInput"
    neutron.call("DELETE", f"networks/{made['id']}", status=204)
    assert neutron.all_rows() == []


def test_a_second_server_cannot_take_the_physical_network_at_the_same_moment(
    neutron: Neutron, nb: OvsdbServer
) -> None:
    made = neutron.external()
    # What the other server has not seen yet, NB itself refuses.
    (name,) = neutron.rows("Logical_Switch_Port", "name")
    nb.ctl("lsp-del", name)
    nb.ctl("ls-add", "theirs", "--", "lsp-add", "theirs", name)
    neutron.call("DELETE", f"networks/{made['id']}", status=204)
    body = {"network": {"provider:network_type": "flat", "provider:physical_network": "host"}}
    neutron.call("POST", "networks", body, 409)
    assert neutron.call("GET", "networks") == {"networks": []}


def test_a_router_as_neutrons_driver_writes_it(neutron: Neutron) -> None:
    inside = neutron.network("192.168.1.0/24", name="foo")
    outside = neutron.external()
    gateway = {"network_id": outside["id"], "enable_snat": True}
    router = neutron.make("router", name="r", external_gateway_info=gateway)
    fixed = {"subnet_id": outside["subnet"], "ip_address": "100.64.0.2"}
    assert router["external_gateway_info"] == {**gateway, "external_fixed_ips": [fixed]}
    assert (router["status"], router["admin_state_up"]) == ("ACTIVE", True)
    added = neutron.call(
        "PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": inside["subnet"]}
    )
    assert added["subnet_ids"] == [inside["subnet"]]

    assert neutron.rows("Logical_Router", "name") == [f"neutron-{router['id']}"]
    assert neutron.rows("NAT", "type", "external_ip", "logical_ip") == [
        ["snat", "100.64.0.2", "192.168.1.0/24"]
    ]
    assert neutron.rows("Logical_Router_Static_Route", "ip_prefix", "nexthop") == [
        ["0.0.0.0/0", "100.64.0.1"]
    ]
    port = neutron.call("GET", f"ports/{added['port_id']}")["port"]
    assert port["device_owner"] == "network:router_interface"
    assert port["device_id"] == router["id"]
    assert port["fixed_ips"] == [{"subnet_id": inside["subnet"], "ip_address": "192.168.1.1"}]
    ours = neutron.rows("Logical_Router_Port", "networks", "name", "mac")
    assert ["192.168.1.1/24", f"lrp-{port['id']}", port["mac_address"]] in ours
    assert {row[0] for row in ours} == {"192.168.1.1/24", "100.64.0.2/24"}
    ports = neutron.rows("Logical_Switch_Port", "type", "addresses", "name", "options")
    assert ["router", "router", port["id"], {"router-port": f"lrp-{port['id']}"}] in ports

    path = f"routers/{router['id']}"
    assert neutron.refused("DELETE", path, None, 409) == "RouterInUse"
    assert neutron.refused("DELETE", f"ports/{port['id']}", None, 409) == "ServicePortInUse"
    assert neutron.refused("DELETE", f"subnets/{inside['subnet']}", None, 409) == "SubnetInUse"
    neutron.call("PUT", f"{path}/remove_router_interface", {"subnet_id": inside["subnet"]})
    assert neutron.rows("NAT", "type") == []
    neutron.call("DELETE", path, status=204)
    for network in (inside, outside):
        neutron.call("DELETE", f"networks/{network['id']}", status=204)
    assert neutron.all_rows() == []


def test_the_gateway_port_is_on_the_chassis_that_is_asked_for(neutron: Neutron) -> None:
    outside = neutron.external()
    router = neutron.make("router", external_gateway_info={"network_id": outside["id"]})
    filters = f"device_id={router['id']}&device_owner=network:router_gateway"
    (port,) = neutron.call("GET", f"ports?{filters}")["ports"]
    for chassis in (CHASSIS, "chassis-2", ""):
        body = {"port": {"binding:host_id": chassis}}
        answer = neutron.call("PUT", f"ports/{port['id']}", body)
        assert answer["port"]["binding:host_id"] == chassis
        assert neutron.rows("Gateway_Chassis", "chassis_name") == [chassis] * bool(chassis)
    neutron.call("PUT", f"ports/{port['id']}", {"port": {"binding:host_id": CHASSIS}})
    neutron.call("PUT", f"routers/{router['id']}", {"router": {"external_gateway_info": None}})
    assert neutron.rows("Gateway_Chassis", "name") == []
    assert neutron.rows("Logical_Router_Port", "name") == []
    assert neutron.rows("Logical_Router_Static_Route", "nexthop") == []


def test_snat_follows_the_gateway_in_either_order(neutron: Neutron) -> None:
    inside, outside = neutron.network("192.168.1.0/24"), neutron.external()
    router = neutron.make("router")
    path = f"routers/{router['id']}"
    neutron.call("PUT", f"{path}/add_router_interface", {"subnet_id": inside["subnet"]})
    assert neutron.rows("NAT", "type") == []
    for snat in (True, False, True):
        gateway = {"network_id": outside["id"], "enable_snat": snat}
        said = neutron.call("PUT", path, {"router": {"external_gateway_info": gateway}})
        assert said["router"]["external_gateway_info"]["enable_snat"] is snat
        assert neutron.rows("NAT", "type") == ["snat"] * snat
    neutron.call("PUT", path, {"router": {"external_gateway_info": {}}})
    assert neutron.rows("NAT", "type") == []


def test_what_no_router_can_be(neutron: Neutron) -> None:
    inside = neutron.network("192.168.1.0/24")
    router = neutron.make("router")
    add = f"routers/{router['id']}/add_router_interface"
    remove = f"routers/{router['id']}/remove_router_interface"
    nobody = "00000000-0000-4000-8000-000000000000"
    subnet = {"subnet_id": inside["subnet"]}
    gateway = {"router": {"external_gateway_info": {"network_id": inside["id"]}}}
    assert neutron.refused("POST", "routers", gateway, 400) == "BadRequest"  # not external
    assert neutron.refused("PUT", add, {}, 400) == "BadRequest"
    assert neutron.refused("PUT", add, {**subnet, "port_id": nobody}, 400) == "BadRequest"
    assert neutron.refused("PUT", add, {"subnet_id": nobody}, 404) == "SubnetNotFound"
    missing = "RouterInterfaceNotFoundForSubnet"
    assert neutron.refused("PUT", remove, subnet, 404) == missing
    assert neutron.refused("PUT", remove, {"port_id": nobody}, 404) == "RouterInterfaceNotFound"
    neutron.call("PUT", add, subnet)
    assert neutron.refused("PUT", add, subnet, 400) == "BadRequest"  # it has one there
    other = neutron.make("router")
    taken = neutron.refused("PUT", f"routers/{other['id']}/add_router_interface", subnet, 409)
    assert taken == "IpAddressAlreadyAllocated"
    overlapping = neutron.network("192.168.1.0/25")["subnet"]
    assert neutron.refused("PUT", add, {"subnet_id": overlapping}, 400) == "BadRequest"
    assert neutron.refused("GET", f"routers/{nobody}", None, 404) == "RouterNotFound"
    assert neutron.refused("GET", "routers/x/l3-agents", None, 404) == "HTTPNotFound"


def test_an_interface_by_a_port_has_that_ports_address(neutron: Neutron) -> None:
    inside = neutron.network("192.168.1.0/24")
    router = neutron.make("router")
    port = neutron.make("port", network_id=inside["id"])
    path = f"routers/{router['id']}/add_router_interface"
    assert neutron.call("PUT", path, {"port_id": port["id"]})["port_id"] == port["id"]
    assert neutron.rows("Logical_Router_Port", "networks") == ["192.168.1.2/24"]
    used = neutron.make("port", network_id=inside["id"], device_id="x")
    assert neutron.refused("PUT", path, {"port_id": used["id"]}, 409) == "PortInUse"


@pytest.fixture
def routed(neutron: Neutron) -> dict[str, Any]:
    inside, outside = neutron.network("192.168.1.0/24"), neutron.external()
    router = neutron.make("router", external_gateway_info={"network_id": outside["id"]})
    path = f"routers/{router['id']}"
    neutron.call("PUT", f"{path}/add_router_interface", {"subnet_id": inside["subnet"]})
    port = neutron.make("port", network_id=inside["id"])
    return {"inside": inside, "outside": outside, "router": router, "port": port, "path": path}


def test_a_floating_ip_is_translated_where_its_port_is(
    neutron: Neutron, routed: dict[str, Any], stores: Callable[[str], Store], nb: OvsdbServer
) -> None:
    port, outside = routed["port"], routed["outside"]
    made = neutron.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])
    assert made["floating_ip_address"] == "100.64.0.3"
    assert made["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert (made["router_id"], made["status"]) == (routed["router"]["id"], "ACTIVE")
    columns = ("type", "external_ip", "logical_ip", "logical_port", "external_mac")
    (snat,) = [row for row in neutron.rows("NAT", *columns) if row[0] == "snat"]
    assert [row for row in neutron.rows("NAT", *columns) if row != snat] == [
        ["dnat_and_snat", "100.64.0.3", "192.168.1.2", port["id"], "02:f1:64:40:00:03"]
    ]
    again = {"floatingip": {"floating_network_id": outside["id"], "port_id": port["id"]}}
    taken = "FloatingIPPortAlreadyAssociated"
    assert neutron.refused("POST", "floatingips", again, 409) == taken
    found = neutron.call("GET", f"floatingips?port_id={port['id']}")["floatingips"]
    assert found == [neutron.call("GET", f"floatingips/{made['id']}")["floatingip"]]

    # Another server on the same database knows it all.
    other = Neutron(create_app(Service(stores(nb.remote))).test_client(), nb)
    assert other.call("GET", f"floatingips?port_id={port['id']}")["floatingips"] == found
    assert other.call("GET", routed["path"]) == neutron.call("GET", routed["path"])

    moved = {"port": {"fixed_ips": [{"ip_address": "192.168.1.77"}]}}
    assert neutron.refused("PUT", f"ports/{port['id']}", moved, 400) == "BadRequest"
    remove = f"{routed['path']}/remove_router_interface"
    subnet = {"subnet_id": routed["inside"]["subnet"]}
    assert neutron.refused("PUT", remove, subnet, 409) == "RouterInterfaceInUseByFloatingIP"
    clear = {"router": {"external_gateway_info": None}}
    in_use = "RouterExternalGatewayInUseByFloatingIp"
    assert neutron.refused("PUT", routed["path"], clear, 409) == in_use
    other.call("DELETE", f"floatingips/{made['id']}", status=204)
    assert neutron.rows("NAT", *columns) == [snat]


def test_a_floating_ip_outlives_its_port(neutron: Neutron, routed: dict[str, Any]) -> None:
    port, outside = routed["port"], routed["outside"]
    made = neutron.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])
    path = f"floatingips/{made['id']}"
    neutron.call("DELETE", f"ports/{port['id']}", status=204)
    free = neutron.call("GET", path)["floatingip"]
    assert (free["port_id"], free["router_id"], free["fixed_ip_address"]) == (None, None, None)
    assert free["status"] == "DOWN"
    assert neutron.rows("NAT", "type") == ["snat"]
    blocked = neutron.refused("DELETE", f"networks/{outside['id']}", None, 409)
    assert blocked == "NetworkInUse"

    port = neutron.make("port", network_id=routed["inside"]["id"])
    neutron.call("PUT", path, {"floatingip": {"port_id": port["id"]}})
    assert neutron.rows("NAT", "type") == ["dnat_and_snat", "snat"]
    told = neutron.call("PUT", path, {"floatingip": {"description": "web"}})["floatingip"]
    assert (told["port_id"], told["description"]) == (port["id"], "web")
    for off in ({"port_id": None}, {}):
        neutron.call("PUT", path, {"floatingip": off})
        assert neutron.rows("NAT", "type") == ["snat"]
        neutron.call("PUT", path, {"floatingip": {"port_id": port["id"]}})
    lone = {"floatingip": {"fixed_ip_address": "192.168.1.2"}}
    assert neutron.refused("PUT", path, lone, 400) == "BadRequest"


def test_what_no_floating_ip_can_be(neutron: Neutron, routed: dict[str, Any]) -> None:
    inside, outside, port = routed["inside"], routed["outside"], routed["port"]

    def refused(status: int, **attributes: Any) -> str:
        return neutron.refused("POST", "floatingips", {"floatingip": attributes}, status)

    assert refused(400) == "HTTPBadRequest"
    assert refused(400, floating_network_id=inside["id"]) == "BadRequest"
    own = {"floating_network_id": outside["id"]}
    assert refused(400, **own, floating_ip_address="9.9.9.9") == "InvalidIpForNetwork"
    gateway = refused(409, **own, floating_ip_address="100.64.0.2")
    assert gateway == "IpAddressAlreadyAllocated"
    assert refused(400, **own, port_id=port["id"], fixed_ip_address="192.168.1.9") == "BadRequest"
    stray = neutron.make("port", network_id=neutron.network("10.0.0.0/24")["id"])
    missing = refused(404, **own, port_id=stray["id"])
    assert missing == "ExternalGatewayForFloatingIPNotFound"
    for _ in range(252):
        neutron.make("floatingip", **own)
    assert refused(409, **own) == "IpAddressGenerationFailure"
