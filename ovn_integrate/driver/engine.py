"""What the host's Docker engine knows of networks and endpoints, asked by its own command.

Never to be asked from within a plugin call: the engine serves nobody before all the containers
that it starts at boot are started, and their starts wait for the driver.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ovn_integrate import paths, runner
from ovn_integrate.errors import CommandFailed

TIMEOUT = 60.0
"""Seconds that a command has."""


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

    :param timeout: seconds for each of at least two questions.
    :raises CommandFailed: it does not answer.
    """
    try:
        return parse(_networks(timeout))
    except CommandFailed as error:
        raise CommandFailed(
            "Docker engine", f"does not answer: {error.what}", "docker network ls"
        ) from error


def parse(inspected: Iterable[Mapping[str, Any]]) -> Known:
    """What ``docker network inspect`` says of all networks.

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


def _networks(timeout: float) -> list[dict[str, Any]]:
    ids = _ids(timeout)
    while True:
        try:
            said = run("network", "inspect", *ids, timeout=timeout)
            inspected: list[dict[str, Any]] = json.loads(said)
        except ValueError as error:
            raise CommandFailed("docker network inspect", f"printed no JSON: {error}") from error
        except CommandFailed:
            # One that was removed between the two questions fails the second for all.
            now = _ids(timeout)
            if now == ids:
                raise
            ids = now
        else:
            return inspected


def _ids(timeout: float) -> list[str]:
    return run("network", "ls", "--no-trunc", "--quiet", timeout=timeout).split()


def run(*words: str, timeout: float = TIMEOUT) -> str:
    """What the command ``docker`` prints, asked of the engine that calls this host's driver.

    :raises CommandFailed: it is missing, failed, or took longer than ``timeout`` seconds.
    """
    # Its own socket: DOCKER_HOST or a context may lead to another host's engine, to which all
    # endpoints of this one are unknown.
    host = f"unix://{paths.docker_socket()}"
    return runner.run(["docker", "--host", host, *words], timeout=timeout)
