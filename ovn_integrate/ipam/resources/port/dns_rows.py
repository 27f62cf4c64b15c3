"""Names of ports in NB's DNS rows, from which OVN answers queries that pass a logical switch.

As Neutron's OVN driver has it: one row for each network, found by ``external_ids:ls_name``, with a
record for each name, and one for the way back from each address. Keys are in lower case, as
ovn-controller looks a query up in that (ovn-nb(5), DNS).

A port has the name of its ``dns_name``, and further ones in tags that begin with ``alias:``:
Neutron knows one name for a port, a container has several.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

from ovn_integrate.ipam.allocate import Address
from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources.model import Network, Port
from ovn_integrate.ovsdb import Change, Row

DNS = "DNS"
TABLES = {DNS: ["external_ids", "records", "options"]}
SWITCH_COLUMN = "dns_records"

_SWITCH_NAME = "ls_name"
# Of a name that OVN knows, it answers a question for the other family of addresses itself
# instead of passing it on (OVN 24.03).
_OPTIONS = {"ovn-owned": "true"}


def write(change: Change, draft: Draft, switch: Callable[[str], Row]) -> None:
    """Bring the rows to what a draft has planned.

    :param switch: gives the Logical_Switch of a network id.
    """
    for network_id, ports in _changed(draft).items():
        row = _row(change, network_id)
        if draft.get(Network, network_id) is not None:
            records = _records(draft, network_id, ports)
            _write_records(change, network_id, row, records, switch)
        elif row is not None:
            # The table is a root: with its switch gone the row would stay.
            change.delete(row)


def _write_records(
    change: Change,
    network_id: str,
    row: Row | None,
    records: dict[str, str],
    switch: Callable[[str], Row],
) -> None:
    known = dict(row.records) if row is not None else {}
    left = {name: text for name, text in {**known, **records}.items() if text}
    if row is None:
        if left:
            options = {"options": _OPTIONS} if change.has(DNS, "options") else {}
            ids = {_SWITCH_NAME: f"neutron-{network_id}"}
            row = change.insert(DNS, row_id(network_id), external_ids=ids, records=left, **options)
            change.add(switch(network_id), SWITCH_COLUMN, row)
    elif not left:
        change.delete(row)
    else:
        change.set_keys(row, "records", {name: text or None for name, text in records.items()})


def _changed(draft: Draft) -> dict[str, list[Port]]:
    """The networks whose names change, with the ports as they were and as they shall be."""
    found: dict[str, list[Port]] = {}
    for old, new in draft.plans:
        if isinstance(old, Network) and new is None:
            found[old.id] = []
        for thing in (old, new):
            if isinstance(thing, Port) and thing.names:
                found.setdefault(thing.network_id, []).append(thing)
    return found


def _records(draft: Draft, network_id: str, ports: Iterable[Port]) -> dict[str, str]:
    """What the records of these ports' names shall be; empty for those that shall go."""
    records: dict[str, str] = {}
    for port in ports:
        for name in port.names:
            named = draft.ports_named(network_id, name)
            addresses = {address for one in named for address in one.addresses}
            records[name] = _text(addresses)
        now = draft.get(Port, port.id)
        for address in port.addresses:
            has_it = now is not None and address in now.addresses
            records[address.reverse_pointer] = now.names[0] if now and has_it and now.names else ""
    return records


def records_of(ports: Iterable[Port]) -> dict[str, str]:
    """The records of all the ports of a network that have names."""
    addresses: dict[str, set[Address]] = {}
    records = {}
    for port in ports:
        for name in port.names:
            addresses.setdefault(name, set()).update(port.addresses)
        for address in port.addresses:
            records[address.reverse_pointer] = port.names[0]
    return records | {name: _text(found) for name, found in addresses.items() if found}


def _text(addresses: Iterable[Address]) -> str:
    return " ".join(map(str, sorted(addresses, key=lambda one: (one.version, int(one)))))


def row_id(network_id: str) -> uuid.UUID:
    """The DNS row of a network that this server made."""
    return uuid.uuid5(uuid.UUID(network_id), DNS)


def _row(change: Change, network_id: str) -> Row | None:
    found = change.row(DNS, row_id(network_id))
    if found is not None:
        return found
    # Of a network that Neutron itself made.
    name = f"neutron-{network_id}"
    rows = (row for row in change.rows(DNS) if row.external_ids.get(_SWITCH_NAME) == name)
    return next(rows, None)
