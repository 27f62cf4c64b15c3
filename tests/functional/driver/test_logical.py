"""Logical networks and ports by name, as the verbs ``network`` and ``port`` have them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.attachment import logical
from ovn_integrate.errors import (
    Conflict,
    Invalid,
    IpAddressAlreadyAllocated,
    NetworkInUse,
    NetworkNotFound,
    PortNotFound,
)
from tests.functional.driver.bed import Host


@pytest.fixture
def client(host: Host) -> Iterator[Client]:
    yield host.neutron
    for port in host.neutron.query("ports"):
        host.neutron.delete("ports", port["id"])
    for network in host.neutron.query("networks"):
        host.neutron.delete("networks", network["id"])


def test_a_network_is_made_once(client: Client) -> None:
    made, new = logical.create_network(client, "foo", ["192.168.1.0/24", "fd01::/64"], None)
    assert new
    assert logical.create_network(client, "foo", ["192.168.1.0/24"], None) == (made, False)
    with pytest.raises(Conflict, match=r"foo.*192\.168\.1\.0/24"):
        logical.create_network(client, "foo", ["192.168.2.0/24"], None)
    assert logical.list_networks(client) == [
        {"name": "foo", "id": made["id"], "subnets": ["192.168.1.0/24", "fd01::/64"]}
    ]
    assert logical.delete_network(client, "foo")
    assert not logical.delete_network(client, "foo")


def test_a_network_whose_subnet_is_refused_is_not_made(client: Client) -> None:
    with pytest.raises(Invalid):
        logical.create_network(client, "foo", ["192.168.1.0/24", "192.168.1.0/24"], None)
    assert logical.list_networks(client) == []


def test_the_gateway_goes_to_the_subnet_of_its_family(client: Client) -> None:
    logical.create_network(client, "foo", ["192.168.1.0/24", "fd01::/64"], "192.168.1.254")
    shown = logical.show_network(client, "foo")
    assert shown["subnets"] == [
        "192.168.1.0/24 gateway 192.168.1.254",
        "fd01::/64 gateway fd01::",
    ]
    with pytest.raises(Invalid, match="nonsense"):
        logical.create_network(client, "bar", ["192.168.2.0/24"], "nonsense")
    assert [one["name"] for one in logical.list_networks(client)] == ["foo"]


def test_a_network_with_ports_stays_and_says_which(client: Client) -> None:
    logical.create_network(client, "foo", ["192.168.1.0/24"], None)
    for number in range(7):
        logical.create_port(client, f"p{number}.foo", None, None)
    with pytest.raises(NetworkInUse) as caught:
        logical.delete_network(client, "foo")
    assert "network foo: has ports: p" in str(caught.value)
    assert "and 2 more; remove" in str(caught.value)


def test_a_port_is_made_once_with_its_addresses(client: Client) -> None:
    logical.create_network(client, "foo", ["192.168.1.0/24"], None)
    mac = "02:00:00:00:00:07"
    made, new = logical.create_port(client, "db.foo", "192.168.1.10", mac)
    assert new
    assert (made["addresses"], made["mac"]) == (["192.168.1.10"], mac)
    assert logical.create_port(client, "db.foo", None, None) == (made, False)
    with pytest.raises(Conflict, match=r"192\.168\.1\.10"):
        logical.create_port(client, "db.foo", "192.168.1.11", None)
    with pytest.raises(IpAddressAlreadyAllocated):
        logical.create_port(client, "web.foo", "192.168.1.10", None)
    assert logical.list_ports(client, "foo") == logical.list_ports(client, None) == [made]
    assert logical.delete_port(client, "db.foo")
    assert not logical.delete_port(client, "db.foo")
    assert not logical.delete_port(client, "db.nowhere")


@pytest.mark.parametrize("name", ["db", "", ".foo", "db."])
def test_a_port_is_named_with_its_network(client: Client, name: str) -> None:
    with pytest.raises(Invalid, match=r"PORT\.NETWORK"):
        logical.create_port(client, name, None, None)


def test_what_is_not_there_is_named(client: Client) -> None:
    with pytest.raises(NetworkNotFound, match="nowhere"):
        logical.create_port(client, "db.nowhere", None, None)
    logical.create_network(client, "foo", ["192.168.1.0/24"], None)
    with pytest.raises(PortNotFound, match=r"port create db\.foo"):
        logical.find_port(client, "db.foo")


def test_two_networks_of_one_name_are_told_apart_by_id(client: Client) -> None:
    first = client.create("networks", name="foo")
    second = client.create("networks", name="foo")
    with pytest.raises(Conflict) as caught:
        logical.show_network(client, "foo")
    assert first["id"] in str(caught.value)
    assert second["id"] in str(caught.value)
    assert logical.show_network(client, first["id"])["id"] == first["id"]
