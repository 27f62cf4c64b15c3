"""Collecting what no endpoint owns, on a real OVSDB, IPAM server and links; Docker is data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ovn_integrate import netlink, paths, servers
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.contract import device_owners
from ovn_integrate.contract.device_owners import MADE
from ovn_integrate.core.collector import gc, in_flight, orphans
from ovn_integrate.core.collector.reconcile import Clock
from ovn_integrate.core.link import links, veth
from ovn_integrate.errors import CommandFailed
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.plugins.libnetwork.network_driver import Driver
from tests.functional.driver.bed import CHASSIS, Host, Lan, collecting, delete, ids, new_id, run

Make = Callable[..., gc.Collector]


@pytest.fixture
def collector(host: Host) -> Iterator[Make]:
    """Makes collectors by what Docker knows; ``pause`` runs between the two looks."""
    with ExitStack() as made:
        yield lambda *how, **more: made.enter_context(collecting(host, *how, **more))


def knows(lan: Lan, *endpoints: str) -> Callable[[], Known]:
    return lambda: Known(frozenset({lan.id}), frozenset(endpoints))


def kinds(found: list[orphans.Orphan]) -> list[str]:
    return [orphan.kind for orphan in found]


def collect(made: gc.Collector) -> list[str]:
    done = list(made.remove(made.find()))
    assert all(gone for _, gone in done)
    return kinds([orphan for orphan, _ in done])


def test_what_docker_forgot_goes_and_what_it_knows_stays(
    host: Host, lan: Lan, collector: Make
) -> None:
    dead, alive = lan.endpoint(7), lan.endpoint(8)
    for endpoint in (dead, alive):
        host.ok("NetworkDriver.CreateEndpoint", endpoint)
    before = host.left()
    made = collector(knows(lan, alive["EndpointID"]))
    assert kinds(made.find()) == [orphans.BRIDGE_PORT, orphans.PORT]
    assert host.left() == before  # finding changes nothing
    assert collect(made) == [orphans.BRIDGE_PORT, orphans.PORT]
    (port,) = host.neutron.query("ports")
    assert port["device_id"] == alive["EndpointID"]
    assert not netlink.exists(veth.outer(dead["EndpointID"]))
    assert netlink.exists(veth.outer(alive["EndpointID"]))
    assert made.find() == []
    # Docker hands out the address again; and says late that the dead one ended.
    again = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", again)
    for endpoint in (dead, alive, again):
        delete(host, endpoint)


def test_nothing_goes_when_docker_does_not_answer(host: Host, lan: Lan, collector: Make) -> None:
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    before = host.left()

    def silent() -> Known:
        raise CommandFailed("Docker engine", "does not answer")

    with pytest.raises(CommandFailed):
        collector(silent).find()
    answers = iter([Known()])
    with pytest.raises(CommandFailed):  # it goes down between the two looks
        collector(lambda: next(answers, None) or silent()).find()
    assert host.left() == before
    delete(host, endpoint)


def test_an_endpoint_that_is_being_made_stays(host: Host, lan: Lan, collector: Make) -> None:
    """Docker writes it down only after the answer, which it has had by the second look."""
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    answered = threading.Event()

    def known() -> Known:
        written_down = [endpoint["EndpointID"]] if answered.is_set() else []
        return Known(frozenset({lan.id}), frozenset(written_down))

    assert collector(known, pause=answered.set).find() == []
    answered.clear()
    running = [endpoint["EndpointID"]]
    assert collector(known, in_flight=lambda: running).find() == []
    # One that is made between the looks is not looked at twice.
    other = lan.endpoint(8)
    answered.set()
    delete(host, endpoint)

    def begin() -> None:
        host.ok("NetworkDriver.CreateEndpoint", other)

    orphan = lan.endpoint(9)
    host.ok("NetworkDriver.CreateEndpoint", orphan)
    found = collector(known, pause=begin).find()
    assert {one.owner for one in found} == {orphan["EndpointID"]}
    delete(host, other)
    delete(host, orphan)


def test_the_driver_tells_which_calls_run(host: Host, lan: Lan) -> None:
    own = links.Links(host.ovs.remote, 5)
    counted = in_flight.Calls()
    client = app.create(Driver(own, ready_timeout=5), counted).test_client()
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    thread = threading.Thread(target=lambda: client.post("/NetworkDriver.Join", json=ids(endpoint)))
    thread.start()
    while endpoint["EndpointID"] not in client.get(in_flight.PATH).get_json()["ids"]:
        assert thread.is_alive()
    outer = veth.outer(endpoint["EndpointID"])
    host.ovs.ctl("set", "Interface", outer, "external_ids:ovn-installed=true")
    thread.join()
    idle = {"ids": [], "docker": str(paths.docker_socket())}
    assert client.get(in_flight.PATH).get_json() == idle
    own.close()
    bind = f"unix:{host.socket_path}"
    assert servers.fetch(bind, in_flight.PATH) == idle
    assert servers.fetch(f"{bind}.none", in_flight.PATH) is None
    with pytest.raises(CommandFailed, match="status 405"):
        servers.fetch(bind, "/other")
    delete(host, endpoint)


def test_a_port_that_was_there_before_its_endpoint_is_let_go(
    host: Host, lan: Lan, collector: Make
) -> None:
    (network,) = host.neutron.query("networks")
    port = host.neutron.create("ports", network_id=network["id"], name="db")
    endpoint = lan.endpoint(7)
    endpoint["Interface"] = None
    endpoint["Options"] = {"ovn.port": "db"}
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    made = collector(knows(lan))
    found = made.find()
    # Taken for another endpoint after the looks: not to be touched any more.
    other = {**endpoint, "EndpointID": new_id()}
    netlink.delete_link(veth.outer(endpoint["EndpointID"]))
    host.ok("NetworkDriver.CreateEndpoint", other)
    list(made.remove(found))
    assert host.neutron.show("ports", port["id"])["device_id"] == other["EndpointID"]
    assert collect(made) == [orphans.BRIDGE_PORT, orphans.PORT]
    left = host.neutron.show("ports", port["id"])
    assert (left["device_id"], left["binding:host_id"]) == ("", "")
    host.neutron.delete("ports", port["id"])


def test_other_hosts_and_other_owners_keep_their_ports(
    host: Host, lan: Lan, collector: Make
) -> None:
    (network,) = host.neutron.query("networks")
    kept = [
        {"device_id": new_id(), "device_owner": MADE, "binding:host_id": "chassis-2"},
        {"device_id": new_id(), "device_owner": "compute:nova", "binding:host_id": CHASSIS},
        {"device_owner": device_owners.RESERVED, "binding:host_id": "chassis-2"},
    ]
    ports = [host.neutron.create("ports", network_id=network["id"], **one) for one in kept]
    gone = host.neutron.create(
        "ports",
        network_id=network["id"],
        device_owner=device_owners.RESERVED,
        **{"binding:host_id": CHASSIS},
    )
    assert collect(collector(knows(lan))) == [orphans.PORT]
    assert {one["id"] for one in host.neutron.query("ports")} == {one["id"] for one in ports}
    assert gone["id"] not in {one["id"] for one in ports}
    for one in ports:
        host.neutron.delete("ports", one["id"])


def test_links_alone_go_whichever_end_is_here(host: Host, lan: Lan, collector: Make) -> None:
    first, second = new_id(), new_id()
    netlink.make_veth(veth.outer(first), veth.inner(first), mac=None, mtu=1400)
    netlink.make_veth("other0", veth.inner(second), mac=None, mtu=1400)
    bridge = veth.outer(new_id())
    run("ip", "link", "add", bridge, "type", "bridge")  # no veth, so none of ours
    assert collect(collector(knows(lan))) == [orphans.LINK, orphans.LINK]
    assert not netlink.exists("other0")
    assert netlink.exists(bridge)
    netlink.delete_link(bridge)


def test_a_network_that_docker_removed_without_saying_so_goes(host: Host, collector: Make) -> None:
    here, adopted = Lan(host, 20), Lan(host, 21)
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.21.0.0/24")
    adopted.body["IPv6Data"] = []
    adopted.body["Options"]["com.docker.network.generic"] = {"ovn.network": "blue"}
    for lan in (here, adopted):
        host.ok("NetworkDriver.CreateNetwork", lan.body)
    endpoint = here.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert collector(lambda: Known(frozenset({here.id, adopted.id}))).find() != []
    alive = Known(endpoints=frozenset({endpoint["EndpointID"]}))
    made = collector(lambda: alive)
    done = {orphan.name: gone for orphan, gone in made.remove(made.find())}
    assert done[network["id"]] is True
    assert list(done.values()) == [False, True]  # a network with ports stays, with its tags
    assert host.neutron.show("networks", network["id"])["tags"] == []
    assert collect(collector(Known)) == [orphans.BRIDGE_PORT, orphans.PORT, orphans.NETWORK]
    assert [one["id"] for one in host.neutron.query("networks")] == [network["id"]]
    host.neutron.delete("networks", network["id"])


def test_the_clock_collects_by_itself_and_survives_errors(
    host: Host, lan: Lan, collector: Make
) -> None:
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    asked = 0
    done = threading.Event()

    def known() -> Known:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise CommandFailed("Docker engine", "does not answer")
        if asked == 2:
            raise ValueError("a bug")
        if asked > 4:
            done.set()
        return Known(frozenset({lan.id}))

    def quick(_pause: Callable[[], object]) -> gc.Collector:
        return collector(known)

    clock = Clock(quick, 0.01)
    clock.start()
    assert done.wait(10)
    clock.stop()
    assert host.left() == []


def test_a_port_whose_host_is_hidden_is_anybodys(
    host: Host, lan: Lan, collector: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Neutron shows ``binding:host_id`` to some only; a port of another host must not go."""
    (network,) = host.neutron.query("networks")
    port = host.neutron.create(
        "ports", network_id=network["id"], device_owner=device_owners.TAKEN, device_id=new_id()
    )
    assert kinds(collector(knows(lan)).find()) == [orphans.PORT]  # half released
    query = host.neutron.query

    def hiding(collection: str, **filters: str) -> list[dict[str, object]]:
        found = query(collection, **filters)
        return [{k: v for k, v in one.items() if k != "binding:host_id"} for one in found]

    monkeypatch.setattr(host.neutron, "query", hiding)
    assert collector(knows(lan)).find() == []
    host.neutron.delete("ports", port["id"])
