"""From what a request says to what the rules want, or Neutron's word on why not.

Each function takes the attribute's name and its JSON value. Texts: the recorded answers, and
``neutron_lib/api/validators``.
"""

from __future__ import annotations

import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.faults import HTTPBadRequest, InvalidInput, invalid
from ovn_integrate.ipam.model import Route
from ovn_integrate.ipam.ports import Wish
from ovn_integrate.ipam.routers import Gateway, Interface

Convert = Callable[[str, Any], Any]

_MAC = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})
_NO_MAC = "00:00:00:00:00:00"
_LARGEST = 2**31 - 1
_LONGEST_TAG = 255


def text(longest: int) -> Convert:
    """A string of at most that many characters."""

    def convert(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise invalid(name, f"'{value}' is not a valid string.")
        if len(value) > longest:
            raise invalid(name, f"'{value}' exceeds maximum length of {longest}.")
        return value

    return convert


def dns_name(name: str, value: Any) -> str:
    """A host's name, or none: one label, in lower case (RFC 1123, 2.1)."""
    label = "" if value is None else value
    if not isinstance(label, str) or (label and not _LABEL.fullmatch(label)):
        raise invalid(name, f"'{value}' not a valid PQDN or FQDN.")
    return label.lower()


def boolean(name: str, value: Any) -> bool:
    """``true`` and ``false``, also as the words and numbers that people write for them."""
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInput(reason=f"'{value}' cannot be converted to boolean")


def number(name: str, value: Any) -> int:
    """A number that is not negative."""
    try:
        found = int(value)
    except (TypeError, ValueError):
        raise invalid(name, f"'{value}' is not an integer.") from None
    if found < 0:
        raise invalid(name, f"'{value}' should be non-negative.")
    if found > _LARGEST:
        raise invalid(name, f"'{value}' is too large - must be no larger than '{_LARGEST}'.")
    return found


def one_of(*values: Any) -> Convert:
    """One of these values, or text that reads like one."""
    known = {str(value): value for value in values}

    def convert(name: str, value: Any) -> Any:
        if str(value) not in known:
            raise invalid(name, f"{value} is not in valid_values.")
        return known[str(value)]

    return convert


def or_none(convert: Convert) -> Convert:
    return lambda name, value: None if value is None else convert(name, value)


def anything(name: str, value: Any) -> Any:
    return value


def identity(name: str, value: Any) -> str:
    """A UUID."""
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise invalid(name, f"'{value}' is not a valid UUID.") from None


def mac(name: str, value: Any) -> str:
    """A MAC in any common writing, to lower case with colons."""
    found = value.lower() if isinstance(value, str) else ""
    if not _MAC.fullmatch(found) or found.replace("-", ":") == _NO_MAC:
        raise invalid(name, f"'{value}' is not a valid MAC address.")
    return found.replace("-", ":")


def address(name: str, value: Any) -> Address:
    try:
        # A number would be taken for an address too.
        return ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise invalid(name, f"'{value}' is not a valid IP address.") from None


def fixed_ips(name: str, value: Any) -> list[Wish]:
    wishes = []
    seen = set()
    for entry in _entries(name, value, {"subnet_id", "ip_address"}):
        asked = entry.get("ip_address")
        subnet = entry.get("subnet_id")
        wish = Wish(
            None if subnet is None else identity(name, subnet),
            None if asked is None else address(name, asked),
        )
        if wish == Wish():
            raise invalid(name, f"'{entry}' names neither a subnet nor an address.")
        if wish.ip_address is not None and wish.ip_address in seen:
            raise invalid(name, f"Duplicate IP address '{wish.ip_address}'.")
        seen.add(wish.ip_address)
        wishes.append(wish)
    return wishes


def external_gateway(name: str, value: Any) -> Gateway | None:
    """``external_gateway_info``; None, and an object with nothing in it, for no gateway."""
    if not value:
        return None
    known = {"network_id", "enable_snat", "external_fixed_ips"}
    (entry,) = _entries(name, [value], known)
    if "network_id" not in entry:
        raise invalid(name, "network_id is missing.")
    snat = entry.get("enable_snat")
    wanted = entry.get("external_fixed_ips")
    return Gateway(
        identity(name, entry["network_id"]),
        None if snat is None else boolean(name, snat),
        fixed_ips(name, wanted) if wanted else None,
    )


def interface(body: dict[str, Any]) -> Interface:
    """The body of ``add_router_interface`` and ``remove_router_interface``."""
    if body.keys() - {"subnet_id", "port_id"}:
        raise HTTPBadRequest(reason="Unrecognized attribute(s) in the request body")
    return Interface(**{name: identity(name, value) for name, value in body.items()})


def pools(name: str, value: Any) -> list[tuple[Address, Address]]:
    return [
        (address(name, entry.get("start")), address(name, entry.get("end")))
        for entry in _entries(name, value, {"start", "end"})
    ]


def nameservers(name: str, value: Any) -> list[str]:
    servers = []
    for server in _items(name, value):
        try:
            servers.append(str(address(name, server)))
        except HTTPBadRequest:
            raise invalid(
                name,
                f"'{server}' is not a valid nameserver. '{server}' is not a valid IP address.",
            ) from None
    return _apart(name, servers)


def host_routes(name: str, value: Any) -> list[Route]:
    routes = []
    for entry in _entries(name, value, {"destination", "nexthop"}):
        destination = entry.get("destination")
        try:
            cidr = ipaddress.ip_network(str(destination), strict=False)
        except ValueError:
            raise invalid(name, f"'{destination}' is not a valid CIDR.") from None
        routes.append(Route(str(cidr), str(address(name, entry.get("nexthop")))))
    return _apart(name, routes)


def pairs(name: str, value: Any) -> list[tuple[str, str | None]]:
    """allowed-address-pairs: an address or a block of them, and a MAC or None for the port's."""
    found = []
    for entry in _entries(name, value, {"ip_address", "mac_address"}):
        block = entry.get("ip_address")
        try:
            ipaddress.ip_interface(block if isinstance(block, str) else "")
        except ValueError:
            raise invalid(name, f"'{block}' is not a valid IP address.") from None
        other = entry.get("mac_address")
        found.append((str(block), None if other is None else mac(name, other)))
    return _apart(name, found)


def identities(name: str, value: Any) -> list[str]:
    return [identity(name, one) for one in _items(name, value)]


def words(name: str, value: Any) -> list[str]:
    return [text(255)(name, one) for one in _items(name, value)]


def tags(name: str, value: Any) -> tuple[str, ...]:
    """Tags, each of 1 to 255 characters, without repetitions."""
    found = [tag(one) for one in _items(name, value)]
    return tuple(dict.fromkeys(found))


def tag(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid("tags", f"'{value}' is not a valid string.")
    if not 1 <= len(value) <= _LONGEST_TAG:
        raise invalid("tags", f"'{value}' must have 1 to {_LONGEST_TAG} characters.")
    return value


def profile(name: str, value: Any) -> dict[str, Any]:
    """An object of any JSON that is not too long."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, f"'{value}' is not a dictionary.")
    if len(json.dumps(value)) > 4095:
        raise invalid(name, "it exceeds maximum length of 4095.")
    return value


def _items(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(name, f"'{value}' is not a list.")
    return value


def _entries(name: str, value: Any, known: set[str]) -> Iterable[dict[str, Any]]:
    for entry in _items(name, value):
        if not isinstance(entry, dict):
            raise invalid(name, f"'{entry}' is not a dictionary.")
        if entry.keys() - known:
            raise invalid(name, f"'{entry}' has keys beside {', '.join(sorted(known))}.")
        yield entry


def _apart(name: str, values: list[Any]) -> list[Any]:
    if len(set(values)) != len(values):
        raise invalid(name, f"Duplicate items in the list: '{values}'.")
    return values
