"""What the host's Docker engine knows of networks and endpoints.

Never to be asked from within a plugin call, see ``dockerd``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ovn_integrate.clients.docker import dockerd
from ovn_integrate.errors import CommandFailed, NotFound


@dataclass(frozen=True)
class Known:
    """What an engine knows.

    :param networks: the NetworkIDs of all of its networks, of whatever driver.
    :param endpoints: the EndpointIDs on them. A container that is stopped has none.
    :param addresses: of endpoints and gateways, and those set aside, without prefix lengths.
    """

    networks: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


def ask(timeout: float) -> Known:
    """What the engine that calls this host's driver knows now.

    :param timeout: seconds for each question: one, and one for each network.
    :raises CommandFailed: it does not answer.
    """
    try:
        return parse(_networks(timeout))
    except CommandFailed as error:
        raise CommandFailed(
            "Docker engine", f"does not answer: {error.what}", "docker network ls"
        ) from error


def parse(inspected: Iterable[Mapping[str, Any]]) -> Known:
    """What ``GET /networks/ID`` says of all networks.

    An endpoint whose container is being made or has died stands there as well, under ``ep-ID``.
    """
    networks: set[str] = set()
    endpoints: set[str] = set()
    addresses: set[str] = set()
    for network in inspected:
        networks.add(network["Id"])
        addresses.update(_reserved(network))
        for endpoint in (network.get("Containers") or {}).values():
            endpoints.add(endpoint["EndpointID"])
            addresses.update(endpoint.get(key) or "" for key in ("IPv4Address", "IPv6Address"))
    bare = {address.partition("/")[0] for address in addresses} - {""}
    return Known(frozenset(networks), frozenset(endpoints), frozenset(bare))


def _reserved(network: Mapping[str, Any]) -> Iterator[str]:
    for pool in (network.get("IPAM") or {}).get("Config") or ():
        yield pool.get("Gateway") or ""
        yield from (pool.get("AuxiliaryAddresses") or {}).values()


def _networks(timeout: float) -> Iterator[dict[str, Any]]:
    for one in dockerd.get("/networks", timeout=timeout):
        # The list has no containers (since API 1.28); and a network may go meanwhile.
        with suppress(NotFound):
            yield dockerd.get(f"/networks/{one['Id']}", timeout=timeout)
