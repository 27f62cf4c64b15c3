"""What is taken for having no owner, by what Docker says and which calls are in flight."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ovn_integrate.clients.docker import engine
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import MADE, RESERVED
from ovn_integrate.core.collector.in_flight import Calls
from ovn_integrate.core.collector.orphans import Inventory, orphans
from ovn_integrate.core.link import veth
from ovn_integrate.core.link.links import Attached
from ovn_integrate.core.probe import probe
from ovn_integrate.plugins.libnetwork import wire

HOST = "chassis-1"
E1, E2, N1, N2 = ("1" * 64, "2" * 64, "a" * 64, "b" * 64)

# As `docker network inspect` of 20.10 prints it; a container that died is listed by endpoint.
INSPECTED: list[dict[str, Any]] = [
    {
        "Id": N1,
        "IPAM": {
            "Config": [
                {
                    "Subnet": "10.0.0.0/24",
                    "Gateway": "10.0.0.1",
                    "AuxiliaryAddresses": {"r1": "10.0.0.5"},
                },
                {"Subnet": "fd00::/64", "Gateway": "fd00::1/64"},
            ]
        },
        "Containers": {
            "c" * 64: {"EndpointID": E1, "IPv4Address": "10.0.0.2/24", "IPv6Address": ""},
            f"ep-{E2}": {"EndpointID": E2, "IPv4Address": "", "IPv6Address": "fd00::2/64"},
        },
    },
    {"Id": N2, "IPAM": {"Config": None}, "Containers": None},
]


def attached(endpoint: str) -> Attached:
    return Attached(veth.outer(endpoint), N1, endpoint, "", "", True, 1, None)


def port(id: str, endpoint: str, owner: str = MADE, ip: str = "10.0.0.9") -> dict[str, Any]:
    fixed = [{"ip_address": ip}]
    return {"id": id, "device_id": endpoint, "device_owner": owner, "fixed_ips": fixed}


def names(have: Inventory, known: Known, *calls: str) -> list[str]:
    return [orphan.name for orphan in orphans(have, known, calls)]


def test_what_docker_says_of_its_networks() -> None:
    known = engine.parse(INSPECTED)
    assert known.networks == {N1, N2}
    assert known.endpoints == {E1, E2}
    assert known.addresses == {"10.0.0.1", "10.0.0.2", "10.0.0.5", "fd00::1", "fd00::2"}


def test_an_endpoint_is_alive_when_docker_knows_it_or_a_call_is_about_it() -> None:
    have = Inventory(
        HOST,
        ports=[port("p1", E1), port("p2", E2)],
        attached=[attached(E1), attached(E2)],
        links=[veth.outer(E1), veth.inner(E1), veth.outer(E2), veth.inner(E2)],
    )
    assert names(have, Known(endpoints=frozenset({E1, E2}))) == []
    assert names(have, Known(endpoints=frozenset({E1}))) == [veth.outer(E2), "p2"]
    assert names(have, Known(endpoints=frozenset({E1})), E2) == []
    assert names(have, Known()) == [veth.outer(E1), veth.outer(E2), "p1", "p2"]


def test_a_link_without_an_ovs_port() -> None:
    have = Inventory(HOST, links=[veth.inner(E1), veth.outer(E1), veth.inner(E2)])
    assert names(have, Known()) == [veth.outer(E1), veth.inner(E2)]
    assert names(have, Known(endpoints=frozenset({E1}))) == [veth.inner(E2)]


def test_links_of_others_are_not_ours() -> None:
    others = ["veth1a93181", "ve-web", "vc0123456789abg", "ve0123", "eth0", "lo"]
    assert names(Inventory(HOST, links=others), Known()) == []


@pytest.mark.parametrize("taken", ["known", "gateway", "in flight", "by nobody"])
def test_an_address_is_held_for_as_long_as_docker_may_want_it(taken: str) -> None:
    have = Inventory(
        HOST,
        ports=[port("p", "", RESERVED)],
        gateways=frozenset({"10.0.0.9"} if taken == "gateway" else ()),
    )
    known = Known(addresses=frozenset({"10.0.0.9"} if taken == "known" else ()))
    calls = ["e" * 64] if taken == "in flight" else []
    assert names(have, known, *calls) == (["p"] if taken == "by nobody" else [])


def test_a_network_goes_by_the_host_in_its_tag() -> None:
    networks = [
        {"id": "here", "tags": [tags.MADE, tags.of(N1), tags.at(N1, HOST)]},
        {"id": "both", "tags": [tags.of(N2), tags.at(N2, HOST), tags.of(E1), tags.at(E1, "h2")]},
        {"id": "there", "tags": [tags.MADE, tags.of(E2), tags.at(E2, "h2")]},
        {"id": "old", "tags": [tags.MADE, tags.of("c" * 64), tags.with_mtu("c" * 64, 1400)]},
        {"id": "ours alone", "tags": ["mine"]},
    ]
    have = Inventory(HOST, networks=networks)
    found = list(orphans(have, Known(), ()))
    assert [(one.name, one.owner, one.sure) for one in found] == [
        ("here", tags.short(N1), True),
        ("both", tags.short(N2), True),
        ("old", "c" * 32, False),
    ]
    known = Known(networks=frozenset({N1, "c" * 64}))
    assert names(have, known) == ["both"]
    assert names(have, known, N2) == []


def test_whatever_is_left_of_a_swarms_network_is_told_of() -> None:
    """Only its leader knows whether it is still wanted, and that may be another host."""
    swarm = "d391xxjrjasvgc87r3a4q2v5m"
    place = tags.at(swarm, tags.SWARM)
    networks = [
        {"id": "begun", "tags": [], "description": place},
        {"id": "half made", "tags": [place, tags.MADE], "description": place},
        {"id": "half gone", "tags": [tags.MADE, tags.with_mtu(swarm, 1400), place]},
        {"id": "left by all", "tags": [tags.MADE, tags.with_gateway(swarm, "none")]},
        {"id": "of a host", "tags": [tags.of(swarm), place, tags.at(swarm, "h2")]},
    ]
    found = list(orphans(Inventory(HOST, networks=networks), Known(), ()))
    assert [(one.name, one.owner, one.sure) for one in found] == [
        (name, swarm, False) for name in ("begun", "half made", "half gone", "left by all")
    ]
    known = Known(networks=frozenset({swarm}))
    assert names(Inventory(HOST, networks=networks), known) == []


def test_tags_fit_into_any_neutron() -> None:
    assert len(tags.at("a" * 64, "h" * 255)) <= 60


def test_calls_are_known_while_they_run() -> None:
    calls = Calls()
    body = wire.EndpointBody.model_validate({"NetworkID": N1, "EndpointID": E1})
    other = wire.EndpointBody.model_validate({"NetworkID": N1, "EndpointID": E2})
    with calls.about(*body.ids()):
        with calls.about(*other.ids()), calls.about(*wire.Nothing().ids()):
            assert calls.ids() == {N1, E1, E2}
        assert calls.ids() == {N1, E1}
    with pytest.raises(RuntimeError), calls.about(*body.ids()):
        raise RuntimeError
    assert calls.ids() == frozenset()


def test_many_calls_at_once_are_all_counted() -> None:
    calls = Calls()
    body = wire.EndpointBody.model_validate({"NetworkID": N1, "EndpointID": E1})
    entered, leave = threading.Barrier(9), threading.Barrier(9)

    def call() -> None:
        with calls.about(*body.ids()):
            entered.wait(5)
            leave.wait(5)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    entered.wait(5)
    assert calls.ids() == {N1, E1}
    leave.wait(5)
    for thread in threads:
        thread.join()
    assert calls.ids() == frozenset()


def test_what_a_killed_test_left_goes_and_a_living_one_does_not() -> None:
    dead, alive, foreign = probe.new(), probe.new(), probe.new()
    networks = [
        {"id": "n1", "tags": [], "name": probe.network_name(dead, HOST)},
        {"id": "n2", "tags": [], "name": probe.network_name(alive, HOST)},
        {"id": "n3", "tags": [], "name": probe.network_name(foreign, "chassis-2")},
        {"id": "n4", "tags": [], "name": f"ovn-integrate-test-{dead}"},
    ]
    have = Inventory(
        HOST, links=[f"ta{alive}"], networks=networks, test_ports=[f"ta{dead}", f"tb{foreign}"]
    )
    assert names(have, Known()) == [f"ta{dead}", f"tb{foreign}", "n1"]


def test_a_way_out_goes_with_its_network_or_by_itself() -> None:
    held = {"id": "n", "name": "x", "description": "", "tags": [tags.at(N1, HOST)]}
    known = Known(networks=frozenset({N2}))
    assert names(Inventory(HOST, networks=[held], led_out=[N1, N2]), known) == ["n"]
    assert names(Inventory(HOST, led_out=[N1, N2]), known) == [N1]
    assert names(Inventory(HOST, led_out=[N1, N2]), known, N1) == []
