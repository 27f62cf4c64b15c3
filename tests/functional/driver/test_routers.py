"""The router of a logical network, as the driver asks it of the IPAM server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.collector import dead_host
from ovn_integrate.core.network.model import Network, Place, Pool
from ovn_integrate.core.network.options import NetworkOptions
from ovn_integrate.core.way_out import routers
from ovn_integrate.errors import Invalid, IpAddressAlreadyAllocated
from tests.functional.driver.bed import CHASSIS, Host, Lan, new_id

DOCKER_IDS = [new_id(), new_id()]


@pytest.fixture
def neutron(host: Host) -> Client:
    return host.neutron


@pytest.fixture
def network(neutron: Client) -> Iterator[Network]:
    """A logical network that two Docker networks are on."""
    made = neutron.create("networks", name="foo")
    for version, cidr, gateway in ((4, "10.1.0.0/24", "10.1.0.1"), (6, "fd01::/64", "fd01::1")):
        subnet = {"ip_version": version, "cidr": cidr, "gateway_ip": gateway}
        neutron.create("subnets", network_id=made["id"], **subnet)
    networks = Networks()
    options = NetworkOptions(network="foo", gateway="ovn")
    for one in DOCKER_IDS:
        networks.adopt(neutron, one, options, [], Place(CHASSIS))
    yield networks.look(neutron, DOCKER_IDS[0])
    neutron.delete("networks", made["id"])
    assert neutron.query("networks") == neutron.query("routers") == []
    assert neutron.query("floatingips") == []


def test_all_docker_networks_on_a_network_share_its_router(
    neutron: Client, network: Network
) -> None:
    for one in (*DOCKER_IDS, DOCKER_IDS[0]):
        external = routers.connect(neutron, one, network, CHASSIS)
        assert external.gateway == IPv4Interface("100.64.0.1/20")
    (router,) = neutron.query("routers")
    outside = neutron.find("networks", routers.NAME)["id"]
    assert router["external_gateway_info"]["network_id"] == outside
    ports = neutron.query("ports", device_id=router["id"])
    found = {port["fixed_ips"][0]["ip_address"]: port["binding:host_id"] for port in ports}
    assert found == {"10.1.0.1": "", "fd01::1": "", "100.64.0.2": CHASSIS}

    routers.disconnect(neutron, DOCKER_IDS[0])
    routers.disconnect(neutron, DOCKER_IDS[0])
    assert neutron.query("routers")
    routers.disconnect(neutron, DOCKER_IDS[1])
    assert neutron.query("ports") == []


def test_two_hosts_at_the_same_moment_have_one_router(neutron: Client, network: Network) -> None:
    for _ in range(10):
        barrier = threading.Barrier(len(DOCKER_IDS))

        def connect(id: str, barrier: threading.Barrier = barrier) -> routers.External:
            barrier.wait(10)
            return routers.connect(neutron, id, network, CHASSIS)

        with ThreadPoolExecutor(len(DOCKER_IDS)) as pool:
            first, second = pool.map(connect, DOCKER_IDS)
        assert first == second
        (router,) = neutron.query("routers")
        assert len(neutron.query("ports", device_id=router["id"])) == 3
        for one in DOCKER_IDS:
            routers.disconnect(neutron, one)
        assert neutron.query("routers") == neutron.query("networks", name=routers.NAME) == []


def test_what_a_dead_endpoint_left_goes_with_the_router(neutron: Client, network: Network) -> None:
    routers.connect(neutron, DOCKER_IDS[0], network, CHASSIS)
    port = neutron.create("ports", network_id=network.id)
    assert routers.give_address(neutron, port) == "100.64.0.3"
    assert routers.give_address(neutron, port) == "100.64.0.3"
    routers.disconnect(neutron, DOCKER_IDS[0])
    neutron.delete("ports", port["id"])


def test_a_floating_ip_of_somebody_elses_is_used_and_stays(
    neutron: Client, network: Network
) -> None:
    routers.connect(neutron, DOCKER_IDS[0], network, CHASSIS)
    port = neutron.create("ports", network_id=network.id)
    outside = neutron.find("networks", routers.NAME)["id"]
    own = neutron.create("floatingips", floating_network_id=outside, port_id=port["id"])
    assert routers.give_address(neutron, port) == own["floating_ip_address"]
    routers.release_address(neutron, port["id"])
    assert routers.floating(neutron, port["id"]) == [own]
    neutron.delete("floatingips", own["id"])
    routers.disconnect(neutron, DOCKER_IDS[0])
    neutron.delete("ports", port["id"])


def test_each_router_has_addresses_of_its_own(neutron: Client, network: Network) -> None:
    networks = Networks()
    id = new_id()
    pool = Pool(IPv4Interface("10.2.0.0/24").network, IPv4Interface("10.2.0.1/24").ip)
    networks.make(neutron, id, NetworkOptions(gateway="ovn"), [pool], Place(CHASSIS))
    second = networks.get(neutron, id)
    for _ in range(2):
        first = routers.connect(neutron, DOCKER_IDS[0], network, CHASSIS)
        assert first.gateway == IPv4Interface("100.64.0.1/20")
        external = routers.connect(neutron, id, second, CHASSIS)
        assert external.gateway == IPv4Interface("100.64.16.1/20")
        port = neutron.create("ports", network_id=second.id)
        assert routers.give_address(neutron, port) == "100.64.16.3"
        routers.release_address(neutron, port["id"])
        neutron.delete("ports", port["id"])
        routers.disconnect(neutron, DOCKER_IDS[0])
    routers.disconnect(neutron, id)
    networks.release(neutron, id, CHASSIS)


def test_a_gateway_whose_address_is_taken_leaves_nothing(neutron: Client, network: Network) -> None:
    fixed = [{"ip_address": "10.1.0.1"}]
    port = neutron.create("ports", network_id=network.id, fixed_ips=fixed)
    with pytest.raises(IpAddressAlreadyAllocated):
        routers.connect(neutron, DOCKER_IDS[0], network, CHASSIS)
    assert neutron.query("routers") == neutron.query("networks", name=routers.NAME) == []
    neutron.delete("ports", port["id"])


def test_a_network_without_an_ipv4_gateway_has_no_way_out(neutron: Client) -> None:
    networks = Networks()
    id = new_id()
    pool = Pool(IPv4Interface("10.2.0.0/24").network, None)
    networks.make(neutron, id, NetworkOptions(gateway="ovn"), [pool], Place(CHASSIS))
    with pytest.raises(Invalid, match="no IPv4 subnet with a gateway"):
        routers.connect(neutron, id, networks.get(neutron, id), CHASSIS)
    networks.release(neutron, id, CHASSIS)


def test_a_network_that_cannot_be_had_leaves_nothing(host: Host) -> None:
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")  # of the host's own namespace
    lan = Lan(host, 33, **{"ovn.gateway": "ovn"})
    error = host.error("NetworkDriver.CreateNetwork", lan.body)
    assert "sysctl -w net.ipv4.ip_forward=1" in error
    assert host.neutron.query("networks") == host.neutron.query("routers") == []


def test_a_router_whose_chassis_is_gone_goes_out_by_one_that_has_its_network(
    neutron: Client, network: Network
) -> None:
    near = "chassis-with-it"
    options = NetworkOptions(network="foo", gateway="ovn")
    Networks().adopt(neutron, new_id(), options, [], Place(near))
    routers.connect(neutron, DOCKER_IDS[0], network, CHASSIS)
    for others, to in (([], ""), (["a"], "a"), (["a", near], near)):
        (found,) = (one for one in dead_host.held(neutron, CHASSIS, others) if one.kind == "router")
        assert found.to == to
        assert (to or "no other chassis") in found.what
    dead_host.free(neutron, found, CHASSIS)
    assert [port["binding:host_id"] for port in neutron.query("ports", id=found.id)] == [near]
    routers.disconnect(neutron, DOCKER_IDS[0])
