"""The addresses of this host, where a setting or a listener needs one of them."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from ovn_integrate.errors import Invalid
from ovn_integrate.host import interfaces

_ELSEWHERE = ("198.51.100.1", 9)  # an address that is nobody's (RFC 5737)


def refuse_foreign(what: str, wanted: Iterable[str], hint: str = "") -> None:
    """Refuse an address that is on no interface of this host.

    :param what: what the address is for.
    :param hint: said after the list of the addresses that are here.
    :raises Invalid: the hint lists them.
    """
    here = interfaces.addresses()
    for address in wanted:
        if address not in here:
            known = ", ".join(f"{ip} ({link})" for ip, link in here.items())
            raise Invalid(
                f"{what} {address}", "is on no interface of this host", f"one of: {known}{hint}"
            )


def refuse_open(what: str, wanted: Iterable[str], hint: str) -> None:
    """Refuse to serve without credentials where others than this host reach it.

    :param what: what would be served.
    :param wanted: the addresses to listen on.
    :param hint: what serves it with credentials.
    :raises Invalid: one of them is not of ``lo``.
    """
    for address in beyond(wanted):
        raise Invalid(
            f"{what} on {address}",
            "would let anybody who reaches it change the network",
            f"{hint}; or --insecure, where everybody on that network is trusted",
        )


def beyond(wanted: Iterable[str]) -> list[str]:
    """Those of some addresses at which others than this host reach it."""
    return [one for one in wanted if not ipaddress.ip_address(one).is_loopback]


def default() -> str:
    """The address by which this host speaks to others; without a route, its first that is not
    of ``lo``."""
    here = interfaces.addresses()
    routed = _by_route()
    if routed in here:
        return routed
    candidates = [ip for ip, link in here.items() if link != "lo"]
    plain = [ip for ip in candidates if ":" not in ip]
    return next(iter([*plain, *candidates]), "127.0.0.1")


def _by_route() -> str:
    """The source address of the default route; empty without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # sends nothing
        except OSError:
            return ""
        return str(probe.getsockname()[0])
