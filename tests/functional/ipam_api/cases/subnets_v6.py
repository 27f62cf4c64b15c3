"""IPv6 subnets."""

from __future__ import annotations

from typing import Any

from tests.functional.ipam_api.cases.subnets import on_network
from tests.functional.ipam_api.steps import Case, Request, get, post, put

_MODES = ("slaac", "dhcpv6-stateful", "dhcpv6-stateless")


def _subnet(save: str = "s", /, **attributes: Any) -> Request:
    given = {"network_id": "$a", "ip_version": 6, "cidr": "fd00::/64", **attributes}
    return post("subnets", save, **given)


def _made(name: str, /, **attributes: Any) -> Case:
    return on_network(name, _subnet(**attributes))


def _modes(ra: str | None, address: str | None) -> Case:
    given = (("ipv6_ra_mode", ra), ("ipv6_address_mode", address))
    modes = {name: mode for name, mode in given if mode is not None}
    return _made(f"ra {ra}, address {address}", **modes)


CASES = (
    on_network("the least", _subnet(), get("subnets/$s")),
    _made("/112", cidr="fd00::/112"),
    _made("/126", cidr="fd00::4/126"),
    _made("/127 without DHCP", cidr="fd00::4/127", enable_dhcp=False),
    _made("/128 without DHCP", cidr="fd00::4/128", enable_dhcp=False),
    _made("/127", cidr="fd00::4/127"),
    _made("/48", cidr="fd00::/48"),
    _made("host bits", cidr="fd00::5/64"),
    _made("in long form", cidr="FD00:0:0:0::/64", gateway_ip="FD00::0001"),
    _made("no gateway", gateway_ip=None),
    _made("gateway given", gateway_ip="fd00::1"),
    _made("gateway is the network", gateway_ip="fd00::"),
    _made("gateway last", gateway_ip="fd00::ffff:ffff:ffff:ffff"),
    _made("gateway link-local", gateway_ip="fe80::1"),
    _made("gateway of IPv4", gateway_ip="10.0.0.1"),
    _made("pool", allocation_pools=[{"start": "fd00::10", "end": "fd00::20"}]),
    _made(
        "pool over the network address",
        gateway_ip=None,
        allocation_pools=[{"start": "fd00::", "end": "fd00::20"}],
    ),
    *(_modes(mode, mode) for mode in _MODES),
    *(_modes(mode, None) for mode in _MODES),
    *(_modes(None, mode) for mode in _MODES),
    _modes("slaac", "dhcpv6-stateful"),
    _modes("nonsense", None),
    _made("slaac at /112", cidr="fd00::/112", ipv6_address_mode="slaac"),
    _made("stateless at /80", cidr="fd00::/80", ipv6_address_mode="dhcpv6-stateless"),
    _made("stateful at /80", cidr="fd00::/80", ipv6_address_mode="dhcpv6-stateful"),
    _made("mode without DHCP", ipv6_address_mode="slaac", enable_dhcp=False),
    _made("mode on IPv4", ip_version=4, cidr="10.0.0.0/24", ipv6_ra_mode="slaac"),
    _made("name server of IPv6", dns_nameservers=["2620:fe::fe"]),
    _made("name server of IPv4", dns_nameservers=["9.9.9.9"]),
    _made("route", host_routes=[{"destination": "fd01::/48", "nexthop": "fd00::9"}]),
    _made("route of IPv4", host_routes=[{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]),
    _made("version 4 of an IPv6 block", ip_version=4),
    on_network("update a mode", _subnet(), put("subnets/$s", ipv6_ra_mode="slaac")),
    on_network("update gateway", _subnet(), put("subnets/$s", gateway_ip="fe80::2")),
    on_network("overlap of IPv6", _subnet(), _subnet("t", cidr="fd00::/48")),
    _made("multicast of IPv6", cidr="ff02::/64"),
)
