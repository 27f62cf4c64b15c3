"""What becomes of a logical network that the last Docker network has left.

That is told by its tags alone, so whoever finds one that was left half-way, by a process that died,
goes on with it: ``driver gc`` of whatever host.
"""

from __future__ import annotations

from contextlib import suppress

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import LOCK, RESERVED
from ovn_integrate.core.addresses import reserved_addresses
from ovn_integrate.core.policy import isolation
from ovn_integrate.core.policy.groups import Groups
from ovn_integrate.core.way_out import routers
from ovn_integrate.errors import NetworkNotFound, NotPermitted


def is_left(network: Resource) -> bool:
    """Whether there is something to end: what was made for Docker, or has groups for it, and no
    Docker network is on it."""
    kept = {tags.MADE, *tags.GROUPED}.intersection(network["tags"])
    # The external network of routers goes with the last of these.
    outside = network.get("router:external", False)
    return bool(kept and not outside and not tags.holders(network["tags"]))


def is_begun(network: Resource, host: str) -> bool:
    """Whether it is what a host had made for a Docker network when it died, and nothing more."""
    return not network["tags"] and tags.is_at(network.get("description") or "", host)


def vacate(client: Client, groups: Groups, network: Resource) -> None:
    """Open the network for all, and delete it if it was made for Docker; unless some Docker network
    is on it by now.

    :raises NetworkInUse: it still has ports.
    """
    id = network["id"]
    with suppress(NetworkNotFound):
        left = client.show("networks", id)["tags"]
        if set(tags.GROUPED).intersection(left) and not tags.holders(left):
            left = isolation.reopen(client, groups, id)
        if tags.holders(left):
            return
        reserved_addresses.let_go(client, id)
        if tags.MADE in left or (not left and tags.is_at(network.get("description") or "")):
            delete(client, id)


def delete(client: Client, id: str) -> None:
    """Delete a logical network, with the router and the ports on it that are nobody's any more.

    :raises NetworkInUse: it has others.
    """
    routers.dismantle_of(client, id)
    # Of engines that died before they told what became of an address, and of dead processes.
    for port in client.query("ports", network_id=id, device_owner=[RESERVED, LOCK]):
        with suppress(NotPermitted):  # another host's, which has it as long as it says so
            client.delete("ports", port["id"])
    client.delete("networks", id)
