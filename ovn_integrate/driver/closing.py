"""Closing a logical network for a Docker network that asks for it, and opening it with the last."""

from __future__ import annotations

from ovn_integrate.driver import tags
from ovn_integrate.driver.groups import Groups
from ovn_integrate.driver.lock import locked
from ovn_integrate.driver.neutron import Client
from ovn_integrate.driver.policy import Policy


def close(client: Client, groups: Groups, id: str, network_id: str, policy: Policy) -> None:
    """Put a Docker network's policy on a logical network.

    :param id: of the logical network.
    """
    # First, so that no other host takes the groups away again.
    client.tag("networks", id, tags.with_policy(network_id))
    with locked(client, id):
        client.tag("networks", id, tags.POLICY)
        groups.establish(client, id, policy)


def reopen(client: Client, groups: Groups, id: str) -> list[str]:
    """Take the policy off a logical network that no Docker network is on; the tags that it has
    then."""
    with locked(client, id):
        left: list[str] = client.show("networks", id)["tags"]
        if not tags.holders(left):
            groups.remove(client, id)
            client.untag("networks", id, tags.POLICY)
    return left
