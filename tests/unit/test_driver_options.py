from __future__ import annotations

from typing import Any

import pytest

from ovn_integrate.contract import tags
from ovn_integrate.core.network import options
from ovn_integrate.core.network.options import GENERIC, INTERNAL, MTU, NetworkOptions, PublishedPort
from ovn_integrate.errors import Invalid

ID = "480dad35" * 8


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, NetworkOptions()),
        ({GENERIC: None}, NetworkOptions()),
        ({GENERIC: {"foo": "bar", "neutron.pool.name": "x"}}, NetworkOptions()),
        ({GENERIC: {"ovn.network": "blue"}}, NetworkOptions(network="blue")),
        ({GENERIC: {"neutron.net.name": "blue"}}, NetworkOptions(network="blue")),
        ({GENERIC: {"neutron.net.uuid": "0c1b"}}, NetworkOptions(network="0c1b")),
        ({GENERIC: {"ovn.network": "a", "neutron.net.name": "a"}}, NetworkOptions(network="a")),
        ({GENERIC: {MTU: "1400"}}, NetworkOptions(mtu=1400)),
        ({GENERIC: {MTU: "0"}}, NetworkOptions()),
        ({GENERIC: {"ovn.gateway": "docker"}}, NetworkOptions()),
        ({GENERIC: {"ovn.gateway": "none"}}, NetworkOptions(gateway="none")),
        ({GENERIC: {"ovn.gateway": "ovn"}}, NetworkOptions(gateway="ovn")),
        ({GENERIC: {"ovn.gateway": "ovn"}, INTERNAL: False}, NetworkOptions(gateway="ovn")),
        ({GENERIC: {"ovn.gateway": "ovn"}, INTERNAL: True}, NetworkOptions(gateway="none")),
        ({GENERIC: {}, INTERNAL: True}, NetworkOptions()),
    ],
)
def test_options_of_a_network(given: dict[str, Any], expected: NetworkOptions) -> None:
    assert options.parse_network(given) == expected


@pytest.mark.parametrize(
    ("generic", "words"),
    [
        ({"ovn.netwrok": "blue"}, "ovn.netwrok.*known: ovn.network"),
        ({"ovn.port": "db"}, "unknown here"),
        ({"ovn.gateway": "yes"}, "no gateway; docker or ovn or none"),
        ({"ovn.network": ""}, "empty"),
        ({"ovn.network": "a", "neutron.net.uuid": "b"}, "different networks"),
        ({MTU: "1400.5"}, "no number"),
        ({MTU: "67"}, "68"),
        ("text", "no map"),
    ],
)
def test_options_that_cannot_be(generic: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        options.parse_network({GENERIC: generic})


def test_options_of_an_endpoint() -> None:
    assert options.parse_port({"com.docker.network.portmap": [], "foo": "bar"}) is None
    assert options.parse_port({"ovn.port": "db"}) == "db"
    with pytest.raises(Invalid, match=r"ovn\.prot"):
        options.parse_port({"ovn.prot": "db"})


def test_ports_to_publish() -> None:
    asked = {"Proto": 6, "IP": "", "Port": 80, "HostIP": "", "HostPort": 8080, "HostPortEnd": 8090}
    udp = {"Proto": 17, "Port": 53, "HostIP": "127.0.0.1", "HostPort": 53, "HostPortEnd": 0}
    assert options.parse_published({options.PORTMAP: [asked, udp]}) == [
        PublishedPort("tcp", 80, None, range(8080, 8091)),
        PublishedPort("udp", 53, "127.0.0.1", range(53, 54)),
    ]
    assert options.parse_published({}) == options.parse_published({options.PORTMAP: None}) == []


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"HostPort": 0}, "-p 8080:80"),
        ({"Proto": 1}, "protocol 1"),
        ({"HostIP": "::1"}, "no IPv4 address"),
        ({"HostIP": "here"}, "no IP address"),
    ],
)
def test_ports_that_cannot_be_published(more: dict[str, Any], words: str) -> None:
    asked = {"Proto": 6, "Port": 80, "HostPort": 8080, **more}
    with pytest.raises(Invalid, match=words):
        options.parse_published({options.PORTMAP: [asked]})


def test_tags_of_one_docker_network_are_told_from_those_of_others() -> None:
    other = "f" * 64
    mine = [tags.of(ID), tags.with_mtu(ID, 1400), tags.with_gateway(ID, "none")]
    all_tags = [*mine, tags.of(other), tags.MADE, "red"]
    assert tags.belonging(all_tags, ID) == mine
    assert tags.mtu(all_tags, ID) == 1400
    assert tags.mtu(all_tags, other) is None
    assert tags.gateway(all_tags, ID) == "none"
    assert tags.gateway(all_tags, other) is None
    assert set(tags.holders(all_tags)) == {*mine, tags.of(other)}
    assert tags.holders([tags.MADE, "red"]) == []


def test_tags_fit_an_old_neutron() -> None:
    assert len(tags.with_mtu(ID, 65535)) <= 60
