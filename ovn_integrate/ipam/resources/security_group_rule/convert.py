"""From what a request says of a security group rule to what the rules want.

Each function takes the attribute's name and its JSON value (Neutron:
``neutron/extensions/securitygroup.py``).
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ovn_integrate.ipam.neutron_errors import (
    InvalidCIDR,
    SecurityGroupInvalidPortValue,
    SecurityGroupRuleInvalidEtherType,
    SecurityGroupRuleInvalidProtocol,
)
from ovn_integrate.ipam.resources.convert import unscoped
from ovn_integrate.ipam.resources.security_group.model import IPV4, IPV6
from ovn_integrate.ipam.resources.security_group.rows import NUMBERS

_ETHERTYPES = {one.lower(): one for one in (IPV4, IPV6)}
_ANY = ("any", "ip")
_DIGITS = 9
_SAME = {"icmpv6": "ipv6-icmp"}


def protocol(name: str, value: Any) -> str | None:
    """A protocol by its name or number, as text."""
    if value is None:
        return None
    text = _SAME.get(str(value).lower(), str(value).lower())
    if text == "any":
        return None
    # One of thousands of digits is no number to int().
    number = int(text) if text.isdecimal() and len(text) <= _DIGITS else None
    if text in NUMBERS or text in _ANY or (number is not None and number <= 255):
        return text if number is None else str(number)
    raise SecurityGroupRuleInvalidProtocol(protocol=value, values=[None, *NUMBERS])


def ethertype(name: str, value: Any) -> str:
    found = _ETHERTYPES.get(str(value).lower())
    if found is None:
        raise SecurityGroupRuleInvalidEtherType(ethertype=value)
    return found


def port(name: str, value: Any) -> int | None:
    """A port, or a type or code of ICMP; what it may be depends on the protocol."""
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise SecurityGroupInvalidPortValue(port=value) from None
    if not 0 <= number <= 65535:
        raise SecurityGroupInvalidPortValue(port=value)
    return number


def prefix(name: str, value: Any) -> str | None:
    """A CIDR without host bits; of an address alone, with its whole length."""
    if not value:
        return None
    try:
        return str(ipaddress.ip_network(unscoped(value), strict=False))
    except ValueError:
        raise InvalidCIDR(cidr=value) from None
