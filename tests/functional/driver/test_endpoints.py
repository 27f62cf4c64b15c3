"""Endpoints: a Neutron port and a link, all or nothing."""

from __future__ import annotations

from ovn_integrate import netlink
from ovn_integrate.contract.device_owners import MADE, TAKEN
from ovn_integrate.core.link import links, veth
from ovn_integrate.host import interfaces
from tests.functional.driver.bed import CHASSIS, REMOVE, SET, Host, Lan, delete, ids, new_id, run


def test_the_life_of_an_endpoint(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    who = ids(endpoint)
    answer = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert set(answer["Interface"]) == {"MacAddress"}
    (port,) = host.neutron.query("ports", device_id=who["EndpointID"])
    assert port["mac_address"] == answer["Interface"]["MacAddress"]
    assert {one["ip_address"] for one in port["fixed_ips"]} == {f"{lan.v4}.7", f"{lan.v6}7"}
    assert port["device_owner"] == MADE
    assert port["binding:host_id"] == CHASSIS
    outer, inner = veth.outer(who["EndpointID"]), veth.inner(who["EndpointID"])
    keys = host.interface(outer)
    assert keys["iface-id"] == port["id"]
    assert keys["iface-id-ver"] == port["binding:profile"]["ovn.iface_id_ver"]
    assert keys[links.NETWORK] == lan.id
    assert host.ovs.ctl("port-to-br", outer).strip() == "br-int"
    assert host.ovs.ctl("get", "Port", outer, "other_config:transient").strip() == '"true"'
    mtus = interfaces.mtus()
    assert mtus[inner] == mtus[outer] == mtus["lo"] - 58
    assert "tx-checksumming: off" in run("ethtool", "-k", inner)

    # Asked again: the same answer; asked for something else: refused, and nothing breaks.
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == answer
    host.error("NetworkDriver.CreateEndpoint", lan.endpoint(8, who["EndpointID"]))

    joined = host.ok("NetworkDriver.Join", {**who, "SandboxKey": "/x", "Options": None})
    assert joined["InterfaceName"] == {"SrcName": inner, "DstPrefix": "eth"}
    assert joined["Gateway"] == joined["GatewayIPv6"] == ""
    value = host.ok("NetworkDriver.EndpointOperInfo", who)["Value"]
    assert value["mac_address"] == port["mac_address"]

    for _ in range(2):
        assert host.ok("NetworkDriver.Leave", who) == {}
        assert not netlink.exists(outer)
    # Joined anew, as after a container's restart without a new endpoint.
    assert host.ok("NetworkDriver.Join", who) == joined
    assert netlink.exists(inner)
    assert port["mac_address"] in run("ip", "link", "show", inner)
    for _ in range(2):
        delete(host, endpoint)


def test_addresses_are_given_where_docker_has_none(host: Host) -> None:
    """``--ipam-driver null``, and a network made by hand afterwards, named by the NetworkID."""
    network_id = new_id()
    null = [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}]
    body = {"NetworkID": network_id, "Options": None, "IPv4Data": null, "IPv6Data": []}
    host.ok("NetworkDriver.CreateNetwork", body)
    assert host.neutron.query("networks") == []
    endpoint = {"NetworkID": network_id, "EndpointID": new_id(), "Interface": None}
    assert f"net-create {network_id}" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    network = host.neutron.create("networks", name=network_id)
    assert "subnet-create" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.16.0.0/24")
    given = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == given
    assert given["Interface"]["Address"].startswith("10.16.0.")
    assert given["Interface"]["Address"].endswith("/24")
    assert set(given["Interface"]) == {"Address", "MacAddress"}
    delete(host, endpoint)
    host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": network_id})
    # Removed and made anew under the driver's feet.
    host.neutron.delete("networks", network["id"])
    network = host.neutron.create("networks", name=network_id)
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.17.0.0/24")
    again = host.ok("NetworkDriver.CreateEndpoint", {**endpoint, "EndpointID": new_id()})
    assert again["Interface"]["Address"].startswith("10.17.0.")
    for port in host.neutron.query("ports"):
        delete(host, {"NetworkID": network_id, "EndpointID": port["device_id"]})
    assert host.neutron.delete("networks", network["id"])


