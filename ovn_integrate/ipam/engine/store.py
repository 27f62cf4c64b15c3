"""NB as the store: one transaction for all requests that wait, none of which sees another's loss.

Two servers over one NB must not hand out one address. Each allocation therefore verifies and
counts up the ledger of its network (``rows.ledger_columns``): the server whose wait fails starts
over on the new state. Making and deleting subnets and networks collides in the same way, so that
no port lands in a subnet that vanishes. A network that Neutron itself made has no ledger; there
the rows of its subnets, or its Logical_Switch when it has none, serve instead.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from ovn_integrate import ovsdb, randomid
from ovn_integrate.errors import DatabaseUnavailable, Error, NotFound
from ovn_integrate.group_commit import Pump
from ovn_integrate.ipam.engine import dhcp_rows
from ovn_integrate.ipam.engine.writer import Writer
from ovn_integrate.ipam.neutron_errors import ServiceUnavailable
from ovn_integrate.ipam.permit.facts import below
from ovn_integrate.ipam.plan.draft import Attempt, Draft, Request
from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.plan.ownership import CHASSIS, owner
from ovn_integrate.ipam.resources import l3_rows, rows
from ovn_integrate.ipam.resources.model import Thing
from ovn_integrate.ipam.resources.port import dns_rows
from ovn_integrate.ipam.resources.security_group import rows as security_rows
from ovn_integrate.ovsdb import Change, Rejected, Row, Session
from ovn_integrate.pki import ledger

log = logging.getLogger(__name__)

T = TypeVar("T")

SETTLED = "ovn-integrate:owners"
"""A key of NB_Global: what has no owner is an operator's."""

_RETRY = 1.0
_ECHO = 2.0
# Taking in a large NB (100,000 ports) takes longer than any single change may.
_FIRST_REPLICA = 120.0
_READERS: dict[str, Callable[[Any], Thing | None]] = {
    rows.SWITCH: l3_rows.network_of,
    rows.SWITCH_PORT: rows.port_of,
    rows.DHCP: dhcp_rows.thing_of,
    security_rows.PORT_GROUP: security_rows.group_of,
    security_rows.ACL: security_rows.rule_of,
    l3_rows.ROUTER: l3_rows.router_of,
}
_TABLES = {
    **rows.TABLES,
    **dns_rows.TABLES,
    **security_rows.TABLES,
    **l3_rows.TABLES,
    ledger.TABLE: [ledger.COLUMN],
}
_UNREAD = {**rows.UNREAD, **security_rows.UNREAD, **l3_rows.UNREAD}
_UNTOLD = {table for table in _TABLES if table not in _READERS}
"""The tables whose rows belong to things of other rows."""


