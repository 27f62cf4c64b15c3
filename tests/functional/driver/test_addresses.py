"""Addresses from our own IPAM: reserved, taken over by an endpoint, freed, whatever fails."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ovn_integrate import netlink
from ovn_integrate.contract.device_owners import MADE, RESERVED, TAKEN
from ovn_integrate.core.link import links, veth
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.plugins.libnetwork.network_driver import Driver
from tests.functional.driver.bed import CHASSIS, Host, delete, ids, new_id, run
from tests.functional.driver.engine import (
    MAC,
    DockerNetwork,
    Endpoint,
    address,
    new_mac,
    refused,
    release,
)

NAMED = "02:00:00:00:00:07"


@pytest.fixture
def foo(host: Host) -> Iterator[DockerNetwork]:
    network = host.neutron.create("networks", name="foo")
    for version, cidr in ((4, "192.168.1.0/24"), (6, "fd01::/64")):
        host.neutron.create("subnets", network_id=network["id"], ip_version=version, cidr=cidr)
    made = DockerNetwork(host, "192.168.1.0/24", "fd01::/64", network="foo").make()
    yield made
    made.remove()
    host.neutron.delete("networks", network["id"])


@pytest.fixture
def restarted(host: Host) -> Iterator[Any]:
    """A second driver on the same host, as after a restart, that knows only what Neutron does."""
    own = links.Links(host.ovs.remote, 5)
    client = app.create(Driver(own, ready_timeout=0)).test_client()

    def call(method: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = client.post(f"/{method}", json=body).get_json()
        assert not answer.get("Err"), answer
        return answer

    yield call
    own.close()


def only_port(host: Host) -> dict[str, Any]:
    (port,) = host.neutron.query("ports")
    return port


def ips(port: dict[str, Any]) -> set[str]:
    return {one["ip_address"] for one in port["fixed_ips"]}


def test_an_address_is_a_port_of_this_host_until_it_is_an_endpoints(
    host: Host, foo: DockerNetwork
) -> None:
    end = Endpoint(foo, (), "02:42:ac:00:00:09")
    assert end.addresses == ["192.168.1.2/24", "fd01::1/64"]
    reserved = only_port(host)
    assert (reserved["device_owner"], reserved["binding:host_id"]) == (RESERVED, CHASSIS)
    assert reserved["mac_address"] == "02:42:ac:00:00:09"
    assert ips(reserved) == {"192.168.1.2", "fd01::1"}
    end.create()
    port = only_port(host)
    assert (port["id"], port["device_owner"]) == (reserved["id"], MADE)
    assert port["device_id"] == end.body["EndpointID"]
    assert port["binding:profile"]["ovn.iface_id_ver"] == end.body["EndpointID"]
    outer = veth.outer(end.body["EndpointID"])
    assert host.interface(outer)["iface-id"] == port["id"]
    assert host.ok("NetworkDriver.CreateEndpoint", end.body) == {
        "Interface": {}
    }  # asked again, by an engine that lost the answer
    end.delete()
    assert host.left() == []
    again = foo.endpoint()
    assert again.addresses == end.addresses
    again.delete()


def test_an_endpoint_of_which_a_restarted_driver_has_no_note(
    host: Host, foo: DockerNetwork, restarted: Any
) -> None:
    end = Endpoint(foo, (), new_mac())
    port = only_port(host)
    # The same addresses for the same MAC, and one port of the two.
    body = {"PoolID": foo.pools[0], "Address": "", "Options": {MAC: end.mac}}
    assert restarted("IpamDriver.RequestAddress", body)["Address"] == end.addresses[0]
    assert restarted("NetworkDriver.CreateEndpoint", end.body) == {"Interface": {}}
    assert (only_port(host)["id"], only_port(host)["device_owner"]) == (port["id"], MADE)
    end.delete()


def test_a_second_family_joins_across_a_restart(
    host: Host, foo: DockerNetwork, restarted: Any
) -> None:
    mac = new_mac()
    v4 = address(host, foo.pools[0], **{MAC: mac})
    body = {"PoolID": foo.pools[1], "Address": "", "Options": {MAC: mac}}
    v6 = restarted("IpamDriver.RequestAddress", body)["Address"]
    assert ips(only_port(host)) == {one.partition("/")[0] for one in (v4, v6)}
    # No endpoint came of it: what of the two is released first does not matter.
    release(host, foo.pools[0], v4)
    assert ips(only_port(host)) == {v6.partition("/")[0]}
    release(host, foo.pools[1], v6)
    assert host.left() == []


def test_addresses_that_are_asked_for(host: Host, foo: DockerNetwork) -> None:
    end = foo.endpoint("192.168.1.9", "fd01::9", mac=NAMED)
    assert end.addresses == ["192.168.1.9/24", "fd01::9/64"]
    port = only_port(host)
    assert (ips(port), port["mac_address"]) == ({"192.168.1.9", "fd01::9"}, NAMED)
    assert NAMED in run("ip", "link", "show", veth.inner(end.body["EndpointID"]))
    said = refused(host, foo.pools[0], "192.168.1.9", **{MAC: new_mac()})
    assert "192.168.1.9" in said
    assert "--ip" in said
    assert "--mac-address" in refused(host, foo.pools[0], **{MAC: NAMED})
    assert "192.168.1.0/24" in refused(host, foo.pools[0], "10.0.0.1", **{MAC: new_mac()})
    # Docker releases what it asked for in vain as little as what another container has.
    release(host, foo.pools[0], "192.168.1.9")
    assert only_port(host) == port
    end.delete()
    assert host.left() == []


def test_an_address_of_another_host_is_refused_and_not_released(
    host: Host, foo: DockerNetwork
) -> None:
    (network,) = host.neutron.query("networks")
    for owner in (RESERVED, MADE):
        other = host.neutron.create(
            "ports",
            network_id=network["id"],
            fixed_ips=[{"ip_address": "192.168.1.9"}],
            **{"binding:host_id": "chassis-2", "device_id": new_id(), "device_owner": owner},
        )
        said = refused(host, foo.pools[0], "192.168.1.9", **{MAC: new_mac()})
        assert "chassis-2" in said
        release(host, foo.pools[0], "192.168.1.9")
        assert host.left() == [other["id"]]
        host.neutron.delete("ports", other["id"])


def test_it_is_free_when_the_endpoint_could_not_be_made(host: Host, foo: DockerNetwork) -> None:
    end = Endpoint(foo, (), new_mac())
    stranger = veth.inner(end.body["EndpointID"])
    run("ip", "link", "add", stranger, "type", "bridge")
    assert "exists" in host.error("NetworkDriver.CreateEndpoint", end.body)
    run("ip", "link", "del", stranger)
    end.release()
    assert host.left() == []


def test_it_is_free_whichever_of_delete_and_release_comes_first(
    host: Host, foo: DockerNetwork
) -> None:
    end = foo.endpoint()
    end.release()
    assert only_port(host)["device_id"] == end.body["EndpointID"]  # it is in use
    delete(host, end.body)
    assert host.left() == []


def test_it_is_free_when_delete_failed(host: Host, foo: DockerNetwork) -> None:
    end = foo.endpoint()
    host.configure(502, "set", "Open_vSwitch", ".", "external_ids:ipam=127.0.0.1:1")
    assert "ipam status" in host.error("NetworkDriver.DeleteEndpoint", ids(end.body))
    host.configure(200, "set", "Open_vSwitch", ".", "external_ids:ipam=127.0.0.1")
    assert only_port(host)["device_id"] == end.body["EndpointID"]
    end.release()
    assert host.left() == []


def test_it_is_free_when_the_link_could_not_be_taken_away(host: Host, foo: DockerNetwork) -> None:
    end = foo.endpoint()
    own = links.Links(host.ovs.remote, 1)
    client = app.create(Driver(own, ready_timeout=0)).test_client()
    own.open()
    host.ovs.freeze()
    try:
        said = client.post("/NetworkDriver.DeleteEndpoint", json=ids(end.body)).get_json()
    finally:
        host.ovs.thaw()
        own.close()
    assert "no answer" in said["Err"]
    assert host.neutron.query("ports") == []
    end.delete()


def test_an_address_that_a_dead_endpoint_had_is_given_again(host: Host, foo: DockerNetwork) -> None:
    dead = foo.endpoint("192.168.1.9", "fd01::9", mac=NAMED)
    assert netlink.delete_link(veth.outer(dead.body["EndpointID"]))  # the container died
    for mac in (NAMED, new_mac()):
        end = foo.endpoint("192.168.1.9", "fd01::9", mac=mac)
        assert only_port(host)["device_id"] == end.body["EndpointID"]
        assert netlink.delete_link(veth.outer(end.body["EndpointID"]))
    end.delete()


def test_an_address_that_was_reserved_in_vain_is_given_again(
    host: Host, foo: DockerNetwork
) -> None:
    for mac in (NAMED, new_mac()):
        address(host, foo.pools[0], "192.168.1.9", **{MAC: mac})
    end = foo.endpoint("192.168.1.9", "fd01::9")
    assert ips(only_port(host)) == {"192.168.1.9", "fd01::9"}
    end.delete()


def test_what_is_reserved_when_docker_starts_is_freed(host: Host, foo: DockerNetwork) -> None:
    live = foo.endpoint()
    (network,) = host.neutron.query("networks")
    other = host.neutron.create(
        "ports",
        network_id=network["id"],
        **{"binding:host_id": "chassis-2", "device_owner": RESERVED},
    )
    address(host, foo.pools[0], **{MAC: NAMED})
    assert len(host.neutron.query("ports")) == 3
    host.ok("Plugin.Activate")
    left = {port["device_owner"]: port for port in host.neutron.query("ports")}
    assert left == {MADE: left[MADE], RESERVED: other}
    address(host, foo.pools[0], **{MAC: NAMED})  # reserved anew, not remembered
    assert len(host.neutron.query("ports")) == 3
    host.ok("Plugin.Activate")
    live.delete()
    host.neutron.delete("ports", other["id"])


def test_a_network_that_was_made_goes_with_what_was_reserved_in_vain(host: Host) -> None:
    network = DockerNetwork(host, "10.7.0.0/24").make()
    address(host, network.pools[0], **{MAC: new_mac()})
    network.remove()
    assert host.neutron.query("networks") == []


def test_many_at_once_get_an_address_each(host: Host, foo: DockerNetwork) -> None:
    with ThreadPoolExecutor(8) as pool:
        ends = list(pool.map(lambda _: foo.endpoint(), range(24)))
        addresses = [one for end in ends for one in end.addresses]
        assert len(set(addresses)) == len(addresses) == 48
        assert len(host.neutron.query("ports")) == 24
        list(pool.map(lambda end: end.delete(), ends))
    assert host.left() == []


def test_a_range_of_this_host(host: Host) -> None:
    network = host.neutron.create("networks", name="foo")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.8.0.0/24")
    words = {"network": "foo", "part": "10.8.0.0/29"}
    made = DockerNetwork(host, "10.8.0.0/24", aux=("10.8.0.4", "10.8.0.99"), **words).make()
    with ThreadPoolExecutor(5) as pool:
        ends = list(pool.map(lambda _: made.endpoint(), range(5)))
    # Neither the subnet's own address, nor the gateway, nor what is set aside.
    assert {end.ip for end in ends} == {f"10.8.0.{last}" for last in (2, 3, 5, 6, 7)}
    said = refused(host, made.pools[0], **{MAC: new_mac()})
    assert "10.8.0.0/29" in said
    assert "--ip-range" in said
    beside = made.endpoint("10.8.0.50")
    assert beside.ip == "10.8.0.50"
    for end in (*ends, beside):
        end.delete()
    made.remove()
    host.neutron.delete("networks", network["id"])


def test_a_subnet_that_is_full(host: Host) -> None:
    made = DockerNetwork(host, "10.7.0.0/30").make()
    end = made.endpoint()
    said = refused(host, made.pools[0], **{MAC: new_mac()})
    assert "10.7.0.0/30" in said
    assert "larger subnet" in said
    end.delete()
    made.remove()


def test_a_logical_port_is_taken_with_its_addresses(host: Host, foo: DockerNetwork) -> None:
    """``ovn-integrate port attach``: Docker is told the addresses, and makes up a MAC."""
    (network,) = host.neutron.query("networks")
    fixed = [{"ip_address": "192.168.1.9"}, {"ip_address": "fd01::9"}]
    port = host.neutron.create("ports", network_id=network["id"], name="db", fixed_ips=fixed)
    for _ in range(2):
        end = Endpoint(foo, ("192.168.1.9", "fd01::9"), new_mac())
        assert host.left() == [port["id"]]
        assert "ovn.port=db" in host.error("NetworkDriver.CreateEndpoint", end.body)
        end.body["Options"] = {"ovn.port": "db"}
        end.create()
        now = only_port(host)
        assert (now["device_owner"], now["mac_address"]) == (TAKEN, end.mac)
        assert ips(now) == ips(port)
        end.delete()
        now = only_port(host)
        assert (now["device_owner"], now["mac_address"]) == ("", port["mac_address"])
    other = Endpoint(foo, (), new_mac())
    other.body["Options"] = {"ovn.port": "db"}
    assert "--ip 192.168.1.9" in host.error("NetworkDriver.CreateEndpoint", other.body)
    other.release()
    assert host.left() == [port["id"]]
    host.neutron.delete("ports", port["id"])


def test_a_subnet_that_was_made_anew(host: Host) -> None:
    """Its PoolID is the same, and what was remembered of it is not."""
    for _ in range(2):
        made = DockerNetwork(host, "10.7.0.0/24").make()
        made.endpoint().delete()
        made.remove()
