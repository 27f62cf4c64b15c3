"""What a check of NB finds, and the repairs that are safe."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ovn_integrate.ipam.allocate import Address

DUPLICATE, ORPHAN, OUTSIDE = "duplicate", "orphan", "outside"
DIFFERENT, UNKNOWN, UNREADABLE = "different", "unknown", "unreadable"
OWNERLESS = "ownerless"


@dataclass(frozen=True)
class Delete:
    """Delete a row of a root table."""

    table: str
    row: uuid.UUID


@dataclass(frozen=True)
class TakeOut:
    """Take a row out of a column of another one, with which it goes."""

    table: str
    owner: uuid.UUID
    column: str
    member_table: str
    member: uuid.UUID


@dataclass(frozen=True)
class Records:
    """Set names of a DNS row; None takes one away."""

    row: uuid.UUID
    texts: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Rewrite:
    """Write ports' columns anew, as they follow from what they were given."""

    ports: tuple[str, ...]


@dataclass(frozen=True)
class Readdress:
    """Give a port another address in place of one, or none where no subnet has any."""

    port: str
    address: Address


@dataclass(frozen=True)
class NewMac:
    """Give a port another MAC."""

    port: str


@dataclass(frozen=True)
class Release:
    """Have a floating IP stand for no port."""

    floating_ip: str


@dataclass(frozen=True)
class Give:
    """Give what has no owner one, as far as that is told, see ``heritage``."""


Repair = Delete | TakeOut | Records | Rewrite | Readdress | NewMac | Release | Give


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    :param subject: what it is about, and where that is.
    :param mend: what mends it; a hint for the operator where nothing here does.
    """

    kind: str
    subject: str
    what: str
    mend: str
    repair: Repair | None = None
