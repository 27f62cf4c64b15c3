"""Owners in a real Northbound: written with what they are of, once, by however many servers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ovn_integrate.contract import tags
from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.ipam.audit import repair
from ovn_integrate.ipam.audit.findings import OWNERLESS
from ovn_integrate.ipam.engine.heritage import Heritage
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import SETTLED, Store
from ovn_integrate.ipam.neutron_errors import PolicyNotAuthorized
from ovn_integrate.ipam.permit.rules import CHASSIS, OPERATOR, Identity
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT, SECURITY_GROUP, SECURITY_RULE, SUBNET
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_store import make_network, until

Open = Callable[[str], Store]

ID = "ab" * 32
A, B, OP = Identity("a", CHASSIS), Identity("b", CHASSIS), Identity("op", OPERATOR)


def owner(store: Store, id: str) -> str:
    thing = store.read(lambda index: index.get(id))
    return "" if thing is None else thing.owner


def docker_network(service: Service, host: str) -> str:
    """As a driver makes one."""
    id = make_network(service, "10.0.0.0/24", name=ID)
    for tag in (tags.at(ID, host), tags.MADE, tags.of(ID)):
        service.add_tags(NETWORK, id, [tag])
    service.create(PORT, [{"network_id": id, "host_id": host, "device_owner": "docker:endpoint"}])
    return id


def test_an_owner_stands_in_the_row_and_another_server_reads_it(
    nb: OvsdbServer, stores: Open
) -> None:
    first, second = stores(nb.remote), stores(nb.remote)
    service = Service(first, A)
    id = docker_network(service, "a")
    assert until(lambda: owner(second, id) == "chassis:a")
    for server in (Service(second, B), Service(first, B)):
        with pytest.raises(PolicyNotAuthorized, match="the network is another's"):
            server.delete(NETWORK, id)
    subnet = service.create(SUBNET, [{"network_id": id, "cidr": "fd00::/64", "ip_version": 6}])[0]
    assert owner(first, subnet["id"]) == "chassis:a"
    Service(first, OP).update(NETWORK, id, {"name": "renamed"})
    assert until(lambda: owner(second, id) == "chassis:a")


def test_several_servers_give_owners_once(nb: OvsdbServer, stores: Open) -> None:
    """To what the open mode made; then they say so, and an open server takes it back."""
    opened = [stores(nb.remote) for _ in range(3)]
    id = docker_network(Service(opened[0]), "a")
    plain = make_network(Service(opened[0]), name="plain")
    assert until(lambda: all(one.read(lambda index: plain in index.networks) for one in opened))
    heritages = [Heritage(one, known=True) for one in opened]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(Heritage.start, heritages))
    assert until(lambda: all(one.settled() for one in heritages))
    assert until(lambda: all(owner(one, id) == "chassis:a" for one in opened))
    assert owner(opened[0], plain) == ""
    late = docker_network(Service(opened[0], OP), "a")
    Heritage(opened[1], known=False).start()
    assert until(lambda: not opened[2].settled)
    assert SETTLED not in opened[2].entries()
    assert owner(opened[0], late) == "operator:op"


def test_a_check_finds_what_an_older_server_made_since(nb: OvsdbServer, stores: Open) -> None:
    """And gives it to whom it was made for."""
    store = stores(nb.remote)
    Heritage(store, known=True).start()
    assert until(lambda: store.settled)
    assert repair.look(nb.remote, 10) == []
    id = docker_network(Service(store), "a")
    found = repair.look(nb.remote, 10)
    assert {one.kind for one in found} == {OWNERLESS}
    assert len(found) == 2  # the network and its port
    assert repair.mend(nb.remote, 10) == []
    assert until(lambda: owner(store, id) == "chassis:a")


def test_chassis_change_nothing_before_that(nb: OvsdbServer, stores: Open) -> None:
    store = stores(nb.remote)
    heritage = Heritage(store, known=True)
    service = Service(store, A, heritage.settled)
    with pytest.raises(DatabaseUnavailable, match="owners"):
        service.create(NETWORK, [{}])
    Service(store, OP, heritage.settled).create(NETWORK, [{}])
    heritage.start()
    assert until(heritage.settled)
    made = service.create(NETWORK, [{}])[0]["id"]
    assert owner(store, made) == "chassis:a"


def test_what_is_in_a_group_passes_with_it(nb: OvsdbServer, stores: Open) -> None:
    """Its rules are ended by who ends it, which nobody may do to another's."""
    store = stores(nb.remote)
    first, second = Service(store, A), Service(store, B)
    id = docker_network(first, "a")
    second.add_tags(NETWORK, id, [tags.at(ID, "b"), tags.of(ID)])
    group = first.create(SECURITY_GROUP, [{"name": "*"}])[0]["id"]
    first.add_tags(SECURITY_GROUP, group, [tags.network(id)])
    wanted = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4"}
    rule = first.create(SECURITY_RULE, [wanted])[0]["id"]
    for tag in (tags.of(ID), tags.at(ID, "a")):
        first.remove_tag(NETWORK, id, tag)
    assert {owner(store, id) for id in (id, group, rule)} == {"chassis:b"}
    second.delete(SECURITY_GROUP, group)
    assert owner(store, rule) == ""
