"""Containers whose network no plugin makes: each holds a network namespace with logical ports in
it, which another container joins with ``docker run --network container:ID``.

The words are those of the ancestor's ``ovn-container``: an endpoint is a logical port.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import PLUGGED, host_of
from ovn_integrate.core.endpoint.plug import Plugs, link_of
from ovn_integrate.core.endpoint.ports import undoing
from ovn_integrate.errors import Conflict, Invalid, NotFound, PortNotFound

log = logging.getLogger(__name__)

IMAGE = "ovntest/sleepy"
"""The ancestor's image: it only sleeps."""

_LABEL = "ovn-integrate.endpoints"
_HEX = 12  # of a container's id, which are enough


def make_endpoint(client: Client, network: str, name: str) -> tuple[Resource, bool]:
    """Have a logical port on a network; the port, and whether it was made.

    :param network: its name or id.
    :param name: of the port: one of that name on that network is taken for it; empty for a new one.
    :raises Conflict: several ports have the name.
    """
    found = client.find("networks", network)
    if name:
        same = client.query("ports", network_id=found["id"], name=name)
        if len(same) > 1:
            ids = ", ".join(one["id"] for one in same)
            raise Conflict(f"endpoint {name}", f"several have this name: {ids}", "give the id")
        if same:
            return same[0], False
    return client.create("ports", network_id=found["id"], name=name), True


def delete_endpoint(plugs: Plugs, client: Client, name: str) -> bool:
    """Delete a logical port, and the container that has it if it has no other; False if there is
    no such port.

    :raises Conflict: something else has it: an endpoint of Docker's, a router, another host.
    """
    try:
        port = client.find("ports", name)
    except PortNotFound:
        return False
    _refuse_foreign(plugs, port)
    plugs.detach(port["id"])
    client.delete("ports", port["id"])
    container = port["device_id"]
    if container and not plugs.ports(container):
        found = _inspect(container)
        if found is not None and _is_ours(found):
            _remove(container)
    return True


def create(plugs: Plugs, client: Client, endpoints: Sequence[str], image: str) -> str:
    """Have a container with these endpoints, as eth1, eth2 …; its id. All or nothing.

    :param endpoints: names or ids.
    :raises Conflict: something that lives has one of them.
    :raises NotFound: there is no such endpoint, or no such image on this host.
    """
    ports = [client.find("ports", one) for one in endpoints]
    if len({port["id"] for port in ports}) < len(ports):
        raise Invalid("endpoints", "one is named twice")
    for port in ports:
        _refuse_used(plugs, port)
    with ExitStack() as undo:
        container = _make(ports, image)
        undo.callback(_forget, container)
        dockerd.post(f"/containers/{container}/start")
        pid = _pid(_inspect(container))
        if not pid:
            raise Conflict(f"image {image}", "its container ends at once", "one that sleeps")
        for number, port in enumerate(ports, 1):
            plugs.plug(port, container, pid, f"eth{number}")
            undo.callback(_free, plugs, port)
        for port in ports:
            plugs.wait_ready(port)
        undo.pop_all()
    return container


def delete(plugs: Plugs, client: Client, name: str) -> bool:
    """Remove a container with its links; its endpoints stay. False if nothing is left of it.

    :param name: its name or id; of one that Docker knows no more, the id or the beginning of it.
    :raises Conflict: it was not made here.
    """
    found = _inspect(name)
    if found is None:
        ports = [one for one in plugs.ports() if _means(name, one["device_id"])]
        for port in ports:
            plugs.free(port)
        return bool(ports)
    if not _is_ours(found):
        raise Conflict(
            f"container {name}", "was not made by ovn-container", f"docker rm --force {name}"
        )
    for port in plugs.ports(found["Id"]):
        plugs.free(port)
    for endpoint in filter(None, _labels(found)[_LABEL].split(",")):
        if not client.query("ports", id=endpoint):
            plugs.detach(endpoint)  # of a port that somebody deleted meanwhile
    _remove(found["Id"])
    return True


def replug(plugs: Plugs) -> dict[str, list[str]]:
    """Plug what lost its links, as a container does that was started again, and let go of what
    containers had that are gone.

    :returns: the ids of the endpoints that were plugged, and of those that are free now.
    """
    plugged, freed = [], []
    for port in plugs.ports():
        found = _inspect(port["device_id"])
        pid = _pid(found)
        if found is None:
            plugs.free(port)
            freed.append(port["id"])
        elif pid and not plugs.is_plugged(port, pid):
            plugs.plug(port, found["Id"], pid, link_of(port))
            plugged.append(port)
    for port in plugged:
        plugs.wait_ready(port)
    return {"plugged": [port["id"] for port in plugged], "freed": freed}


def _refuse_foreign(plugs: Plugs, port: Resource) -> None:
    subject = f"endpoint {port['name'] or port['id']}"
    if not port["device_id"] and not port["device_owner"]:
        return
    if port["device_owner"] != PLUGGED:
        raise Conflict(subject, f"is of something else: {port['device_owner'] or 'a device'}")
    if host_of(port) != plugs.host:
        raise Conflict(subject, f"is plugged on host {host_of(port)}", "do it there")


def _refuse_used(plugs: Plugs, port: Resource) -> None:
    _refuse_foreign(plugs, port)
    container = port["device_id"]
    if container and _pid(_inspect(container)):
        short = container[:_HEX]
        raise Conflict(
            f"endpoint {port['name'] or port['id']}",
            f"container {short} has it",
            f"ovn-container container-delete {short}",
        )


def _make(ports: Sequence[Resource], image: str) -> str:
    body = {
        "Image": image,
        # A shell, which is what many an image starts, ends at once without these.
        "Tty": True,
        "OpenStdin": True,
        "Labels": {_LABEL: ",".join(port["id"] for port in ports)},
        "HostConfig": {"NetworkMode": "none"},
    }
    try:
        name = f"network_{secrets.token_hex(8)[:15]}"
        made = dockerd.post(f"/containers/create?name={name}", body)
    except NotFound as error:
        raise NotFound(f"image {image}", "is not on this host", f"docker pull {image}") from error
    return str(made["Id"])


def _inspect(name: str) -> dict[str, Any] | None:
    """What Docker knows of a container; None for nothing."""
    try:
        found: dict[str, Any] = dockerd.get(f"/containers/{quote(name, safe='')}/json")
    except NotFound:
        return None
    return found


def _pid(found: Mapping[str, Any] | None) -> int:
    """The process of a container; 0 if it does not run."""
    return int(found["State"]["Pid"]) if found is not None else 0


def _labels(found: Mapping[str, Any]) -> Mapping[str, str]:
    return found["Config"].get("Labels") or {}


def _is_ours(found: Mapping[str, Any]) -> bool:
    return _LABEL in _labels(found)


def _means(name: str, id: str) -> bool:
    return len(name) >= _HEX and id.startswith(name)


def _remove(container: str) -> None:
    try:
        dockerd.delete(f"/containers/{container}?force=1")
    except NotFound:
        log.info("container %s is gone already", container)


def _forget(container: str) -> None:
    with undoing("a container"):
        _remove(container)


def _free(plugs: Plugs, port: Resource) -> None:
    with undoing("a port's link"):
        plugs.free(port)
