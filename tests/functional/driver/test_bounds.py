"""Docker waits for an answer for as long as it takes: each call ends, whoever is silent."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ovn_integrate.core.link import links
from ovn_integrate.plugins.libnetwork import app, network_driver
from ovn_integrate.plugins.libnetwork.network_driver import Driver
from tests.functional.driver.bed import SET, Host, Lan, delete, new_id

SHORT = 0.5
"""Seconds that each of the driver's own limits has here."""

LIMIT = 8 * SHORT
# Of these nothing is asked of Neutron: they end in time and well when that is silent.
HOME = ("Leave", "EndpointOperInfo", "RevokeExternalConnectivity", "GetCapabilities")

Call = Callable[[str, Any], dict[str, Any]]


@pytest.fixture
def impatient(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """A driver whose limits are short."""
    for limit in ("_NEUTRON", "_PING", "UNDO"):
        monkeypatch.setattr(network_driver, limit, SHORT)
    own = links.Links(host.ovs.remote, SHORT)
    client = app.create(Driver(own, ready_timeout=SHORT)).test_client()

    def call(method: str, body: Any) -> dict[str, Any]:
        answer = client.post(f"/{method}", json=body)
        said: dict[str, Any] = json.loads(answer.data)
        return said

    yield call
    own.close()


@pytest.fixture
def asked(host: Host, lan: Lan) -> Iterator[dict[str, dict[str, Any]]]:
    """A body for each method, with an endpoint and a link of its own."""
    bodies = {}
    for number, method in enumerate(sorted(app.METHODS), 20):
        body = lan.endpoint(number)
        if ".Create" not in method:
            host.ok("NetworkDriver.CreateEndpoint", body)
        more = {"PoolID": f"{lan.v4}.0/24,,", "Address": f"{lan.v4}.9", "V6": False}
        bodies[method] = {**lan.body, **body, **more, "NetworkID": lan.id}
    # So that they do not wait for the others' ends, nor take the network from them.
    for method in ("Delete", "Allocate", "Free"):
        bodies[f"NetworkDriver.{method}Network"]["NetworkID"] = new_id()
    bodies["NetworkDriver.CreateNetwork"] = Lan(host, 19).body
    bodies["NetworkDriver.ProgramExternalConnectivity"]["Options"] = {
        "com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}]
    }
    yield bodies
    for body in bodies.values():
        if "EndpointID" in body:
            delete(host, body)
    host.ok("NetworkDriver.DeleteNetwork", bodies["NetworkDriver.CreateNetwork"])
    host.ok("NetworkDriver.FreeNetwork", bodies["NetworkDriver.AllocateNetwork"])


def ended(call: Call, bodies: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The answers to all methods at once, each of which took no longer than it may."""

    def timed(method: str) -> tuple[dict[str, Any], float]:
        start = time.monotonic()
        return call(method, bodies[method]), time.monotonic() - start

    with ThreadPoolExecutor(len(bodies)) as pool:
        done = dict(zip(bodies, pool.map(timed, bodies), strict=True))
    assert {method for method, (_, took) in done.items() if took > LIMIT} == set()
    return {method: answer for method, (answer, _) in done.items()}


def test_every_call_ends_when_neutron_is_silent(
    host: Host, impatient: Call, asked: dict[str, dict[str, Any]]
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(256)  # takes connections, and never answers
        port = silent.getsockname()[1]
        host.configure(502, *SET, f"external_ids:ipam=127.0.0.1:{port}")
        answers = ended(impatient, asked)
    host.configure(200, *SET, "external_ids:ipam=127.0.0.1")
    failed = {method for method, answer in answers.items() if answer.get("Err")}
    assert "NetworkDriver.CreateEndpoint" in failed
    assert {method for method in failed if method.endswith(HOME)} == set()


def test_every_call_ends_when_open_vswitch_is_silent(
    host: Host, impatient: Call, asked: dict[str, dict[str, Any]]
) -> None:
    impatient("Plugin.Activate", None)  # has the replica
    host.ovs.freeze()
    try:
        answers = ended(impatient, asked)
    finally:
        host.ovs.thaw()
    # What was sent to it is done late. By the same connection, so that this comes after it.
    for body in asked.values():
        impatient("NetworkDriver.DeleteEndpoint", body)
    failed = {method for method, answer in answers.items() if answer.get("Err")}
    assert "NetworkDriver.CreateEndpoint" in failed
    assert "NetworkDriver.GetCapabilities" not in failed
