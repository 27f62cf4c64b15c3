"""How subnet pools stand in NB.

Neutron keeps them in SQL alone. Here a pool is a DHCP_Options that no port refers to, as the
ledgers of the networks are; it is its own ledger, on which its allocations are counted
(``rows.ledger_columns``). Of each IP version one pool at most is the default, also when two
servers are asked at once: that it is says a row with an id that only one can insert.
"""

from __future__ import annotations

import ipaddress
import uuid
from typing import Any

from ovn_integrate.ipam.plan.draft import Draft
from ovn_integrate.ipam.resources import rows
from ovn_integrate.ipam.resources.rows import OURS, Columns
from ovn_integrate.ipam.resources.standard import DEFAULT_PROJECT
from ovn_integrate.ipam.resources.subnet_pool.model import SubnetPool
from ovn_integrate.ovsdb import Change

_POOL = OURS + "subnetpool"
_DEFAULT = OURS + "default-subnetpool"


def columns(pool: SubnetPool) -> Columns:
    """The columns of a pool's row."""
    lengths = pool.min_prefixlen, pool.max_prefixlen, pool.default_prefixlen
    return {
        "external_ids": {
            _POOL: pool.id,
            "neutron:revision_number": str(pool.revision_number),
            **rows.own_keys(
                pool,
                {
                    "name": pool.name,
                    "project_id": pool.project_id,
                    "prefixes": " ".join(map(str, pool.prefixes)),
                    "lengths": " ".join(map(str, lengths)),
                    "is_default": "true" if pool.is_default else "",
                    "shared": "true" if pool.shared else "",
                    "default_quota": "" if pool.default_quota is None else str(pool.default_quota),
                },
            ),
        }
    }


def pool_of(row: Any) -> SubnetPool | None:
    """The pool of a DHCP_Options; None when it is none's."""
    keys = row.external_ids
    if _POOL not in keys:
        return None
    shortest, longest, usual = map(int, keys[OURS + "lengths"].split())
    quota = keys.get(OURS + "default_quota")
    return SubnetPool(
        id=keys[_POOL],
        name=keys.get(OURS + "name", ""),
        project_id=keys.get(OURS + "project_id", DEFAULT_PROJECT),
        prefixes=tuple(map(ipaddress.ip_network, keys[OURS + "prefixes"].split())),
        min_prefixlen=shortest,
        max_prefixlen=longest,
        default_prefixlen=usual,
        is_default=OURS + "is_default" in keys,
        shared=OURS + "shared" in keys,
        default_quota=None if quota is None else int(quota),
        revision_number=int(keys["neutron:revision_number"]),
        **rows.own_values(keys),
    )


def write_defaults(change: Change, draft: Draft) -> None:
    """Bring the rows that say which pools are the defaults to what a draft has planned."""
    planned = [one for plan in draft.plans for one in plan if isinstance(one, SubnetPool)]
    for version in {pool.ip_version for pool in planned if pool.is_default}:
        id = uuid.uuid5(uuid.NAMESPACE_OID, f"{_DEFAULT} {version}")
        row = change.row(rows.DHCP, id)
        known = [one for one in draft.all(SubnetPool) if one.is_default]
        ours = next((one.id for one in known if one.ip_version == version), None)
        if row is None:
            if ours is not None:
                change.insert(rows.DHCP, id, external_ids={_DEFAULT: ours})
            continue
        change.verify(row, "external_ids")
        if ours is None:
            change.delete(row)
        else:
            change.set_keys(row, "external_ids", {_DEFAULT: ours})
