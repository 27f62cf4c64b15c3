"""From what a request says of a port forwarding to what the rules want.

Each function takes the attribute's name and its JSON value. Texts: Neutron 29.
"""

from __future__ import annotations

from typing import Any

from ovn_integrate.ipam.allocate import Span
from ovn_integrate.ipam.neutron_errors import InvalidInput, invalid

_LAST = 65535
PROTOCOLS = ("tcp", "udp")
"""What OVN's driver of Neutron writes load balancers for; the API takes more, to no effect."""


def port(name: str, value: Any) -> int | None:
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise invalid(name, f"'{value}' is not an integer.") from None
    if number < 1:
        raise invalid(name, f"'{value}' is too small - must be at least '1'.")
    if number > _LAST:
        raise invalid(name, f"'{value}' is too large - must be no larger than '{_LAST}'.")
    return number


def port_range(name: str, value: Any) -> Span | None:
    """``FIRST:LAST``, or one port."""
    if value is None:
        return None
    first, _, last = str(value).partition(":")
    found = port(name, first), port(name, last or first)
    if found[0] is None or found[1] is None or found[0] > found[1]:
        raise invalid(name, "First port in a port range must be lower than the second port.")
    return found[0], found[1]


def protocol(name: str, value: Any) -> str:
    word = str(value).lower()
    if word not in PROTOCOLS:
        raise InvalidInput(
            reason=f"IP protocol '{value}' is not supported. Only {' and '.join(PROTOCOLS)} are "
            "forwarded"
        )
    return word
