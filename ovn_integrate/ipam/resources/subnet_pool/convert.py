"""From what a request says of a subnet pool to what the rules want.

Each function takes the attribute's name and its JSON value. Texts: Neutron 29.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

from ovn_integrate.ipam.allocate import Cidr
from ovn_integrate.ipam.neutron_errors import AddressScopeNotFound, InvalidInput, invalid
from ovn_integrate.ipam.resources import convert


def name(attribute: str, value: Any) -> str:
    """A name that says something: here Neutron wants one."""
    found: str = convert.text(255)(attribute, value)
    if not found.strip():
        raise invalid(attribute, f"'{found}' Blank strings are not permitted.")
    return found


def number(attribute: str, value: Any) -> int:
    """A number that is not negative."""
    try:
        int(value)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(reason=f"'{value}' is not an integer") from None
    return convert.number(attribute, value)


def prefixes(attribute: str, value: Any) -> list[Cidr]:
    """Blocks of addresses, whose host bits do not count."""
    if not isinstance(value, list):
        raise invalid(attribute, f"'{value}' is not a list.")
    found: list[Cidr] = []
    for one in value:
        try:
            found.append(ipaddress.ip_network(convert.unscoped(one), strict=False))
        except ValueError:
            raise invalid(attribute, f"'{one}' is not a valid IP subnet.") from None
    twice = [str(one) for one, times in Counter(found).items() if times > 1]
    if twice:
        raise invalid(attribute, f"Duplicate items in the list: '{', '.join(twice)}'.")
    return found


def no_address_scope(attribute: str, value: Any) -> None:
    """None: there are no address scopes here."""
    if value is not None:
        raise AddressScopeNotFound(id=convert.identity(attribute, value))
