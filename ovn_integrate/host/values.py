"""The kinds of values that ovn-controller reads from external_ids, each with its own check.

A check takes the text that was given and returns it as it is to be written, or says by
:class:`ValueError` what it should be. Sources: ovn-controller(8), and OVN's ``controller/`` for
what happens to a value that does not fit, which is nearly always nothing at all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from ovn_integrate.host import encap

Check = Callable[[str], str]

_NAME = re.compile(r"[^\s,:/]+")
_REMOTE = re.compile(r"(?:tcp|ssl):(\[[^\]]+\]|[^:\[\]\s]+):(\d+)")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_PORTS = range(1, 65536)
_BRIDGE = 15  # bytes of a link's name, that of the bridge's own port (net/if.h, IFNAMSIZ - 1)


def text(value: str) -> str:
    """Anything on one line."""
    if "\n" in value or not value.isprintable():
        raise ValueError("text on one line")
    return value


def boolean(value: str) -> str:
    """``true`` or ``false``: what else smap_get_bool() reads is the default."""
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower()


def one_of(*words: str) -> Check:
    """One of these words."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"one of: {', '.join(words)}")
        return value

    return check


def number(low: int = 0, high: int = 2**32 - 1) -> Check:
    """A decimal number of this range, both ends in it."""

    def check(value: str) -> str:
        if not re.fullmatch(r"[0-9]+", value) or not low <= int(value) <= high:
            raise ValueError(f"a number from {low} to {high}")
        return str(int(value))

    return check


def probe_interval(value: str) -> str:
    """Milliseconds, 0 for no probes; ovn-controller makes 1000 of anything between."""
    if value != "0":
        try:
            return number(1000, 2**31 - 1)(value)
        except ValueError:
            raise ValueError("0 (no probes), or milliseconds from 1000 on") from None
    return value


def tos(value: str) -> str:
    """``none``, ``inherit``, or the byte of IP's TOS field, without its two bits of ECN
    (ovs-vswitchd.conf.db(5), Interface options:tos)."""
    if value in ("none", "inherit"):
        return value
    try:
        byte = int(value, 0)
    except ValueError:
        byte = -1
    if not 0 <= byte <= 255 or byte & 3:
        raise ValueError("none, inherit, or a number from 0 to 252 that 4 divides")
    return value


def bridge(value: str) -> str:
    """The name of a bridge."""
    if not _NAME.fullmatch(value) or len(value.encode()) > _BRIDGE:
        raise ValueError(f"a bridge's name, of at most {_BRIDGE} bytes")
    return value


def address(value: str) -> str:
    """An IPv4 or IPv6 address of a host."""
    try:
        parsed = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("an address like 192.0.2.10 or 2001:db8::10") from None
    if parsed.is_unspecified or parsed.is_multicast:
        raise ValueError("the address of a host")
    return str(parsed)


def remote(value: str) -> str:
    """An OVSDB or OpenFlow server (ovsdb(7), active connection methods), with its port."""
    if value.startswith("unix:") and len(value) > 5:
        return value
    found = _REMOTE.fullmatch(value)
    if found is None or int(found[2]) not in _PORTS:
        raise ValueError("like tcp:192.0.2.1:6642, ssl:[2001:db8::1]:6642 or unix:PATH")
    if found[1].startswith("["):
        address(found[1][1:-1])
    return value


def server(value: str) -> str:
    """An IPAM server: an address, ``HOST:PORT`` or a URL."""
    if re.match(r"https?://[^\s/]", value):
        return text(value)
    if re.fullmatch(r"(\[[^\]]+\]|[^:\[\]\s]+):\d+", value):
        remote(f"tcp:{value}")
        return value
    return address(value)


def encap_type(value: str) -> str:
    """A tunnel encapsulation."""
    return one_of(*encap.TYPES)(value)


def mapping(check: Check, example: str) -> Check:
    """``NAME:VALUE``, the value of a kind of its own."""

    def pair(value: str) -> str:
        name, _, rest = value.partition(":")
        try:
            if _NAME.fullmatch(name):
                return f"{name}:{check(rest)}"
        except ValueError:
            pass
        raise ValueError(f"like {example}")

    return pair


def mac(value: str) -> str:
    """A MAC address."""
    if not _MAC.fullmatch(value.lower()):
        raise ValueError("a MAC address like 02:00:00:00:00:01")
    return value.lower()


def zone_range(value: str) -> str:
    """``MIN-MAX``, connection tracking zones from 1 to 65535 (OVN's ``controller/ct-zone.c``)."""
    low, dash, high = value.partition("-")
    whole = dash and low.isdecimal() and high.isdecimal()
    if not whole or not 1 <= int(low) <= int(high) <= 65535:
        raise ValueError("like 1000-2000, within 1-65535")
    return value


def evpn_address(value: str) -> str:
    """An address, or ``VNI-ADDRESS``."""
    vni, dash, rest = value.rpartition("-")
    if dash:
        return f"{number(0, 2**24 - 1)(vni)}-{address(rest)}"
    return address(rest)


def listed(check: Check) -> Check:
    """A comma list, each part of one kind; a part that comes twice is written once."""

    def parts(value: str) -> str:
        return ",".join(dict.fromkeys(check(part.strip()) for part in value.split(",")))

    return parts


def word(value: str) -> str:
    """A part of a comma list that ovn-controller does not look into."""
    if not value or not text(value).strip():
        raise ValueError("a comma list of words")
    return value
