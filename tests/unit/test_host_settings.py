"""Addresses, remotes and encapsulation types as users give them and OVN reads them."""

from __future__ import annotations

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.host import encap, settings


def test_one_address_gives_the_three_keys() -> None:
    assert settings.ipam_keys(["192.0.2.1"]) == {
        "ipam": "192.0.2.1",
        "ovn-remote": "tcp:192.0.2.1:6642",
        "ovn-nb": "tcp:192.0.2.1:6641",
    }


def test_remotes_of_several_hosts_are_a_list_with_ipv6_in_brackets() -> None:
    keys = settings.ipam_keys(["192.0.2.1", "2001:db8::1"], scheme="ssl", sb_port=16642)
    assert keys["ipam"] == "https://192.0.2.1:9696,https://[2001:db8::1]:9696"
    assert keys["ovn-remote"] == "ssl:192.0.2.1:16642,ssl:[2001:db8::1]:16642"
    # No host is let into Northbound by TLS.
    assert keys["ovn-nb"] is None


def test_another_ipam_port_is_kept_with_each_address() -> None:
    keys = settings.ipam_keys(["192.0.2.1", "2001:db8::1"], ipam_port=9797)
    assert keys["ipam"] == "192.0.2.1:9797,[2001:db8::1]:9797"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("192.0.2.1", "http://192.0.2.1:9696"),
        ("2001:db8::1", "http://[2001:db8::1]:9696"),
        ("192.0.2.1:9797", "http://192.0.2.1:9797"),
        ("[2001:db8::1]:9797", "http://[2001:db8::1]:9797"),
        ("https://neutron.example/", "https://neutron.example"),
    ],
)
def test_the_url_of_an_ipam_server(server: str, url: str) -> None:
    assert settings.ipam_url(server) == url


@pytest.mark.parametrize(
    "text",
    ["", ",", "10.0.0", "10.0.0.256", "10.0.0.1,", "name", "0.0.0.0", "224.0.0.1", "10.0.0.1 x"],
)
def test_what_is_no_address_of_a_host_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        settings.parse_addresses(text)


def test_addresses_get_their_usual_spelling() -> None:
    assert settings.parse_addresses("10.0.0.1, 2001:DB8:0::1") == ["10.0.0.1", "2001:db8::1"]


@pytest.mark.parametrize("text", ["", "gre", "geneve,", "Geneve", "geneve,gre"])
def test_unknown_encap_types_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        encap.parse(text)


@pytest.mark.parametrize(
    ("kind", "version", "mtu"),
    [("geneve", 4, 1442), ("geneve", 6, 1422), ("vxlan", 4, 1450), ("vxlan", 6, 1430)],
)
def test_overheads_on_an_underlay_of_1500(kind: str, version: int, mtu: int) -> None:
    assert 1500 - encap.overhead(kind, version) == mtu


def test_vxlan_warns_of_its_limits_and_geneve_of_nothing() -> None:
    assert "4,095 networks" in encap.warnings(["vxlan"])[0]
    assert encap.warnings(["geneve"]) == []
