"""Mending what a check has found, each finding in one transaction, if it is still there then."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from ovn_integrate import ovsdb
from ovn_integrate.errors import Conflict, NotFound
from ovn_integrate.ipam import allocate
from ovn_integrate.ipam.allocate import Address, address_of
from ovn_integrate.ipam.audit import check
from ovn_integrate.ipam.audit.findings import (
    Delete,
    Finding,
    Give,
    NewMac,
    Readdress,
    Records,
    Release,
    Repair,
    Rewrite,
    TakeOut,
)
from ovn_integrate.ipam.engine import heritage
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.floating_ip import rules as floatingips
from ovn_integrate.ipam.resources.model import Port
from ovn_integrate.ipam.resources.port import rules as ports
from ovn_integrate.ipam.resources.port.dns_rows import DNS
from ovn_integrate.ipam.resources.port.rules import Wish
from ovn_integrate.ovsdb import Change, Session

# A port that has got another address has names whose records are out of date then.
_ROUNDS = 4


def look(nb_remote: str, timeout: float) -> list[Finding]:
    """What is wrong in the NB at a remote.

    :param timeout: seconds for its answer.
    :raises DatabaseUnavailable: it did not answer in time.
    """
    with Session.open(nb_remote, ovsdb.NB, check.TABLES, timeout=timeout) as session:
        return check.findings(session.rows)


def mend(nb_remote: str, timeout: float) -> list[Finding]:
    """Mend what can be mended, and return what is left.

    :param timeout: seconds for each of the repairs.
    :raises DatabaseUnavailable: NB did not answer in time.
    """
    store = Store(nb_remote, timeout=timeout)
    store.start()
    try:
        with Session.open(nb_remote, ovsdb.NB, check.TABLES, timeout=timeout) as session:
            store.wait_ready(timeout)
            for _ in range(_ROUNDS):
                mended = [_mended(one, session, store) for one in _current(session)]
                if not any(mended):
                    break
            return _current(session)
    finally:
        store.stop()


def _mended(finding: Finding, session: Session, store: Store) -> bool:
    """Whether it is no more: it was mended, or went with what was mended before."""
    if finding.repair is None:
        return False
    if isinstance(finding.repair, (Delete, TakeOut, Records)):
        session.transact(partial(_write, finding, finding.repair), "ipam check --repair")
        return True
    if finding in _current(session):
        try:
            if isinstance(finding.repair, Give):
                heritage.give(store)
            else:
                store.change(partial(_plan, finding.repair), "ipam check --repair")
        except (Conflict, NotFound):
            return False  # no address is free, or somebody else was faster
    return bool(session.wait_until(lambda: finding not in check.findings(session.rows)))


def _current(session: Session) -> list[Finding]:
    session.run()
    return check.findings(session.rows)


def _write(finding: Finding, repair: Delete | TakeOut | Records, change: Change) -> None:
    if finding not in check.findings(change.rows):
        return
    if isinstance(repair, Delete):
        row = change.row(repair.table, repair.row)
        change.verify(row, "external_ids")
        change.delete(row)
    elif isinstance(repair, TakeOut):
        member = change.row(repair.member_table, repair.member)
        change.remove(change.row(repair.table, repair.owner), repair.column, member)
    else:
        row = change.row(DNS, repair.row)
        change.verify(row, "records")
        change.set_keys(row, "records", dict(repair.texts))


def _plan(repair: Repair, draft: Draft) -> None:
    if isinstance(repair, Rewrite):
        for id in repair.ports:
            draft.put(draft.port(id))
    elif isinstance(repair, Release):
        floatingips.update(draft, repair.floating_ip, {"port_id": None})
    elif isinstance(repair, NewMac):
        network = draft.port(repair.port).network_id
        mac = allocate.make_mac(lambda mac: draft.mac_taken(network, mac))
        ports.update(draft, repair.port, {"mac_address": mac})
    elif isinstance(repair, Readdress):
        ports.update(draft, repair.port, {"fixed_ips": _wishes(draft, repair)})


def _wishes(draft: Draft, repair: Readdress) -> list[Wish]:
    """A port's addresses, with free ones in place of those that it cannot keep."""
    port = draft.port(repair.port)
    subnets = draft.subnets_of(port.network_id)
    wishes: list[Wish] = []
    for address in port.addresses:
        fits = any(allocate.is_host(address, one.cidr) for one in subnets)
        if fits and address != repair.address:
            wishes.append(Wish(ip_address=address))
        elif any(one.ip_version == address.version for one in subnets):
            taken = [int(one.ip_address) for one in wishes if one.ip_address is not None]
            wishes.append(_free(draft, port, address, taken))
    return wishes


def _free(draft: Draft, port: Port, old: Address, taken: Iterable[int]) -> Wish:
    known = [one for one in draft.subnets_of(port.network_id) if one.ip_version == old.version]
    # Of the same subnet if it is of one: the port's routes are that one's.
    for subnet in sorted(known, key=lambda one: not one.has(old)):
        number = draft.free_number(subnet, taken)
        if number is not None:
            return Wish(subnet.id, address_of(old.version, number))
    raise Conflict(f"port {port.id}", "no address is free")
