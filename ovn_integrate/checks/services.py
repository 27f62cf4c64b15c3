"""Checks of the IPAM server and the Docker driver."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Sequence
from typing import Any

from ovn_integrate import paths, servers
from ovn_integrate.checks.facts import Facts
from ovn_integrate.checks.model import Check, Verdict, answering, failed, fine, warning
from ovn_integrate.clients.docker import dockerd
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.contract import tags
from ovn_integrate.core.attachment.host_network import DRIVER
from ovn_integrate.errors import CommandFailed, ServiceFailed

_SKEW = 5.0  # seconds
_PATIENCE = 5.0  # seconds for an engine's answer
_NO_ENGINE = "no Docker engine here"


def _ipam(facts: Facts) -> Verdict:
    urls = facts.settings.ipam_urls
    if not urls:
        return failed("no IPAM server is set", "ovn-integrate set-ipam ADDRESS")
    start = "ovn-integrate ipam start --detach --listen ADDRESS:9696"
    return answering(urls, lambda url: ipam_answers(facts, url), start)


def ipam_answers(facts: Facts, url: str) -> bool:
    """Whether the IPAM server, or the Neutron, of a base URL serves networks to this host."""
    try:
        # That the server is there is not enough: it must have its database.
        _client(facts, [url]).query("networks", limit="1")
    except ServiceFailed:
        return False
    return True


def _client(facts: Facts, urls: Sequence[str]) -> Client:
    return Client(urls, timeout=facts.timeout, credentials=facts.settings.credentials)


def _agreeing(facts: Facts) -> Verdict:
    networks = _docker_networks() or []
    client = _client(facts, facts.settings.ipam_urls)
    missing = [one["Name"] for one in networks if not _known(client, one["Id"])]
    if missing:
        return failed(
            f"Docker networks that the IPAM server does not know: {', '.join(missing)}",
            f"docker network rm {missing[0]}, and make it again",
        )
    return fine(f"{len(networks)} Docker networks, each known to the IPAM server")


def _known(client: Client, id: str) -> bool:
    return bool(client.query("networks", tags=tags.of(id)) or client.query("networks", name=id))


def _clock(facts: Facts) -> Verdict:
    for url in facts.settings.ipam_urls:
        said = _client(facts, [url]).date()
        theirs = email.utils.parsedate_to_datetime(said).timestamp() if said else time.time()
        ahead = time.time() - theirs
        if abs(ahead) > _SKEW:
            words = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of {url}"
            return warning(f"this host's clock is {words}", "chronyc makestep")
    return fine("this host's clock agrees with the IPAM server's")


def _docker(_: Facts) -> Verdict:
    try:
        networks = _docker_networks()
    except CommandFailed as error:
        return failed(f"the engine does not answer: {error.what}", "systemctl restart docker")
    if networks is not None:
        return fine(f"the engine answers, and has {len(networks)} networks of driver {DRIVER}")
    if servers.pid("driver"):
        return failed(f"{paths.docker_socket()} does not exist", "systemctl start docker")
    return fine(_NO_ENGINE)


def _driver(_: Facts) -> Verdict:
    networks = _docker_networks()
    if networks is None:
        return fine(_NO_ENGINE)
    status = driver_status()
    if status == 200:
        return fine(f"{paths.plugin_socket()} answers")
    if status is None and not networks:
        return fine("not started, and no network needs it")
    said = "does not answer" if status is None else f"answers with status {status}"
    return failed(f"{paths.plugin_socket()} {said}", "ovn-integrate driver start --detach")


def driver_status() -> int | None:
    """The HTTP status with which the driver answers Docker's activation; None if it does not."""
    return servers.ask(f"unix:{paths.plugin_socket()}", "POST", "/Plugin.Activate")


def _docker_networks() -> list[dict[str, Any]] | None:
    """The engine's networks of this driver; None where there is no engine.

    :raises CommandFailed: it does not answer.
    """
    if not paths.docker_socket().exists():
        return None
    found: list[dict[str, Any]] = dockerd.get(
        "/networks", filters={"driver": [DRIVER]}, timeout=_PATIENCE
    )
    return found


CHECKS = (
    Check("ipam", "networks and addresses come from there", _ipam),
    Check("ipam-agrees", "a container on a network that is not there does not start", _agreeing),
    Check("clock", "certificates, and everybody who compares logs, need it", _clock),
    Check("docker", "the driver has nobody to serve without it", _docker),
    Check("driver", "no container on its networks starts or stops without it", _driver),
)
