"""From what a request says to what the rules want, or Neutron's word on why not.

Each function takes the attribute's name and its JSON value. Texts: the recorded answers, and
``neutron_lib/api/validators``.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from ovn_integrate import jsontext
from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.neutron_errors import (
    AllowedAddressPairsMissingIP,
    BadRequest,
    DuplicateAddressPairInRequest,
    HTTPBadRequest,
    InvalidInput,
    invalid,
)
from ovn_integrate.ipam.resources.model import Route
from ovn_integrate.ipam.resources.port.rules import Wish
from ovn_integrate.ipam.resources.router.rules import Gateway, Interface

Convert = Callable[[str, Any], Any]

_MAC = re.compile(r"[0-9a-f]{2}([:-]?[0-9a-f]{2}){5}|[0-9a-f]{4}([.][0-9a-f]{4}){2}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_TRUE = frozenset({"true", "1", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "no", "off", "f", "n"})
_LARGEST = 2**31 - 1
_LONGEST_TAG = 255


def storable(text: str) -> bool:
    """Whether a text can stand in a database."""
    try:
        return "\0" not in text and bool(text.encode() or True)
    except UnicodeEncodeError:
        return False


def unscoped(value: Any) -> str:
    """A text that may be an address, for ``ipaddress``; empty for what is none at all.

    That takes any text behind a ``%`` for an IPv6 scope id (RFC 4007) and gives it back, whereas
    what an address is put into here are rows, among them the expressions of ACLs.
    """
    return value if isinstance(value, str) and "%" not in value else ""


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
    if not isinstance(value, str):
        raise InvalidInput(reason=f"Input value {value} must be string type")
    label = value
    if label and not _LABEL.fullmatch(label):
        why = f"Name '{label}' must be 1-63 characters long, each of which can only be "
        why += "alphanumeric or a hyphen."
        if label[0] == "-" or label[-1] == "-":
            why = f"Name '{label}' must not start or end with a hyphen."
        raise invalid(name, f"'{value}' not a valid PQDN or FQDN. Reason: {why}")
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
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(reason=f"'{value}' is not an integer") from None
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
    plain = re.sub("[^0-9a-f]", "", found)
    if not _MAC.fullmatch(found) or int(plain, 16) == 0:
        raise invalid(name, f"'{value}' is not a valid MAC address.")
    return ":".join(re.findall("..", plain))


def mac_asked(name: str, value: Any) -> Any:
    """A MAC in a filter; what is none matches nothing."""
    try:
        return mac(name, value)
    except HTTPBadRequest:
        return value


def address(name: str, value: Any) -> Address:
    try:
        # A number would be taken for an address too.
        return ipaddress.ip_address(unscoped(value))
    except ValueError:
        raise invalid(name, f"'{value}' is not a valid IP address.") from None


def fixed_ips(name: str, value: Any) -> list[Wish]:
    wishes = []
    seen = set()
    for entry in value if isinstance(value, list) else [value]:
        if not isinstance(entry, dict):
            raise invalid(name, f"Invalid data format for fixed IP: '{entry}'.")
        asked = entry.get("ip_address")
        subnet = entry.get("subnet_id")
        wish = Wish(
            None if subnet is None else identity(name, subnet),
            None if asked is None else address(name, asked),
        )
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
    (entry,) = _entries(name, [value], known, {"network_id"})
    snat = entry.get("enable_snat")
    wanted = entry.get("external_fixed_ips")
    return Gateway(
        identity(name, entry["network_id"]),
        None if snat is None else boolean(name, snat),
        fixed_ips(name, wanted) if wanted else None,
    )


def interface(body: dict[str, Any]) -> Interface:
    """The body of ``add_router_interface`` and ``remove_router_interface``."""
    asked = {name: body[name] for name in ("subnet_id", "port_id") if name in body}
    for value in asked.values():
        try:
            uuid.UUID(str(value))
        except ValueError:
            reason = f"'{value}' is not a valid UUID"
            raise BadRequest(resource="router", reason=reason) from None
    return Interface(**asked)


def pools(name: str, value: Any) -> list[tuple[Address, Address]]:
    known = {"start", "end"}
    if value is not None and not _all_objects(value):
        raise InvalidInput(reason="Invalid data format for allocation pools")
    return [
        (address(name, entry.get("start")), address(name, entry.get("end")))
        for entry in _entries(name, value, known, known)
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
    return _apart(name, servers, "nameserver", _items(name, value))


def host_routes(name: str, value: Any) -> list[Route]:
    routes = []
    known = {"destination", "nexthop"}
    if value is not None and not _all_objects(value):
        raise invalid(name, f"Invalid data format for hostroute: '{value}'.")
    for entry in _entries(name, value, known, known):
        destination = entry.get("destination")
        try:
            cidr = ipaddress.ip_network(unscoped(destination))
        except ValueError:
            raise invalid(name, f"'{destination}' is not a valid CIDR.") from None
        routes.append(Route(str(cidr), str(address(name, entry.get("nexthop")))))
    return _apart(name, routes, "hostroute", _items(name, value))


def pairs(name: str, value: Any) -> list[tuple[str, str | None]]:
    """allowed-address-pairs: an address or a block of them, and a MAC or None for the port's."""
    if value is not None and not isinstance(value, list):
        raise HTTPBadRequest(reason="Allowed address pairs must be a list.")
    found: dict[tuple[str, str | None], None] = {}
    for entry in value or ():
        pair = _pair(entry)
        if pair in found:
            raise DuplicateAddressPairInRequest(mac=pair[1], ip=pair[0])
        found[pair] = None
    return list(found)


