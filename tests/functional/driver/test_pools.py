"""Pools: which subnet they are, and what of them is left."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import SET_ASIDE
from tests.functional.driver.bed import CHASSIS, Host, new_id
from tests.functional.driver.engine import (
    GATEWAY,
    MAC,
    DockerNetwork,
    address,
    new_mac,
    pool,
    refused,
    release,
)


@pytest.fixture(autouse=True)
def no_network_left(host: Host) -> Iterator[None]:
    yield
    assert host.neutron.query("networks") == []
    assert host.neutron.query("subnets") == []


@pytest.fixture
def foo(host: Host) -> Iterator[dict[str, Any]]:
    """A logical network that was there before Docker, and stays as it is."""
    network = host.neutron.create("networks", name="foo")
    for cidr in ("192.168.1.0/24", "fd01::/64"):
        version = ip_network(cidr).version
        host.neutron.create("subnets", network_id=network["id"], ip_version=version, cidr=cidr)
    yield network
    assert host.neutron.show("networks", network["id"])["tags"] == []
    host.neutron.delete("networks", network["id"])


def test_what_is_static_asks_nobody(host: Host) -> None:
    host.configure(502, "set", "Open_vSwitch", ".", "external_ids:ipam=127.0.0.1:1")
    capabilities = host.ok("IpamDriver.GetCapabilities")
    assert capabilities == {"RequiresMACAddress": True, "RequiresRequestReplay": False}
    spaces = host.ok("IpamDriver.GetDefaultAddressSpaces")
    # The same twice, so that Docker does not refuse what overlaps with a route of the host.
    assert spaces["LocalDefaultAddressSpace"] == spaces["GlobalDefaultAddressSpace"] != ""
    assert pool(host, "10.1.0.0/24")["Pool"] == "10.1.0.0/24"
    said = host.error("IpamDriver.RequestPool", {"Options": {"ovn.network": "foo"}})
    assert "ipam status" in said
    host.configure(200, "set", "Open_vSwitch", ".", "external_ids:ipam=127.0.0.1")


def test_a_pool_of_a_logical_network(host: Host, foo: dict[str, Any]) -> None:
    for name in ("foo", foo["id"]):
        got = pool(host, network=name)
        assert got["Pool"] == "192.168.1.0/24"
        assert got == pool(host, network="foo") == pool(host, "192.168.1.0/24", network=name)
        assert pool(host, v6=True, network=name)["Pool"] == "fd01::/64"
    part = pool(host, "192.168.1.0/24", "192.168.1.64/26", network="foo")
    assert part["Pool"] == "192.168.1.0/24"
    assert part["PoolID"] != got["PoolID"]
    for options, words in (
        ({"Pool": "10.9.0.0/24", "Options": {"ovn.network": "foo"}}, "192.168.1.0/24"),
        ({"Options": {"ovn.network": "bar"}}, "ovn-integrate network create bar"),
        ({"Options": {"ovn.netwrok": "foo"}}, "ovn.network"),
        ({"Pool": "10.9.0.0/24", "SubPool": "10.8.0.0/26"}, "--ip-range"),
    ):
        assert words in host.error("IpamDriver.RequestPool", options)


def test_a_family_that_the_logical_network_has_not(host: Host) -> None:
    network = host.neutron.create("networks", name="bar")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.8.0.0/24")
    body = {"Options": {"ovn.network": "bar"}, "V6": True}
    assert "subnet-create --ip-version 6 bar" in host.error("IpamDriver.RequestPool", body)
    host.neutron.delete("networks", network["id"])


def test_two_tenants_with_the_same_subnet(host: Host) -> None:
    tenants = [host.neutron.create("networks", name=name) for name in ("red", "blue")]
    for one in tenants:
        host.neutron.create("subnets", network_id=one["id"], ip_version=4, cidr="10.8.0.0/24")
    red, blue = (DockerNetwork(host, network=one["name"]).make() for one in tenants)
    assert red.pools != blue.pools
    ends = [network.endpoint() for network in (red, blue)]
    assert ends[0].addresses == ends[1].addresses == ["10.8.0.2/24"]
    ports = host.neutron.query("ports")
    assert {port["network_id"] for port in ports} == {one["id"] for one in tenants}
    for end in ends:
        end.delete()
    for docker_network, one in zip((red, blue), tenants, strict=True):
        docker_network.remove()
        assert host.neutron.delete("networks", one["id"])


def test_a_default_pool_differs_from_those_held(host: Host) -> None:
    other = host.neutron.create("networks", name="other")
    got = [pool(host) for _ in range(20)]
    cidrs = [ip_network(one["Pool"]) for one in got]
    assert {cidr.prefixlen for cidr in cidrs} == {24}
    assert all(cidr.is_private for cidr in cidrs)
    assert len(set(cidrs)) == 20
    assert len({one["PoolID"] for one in got}) == 20
    six = ip_network(pool(host, v6=True)["Pool"])
    assert (six.version, six.prefixlen, six.is_private) == (6, 64, True)
    for one in got:
        assert host.ok("IpamDriver.ReleasePool", {"PoolID": one["PoolID"]}) == {}
    host.neutron.delete("networks", other["id"])


@pytest.mark.parametrize("cidrs", [(), ("10.7.0.0/24",), ("10.7.0.0/24", "fd07::/64")])
def test_a_network_without_a_name_is_made_and_goes(host: Host, cidrs: tuple[str, ...]) -> None:
    network = DockerNetwork(host, *cidrs)
    assert host.neutron.query("networks") == []  # RequestPool leaves nothing
    network.make()
    (made,) = host.neutron.query("networks")
    assert {tags.MADE, tags.of(network.id)} < set(made["tags"])
    subnets = host.neutron.query("subnets", network_id=made["id"])
    data = network.body["IPv4Data"] + network.body["IPv6Data"]
    assert {one["cidr"] for one in subnets} == {one["Pool"] for one in data}
    assert {one["gateway_ip"] for one in subnets} == {
        one["Gateway"].partition("/")[0] for one in data
    }
    end = network.endpoint()
    (port,) = host.neutron.query("ports")
    assert len(port["fixed_ips"]) == len(network.pools)
    end.delete()
    network.remove()


def test_two_docker_networks_with_one_pool_share_it(host: Host) -> None:
    first = DockerNetwork(host, "10.7.0.0/24").make()
    second = DockerNetwork(host, "10.7.0.0/24").make()
    assert first.pools == second.pools
    assert len(host.neutron.query("networks")) == 1
    ends = [network.endpoint() for network in (first, second)]
    assert len({end.ip for end in ends}) == 2
    ends[0].delete()
    first.remove()
    more = second.endpoint()
    assert more.ip != ends[1].ip
    for end in (more, ends[1]):
        end.delete()
    second.remove()


def test_a_network_that_could_not_be_made_leaves_nothing(host: Host, foo: dict[str, Any]) -> None:
    network = DockerNetwork(host, "10.7.0.0/24", aux=("10.7.0.9",))
    network.body["IPv4Data"].append({"AddressSpace": "openvswitch", "Pool": "10.7.0.0/25"})
    host.error("NetworkDriver.CreateNetwork", network.body)
    network.release()
    assert [one["name"] for one in host.neutron.query("networks")] == ["foo"]
    taken = host.neutron.create(
        "ports",
        network_id=foo["id"],
        fixed_ips=[{"ip_address": "192.168.1.9"}],
        **{"device_owner": "docker:endpoint", "binding:host_id": "chassis-2"},
    )
    network = DockerNetwork(host, network="foo", aux=("192.168.1.8", "192.168.1.9"))
    said = host.error("NetworkDriver.CreateNetwork", network.body)
    assert "192.168.1.9" in said
    assert "--aux-address" in said
    network.release()
    assert host.left() == [taken["id"]]
    host.neutron.delete("ports", taken["id"])


def test_a_pool_of_no_network_is_named_with_the_way_out(host: Host) -> None:
    """As with another network driver, or after the network was removed in Neutron."""
    got = pool(host, "10.7.0.0/24")
    said = refused(host, got["PoolID"], **{MAC: new_mac()})
    assert "10.7.0.0/24" in said
    assert "--ipam-opt ovn.network" in said


def test_the_option_for_the_network_alone_is_enough(host: Host, foo: dict[str, Any]) -> None:
    network = DockerNetwork(host, "192.168.1.0/24")
    network.body["Options"] = {"com.docker.network.generic": {"ovn.network": "foo"}}
    network.make()
    end = network.endpoint()
    (port,) = host.neutron.query("ports")
    assert port["network_id"] == foo["id"]
    end.delete()
    network.remove()
    own = DockerNetwork(host, "192.168.1.0/24").make()  # of the same PoolID, and not on foo
    end = own.endpoint()
    (port,) = host.neutron.query("ports")
    assert port["network_id"] != foo["id"]
    end.delete()
    own.remove()
    elsewhere = DockerNetwork(host)
    elsewhere.body["Options"] = {"com.docker.network.generic": {"ovn.network": "foo"}}
    said = host.error("NetworkDriver.CreateNetwork", elsewhere.body)
    assert "--ipam-opt ovn.network=foo" in said
    elsewhere.release()


def test_the_option_for_ipam_alone_is_not(host: Host, foo: dict[str, Any]) -> None:
    network = DockerNetwork(host, network="foo", adopt=False)
    assert "-o ovn.network=foo" in host.error("NetworkDriver.CreateNetwork", network.body)
    network.release()
    assert len(host.neutron.query("networks")) == 1
    # The same subnet, asked for on no logical network, is another one.
    own = DockerNetwork(host, "192.168.1.0/24")
    # As with a driver that was started again between the two calls.
    network.make()
    mac = new_mac()
    got = address(host, network.pools[0], **{MAC: mac})
    body = {
        "NetworkID": network.id,
        "EndpointID": new_id(),
        "Interface": {"Address": got, "MacAddress": mac},
    }
    assert "-o ovn.network=foo" in host.error("NetworkDriver.CreateEndpoint", body)
    release(host, network.pools[0], got)
    network.remove()
    own.make().remove()


def test_gateways(host: Host, foo: dict[str, Any]) -> None:
    by_name = pool(host, network="foo")["PoolID"]
    assert address(host, by_name, **GATEWAY) == "192.168.1.1/24"
    networks = [DockerNetwork(host, network="foo").make() for _ in range(3)]  # as of three hosts
    assert host.neutron.query("ports") == []
    own = [DockerNetwork(host, network="foo", gateway="192.168.1.2").make() for _ in range(2)]
    (port,) = host.neutron.query("ports")
    assert port["device_owner"] == SET_ASIDE
    assert not port["binding:host_id"]
    end = networks[0].endpoint()
    assert end.ip == "192.168.1.3"
    for taken in ("192.168.1.1", "192.168.1.2"):
        mac = {MAC: new_mac()}
        assert "--ip" in refused(host, by_name, taken, **mac)
    own[0].remove()
    assert host.neutron.query("ports", device_owner=SET_ASIDE) == [
        {**port, **_changing(host, port["id"])}
    ]
    own[1].remove()
    assert host.neutron.query("ports", device_owner=SET_ASIDE) == []
    end.delete()
    for network in networks:
        network.remove()


def _changing(host: Host, id: str) -> dict[str, Any]:
    now = host.neutron.show("ports", id)
    return {key: now[key] for key in ("tags", "updated_at", "revision_number")}


def test_a_gateway_where_the_subnet_has_none(host: Host) -> None:
    network = host.neutron.create("networks", name="bar")
    host.neutron.create(
        "subnets", network_id=network["id"], ip_version=4, cidr="10.8.0.0/24", gateway_ip=None
    )
    used = host.neutron.create("ports", network_id=network["id"])
    made = [DockerNetwork(host, network="bar").make() for _ in range(2)]
    assert [one.held[0][1] for one in made] == ["10.8.0.2/24"] * 2
    end = made[0].endpoint()
    assert end.ip == "10.8.0.3"
    end.delete()
    for one in made:
        one.remove()
    assert host.left() == [used["id"]]
    host.neutron.delete("ports", used["id"])
    host.neutron.delete("networks", network["id"])


def test_auxiliary_addresses(host: Host, foo: dict[str, Any]) -> None:
    """Also outside of the range, and of several Docker networks, each of which holds them."""
    aux = ("192.168.1.2", "192.168.1.70", "192.168.1.254")
    words = {"network": "foo", "part": "192.168.1.64/26"}
    both = [DockerNetwork(host, "192.168.1.0/24", aux=aux, **words).make() for _ in range(2)]
    assert len(host.neutron.query("ports", device_owner=SET_ASIDE)) == 3
    both[0].remove()
    assert len(host.neutron.query("ports", device_owner=SET_ASIDE)) == 3
    whole = DockerNetwork(host, network="foo").make()
    end = whole.endpoint()
    assert end.ip == "192.168.1.3"
    end.delete()
    whole.remove()
    both[1].remove()
    assert host.left() == []


def test_what_is_not_there_is_released(host: Host, foo: dict[str, Any]) -> None:
    by_name = pool(host, network="foo")["PoolID"]
    gone = by_name.replace(by_name.rpartition(",")[2], "00000000-0000-4000-8000-000000000000")
    for pool_id in (by_name, gone, "10.7.0.0/24,,", "nonsense"):
        assert host.ok("IpamDriver.ReleasePool", {"PoolID": pool_id}) == {}
        body = {"PoolID": pool_id, "Address": "192.168.1.77"}
        assert host.ok("IpamDriver.ReleaseAddress", body) == {}
    assert "nonsense" in refused(host, "nonsense")
    said = refused(host, gone, **{MAC: new_mac()})
    assert "make it anew" in said
    assert CHASSIS not in str(host.neutron.query("ports"))