class Store:
    """The things of the API in the NB at a remote.

    It serves from a replica; while there is no connection it refuses with DatabaseUnavailable.
    """

    def __init__(
        self,
        remote: str,
        *,
        timeout: float = ovsdb.TIMEOUT,
        committed: Callable[[int, float], None] | None = None,
    ) -> None:
        """
        :param timeout: seconds that a change may take.
        :param committed: see :class:`Pump`.
        """
        self._remote = remote
        self._committed = committed
        self._timeout = timeout
        self._index = Index()
        self._ledger = ledger.Copy()
        self._global: dict[str, str] = {}
        self._pump: Pump | None = None
        self._stopping = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="nb-connect", daemon=True)

    def start(self) -> None:
        """Connect in the background, however long NB stays away."""
        self._thread.start()

    def wait_ready(self, timeout: float) -> bool:
        """Whether the first replica is there, after at most ``timeout`` seconds."""
        return self._ready.wait(timeout)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        if self._pump is not None:
            self._pump.stop()

    def read(self, question: Callable[[Index], T]) -> T:
        """Ask the replica.

        :raises DatabaseUnavailable: there is no connection, so the replica may be old.
        """
        pump = self._connected()
        with pump.lock:
            if pump.session.connected:
                return question(self._index)
        # A cluster that has lost its leader has another one soon.
        pump.wait_until(lambda: pump.session.connected, timeout=self._timeout)
        with pump.lock:
            if not pump.session.connected:
                raise self._away()
            return question(self._index)

    def change(
        self,
        plan: Callable[[Draft], T],
        comment: str,
        request: Request | None = None,
        asker: str = "",
    ) -> T:
        """Write what ``plan`` plans, all of it or nothing; it may run more than once.

        :param request: which request it is, where it may have come to another server too.
        :param asker: the owner of what is made, see ``ownership``.
        :raises Error: what ``plan`` raised, or what :meth:`Pump.transact` raises.
        """
        id = randomid.new() if request is None else request.id

        def change(transaction: Change) -> T:
            if request is not None and request.abandoned():
                raise ServiceUnavailable(reason="The client does not wait for the answer any more.")
            attempt = transaction.scratch.setdefault(Attempt, Attempt())
            draft = Draft(self._index, attempt, id, asker)
            try:
                value = plan(draft)
            except Error:
                draft.undo()
                raise
            Writer(transaction, self._index, attempt).write(draft)
            return value

        pump = self._connected()
        try:
            return pump.transact(change, comment)
        except Rejected:
            # Another server made the one row of a name a moment ago, or this one the very thing
            # in an attempt whose answer was lost: now it is known here too.
            return pump.transact(change, comment)
        except NotFound:
            # Another server may have made it a moment ago, and what was acknowledged is not gone.
            if not self._catch_up(pump):
                raise
            return pump.transact(change, comment)

    def _catch_up(self, pump: Pump) -> bool:
        """Have the replica hold all that any server has acknowledged until now.

        A leader that has just been elected may not show the last changes yet that the one before
        it has acknowledged. After a change of its own, which a majority has, it does. That is one
        of a ledger, which is of no consequence.

        :returns: False when there is nothing to change, and so nothing to know.
        """

        def count(change: Change) -> bool:
            ids = (rows.ledger_id(id) for id in self._index.networks)
            row = next(filter(None, (change.row(rows.DHCP, id) for id in ids)), None)
            if row is not None:
                number = int(row.external_ids.get(rows.ALLOCATIONS, "0")) + 1
                change.set_keys(row, "external_ids", {rows.ALLOCATIONS: str(number)})
            return row is not None

        return pump.transact(count, "catch up")

    def certificate(self, serial: str, *, wait: bool = True) -> ledger.Issued | None:
        """What Northbound's ledger says of the certificate of a serial number; None where it was
        never signed, or has been replaced.

        :param serial: in hexadecimal, as of ``ssl.SSLSocket.getpeercert()``.
        :param wait: for a connection, if need be, as :meth:`read` does; else as it was last known.
        :raises DatabaseUnavailable: there is no connection, so that nobody knows.
        """
        return self._look_up(lambda: self._ledger.certificate(serial), wait=wait)

    def confirm(self, serial: str, trusts: str) -> bool:
        """Write down that a certificate was used by who trusts these authorities; see
        :func:`ovn_integrate.pki.ledger.confirm`."""

        def confirm(transaction: Change) -> bool:
            return ledger.apply(partial(ledger.confirm, serial=serial, trusts=trusts), transaction)

        return self._connected().transact(confirm, f"certificate {serial} is used")

    def has_token(self, key: str) -> bool:
        """Whether Northbound's ledger has a join token.

        :raises DatabaseUnavailable: there is no connection, so that nobody knows.
        """
        return bool(self._look_up(lambda: self._ledger.has_token(key)))

    def holds(self, name: str) -> list[str]:
        """What is a chassis' of that name, for people: ports that are bound to it, or below one of
        a VM of that name, and what it made or is on: who gets its name gets that, too."""

        def question(index: Index) -> list[str]:
            ports = index.ports.values()
            found = []
            if any(name in (port.host_id, below(port)) for port in ports):
                found.append("a port")
            if index.has_owner(owner(CHASSIS, name)):
                found.append("things of its own")
            return found

        return self.read(question)

    def _look_up(self, find: Callable[[], T], *, wait: bool = True) -> T:
        pump = self._connected()
        if wait and not pump.session.connected:
            self.read(lambda _: None)
        value = find()
        if value or not pump.session.connected:
            return value
        # It may have been written a moment ago by another host, or process.
        if not pump.wait_until(pump.session.echo(), timeout=_ECHO):
            raise self._away()
        return find()

    @property
    def settled(self) -> bool:
        """Whether NB says that all that was in it has its owners, see ``heritage``."""
        return SETTLED in self._global

    def settle(self, settled: bool) -> None:
        """Say in NB whether it is so.

        :raises DatabaseUnavailable: no answer; it may have been done all the same.
        """

        def change(transaction: Change) -> None:
            rows = list(transaction.rows(ledger.TABLE))
            row = rows[0] if rows else transaction.insert(ledger.TABLE)
            text = "true" if settled else None
            transaction.set_keys(row, ledger.COLUMN, {SETTLED: text})

        self._connected().transact(change, "owners")

    def entries(self) -> dict[str, str]:
        """The ``external_ids`` of NB_Global."""
        return self._global

    def check(self, timeout: float) -> None:
        """See that NB is connected and answers within so many seconds, between two changes.

        :raises DatabaseUnavailable: it is not so.
        """
        pump = self._connected()
        if not pump.session.connected:
            raise self._away()
        if not pump.wait_until(pump.session.echo(), timeout=timeout):
            raise DatabaseUnavailable(self._remote, f"gave no answer within {timeout:g} s")

    def _connected(self) -> Pump:
        if self._pump is None:
            raise self._away()
        return self._pump

    def _away(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(self._remote, "OVN Northbound is out of reach", "try again")

    def _connect(self) -> None:
        said = ""
        while not self._stopping.is_set():
            self._index = Index()
            self._ledger = ledger.Copy()
            try:
                with _kept():
                    session = Session.open(
                        self._remote,
                        ovsdb.NB,
                        _TABLES,
                        unread=_UNREAD,
                        notice=self._notice,
                        timeout=_FIRST_REPLICA,
                    )
            except DatabaseUnavailable as error:
                if str(error) != said:
                    log.warning("%s", error)
                said = str(error)
                self._stopping.wait(_RETRY)
            else:
                session.timeout = self._timeout
                self._pump = Pump(session, *filter(None, [self._committed]))
                self._pump.start()
                self._ready.set()
                log.info("serving from %s", self._remote)
                return

    def _notice(self, event: str, row: Row) -> None:
        if ovsdb.table_of(row) == ledger.TABLE:
            self._global = {} if event == "delete" else dict(row.external_ids)
            self._ledger.take(self._global)
        if ovsdb.table_of(row) not in _UNTOLD:
            self._index.replace(row.uuid, None if event == "delete" else _thing(row))


@contextmanager
def _kept() -> Iterator[None]:
    """For what makes many objects that stay: without the collector, which would go over all of them
    again and again, and out of its sight afterwards (two fifths of a start with 20,000 ports)."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _thing(row: Row) -> Thing | None:
    try:
        return _READERS[ovsdb.table_of(row)](row)
    except (ValueError, TypeError, KeyError) as error:
        # Anybody may write to NB, and one unreadable row must not stop the rest.
        log.warning("%s %s is left out: %s", ovsdb.table_of(row), row.uuid, error)
        return None
