"""Closing a logical network for a Docker network that asks for it, and opening it with the last.

Endpoints that are there already, whichever host made them, are closed in with the rest. So are
those that other hosts make at that moment: a host asks again at Join when what it knows is older
than ``AGE``, and whatever joined with older knowledge is there at the second look.
"""

from __future__ import annotations

import time

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.contract import tags
from ovn_integrate.core.network.lock import locked
from ovn_integrate.core.network.reachability import Policy
from ovn_integrate.core.policy.groups import Groups

AGE = 1.0
"""Seconds for which a host does not ask again whether a network is closed."""

_LATER = 1.5 * AGE


def close(client: Client, groups: Groups, id: str, network_id: str, policy: Policy) -> None:
    """Put a Docker network's policy on a logical network.

    :param id: of the logical network.
    """
    # First, so that no other host takes the groups away again.
    client.tag("networks", id, tags.with_policy(network_id))
    with locked(client, id):
        client.tag("networks", id, tags.POLICY)
        groups.establish(client, id, policy)
    groups.admit(client, id)
    held = tags.holders(client.show("networks", id)["tags"])
    if len(tags.belonging(held, network_id)) < len(held):
        time.sleep(_LATER)
        groups.admit(client, id)


def reopen(client: Client, groups: Groups, id: str) -> list[str]:
    """Take the groups off a logical network that no Docker network is on; the tags that it has
    then."""
    with locked(client, id):
        left: list[str] = client.show("networks", id)["tags"]
        if not tags.holders(left):
            groups.remove(client, id)
            for tag in tags.GROUPED:
                client.untag("networks", id, tag)
    return left
