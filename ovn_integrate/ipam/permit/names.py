"""Which names a chassis may give to its ports, in OVN's DNS.

A name is one label, so that nothing outside of the network is called so. A name with a dot is that
of a swarm's task, whose last label is an id and nothing that anybody else has, or lies in a domain
that an operator allows by a tag ``domain:NAME`` on the network. Names of addresses (``*.arpa``) are
nobody's to give. And a name that a port of another host, or of an operator, has on a network is
taken: it would lead its users astray.
"""

from __future__ import annotations

import re

from ovn_integrate.contract.tags import ALIAS
from ovn_integrate.ipam.permit.facts import Asking, host_of
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.resources.model import Network, Port

DOMAIN = "domain:"
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_TASK = re.compile(r"[a-z0-9]{25}")  # swarmkit's identity.NewID; no top-level domain is as long
_LONGEST, _MOST = 253, 64
_NEVER = frozenset({"localhost", "localdomain", "wpad", "isatap", "arpa", "broadcasthost"})
"""What hosts take for themselves (RFC 6761), or ask for unasked."""


def check(asking: Asking, old: Port | None, new: Port, relation: str) -> str | None:
    """Why the names of a port may not become these; None when they may."""
    before, wanted = (() if old is None else _given(old)), _given(new)
    added = [name for name in wanted if name not in before]
    if not added:
        return None
    if len(wanted) > _MOST:
        return f"a port has at most {_MOST} names"
    network = asking.network(new.network_id)
    for name in added:
        why = _refused(network, name) or _taken(asking, new, name)
        if why is not None:
            return why
    return None


def _given(port: Port) -> tuple[str, ...]:
    """The names of a port as they were given."""
    tags = [tag[len(ALIAS) :] for tag in port.tags if tag.startswith(ALIAS)]
    return tuple(dict.fromkeys(filter(None, (port.dns_name, *tags))))


def _refused(network: Network | None, name: str) -> str | None:
    if len(name) > _LONGEST or not all(map(_LABEL.fullmatch, name.split("."))):
        return f"{name!r} is no name in lower case"
    if name.rpartition(".")[2] in _NEVER or name.startswith("xn--") or ".xn--" in name:
        return f"{name!r} is not a name to give"
    if "." not in name or _is_task(name) or _is_allowed(network, name):
        return None
    return f"{name!r} has a dot; an operator allows a domain by a tag {DOMAIN}NAME on the network"


def _is_task(name: str) -> bool:
    """Whether that is what a swarm calls a task: SERVICE.SLOT.ID, or SERVICE.NODE.ID."""
    labels = name.split(".")
    return len(labels) == 3 and _TASK.fullmatch(labels[2]) is not None


def _is_allowed(network: Network | None, name: str) -> bool:
    tags = () if network is None else network.tags
    allowed = [tag[len(DOMAIN) :].strip(".").lower() for tag in tags if tag.startswith(DOMAIN)]
    return any(name.endswith(f".{domain}") for domain in allowed if domain)


def _taken(asking: Asking, port: Port, name: str) -> str | None:
    for other in asking.draft.ports_named(port.network_id, name):
        if other.id == port.id or other.owner == asking.me or host_of(other) == asking.name:
            continue
        who = host_of(other) or ownership.name(other.owner) or "an operator"
        return f"the name {name!r} is held by a port of {who}"
    return None
