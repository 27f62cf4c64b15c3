"""The rules of the host's packet filter (iptables(8)) for the way out of OVN, for the ports that
are published on this host, and for those of OVN, which containers do not reach.

What they should be stands in the Open_vSwitch database: who uses the way out, what is published,
how this host is set up. What is, is compared with that by whoever mends and whoever reports, and
others may take it away at any time. All stand in chains of their own. Only the destination of what
comes in is changed, so that servers see their clients' addresses.
"""

from __future__ import annotations

from collections.abc import Callable

from ovn_integrate.errors import CommandFailed
from ovn_integrate.host.packet_filter import tables
from ovn_integrate.host.packet_filter.compare import Difference, differences, led_in
from ovn_integrate.host.packet_filter.published import Published
from ovn_integrate.host.packet_filter.tables import Tables
from ovn_integrate.host.packet_filter.wanted import CHAINS, Wanted

Make = Callable[[Tables], Wanted | None]
"""What should be, given what is: Docker's own rules tell which links are its bridges. None is for
no rule of ours at all."""

_TRIES = 5


def differing(make: Make) -> list[str]:
    """What is other than it should be, in words.

    :raises CommandFailed: iptables is missing, or refused.
    """
    _, found = _compare(make)
    return [words for _, parts in found for one in parts.values() for words in one.words]


def mend(make: Make) -> list[str]:
    """Have the rules as they should be, by another look after each change.

    :returns: what was other, in words.
    :raises CommandFailed: iptables is missing or refused, or they do not stay so.
    """
    mended: list[str] = []
    refused: CommandFailed | None = None
    for _ in range(_TRIES):
        now, found = _compare(make)
        words = [words for _, parts in found for one in parts.values() for words in one.words]
        if not words:
            return mended
        mended += [one for one in words if one not in mended]
        for six, parts in found:
            lines = {table: one.lines for table, one in parts.items() if one.lines}
            if not lines:
                continue
            try:
                tables.write(now.kind, lines, six=six)
            except CommandFailed as error:
                refused = error  # whatever was looked at may be of others, and gone by now
    raise refused or CommandFailed(
        "packet filter",
        f"does not become what it should be: {', '.join(mended)}",
        "what else changes this host's rules?",
    )


def remove() -> None:
    """Take all of the rules away, as far as they are there."""
    mend(lambda _: None)


def led() -> list[Published]:
    """The ports that rules lead in, whatever is written down.

    :raises CommandFailed: iptables is missing, or refused.
    """
    return led_in(tables.read().v4.get("nat", {}))


def _compare(make: Make) -> tuple[Tables, list[tuple[bool, dict[str, Difference]]]]:
    """The tables, and what is wrong with those of IPv6, then of IPv4."""
    now = tables.read()
    wanted = make(now)
    found = []
    for six, have in ((True, now.v6), (False, now.v4)):
        if have is not None:
            parts = {t: differences(wanted, t, have.get(t, {}), six=six) for t in CHAINS}
            found.append((six, parts))
    return now, found
