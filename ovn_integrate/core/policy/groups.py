"""The groups of a closed network: security groups, found by name and a tag of the network.

Every endpoint of it is in the group ``*``, which lets it send anything and lets in what answers and
what comes from the gateway; an endpoint of a named group is in that too. Neutron drops the rest.

On an open network the IPAM server lets in all, and endpoints have no group. A real Neutron puts
each port into its project's group ``default``, which is open to its own members alone: there a
group for each published port (``tcp/80``) lets the others in.

Names of security groups are not unique, so a group is only made under the network's lock.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS, MADE
from ovn_integrate.core.network.lock import locked
from ovn_integrate.core.network.options import PublishedPort
from ovn_integrate.core.network.reachability import ANY, Allow, Policy
from ovn_integrate.errors import Error, NotPermitted, PortNotFound, SecurityGroupRuleExists

_GROUPS = "security-groups"
_RULES = "security-group-rules"
_DEFAULT = "default"
"""The group of a project that Neutron puts ports in which are made without one."""
_OPENS = "/"
"""In the name of a group for a published port; no group that a user names has it."""
_DESCRIBED = "Docker: "
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
        wanted = tuple(dict.fromkeys([ANY, *names]))
        found = [self._look(client, network_id, name) for name in wanted]
        ids = [id for id in found if id is not None]
        if len(ids) == len(wanted):
            return ids
        with locked(client, network_id):
            return [self._have(client, network_id, name) for name in wanted]

    def forget(self, network_id: str) -> None:
        with self._lock:
            self._known = {key: id for key, id in self._known.items() if key[0] != network_id}

    def establish(self, client: Client, network_id: str, policy: Policy) -> None:
        """Have the groups and rules of a policy; what is there already stays.

        To be called under the network's lock.
        """
        self.forget(network_id)
        everybody = self._have(client, network_id, ANY)
        for subnet in client.query("subnets", network_id=network_id):
            if subnet["gateway_ip"]:
                gateway = ip_address(subnet["gateway_ip"])
                prefix = f"{gateway}/{gateway.max_prefixlen}"
                _let_in(client, everybody, gateway.version, remote_ip_prefix=prefix)
        for allow in policy.allow:
            self._allow(client, network_id, allow)

    def admit(self, client: Client, network_id: str) -> None:
        """Have every endpoint of a logical network, of whatever host, in the group of all."""
        for port in client.query("ports", network_id=network_id, device_owner=ENDPOINTS):
            with suppress(PortNotFound):
                self.enter(client, port)

    def enter(self, client: Client, port: Resource) -> Resource:
        """Have the port of an endpoint in the group of all; the port as it is then.

        :raises PortNotFound: it is gone.
        """
        (everybody,) = self.of(client, port["network_id"], ())
        has = port.get("security_groups") or []
        if everybody in has:
            return port
        opening = self._opening(client, port) if has else set()
        kept = [id for id in has if id not in opening]
        return client.update("ports", port["id"], security_groups=[*kept, everybody])

    def let_in(
        self, client: Client, port: Resource, published: Sequence[PublishedPort]
    ) -> Resource:
        """Have the port of an endpoint of an open network in the groups of what is published of
        it, if it is in any group; the port as it is then.
        """
        has = port.get("security_groups") or []
        if not has:
            return port
        network_id = port["network_id"]
        # First, so that whoever takes the last Docker network off knows that there are groups.
        client.tag("networks", network_id, tags.PUBLISHED)
        with locked(client, network_id):
            ids = [self._have_opening(client, network_id, one) for one in published]
        wanted = list(dict.fromkeys([*has, *ids]))
        if wanted == has:
            return port
        return client.update("ports", port["id"], security_groups=wanted)

    def remove(self, client: Client, network_id: str) -> None:
        """Delete all groups of a logical network. To be called under its lock.

        :raises SecurityGroupInUse: a port that is no container's has one.
        """
        self.forget(network_id)
        for group in client.query(_GROUPS):
            # One whose maker died before it had its tag is known by what describes it.
            tagged = tags.network(network_id) in group["tags"]
            if tagged or _describes(group, network_id):
                with suppress(NotPermitted):  # one of another host, which ends it
                    client.delete(_GROUPS, group["id"])

    def foreign(self, client: Client, port: Resource) -> list[str]:
        """The security groups of a port that are none of these."""
        own = {
            group["id"] for group in client.query(_GROUPS, tags=tags.network(port["network_id"]))
        }
        return [id for id in port["security_groups"] if id not in own]

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

    def _have_opening(self, client: Client, network_id: str, published: PublishedPort) -> str:
        name = f"{published.protocol}{_OPENS}{published.port}"
        id = self._have(client, network_id, name)
        ports = {"port_range_min": published.port, "port_range_max": published.port}
        _let_in(client, id, 4, protocol=published.protocol, **ports)
        return id

    def _opening(self, client: Client, port: Resource) -> set[str]:
        """The groups that a port has because its network was open."""
        own = client.query(_GROUPS, tags=tags.network(port["network_id"]))
        found = {group["id"] for group in own if _OPENS in group["name"]}
        if port["device_owner"] == MADE:
            found |= {group["id"] for group in client.query(_GROUPS, name=_DEFAULT)}
        return found

    def _look(self, client: Client, network_id: str, name: str) -> str | None:
        """The id of a group, from memory if it is there; None when it does not exist."""
        known = self._known.get((network_id, name))
        if known is not None:
            return known
        found = client.query(_GROUPS, tags=tags.network(network_id), name=name)
        if not found:
            return None
        # Should there be several after all, then all hosts choose the same.
        oldest = min(found, key=lambda one: (one["created_at"], one["id"]))
        return self._remember(network_id, name, oldest)

    def _have(self, client: Client, network_id: str, name: str) -> str:
        found = self._look(client, network_id, name)
        return found or self._remember(network_id, name, _make(client, network_id, name))

    def _remember(self, network_id: str, name: str, group: Resource) -> str:
        id = str(group["id"])
        with self._lock:
            self._known[network_id, name] = id
        return id


def _make(client: Client, network_id: str, name: str) -> Resource:
    what = "every container" if name == ANY else f"group {name}"
    described = f"{_DESCRIBED}{what}{_of(network_id)}"
    made = client.create(_GROUPS, name=name, description=described)
    try:
        client.tag(_GROUPS, made["id"], tags.network(network_id))
    except Error:
        client.delete(_GROUPS, made["id"])
        raise
    return made


def _of(network_id: str) -> str:
    return f" of network {network_id}"


def _describes(group: Resource, network_id: str) -> bool:
    text = group["description"] or ""
    return bool(text.startswith(_DESCRIBED) and text.endswith(_of(network_id)))


def _let_in(client: Client, group_id: str, version: int, **more: Any) -> None:
    with suppress(SecurityGroupRuleExists):
        client.create(
            _RULES,
            security_group_id=group_id,
            direction="ingress",
            ethertype=f"IPv{version}",
            **more,
        )
