"""The MTU that containers get: the underlay's, less what the tunnels add."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ovn_integrate.host import encap, interfaces

ETHERNET = 1500


def container_mtu(encap_types: Sequence[str], encap_ips: Sequence[str]) -> int:
    """The largest IP packet, in bytes, that passes every tunnel which this chassis may use.

    With Geneve on a 1500 byte underlay this is 1442 over IPv4 and 1422 over IPv6.
    """
    return underlay_mtu(encap_ips) - _overhead(encap_types, encap_ips)


def underlay_mtu(encap_ips: Sequence[str]) -> int:
    """The smallest MTU in bytes of the links that carry these addresses; 1500 where none does."""
    here, mtus = interfaces.addresses(), interfaces.mtus()
    links = {here[ip] for ip in encap_ips if ip in here}
    return min((mtus[link] for link in links if link in mtus), default=ETHERNET)


def _overhead(encap_types: Sequence[str], encap_ips: Sequence[str]) -> int:
    # With nothing set yet, be on the safe side: Geneve, and the family with the longer header.
    types = [one for one in encap_types if one in encap.TYPES] or ["geneve"]
    versions = {ipaddress.ip_address(one).version for one in encap_ips} or {6}
    return max(encap.overhead(one, version) for one in types for version in versions)
