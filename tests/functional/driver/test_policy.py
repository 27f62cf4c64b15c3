"""Closed networks: what the driver asks of the IPAM server for them, and takes back."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import LOCK, MADE
from ovn_integrate.core.attachment.logical import delete_network
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.link import links
from ovn_integrate.core.network.lock import is_dead, locked
from ovn_integrate.core.network.model import Place
from ovn_integrate.core.network.options import NetworkOptions, PublishedPort
from ovn_integrate.core.network.reachability import Allow, Policy
from ovn_integrate.core.policy.groups import Groups
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.plugins.libnetwork.network_driver import Driver
from tests.functional.driver.bed import CHASSIS, IPAM, Host, Lan, delete, ids, new_id

GROUPS = "security-groups"


@pytest.fixture(autouse=True)
def no_group_left(host: Host) -> Iterator[None]:
    yield
    assert host.neutron.query(GROUPS) == []
    assert host.neutron.query("security-group-rules") == []


def ingress(host: Host, network_id: str) -> set[tuple[Any, ...]]:
    """(group, source, protocol, first port, last port, IP version) of what is let in."""
    found = host.neutron.query(GROUPS, tags=tags.network(network_id))
    names = {group["id"]: group["name"] for group in found}
    assert len(set(names.values())) == len(names)
    return {
        (
            group["name"],
            names.get(rule["remote_group_id"]) or rule["remote_ip_prefix"],
            rule["protocol"],
            rule["port_range_min"],
            rule["port_range_max"],
            rule["ethertype"],
        )
        for group in found
        for rule in group["security_group_rules"]
        if rule["direction"] == "ingress"
    }


def endpoint(host: Host, lan: Lan, last: int, **options: str) -> tuple[dict[str, Any], set[str]]:
    """An endpoint with driver options, and the names of the groups that its port has."""
    body = lan.endpoint(last)
    body["Options"].update(options)
    host.ok("NetworkDriver.CreateEndpoint", body)
    (port,) = host.neutron.query("ports", device_id=body["EndpointID"])
    found = {host.neutron.show(GROUPS, id)["name"] for id in port["security_groups"]}
    return body, found


def logical(host: Host, name: str) -> dict[str, Any]:
    (network,) = host.neutron.query("networks", name=name)
    return network


def test_a_closed_network_and_its_groups(host: Host) -> None:
    allow = {"ovn.allow": "web:db:tcp/5432,web:web,*:web:tcp/80-81,*:*:icmp"}
    lan = Lan(host, 20, **allow)
    for _ in range(2):  # asked again, by an engine that lost the answer
        assert host.ok("NetworkDriver.CreateNetwork", lan.body) == {}
    network = logical(host, lan.id)
    assert ingress(host, network["id"]) == {
        ("*", f"{lan.v4}.1/32", None, None, None, "IPv4"),
        ("*", f"{lan.v6}1/128", None, None, None, "IPv6"),
        ("*", None, "icmp", None, None, "IPv4"),
        ("*", None, "ipv6-icmp", None, None, "IPv6"),
        *(("db", "web", "tcp", 5432, 5432, ip) for ip in ("IPv4", "IPv6")),
        *(("web", "web", None, None, None, ip) for ip in ("IPv4", "IPv6")),
        *(("web", None, "tcp", 80, 81, ip) for ip in ("IPv4", "IPv6")),
    }
    made = [
        endpoint(host, lan, last, **options)
        for last, options in enumerate(
            ({}, {"ovn.group": "web"}, {"ovn.group": "web+db"}, {"ovn.group": "cache"}), 7
        )
    ]
    assert [names for _, names in made] == [
        {"*"},
        {"*", "web"},
        {"*", "web", "db"},
        {"*", "cache"},
    ]
    assert {one["name"] for one in host.neutron.query(GROUPS)} == {"*", "web", "db", "cache"}
    for body, _ in made:
        delete(host, body)
    lan.remove()


def test_an_open_network_asks_for_no_groups(host: Host, lan: Lan) -> None:
    body, names = endpoint(host, lan, 7)
    assert names == set()
    assert host.neutron.query(GROUPS) == []
    refused = lan.endpoint(8)
    refused["Options"]["ovn.group"] = "web"
    assert "ovn.icc=false" in host.error("NetworkDriver.CreateEndpoint", refused)
    delete(host, body)


def test_two_hosts_share_the_groups_of_a_logical_network(host: Host) -> None:
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.21.0.0/24")
    lans = [
        Lan(host, 21, **{"ovn.network": "blue", **options})
        for options in ({"ovn.icc": "false"}, {"ovn.allow": "web:db:udp"}, {})
    ]
    endpoints = []
    for number, lan in enumerate(lans):
        lan.body["IPv6Data"] = []
        host.ok("NetworkDriver.CreateNetwork", lan.body)
        body = lan.endpoint(10 + number, AddressIPv6="")
        body["Options"]["ovn.group"] = "web"
        host.ok("NetworkDriver.CreateEndpoint", body)
        endpoints.append(body)
    # The third said nothing of a policy, but its network is closed all the same.
    ports = host.neutron.query("ports", network_id=network["id"])
    assert len({tuple(port["security_groups"]) for port in ports}) == 1
    assert {one["name"] for one in host.neutron.query(GROUPS)} == {"*", "web", "db"}
    for lan, body in zip(lans, endpoints, strict=True):
        assert len(host.neutron.query(GROUPS)) == 3
        delete(host, body)
        host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": lan.id})
    assert host.neutron.show("networks", network["id"])["tags"] == []
    assert host.neutron.query(GROUPS) == []
    host.neutron.delete("networks", network["id"])


@pytest.fixture
def elsewhere(host: Host) -> Iterator[Any]:
    """A driver with a memory of its own, as that of another host is."""
    own = links.Links(host.ovs.remote, 5)
    client = app.create(Driver(own, ready_timeout=0)).test_client()

    def call(method: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = client.post(f"/NetworkDriver.{method}", json=body).get_json()
        assert not answer.get("Err"), answer
        return answer

    yield call
    own.close()


def groups_of(host: Host, body: dict[str, Any]) -> list[str]:
    (port,) = host.neutron.query("ports", device_id=body["EndpointID"])
    return names(host, port)


def test_endpoints_that_are_there_already_are_closed_in(host: Host, elsewhere: Any) -> None:
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.26.0.0/24")
    kept = host.neutron.create("ports", network_id=network["id"], name="db")
    first, second = (
        Lan(host, 26, **{"ovn.network": "blue", **options}) for options in ({}, {"ovn.icc": "0"})
    )
    for lan in (first, second):
        lan.body["IPv6Data"] = []
    host.ok("NetworkDriver.CreateNetwork", first.body)
    bodies = [first.endpoint(10 + number, AddressIPv6="") for number in range(200)]
    bodies[0]["Interface"]["Address"] = ""
    bodies[0]["Options"]["ovn.port"] = "db"
    made = iter(bodies)

    def begin() -> dict[str, Any]:
        body = next(made)
        host.ok("NetworkDriver.CreateEndpoint", body)
        host.ok("NetworkDriver.Join", ids(body))
        return body

    with ThreadPoolExecutor(1) as pool:
        there = [begin()]
        late = bodies.pop()
        host.ok("NetworkDriver.CreateEndpoint", late)
        closed = pool.submit(elsewhere, "CreateNetwork", second.body)
        while not closed.done() and len(there) < 190:  # by a driver that takes it for open
            there.append(begin())
        closed.result()
        there.append(begin())
    host.ok("NetworkDriver.Join", ids(late))
    assert [groups_of(host, body) for body in (*there, late)] == [["*"]] * (len(there) + 1)

    for body in (*there, late):
        delete(host, body)
    assert host.neutron.show("ports", kept["id"])["security_groups"] == []
    host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": first.id})
    elsewhere("DeleteNetwork", {"NetworkID": second.id})
    host.neutron.delete("ports", kept["id"])
    host.neutron.delete("networks", network["id"])


def test_a_taken_port_has_the_groups_while_a_container_has_it(host: Host) -> None:
    lan = Lan(host, 22, **{"ovn.icc": "false"})
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    network = logical(host, lan.id)
    own = host.neutron.create(GROUPS, name="mine")["id"]
    port = host.neutron.create("ports", network_id=network["id"], name="db", security_groups=[own])
    body = lan.endpoint(7, Address="", AddressIPv6="")
    body["Options"].update({"ovn.port": "db", "ovn.group": "web"})
    host.ok("NetworkDriver.CreateEndpoint", body)
    assert names(host, host.neutron.show("ports", port["id"])) == ["mine", "*", "web"]
    delete(host, body)
    assert host.neutron.show("ports", port["id"])["security_groups"] == [own]
    host.neutron.delete("ports", port["id"])
    host.neutron.delete(GROUPS, own)
    lan.remove()


def test_a_group_that_somebody_deleted_is_made_again(host: Host) -> None:
    lan = Lan(host, 23, **{"ovn.icc": "false"})
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    first, _ = endpoint(host, lan, 7, **{"ovn.group": "web"})
    delete(host, first)
    (web,) = host.neutron.query(GROUPS, name="web")
    host.neutron.delete(GROUPS, web["id"])
    second, names = endpoint(host, lan, 8, **{"ovn.group": "web"})
    assert names == {"*", "web"}
    delete(host, second)
    lan.remove()


def test_a_closed_network_that_cannot_be_leaves_nothing(host: Host) -> None:
    lan = Lan(host, 24, **{"ovn.icc": "false", "ovn.allow": "web:db:tcp/70000"})
    assert "65535" in host.error("NetworkDriver.CreateNetwork", lan.body)
    lan = Lan(host, 24, **{"ovn.icc": "false"})
    lan.body["IPv4Data"].append({"Pool": f"{lan.v4}.0/25", "Gateway": f"{lan.v4}.2/25"})
    host.error("NetworkDriver.CreateNetwork", lan.body)
    null = {**lan.body, "IPv4Data": [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}]}
    null["IPv6Data"] = []
    assert "ovn.network=NAME" in host.error("NetworkDriver.CreateNetwork", null)
    assert host.neutron.query("networks") == []


def test_groups_go_with_a_logical_network_that_is_deleted_first(host: Host) -> None:
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.25.0.0/24")
    lan = Lan(host, 25, **{"ovn.network": "blue", "ovn.allow": "a:b"})
    lan.body["IPv6Data"] = []
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    assert delete_network(host.neutron, "blue")
    assert host.neutron.query(GROUPS) == []
    lan.remove()


def test_hosts_that_make_one_group_at_once_have_one(host: Host) -> None:
    network_id = host.neutron.create("networks", name="race")["id"]
    Client([f"http://{IPAM}"]).tag("networks", network_id, tags.at("ab" * 32, "chassis-1"))
    policy = Policy((Allow("web", "db", "tcp", (1, 2)),))
    hosts = 4
    for _ in range(5):
        barrier = threading.Barrier(hosts)

        def one(_: int, barrier: threading.Barrier = barrier) -> tuple[str, ...]:
            client, groups = Client([f"http://{IPAM}"]), Groups()
            barrier.wait(10)
            groups.of(client, network_id, [])
            with locked(client, network_id):
                groups.establish(client, network_id, policy)
            return tuple(groups.of(client, network_id, ["web", "db"]))

        with ThreadPoolExecutor(hosts) as pool:
            assert len(set(pool.map(one, range(hosts)))) == 1
        assert ingress(host, network_id) == {
            ("db", "web", "tcp", 1, 2, ip) for ip in ("IPv4", "IPv6")
        }
        Groups().remove(host.neutron, network_id)
    host.neutron.delete("networks", network_id)


def test_a_dead_hosts_lock_is_taken_away(host: Host) -> None:
    network_id = host.neutron.create("networks", name="dead")["id"]
    with locked(host.neutron, network_id):
        (dead,) = host.neutron.query("ports", device_owner=LOCK)
        with locked(host.neutron, network_id, patience=0.1):
            (own,) = host.neutron.query("ports", device_owner=LOCK)
            assert own["id"] != dead["id"]
    host.neutron.delete("networks", network_id)


def test_nobody_waits_for_the_lock_of_a_process_that_was_killed(host: Host) -> None:
    network_id = host.neutron.create("networks", name="killed")["id"]
    code = (
        "import os, signal; from ovn_integrate.core.network import lock\n"
        "from ovn_integrate.clients.neutron import client as neutron\n"
        f"with lock.locked(neutron.Client(['http://{IPAM}']), {network_id!r}):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (dead,) = host.neutron.query("ports", device_owner=LOCK)
    assert is_dead(dead)
    before = time.monotonic()
    with locked(host.neutron, network_id):
        (own,) = host.neutron.query("ports", device_owner=LOCK)
        assert not is_dead(own)
        assert not is_dead({**dead, "device_id": ""})  # of an older driver
    assert time.monotonic() - before < 5
    host.neutron.delete("networks", network_id)


def test_of_groups_that_are_there_twice_all_choose_one(host: Host) -> None:
    network_id = host.neutron.create("networks", name="double")["id"]
    for _ in range(2):
        made = host.neutron.create(GROUPS, name="web")
        host.neutron.tag(GROUPS, made["id"], tags.network(network_id))
    found = {tuple(Groups().of(host.neutron, network_id, ["web"])) for _ in range(3)}
    assert len(found) == 1
    assert len(host.neutron.query(GROUPS)) == 3
    Groups().remove(host.neutron, network_id)
    host.neutron.delete("networks", network_id)


WEB = PublishedPort("tcp", 80, None, range(8080, 8081))
NAMES = PublishedPort("udp", 53, None, range(53, 54))


@pytest.fixture
def closed_by_neutron(host: Host) -> Iterator[tuple[Networks, dict[str, Any]]]:
    """What a real Neutron makes of an endpoint's port: in the group of a project."""
    client, docker_id = host.neutron, new_id()
    network = client.create("networks", name="blue")
    client.create("subnets", network_id=network["id"], ip_version=4, cidr="10.27.0.0/24")
    networks = Networks()
    networks.adopt(client, docker_id, NetworkOptions(network="blue"), [], Place(CHASSIS))
    default = client.create(GROUPS, name="default")["id"]
    port = client.create(
        "ports", network_id=network["id"], device_owner=MADE, security_groups=[default]
    )
    yield networks, port
    client.delete("ports", port["id"])
    networks.release(client, docker_id, CHASSIS)
    assert client.show("networks", network["id"])["tags"] == []
    assert [one["name"] for one in client.query(GROUPS)] == ["default"]
    client.delete(GROUPS, default)
    client.delete("networks", network["id"])


