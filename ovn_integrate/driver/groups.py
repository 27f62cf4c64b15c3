"""The groups of a closed network: security groups, found by name and a tag of the network.

Every endpoint of it is in the group ``*``, which lets it send anything and lets in what answers and
what comes from the gateway; an endpoint of a named group is in that too. Neutron drops the rest.

Names of security groups are not unique. Who makes one therefore looks afterwards whether another
host made it too, and if so deletes its own and looks again: of two that were made at once, the one
who looks last sees both.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from ovn_integrate.driver import tags
from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.driver.policy import ANY, Allow, Policy
from ovn_integrate.errors import (
    Error,
    SecurityGroupInUse,
    SecurityGroupNotFound,
    SecurityGroupRuleExists,
)

log = logging.getLogger(__name__)

_GROUPS = "security-groups"
_RULES = "security-group-rules"
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds, at most, between looks while two hosts are making one group."""

_ICMP_OF = {4: "icmp", 6: "ipv6-icmp"}


class Groups:
    """The groups of logical networks. Holds only what it can read again from Neutron."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def of(self, client: Client, network_id: str, names: Sequence[str]) -> list[str]:
        """The ids of the security groups of an endpoint, which are made if they do not exist.

        :param network_id: of the logical network.
        :param names: of the groups that the user named.
        """
        return [self._have(client, network_id, name) for name in dict.fromkeys([ANY, *names])]

    def forget(self, network_id: str) -> None:
        with self._lock:
            self._known = {key: id for key, id in self._known.items() if key[0] != network_id}

    def establish(self, client: Client, network_id: str, policy: Policy) -> None:
        """Have the groups and rules of a policy; what is there already stays."""
        try:
            self._establish(client, network_id, policy)
        except SecurityGroupNotFound:
            # Another host let go of the network meanwhile, or made one of the groups too.
            self.forget(network_id)
            self._establish(client, network_id, policy)

    def remove(self, client: Client, network_id: str) -> None:
        """Delete all groups of a logical network.

        :raises SecurityGroupInUse: a port that is no container's has one.
        """
        self.forget(network_id)
        for group in client.query(_GROUPS, tags=tags.network(network_id)):
            client.delete(_GROUPS, group["id"])

    def foreign(self, client: Client, port: Resource) -> list[str]:
        """The security groups of a port that are none of these."""
        own = {
            group["id"] for group in client.query(_GROUPS, tags=tags.network(port["network_id"]))
        }
        return [id for id in port["security_groups"] if id not in own]

    def _establish(self, client: Client, network_id: str, policy: Policy) -> None:
        everybody = self._have(client, network_id, ANY)
        for subnet in client.query("subnets", network_id=network_id):
            if subnet["gateway_ip"]:
                gateway = ip_address(subnet["gateway_ip"])
                prefix = f"{gateway}/{gateway.max_prefixlen}"
                _let_in(client, everybody, gateway.version, remote_ip_prefix=prefix)
        for allow in policy.allow:
            self._allow(client, network_id, allow)

    def _allow(self, client: Client, network_id: str, allow: Allow) -> None:
        target = self._have(client, network_id, allow.target)
        more: dict[str, Any] = {}
        if allow.source != ANY:
            more["remote_group_id"] = self._have(client, network_id, allow.source)
        if allow.ports is not None:
            more["port_range_min"], more["port_range_max"] = allow.ports
        for version in (4, 6):
            if allow.protocol is not None:
                icmp = allow.protocol == "icmp"
                more["protocol"] = _ICMP_OF[version] if icmp else allow.protocol
            _let_in(client, target, version, **more)

    def _have(self, client: Client, network_id: str, name: str) -> str:
        known = self._known.get((network_id, name))
        if known is not None:
            return known
        id = str(_one(client, network_id, name)["id"])
        with self._lock:
            self._known[network_id, name] = id
        return id


def _one(client: Client, network_id: str, name: str) -> Resource:
    """The one group of a name on a network, made if there is none."""
    for pause in _PAUSES:
        found = _find(client, network_id, name) or _make(client, network_id, name)
        if len(found) == 1:
            return found[0]
        time.sleep(random.uniform(0, pause))
    # A host ended before it deleted its own: all choose the same of what is left.
    found = _find(client, network_id, name)
    if not found:
        raise SecurityGroupNotFound(f"group {name}", "other hosts delete it as it is made")
    return min(found, key=lambda one: (one["created_at"], one["id"]))


def _find(client: Client, network_id: str, name: str) -> list[Resource]:
    return client.query(_GROUPS, tags=tags.network(network_id), name=name)


def _make(client: Client, network_id: str, name: str) -> list[Resource]:
    """Make a group; what there is of its name then, which is nothing good unless it is one."""
    what = "every container" if name == ANY else f"group {name}"
    made = client.create(_GROUPS, name=name, description=f"Docker: {what} of network {network_id}")
    try:
        client.tag(_GROUPS, made["id"], tags.network(network_id))
        found = _find(client, network_id, name)
    except Error:
        _unmake(client, made)
        raise
    if len(found) > 1:
        _unmake(client, made)
    return found


def _unmake(client: Client, made: Resource) -> None:
    try:
        client.delete(_GROUPS, made["id"])
    except SecurityGroupInUse:
        log.info("security group %s is in use already and stays", made["id"])
    except Error as error:
        log.warning("security group %s may be left behind: %s", made["id"], error)


def _let_in(client: Client, group_id: str, version: int, **more: Any) -> None:
    with suppress(SecurityGroupRuleExists):
        client.create(
            _RULES,
            security_group_id=group_id,
            direction="ingress",
            ethertype=f"IPv{version}",
            **more,
        )