def test_a_mac_address_that_was_asked_for(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(9, MacAddress="02:42:AC:00:00:09")
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == {"Interface": {}}
    inner = veth.inner(endpoint["EndpointID"])
    assert "02:42:ac:00:00:09" in run("ip", "link", "show", inner)
    same = lan.endpoint(10, MacAddress="02:42:ac:00:00:09")
    assert "02:42:ac:00:00:09" in host.error("NetworkDriver.CreateEndpoint", same)
    delete(host, endpoint)


def test_an_mtu_that_was_asked_for(host: Host) -> None:
    lan = Lan(host, 18, **{"com.docker.network.driver.mtu": "1300"})
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    endpoint = lan.endpoint(2)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert interfaces.mtus()[veth.inner(endpoint["EndpointID"])] == 1300
    delete(host, endpoint)
    lan.remove()


def test_an_address_of_another_host_is_refused_by_name(host: Host, lan: Lan) -> None:
    (network,) = host.neutron.query("networks", name=lan.id)
    other = host.neutron.create(
        "ports",
        network_id=network["id"],
        name="db",
        fixed_ips=[{"ip_address": f"{lan.v4}.7"}],
        **{"binding:host_id": "chassis-2", "device_id": new_id(), "device_owner": MADE},
    )
    said = host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    for word in (f"{lan.v4}.7", "db", "chassis-2", "--ip-range"):
        assert word in said
    assert host.left() == [other["id"]]
    host.neutron.delete("ports", other["id"])


def test_an_ipv4_address_has_the_same_mac_each_time_unless_it_is_taken(
    host: Host, lan: Lan
) -> None:
    """Who talked to the container before reaches it at once, as with Docker's own drivers."""
    for _ in range(2):
        endpoint = lan.endpoint(7)
        answer = host.ok("NetworkDriver.CreateEndpoint", endpoint)
        assert answer["Interface"]["MacAddress"] == "02:42:0a:0a:00:07"
        delete(host, endpoint)
    (network,) = host.neutron.query("networks")
    taken = host.neutron.create("ports", network_id=network["id"], mac_address="02:42:0a:0a:00:07")
    endpoint = lan.endpoint(7)
    mac = host.ok("NetworkDriver.CreateEndpoint", endpoint)["Interface"]["MacAddress"]
    assert mac != taken["mac_address"]
    delete(host, endpoint)
    host.neutron.delete("ports", taken["id"])


def test_an_address_of_a_dead_endpoint_of_this_host_is_taken_back(host: Host, lan: Lan) -> None:
    """After a crash Docker gives the address to a new endpoint and never names the old one."""
    dead = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", dead)
    assert "has it" in host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    assert netlink.delete_link(veth.outer(dead["EndpointID"]))  # the container died
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    (port,) = host.neutron.query("ports")
    assert port["device_id"] == endpoint["EndpointID"]
    delete(host, endpoint)


def test_an_address_outside_of_the_network_is_refused(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7, Address="192.0.2.7/24")
    assert f"{lan.v4}.0/24" in host.error("NetworkDriver.CreateEndpoint", endpoint)


def test_a_port_that_was_made_before_is_taken_and_stays(host: Host, lan: Lan) -> None:
    (network,) = host.neutron.query("networks", name=lan.id)
    fixed = [{"ip_address": f"{lan.v4}.9"}, {"ip_address": f"{lan.v6}9"}]
    port = host.neutron.create("ports", network_id=network["id"], name="db", fixed_ips=fixed)
    for _ in range(2):
        endpoint = {**lan.endpoint(9), "Options": {"ovn.port": "db"}}
        answer = host.ok("NetworkDriver.CreateEndpoint", endpoint)
        assert answer == {"Interface": {"MacAddress": port["mac_address"]}}
        now = host.neutron.show("ports", port["id"])
        assert (now["device_owner"], now["binding:host_id"]) == (TAKEN, CHASSIS)
        other = {**lan.endpoint(9), "Options": {"ovn.port": port["id"]}}
        assert "attached" in host.error("NetworkDriver.CreateEndpoint", other)
        delete(host, endpoint)
        now = host.neutron.show("ports", port["id"])
        assert now["device_id"] == now["device_owner"] == now["binding:host_id"] == ""
    wrong = {**lan.endpoint(8), "Options": {"ovn.port": "db"}}
    assert f"{lan.v4}.9" in host.error("NetworkDriver.CreateEndpoint", wrong)
    assert host.neutron.show("ports", port["id"])["device_id"] == ""
    missing = {**lan.endpoint(8), "Options": {"ovn.port": "nope"}}
    assert "port create nope" in host.error("NetworkDriver.CreateEndpoint", missing)
    host.neutron.delete("ports", port["id"])


def test_a_veth_that_cannot_be_made_leaves_nothing(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    stranger = veth.inner(endpoint["EndpointID"])
    run("ip", "link", "add", stranger, "type", "bridge")
    assert "exists" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    assert host.left() == [stranger]
    run("ip", "link", "del", stranger)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    delete(host, endpoint)


def test_an_ovs_port_that_cannot_be_made_leaves_nothing(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    stranger = veth.outer(endpoint["EndpointID"])
    host.ovs.ctl("add-port", "br-int", stranger)
    assert "del-port" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    assert host.left() == [stranger]
    host.ovs.ctl("del-port", stranger)


def test_without_a_bridge_nothing_is_made(host: Host, lan: Lan) -> None:
    host.configure(503, *SET, "external_ids:ovn-bridge=br-none")
    said = host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    assert "create-integration-bridge" in said
    host.configure(200, *REMOVE, "ovn-bridge")


def test_without_an_ipam_server_nothing_is_made(host: Host, lan: Lan) -> None:
    host.configure(502, *SET, "external_ids:ipam=127.0.0.1:1")
    assert "ipam status" in host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    # The next one of the list is used where the first is out of reach.
    host.configure(200, *SET, 'external_ids:ipam="127.0.0.1:1,127.0.0.1"')
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    delete(host, endpoint)
    host.configure(200, *SET, "external_ids:ipam=127.0.0.1")