def names(host: Host, port: dict[str, Any]) -> list[str]:
    return [host.neutron.show(GROUPS, id)["name"] for id in port["security_groups"]]


def test_what_is_published_is_let_in_where_neutron_closes_ports(
    host: Host, closed_by_neutron: tuple[Networks, dict[str, Any]]
) -> None:
    networks, port = closed_by_neutron
    for published in ([WEB], [WEB, NAMES], [NAMES]):
        port = networks.groups.let_in(host.neutron, port, published)
    assert names(host, port) == ["default", "tcp/80", "udp/53"]
    rules = host.neutron.query("security-group-rules", direction="ingress")
    opened = sorted((one["protocol"], one["port_range_min"], one["ethertype"]) for one in rules)
    assert opened == [("tcp", 80, "IPv4"), ("udp", 53, "IPv4")]


def test_a_network_that_is_closed_closes_what_was_let_in(
    host: Host, closed_by_neutron: tuple[Networks, dict[str, Any]]
) -> None:
    networks, port = closed_by_neutron
    port = networks.groups.let_in(host.neutron, port, [WEB])
    assert names(host, networks.groups.enter(host.neutron, port)) == ["*"]


def test_an_open_port_needs_no_group(host: Host) -> None:
    port = {"security_groups": []}
    assert Networks().groups.let_in(host.neutron, port, [WEB]) is port
