"""VMs' ports that are to be on this chassis. Whoever runs a VM makes its interface, and gives that
the port's id (``iface-id``); containers' are made here, and ``driver gc`` sees to those."""

from __future__ import annotations

from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, fine, warning
from ovn_integrate.ovsdb import Row

# Of device_owner, as OVN's Neutron driver hands it on: containers' ports, and ends of tests.
_OWNER = "neutron:device_owner"
_NAME = "neutron:port_name"
_OURS = ("docker:", "ovn-integrate:")


def absent(facts: Facts) -> list[str]:
    """The names of those that have no interface on the integration bridge, or their ids.

    :raises NotConfigured, DatabaseUnavailable: Southbound is not set, or does not answer.
    """
    here = {row.external_ids.get("iface-id") for row in facts.interfaces()}
    rows = facts.requested.rows("Port_Binding")
    return sorted(
        row.external_ids.get(_NAME) or row.logical_port
        for row in rows
        if _is_of_vm(row) and row.logical_port not in here
    )


def _is_of_vm(row: Row) -> bool:
    # One below another port is a container's in a VM, and has a VLAN instead of an interface.
    own = row.external_ids.get(_OWNER, "").startswith(_OURS)
    return row.type == "" and not row.parent_port and not own


def _interfaces(facts: Facts) -> Verdict:
    without = absent(facts)
    if without:
        return warning(
            f"ports of VMs of this host without an interface: {', '.join(without)}",
            "start the VM, or delete its port: ovn-integrate port list",
        )
    return fine("each VM's port of this host has its interface")


CHECKS = (Check("vm-interfaces", "a VM's port is out of reach without one", _interfaces),)
