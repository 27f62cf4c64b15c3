"""Telling Neutron by which names Docker knows this host's containers, for OVN's DNS.

Nothing of a plugin call has a container's name, so they come from Docker's events, some moments
after the container started: in a thread of its own, as Docker answers nobody while it starts the
containers of its boot. A port gets the container's name as ``dns_name``, and its aliases in tags;
a port that outlives containers keeps the name that it was given, and all of Docker's are tags.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS, MADE
from ovn_integrate.errors import Conflict, Error, Invalid, NotPermitted

log = logging.getLogger(__name__)

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ALIAS = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,61}[a-z0-9_])?")
_EVENTS = {"type": ["network", "container"], "event": ["connect", "start", "rename"]}
_AGAIN = 5.0  # seconds until Docker is tried again
_NEUTRON = 10.0  # seconds for what one container takes
_REMEMBERED = 4096
_told: set[tuple[str, str]] = set()

Connect = Callable[[float], Client]


class Names:
    """Follows Docker's events while the driver serves.

    :param connect: makes a client with that many seconds.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._stopped = threading.Event()
        self._events: dockerd.Events | None = None
        self._thread = threading.Thread(target=self._run, name="names", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._events is not None:
            self._events.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._follow()
            except Error as error:
                log.info("no names from Docker: %s", error)
            except Exception:
                # The edge of this thread: a bug must be seen, and the next event may go better.
                log.exception("names")
            self._stopped.wait(_AGAIN)

    def _follow(self) -> None:
        with closing(dockerd.Events(_EVENTS)) as events:
            self._events = events
            # What happens from here on is among the events.
            for container in dockerd.get("/containers/json"):
                self._tell(container["Id"])
            for event in events:
                self._tell(_subject(event))

    def _tell(self, container: str) -> None:
        if not container or self._stopped.is_set():
            return
        try:
            client = self._connect(_NEUTRON)
            for endpoint, names in endpoints(dockerd.get(f"/containers/{container}/json")):
                tell(client, endpoint, names)
        except Error as error:
            log.warning("container %s has no names: %s", container[:12], error)


def tell(client: Client, endpoint_id: str, names: Iterable[str]) -> None:
    """Give the port of an endpoint its names; nothing for an endpoint that is not this driver's."""
    for port in client.query("ports", device_id=endpoint_id, device_owner=ENDPOINTS):
        further = list(names)
        if port["device_owner"] == MADE and further:
            further = _name(client, port, further)
        wanted = [*tags.without_aliases(port["tags"]), *map(tags.alias, further)]
        if wanted != list(port["tags"]):
            _retag(client, port, wanted)


def _retag(client: Client, port: Resource, wanted: list[str]) -> None:
    """Give a port its further names; without those that are refused, if some are: a name with a
    dot, or one that a container of another host has."""
    try:
        client.retag("ports", port["id"], wanted)
        return
    except (NotPermitted, Conflict):
        kept = [tag for tag in wanted if tag in port["tags"]]
        client.retag("ports", port["id"], kept)
    for tag in wanted:
        if tag not in kept:
            try:
                client.tag("ports", port["id"], tag)
            except (NotPermitted, Conflict) as error:
                _warn(port, tag, error)


def _warn(port: Resource, name: str, error: Error) -> None:
    """Once for each name of a port, however often its container starts."""
    known = (str(port["device_id"]), name)
    if known not in _told:
        if len(_told) >= _REMEMBERED:
            _told.clear()
        _told.add(known)
        log.warning("port %s is not called so: %s", port["id"], error)


def endpoints(container: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The endpoints of a container with the names that it has on each, its own first.

    :param container: as ``GET /containers/ID/json`` has it.
    """
    own = str(container["Name"]).lstrip("/")
    for network in container["NetworkSettings"]["Networks"].values():
        if network.get("EndpointID"):
            given = network.get("DNSNames") or network.get("Aliases") or ()
            lower = (name.lower() for name in (own, *given))
            yield network["EndpointID"], [*dict.fromkeys(filter(_ALIAS.fullmatch, lower))]


def _name(client: Client, port: Resource, names: list[str]) -> list[str]:
    """Give a port its first name, and return the others."""
    label = next(filter(_LABEL.fullmatch, names), "")
    if label and port.get("dns_name") != label:
        try:
            client.update("ports", port["id"], dns_name=label)
        except Invalid as error:
            log.info("this Neutron has no names of ports: %s", error)
        except (NotPermitted, Conflict) as error:
            _warn(port, label, error)
    return [name for name in names if name != label]


def _subject(event: Mapping[str, Any]) -> str:
    """The container that an event is about."""
    actor = event.get("Actor") or {}
    if event.get("Type") == "network":
        return str((actor.get("Attributes") or {}).get("container", ""))
    return str(actor.get("ID", "")) if event.get("Type") == "container" else ""
