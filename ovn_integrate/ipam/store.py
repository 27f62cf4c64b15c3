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
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from ovn_integrate import ovsdb
from ovn_integrate.errors import DatabaseUnavailable, Error, NotFound
from ovn_integrate.ipam import dhcp, l3_rows, names, rows, security_groups, security_rows
from ovn_integrate.ipam.draft import Attempt, Draft, Request
from ovn_integrate.ipam.faults import ServiceUnavailable
from ovn_integrate.ipam.index import Index
from ovn_integrate.ipam.l3 import FloatingIp, Router
from ovn_integrate.ipam.l3_writer import L3Writer
from ovn_integrate.ipam.model import Network, Port, Subnet, Thing
from ovn_integrate.ipam.security_model import SecurityGroup, SecurityRule
from ovn_integrate.ipam.security_writer import SecurityWriter
from ovn_integrate.ovsdb import Change, Rejected, Row, Session
from ovn_integrate.pump import Pump

log = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY = 1.0
# Taking in a large NB (100,000 ports) takes longer than any single change may.
_FIRST_REPLICA = 120.0
_READERS: dict[str, Callable[[Any], Thing | None]] = {
    rows.SWITCH: l3_rows.network_of,
    rows.SWITCH_PORT: rows.port_of,
    rows.DHCP: lambda row: rows.subnet_of_row(row) or l3_rows.floating_of(row),
    security_rows.PORT_GROUP: security_rows.group_of,
    security_rows.ACL: security_rows.rule_of,
    l3_rows.ROUTER: l3_rows.router_of,
}
_TABLES = {**rows.TABLES, **names.TABLES, **security_rows.TABLES, **l3_rows.TABLES}
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

    def change(self, plan: Callable[[Draft], T], comment: str, request: Request | None = None) -> T:
        """Write what ``plan`` plans, all of it or nothing; it may run more than once.

        :param request: which request it is, where it may have come to another server too.
        :raises Error: what ``plan`` raised, or what :meth:`Pump.transact` raises.
        """
        id = uuid.uuid4() if request is None else request.id

        def change(transaction: Change) -> T:
            if request is not None and request.abandoned():
                raise ServiceUnavailable(reason="The client does not wait for the answer any more.")
            attempt = transaction.scratch.setdefault(Attempt, Attempt())
            draft = Draft(self._index, attempt, id)
            try:
                value = plan(draft)
            except Error:
                draft.undo()
                raise
            _Writer(transaction, self._index, attempt).write(draft)
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