def _pair(entry: Any) -> tuple[str, str | None]:
    if not isinstance(entry, dict) or "ip_address" not in entry:
        raise AllowedAddressPairsMissingIP
    more = entry.keys() - {"ip_address", "mac_address"}
    if more:
        raise HTTPBadRequest(reason=f"Unrecognized attribute(s) '{', '.join(sorted(more))}'")
    block, other = entry["ip_address"], entry.get("mac_address")
    try:
        ipaddress.ip_interface(unscoped(block))
    except ValueError:
        raise HTTPBadRequest(reason=f"'{block}' is not a valid IP address") from None
    try:
        return str(block), None if other is None else mac("mac_address", other)
    except HTTPBadRequest:
        raise HTTPBadRequest(reason=f"'{other}' is not a valid MAC address") from None


def identities(name: str, value: Any) -> list[str]:
    found = [identity(name, one) for one in _items(name, value)]
    twice = min(_again(found), default=None)
    if twice is not None:
        raise invalid(name, f"Duplicate items in the list: '{found[twice[0]]}'.")
    return found


def words(name: str, value: Any) -> list[str]:
    return [text(255)(name, one) for one in _items(name, value)]


def tags(name: str, value: Any) -> tuple[str, ...]:
    """Tags, each of 1 to 255 characters, without repetitions."""
    found = [tag(one) for one in _items(name, value)]
    return tuple(dict.fromkeys(found))


def tags_set(value: Any) -> tuple[str, ...]:
    """All the tags that a thing shall have, of a request for them alone."""
    if not isinstance(value, list):
        raise InvalidInput(reason=f"'{value}' is not a list")
    found = [tag_put(one) for one in value]
    twice = min(_again(found), default=None)
    if twice is not None:
        raise InvalidInput(reason=f"Duplicate items in the list: '{found[twice[0]]}'")
    return tuple(found)


def tag_put(value: Any) -> str:
    """A tag of a request for it alone, which Neutron refuses in other words."""
    if not isinstance(value, str):
        raise InvalidInput(reason=f"'{value}' is not a valid string")
    if len(value) > _LONGEST_TAG:
        raise InvalidInput(reason=f"'{value}' exceeds maximum length of {_LONGEST_TAG}")
    return tag(value)


def tag(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid("tags", f"'{value}' is not a valid string.")
    if not value:
        raise invalid("tags", f"'{value}' must have 1 to {_LONGEST_TAG} characters.")
    if len(value) > _LONGEST_TAG:
        raise invalid("tags", f"'{value}' exceeds maximum length of {_LONGEST_TAG}.")
    if not storable(value):  # one of a path has not been looked at yet
        raise invalid("tags", "it has a character that cannot be stored.")
    return value


def profile(name: str, value: Any) -> dict[str, Any]:
    """An object of any JSON that is not too long."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(name, f"'{value}' is not a dictionary.")
    if len(jsontext.dumps(value)) > 4095:
        raise invalid(name, "it exceeds maximum length of 4095.")
    return value


def _items(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(name, f"'{value}' is not a list.")
    return value


def _all_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _entries(name: str, value: Any, known: set[str], needed: set[str]) -> Iterable[dict[str, Any]]:
    for entry in _items(name, value):
        if not isinstance(entry, dict):
            raise invalid(name, f"'{entry}' is not a dictionary.")
        more = entry.keys() - known
        if needed - entry.keys() or (more and needed == known):
            raise invalid(
                name,
                f"Validation of dictionary's keys failed. Expected keys: {needed} Provided keys: "
                f"{set(entry)}.",
            )
        if more:
            raise invalid(name, f"Unexpected keys supplied: {', '.join(sorted(more))}.")
        yield entry


def _apart(name: str, values: list[Any], what: str, said: list[Any]) -> list[Any]:
    """:param said: the values as the request has them, for the message."""
    twice = next(_again(values), None)
    if twice is not None:
        raise invalid(name, f"Duplicate {what} '{said[twice[1]]}'.")
    return values


def _again(values: Iterable[Hashable]) -> Iterator[tuple[int, int]]:
    """The places of values that are there again: of the first, and of this one. By a table, as a
    list may be as long as a body."""
    seen: dict[Hashable, int] = {}
    for place, one in enumerate(values):
        before = seen.setdefault(one, place)
        if before != place:
            yield before, place
