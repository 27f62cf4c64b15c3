"""Answering the tests of other chassis, so that nothing has to be started here for one.

The tester makes a logical port for this chassis, of the owner ``owners.TESTED``. Neither Docker nor
OVS tells of it; the IPAM server could only be asked again and again, and a real Neutron has nothing
to wait for either. Southbound tells at once: ovn-northd copies the port's ``external_ids`` there,
and with a condition on them its server sends nothing but such ports, so that what this costs is an
idle connection.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Interface
from typing import Any

from ovn_integrate.contract.device_owners import TESTED
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.probe import throughput
from ovn_integrate.core.probe.probe import FAR, End, Place, is_id
from ovn_integrate.errors import Error
from ovn_integrate.host import settings
from ovn_integrate.ovsdb import SB, Row, Session

log = logging.getLogger(__name__)

LONGEST = 60.0
"""Seconds after which an end goes, whatever became of its tester."""

_AT_ONCE = 4
_LOOK = 1.0  # seconds
_BINDING = "Port_Binding"
_TABLES = {_BINDING: ["logical_port", "mac", "options", "external_ids"]}
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)
_OWNER = "neutron:device_owner"
_OURS = [["external_ids", "includes", ["map", [[_OWNER, TESTED]]]]]


class _Answer:
    """An end of another chassis' test, and what counts the bytes that come to it."""

    def __init__(self, links: Links, id: str, place: Place) -> None:
        self._end = End(links, FAR, id, mac=place.mac, mtu=links.mtu())
        self._until = time.monotonic() + LONGEST
        self._sink: throughput.Sink | None = None
        try:
            self._end.attach(place)
            self._sink = throughput.Sink(self._end.namespace.run(throughput.listen))
        except BaseException:
            self.close()
            raise

    @property
    def over(self) -> bool:
        return time.monotonic() > self._until

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()
        try:
            self._end.detach()
        finally:
            self._end.close()


class Responder:
    """Brings up this chassis' ends of the tests of others.

    :param timeout: seconds that Southbound has to answer.
    """

    def __init__(self, links: Links, timeout: float) -> None:
        self._links = links
        self._timeout = timeout
        self._answers: dict[str, _Answer] = {}
        # Those that are over while their port is still there: of testers that were killed.
        self._done: set[str] = set()

    def follow(self) -> None:
        """Answer for as long as this host's settings stay as they are.

        :raises NotConfigured: there is no Southbound database set, or no system-id.
        :raises DatabaseUnavailable: it does not answer.
        """
        now = self._links.settings()
        settings.require(now, settings.REMOTE, settings.SYSTEM_ID)
        with Session.open(
            str(now.remote), SB, _TABLES, timeout=self._timeout, only={_BINDING: _OURS}
        ) as session:
            try:
                while self._links.settings() == now:
                    session.run()
                    self._settle(dict(_wanted(session.rows(_BINDING), str(now.system_id))))
                    session.block(_LOOK)
            finally:
                self._settle({})

    def _settle(self, wanted: dict[str, Place | None]) -> None:
        self._done &= set(wanted)
        for id in [*self._answers]:
            if id not in wanted or self._answers[id].over:
                self._done.add(id)
                self._end(id)
        for id, place in wanted.items():
            if id not in self._answers and id not in self._done:
                self._begin(id, place)

    def _begin(self, id: str, place: Place | None) -> None:
        if len(self._answers) >= _AT_ONCE:
            return
        if place is None:
            self._done.add(id)
            log.warning("the test %s is not answered: its port has no IPv4 address or no MAC", id)
            return
        try:
            self._answers[id] = _Answer(self._links, id, place)
        except (Error, OSError) as error:
            # Not again and again: the tester says that nobody answered.
            self._done.add(id)
            log.warning("the test %s is not answered: %s", id, error)
        else:
            log.info("answering the test %s on %s", id, place.address)

    def _end(self, id: str) -> None:
        try:
            self._answers.pop(id).close()
        except Error as error:
            log.warning("what the test %s had here may be left behind: %s", id, error)


def _wanted(rows: list[Row], chassis: str) -> Iterator[tuple[str, Place | None]]:
    """The ports that this chassis shall have, by the id of the test; None for one that it cannot
    have."""
    for row in rows:
        ids: dict[str, Any] = row.external_ids
        id = ids.get("neutron:device_id", "")
        if row.options.get("requested-chassis") == chassis and is_id(id) and row.mac:
            yield id, _place(row.logical_port, row.mac[0], ids.get("neutron:cidrs", ""))


def _place(port: str, addresses: str, cidrs: str) -> Place | None:
    """Where a port is, by what others wrote; None for one that is none of a test's."""
    mac = addresses.partition(" ")[0]
    for cidr in cidrs.split():
        # A test's subnet is one of IPv4 alone.
        with suppress(ValueError):
            return Place(port, mac, IPv4Interface(cidr)) if _MAC.fullmatch(mac) else None
    return None