class _Writer:
    """Turns plans into writes of one transaction."""

    def __init__(self, change: Change, index: Index, attempt: Attempt) -> None:
        self._change = change
        self._index = index
        self._attempt = attempt
        self._security = SecurityWriter(change, index, attempt.joined)

    def write(self, draft: Draft) -> None:
        for network_id in dict.fromkeys(draft.touched):
            self._touch(network_id)
        for old, new in draft.plans:
            if new is None:
                self._delete(old, draft)
            elif old is None:
                self._create(new, draft)
            else:
                self._update(old, new, draft)
        names.write(self._change, draft, lambda id: self._row(rows.SWITCH, id))
        L3Writer(self._change, self._index, draft).write()

    def _touch(self, network_id: str) -> None:
        if network_id in self._attempt.touched:
            return
        self._attempt.touched.add(network_id)
        for row in self._counted(network_id):
            self._change.verify(row, "external_ids")
            count = int(row.external_ids.get(rows.ALLOCATIONS, "0")) + 1
            self._change.set_keys(row, "external_ids", {rows.ALLOCATIONS: str(count)})

    def _counted(self, network_id: str) -> list[Row]:
        ledger = self._change.row(rows.DHCP, rows.ledger_id(network_id))
        if ledger is not None:
            return [ledger]
        subnets = [self._row(rows.DHCP, one.id) for one in self._index.subnets_of(network_id)]
        found = subnets or [self._row(rows.SWITCH, network_id)]
        return [row for row in found if row is not None]

    def _create(self, new: Thing, draft: Draft) -> None:
        columns = _columns(new, draft)
        if isinstance(new, Network):
            self._change.insert(rows.SWITCH, uuid.UUID(new.id), **columns)
            ledger = rows.ledger_id(new.id)
            self._change.insert(rows.DHCP, ledger, **rows.ledger_columns(new.id))
        elif isinstance(new, SecurityGroup):
            self._security.create_group(new)
        elif isinstance(new, SecurityRule):
            self._security.create_rule(new, _group_of(new, draft))
        elif not isinstance(new, Port):
            self._change.insert(_TABLE_OF[type(new)], uuid.UUID(new.id), **columns)
        else:
            columns.update(self._dhcp_references(new, draft))
            row = self._change.insert(rows.SWITCH_PORT, uuid.UUID(new.id), **columns)
            switch = self._row(rows.SWITCH, new.network_id)
            self._change.add(switch, "ports", row)
            self._security.place(row, (), new.security_groups)

    def _update(self, old: Thing, new: Thing, draft: Draft) -> None:
        table = _TABLE_OF[type(new)]
        row = self._row(table, new.id)
        before, after = _columns(old, draft), _columns(new, draft)
        if isinstance(new, Port):
            after.update(self._dhcp_references(new, draft))
        self._change.verify(row, "external_ids")
        for column, wanted in after.items():
            if isinstance(wanted, dict):
                self._change.set_keys(row, column, _difference(before[column], wanted))
            else:
                self._change.set(row, **{column: wanted})
        if isinstance(old, Port) and isinstance(new, Port):
            self._security.place(row, old.security_groups, new.security_groups)

    def _delete(self, old: Thing | None, draft: Draft) -> None:
        if isinstance(old, SecurityRule):
            self._security.delete_rule(old)
        elif isinstance(old, Port):
            # Its row is not a root: it goes when the switch lets go of it.
            switch = self._row(rows.SWITCH, old.network_id)
            self._change.remove(switch, "ports", self._row(rows.SWITCH_PORT, old.id))
        elif old is not None:
            row = self._row(_TABLE_OF[type(old)], old.id)
            if row is not None:
                self._change.verify(row, "external_ids")
                self._change.delete(row)
        if isinstance(old, Network):
            ledger = self._change.row(rows.DHCP, rows.ledger_id(old.id))
            if ledger is not None:
                self._change.delete(ledger)
        if isinstance(old, SecurityGroup) and not draft.all(SecurityGroup):
            self._security.drop_drop_group()

    def _dhcp_references(self, port: Port, draft: Draft) -> dict[str, Any]:
        subnets = draft.subnets_of(port.network_id)
        columns = {}
        for version in (4, 6):
            id = dhcp.subnet_of_port(port, subnets, version)
            row = None if id is None else self._row(rows.DHCP, id)
            columns[f"dhcpv{version}_options"] = [] if row is None else row
        return columns

    def _row(self, table: str, id: str) -> Row:
        found = self._index.row(id)
        return None if found is None else self._change.row(table, found)


_TABLE_OF: dict[type, str] = {
    Network: rows.SWITCH,
    Subnet: rows.DHCP,
    Port: rows.SWITCH_PORT,
    SecurityGroup: security_rows.PORT_GROUP,
    SecurityRule: security_rows.ACL,
    Router: l3_rows.ROUTER,
    FloatingIp: rows.DHCP,
}


def _columns(thing: Thing, draft: Draft) -> rows.Columns:
    if isinstance(thing, Network):
        return l3_rows.network_columns(thing)
    if isinstance(thing, Subnet):
        return rows.subnet_columns(thing, draft.network(thing.network_id).mtu)
    if isinstance(thing, SecurityGroup):
        return security_rows.group_columns(thing)
    if isinstance(thing, SecurityRule):
        return security_rows.rule_columns(thing, _group_of(thing, draft))
    if isinstance(thing, Router):
        return l3_rows.router_columns(thing)
    if isinstance(thing, FloatingIp):
        return l3_rows.floating_columns(thing)
    columns = rows.port_columns(thing, draft.subnets_of(thing.network_id))
    return {**columns, **l3_rows.switch_port_columns(thing)}


def _group_of(rule: SecurityRule, draft: Draft) -> SecurityGroup:
    return security_groups.get(draft, rule.security_group_id)


def _difference(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    gone: Iterable[str] = before.keys() - after.keys()
    return {**dict.fromkeys(gone), **after}
