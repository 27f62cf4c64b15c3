"""Which containers of a network may reach each other, as the options of a Docker network say it.

``ovn.icc=false`` closes the network: its containers do not reach each other. ``ovn.allow`` closes
it too and says what goes all the same, as a list of ``SOURCE:TARGET[:PROTOCOL[/PORT[-PORT]]]``,
parted by commas. Source and target are names of groups, or ``*`` for any: any source at all, any
container of the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ovn_integrate.errors import Invalid

ICC = "ovn.icc"
ALLOW = "ovn.allow"
GROUP = "ovn.group"

ANY = "*"
"""Every source, as a target every container of the network."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_WITH_PORTS = ("tcp", "udp", "sctp")
_PROTOCOLS = (*_WITH_PORTS, "icmp")
_PORTS = range(1, 65536)
_DIGITS = 5
_CLOSED = {"false": True, "0": True, "true": False, "1": False}
_HINT = "SOURCE:TARGET[:PROTOCOL[/PORT[-PORT]]], for example web:db:tcp/5432"


@dataclass(frozen=True)
class Allow:
    """What the containers of one group may send to those of another.

    :param protocol: ``tcp``, ``udp``, ``sctp`` or ``icmp``; None for any.
    :param ports: the first and the last; None for any.
    """

    source: str
    target: str
    protocol: str | None = None
    ports: tuple[int, int] | None = None


@dataclass(frozen=True)
class Policy:
    """A closed network, and what goes in it all the same."""

    allow: tuple[Allow, ...] = ()


def parse(icc: str | None, allow: str | None) -> Policy | None:
    """The policy of a network's options; None when it is open.

    :raises Invalid: a value that cannot be.
    """
    if icc is not None and icc.lower() not in _CLOSED:
        raise Invalid(f"option {ICC}={icc}", "is neither true nor false")
    closed = None if icc is None else _CLOSED[icc.lower()]
    if allow is None:
        return Policy() if closed else None
    if closed is False:
        raise Invalid(f"options {ICC}={icc}, {ALLOW}={allow}", "contradict each other")
    return Policy(tuple(_entry(one.strip()) for one in allow.split(",")))


def parse_groups(text: str | None) -> tuple[str, ...]:
    """The groups that an endpoint shall be in, parted by ``+``: docker takes no comma there.

    :raises Invalid: a name that cannot be.
    """
    if text is None:
        return ()
    return tuple(_name(one.strip(), f"option {GROUP}={text}") for one in text.split("+"))


def _entry(text: str) -> Allow:
    subject = f"option {ALLOW}: {text!r}"
    parts = text.split(":")
    if len(parts) not in (2, 3):
        raise Invalid(subject, "is no rule", _HINT)
    source, target = parts[:2]
    for name in (source, target):
        if name != ANY:
            _name(name, subject)
    if len(parts) == 2:
        return Allow(source, target)
    protocol, slash, ports = parts[2].lower().partition("/")
    if protocol not in _PROTOCOLS:
        raise Invalid(subject, f"{protocol!r} is none of {', '.join(_PROTOCOLS)}", _HINT)
    if not slash:
        return Allow(source, target, protocol)
    if protocol not in _WITH_PORTS:
        raise Invalid(subject, f"{protocol} has no ports", _HINT)
    return Allow(source, target, protocol, _ports(ports, subject))


def _ports(text: str, subject: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    given = [first, last] if dash else [first]
    if not all(one.isdecimal() and len(one) <= _DIGITS for one in given):
        raise Invalid(subject, f"{text!r} is no port", _HINT)
    low, high = int(first), int(last or first)
    if low not in _PORTS or high not in _PORTS or low > high:
        raise Invalid(subject, f"{text!r} is no port or range from 1 to 65535", _HINT)
    return low, high


def _name(text: str, subject: str) -> str:
    if not _NAME.fullmatch(text):
        raise Invalid(subject, f"{text!r} is no name of a group", "letters, digits, '_', '.', '-'")
    return text
