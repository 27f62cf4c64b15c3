"""The rules of the host's packet filter (iptables(8)) for the way out of OVN, for the ports that
are published on this host, and for those of OVN, which containers do not reach.

What they should be stands in the Open_vSwitch database: who uses the way out, what is published,
how this host is set up. What is, is compared with that by whoever mends and whoever reports, and
others may take it away at any time. All stand in chains of their own. Only the destination of what
comes in is changed, so that servers see their clients' addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

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
    return [words for one in _compare(make) for words in one.words]


def mend(make: Make) -> list[str]:
    """Have the rules as they should be, by another look after each change.

    :returns: what was other, in words.
    :raises CommandFailed: iptables is missing or refused, or they do not stay so.
    """
    mended: list[str] = []
    refused: CommandFailed | None = None
    for _ in range(_TRIES):
        found = _compare(make)
        if not found:
            return mended
        mended += [words for one in found for words in one.words if words not in mended]
        for one in found:
            try:
                tables.write(one.kind, one.lines, six=one.six)
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


@dataclass(frozen=True)
class _Wrong:
    """What is wrong with the tables of one family and one kind."""

    kind: str
    six: bool
    parts: dict[str, Difference]

    @property
    def words(self) -> list[str]:
        family = "IPv6 " if self.six else ""
        return [f"{family}{words}" for one in self.parts.values() for words in one.words]

    @property
    def lines(self) -> dict[str, list[str]]:
        return {table: one.lines for table, one in self.parts.items()}


def _compare(make: Make) -> list[_Wrong]:
    """What is wrong, with what the kernel knows of IPv6 first."""
    now = tables.read()
    found = list(_held_against(make(now), now))
    if now.other is not None:
        found += _held_against(None, now.other)
    return [one for one in found if one.words]


def _held_against(wanted: Wanted | None, now: Tables) -> Iterator[_Wrong]:
    for six, have in ((True, now.v6), (False, now.v4)):
        if have is not None:
            parts = {t: differences(wanted, t, have.get(t, {}), six=six) for t in CHAINS}
            yield _Wrong(now.kind, six, parts)
