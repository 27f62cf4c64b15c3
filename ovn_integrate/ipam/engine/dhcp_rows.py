"""What a row of DHCP_Options is: a subnet, or a thing that Neutron keeps in SQL alone."""

from __future__ import annotations

from typing import Any

from ovn_integrate.ipam.resources import l3_rows, rows
from ovn_integrate.ipam.resources.model import Thing
from ovn_integrate.ipam.resources.port_forwarding import rows as portforwarding_rows
from ovn_integrate.ipam.resources.subnet_pool import rows as subnetpool_rows


def thing_of(row: Any) -> Thing | None:
    """The thing of a row; None when it is none's: a ledger, or an operator's own."""
    return (
        rows.subnet_of_row(row)
        or l3_rows.floating_of(row)
        or subnetpool_rows.pool_of(row)
        or portforwarding_rows.forwarding_of(row)
    )
