"""Removing a chassis whose host is gone for good: what it held in Neutron, then its row in OVN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.collector import dead_host
from ovn_integrate.errors import Conflict
from ovn_integrate.host import registry
from ovn_integrate.host.registry import Chassis

PATIENCE = 5.0
"""Seconds in which a chassis that runs answers."""


@dataclass(frozen=True)
class Step:
    """What is, or would be, done to one thing."""

    kind: str
    name: str
    what: str

    def told(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "what": self.what}


def find(chassis: list[Chassis], name: str) -> str:
    """The id of a chassis that is given by its id or its host's name; as given when none has it."""
    named = [one.name for one in chassis if name in (one.name, one.hostname)]
    return named[0] if len(named) == 1 else name


def remove(
    client: Client,
    name: str,
    timeout: float,
    *,
    force: bool,
    dry_run: bool,
    said: Callable[[Step], object],
) -> bool:
    """Free what a chassis held, and delete it; whether there was anything.

    Its row goes last: a call that was cut short finds the chassis again by the name that was given.

    :param name: its id, or its host's name where only one chassis has that.
    :param force: also when it answers.
    :param said: is told of each step, after it or, when nothing is to be done, instead of it.
    :raises Conflict: its ovn-controller answers.
    """
    with registry.session(timeout) as southbound:
        known = registry.known(southbound)
        id = find(known, name)
        present = any(one.name == id for one in known)
        if present and not force:
            _refuse_alive(southbound, id)
        others = dead_host.exits({one.name: one.networks for one in known if one.name != id})
        steps = list(dead_host.held(client, id, others))
        for one in steps:
            if not dry_run:
                dead_host.free(client, one, id)
            said(Step(one.kind, one.name, one.what))
        if present:
            if not dry_run:
                registry.forget(southbound, id)
            said(Step("chassis", id, "delete"))
        return bool(steps) or present


def _refuse_alive(southbound: Any, id: str) -> None:
    if registry.answering(southbound, [id], PATIENCE):
        raise Conflict(
            f"chassis {id}",
            "is alive: its ovn-controller answers",
            "ovn-integrate down there; or --force, when another host has its name",
        )
