"""Bodies as Docker engines send them (captured from 20.10), and what none may send."""

from __future__ import annotations

import json
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface
from typing import Any

import pytest
from pydantic import ValidationError

from ovn_integrate.core.link import veth
from ovn_integrate.plugins.libnetwork import wire

NETWORK = "480dad35" * 8
ENDPOINT = "7a93c0de" * 8


def parse(kind: type[wire.Body], body: dict[str, Any]) -> Any:
    return kind.model_validate_json(json.dumps(body))


def test_create_network() -> None:
    body = parse(
        wire.CreateNetwork,
        {
            "NetworkID": NETWORK,
            "Options": {"com.docker.network.enable_ipv6": False},
            "IPv4Data": [
                {
                    "AddressSpace": "LocalDefault",
                    "Pool": "10.77.0.0/24",
                    "Gateway": "10.77.0.1/24",
                    "AuxAddresses": {"r1": "10.77.0.5/24"},
                }
            ],
            "IPv6Data": [],
            "Later": 1,
        },
    )
    (pool,) = body.ipv4_data
    assert (pool.pool, pool.gateway) == (
        IPv4Network("10.77.0.0/24"),
        IPv4Interface("10.77.0.1/24"),
    )


def test_create_network_of_ipv6_alone() -> None:
    """As Docker 28.5.2 sends it for ``--ipv4=false --ipv6 --internal``."""
    options = {
        "com.docker.network.enable_ipv4": False,
        "com.docker.network.enable_ipv6": True,
        "com.docker.network.generic": {"com.docker.network.driver.mtu": "1400"},
        "com.docker.network.internal": True,
    }
    pool = {"AddressSpace": "LocalDefault", "Gateway": "fd07::1/64", "Pool": "fd07::/64"}
    body = parse(
        wire.CreateNetwork,
        {"NetworkID": NETWORK, "Options": options, "IPv4Data": [], "IPv6Data": [pool]},
    )
    assert body.ipv4_data == []
    assert [str(one.pool) for one in body.ipv6_data] == ["fd07::/64"]
    assert body.options == options


def test_null_is_as_good_as_nothing() -> None:
    body = parse(
        wire.CreateNetwork,
        {"NetworkID": NETWORK, "Options": None, "IPv4Data": None, "IPv6Data": None},
    )
    assert (body.options, body.ipv4_data, body.ipv6_data) == ({}, [], [])
    who = {"NetworkID": NETWORK, "EndpointID": ENDPOINT}
    for interface in (None, {}, {"Address": "", "AddressIPv6": "", "MacAddress": ""}):
        body = parse(wire.CreateEndpoint, {**who, "Interface": interface, "Options": None})
        assert body.interface == wire.Interface.model_validate({})
    assert parse(wire.Join, who).sandbox_key == ""


def test_create_endpoint() -> None:
    interface = {"Address": "10.77.0.200/24", "AddressIPv6": "fd77::e/64", "MacAddress": ""}
    body = parse(
        wire.CreateEndpoint,
        {"NetworkID": NETWORK, "EndpointID": ENDPOINT, "Interface": interface},
    )
    assert body.interface.address == IPv4Interface("10.77.0.200/24")
    assert body.interface.address_ipv6 == IPv6Interface("fd77::e/64")
    assert body.interface.mac_address is None


@pytest.mark.parametrize("id", ["", "a/b", "a b", "-a", "a\n", "ä", "a" * 65, "../..", 7, None])
def test_ids_that_would_be_something_else_as_a_name(id: Any) -> None:
    for body in (
        {"NetworkID": id, "EndpointID": ENDPOINT},
        {"NetworkID": NETWORK, "EndpointID": id},
    ):
        with pytest.raises(ValidationError):
            parse(wire.EndpointBody, body)


@pytest.mark.parametrize(
    "interface",
    [
        {"Address": "10.77.0.300/24"},
        {"MacAddress": "02:42"},
        {"MacAddress": "02-42-ac-11-00-02"},
        {"Address": ["10.77.0.2/24"]},
    ],
)
def test_addresses_that_are_none(interface: dict[str, Any]) -> None:
    body = {"NetworkID": NETWORK, "EndpointID": ENDPOINT, "Interface": interface}
    with pytest.raises(ValidationError):
        parse(wire.CreateEndpoint, body)


def test_names_of_links_fit_and_differ() -> None:
    names = {veth.outer(ENDPOINT), veth.inner(ENDPOINT), veth.outer("x" * 25)}
    assert len(names) == 3
    assert all(len(name) == 15 for name in names)
