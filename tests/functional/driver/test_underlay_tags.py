"""The driver in a VM, with a server that leaves the choice of a VLAN to it, as Neutron does."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.endpoint import nested
from tests.functional.driver.bed import CHASSIS, Call, Host, Lan, delete
from tests.functional.driver.vm import Vm


@pytest.fixture(autouse=True)
def as_neutron(host: Host, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The IPAM server does what Neutron does with a tag that it is given."""
    if request.node.callspec.params["host"] == "embedded":
        monkeypatch.setattr(Client, "has_extension", lambda *_: False)


def test_a_tag_is_chosen_here_for_a_server_that_does_not(
    host: Host, vm: Vm, lan: Lan, driver: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And another one if somebody takes the same at that moment."""
    host.neutron.update("ports", vm.port, **{"binding:host_id": CHASSIS})
    rival: list[str] = []
    choose = random.choice

    def slow_choice(free: list[int]) -> int:
        if rival:
            assert 5 not in free
            return choose(free)
        profile = {"binding:profile": {"parent_name": vm.port, "tag": 5}}
        rival.append(host.neutron.create("ports", network_id=vm.network, **profile)["id"])
        return 5

    monkeypatch.setattr(random, "choice", slow_choice)
    endpoint = lan.endpoint(7)
    assert not driver("NetworkDriver.CreateEndpoint", endpoint).get("Err")
    told = vm.profile(endpoint)
    assert told["tag"] not in (0, 5)
    assert vm.vlan(endpoint) == str(told["tag"])
    (port,) = host.neutron.query("ports", device_id=endpoint["EndpointID"])
    assert port["binding:host_id"] == CHASSIS
    delete(host, endpoint)


def test_each_of_many_at_once_has_a_tag_of_its_own(
    host: Host, vm: Vm, lan: Lan, driver: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the few that are left; each first takes what another one may take at that moment."""
    taken = [
        host.neutron.create(
            "ports",
            network_id=vm.network,
            **{"binding:profile": {"parent_name": vm.port, "tag": 1}},
        )
    ]
    monkeypatch.setattr(nested, "_VLANS", range(1, 8))
    endpoints = [lan.endpoint(last) for last in range(10, 14)]
    with ThreadPoolExecutor(len(endpoints)) as pool:
        answers = pool.map(lambda one: driver("NetworkDriver.CreateEndpoint", one), endpoints)
        assert not any(answer.get("Err") for answer in answers)
    tags = [vm.profile(one)["tag"] for one in endpoints]
    assert len(set(tags)) == len(endpoints)
    assert not {0, *(one["binding:profile"]["tag"] for one in taken)} & set(tags)
    for endpoint in endpoints:
        delete(host, endpoint)
