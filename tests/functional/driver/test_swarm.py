"""One network of a Swarm on several nodes: of one NetworkID, made and taken away by the leader."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import MADE
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.collector import orphans
from ovn_integrate.core.network.model import Place, Pool
from ovn_integrate.core.network.options import NetworkOptions
from ovn_integrate.errors import IpAddressAlreadyAllocated
from tests.functional.driver.bed import CHASSIS, SET, Host, Lan, collecting, delete

ANOTHER = "chassis-2"
SERIAL = {"com.docker.network.ipam.serial": "true"}
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Swarm(Lan):
    """A network of a Swarm; the leader and one of the nodes are this host."""

    def __init__(self, host: Host, number: int, **options: str) -> None:
        super().__init__(host, number)
        # As swarmkit makes them: 25 digits to the base of 36.
        self.id = "".join(secrets.choice(DIGITS) for _ in range(25))
        self.options = options
        # No more of it is known to Swarm.
        self.data = [{"Pool": f"{self.v4}.0/24", "Gateway": f"{self.v4}.1/24"}]

    def allocation(self) -> dict[str, Any]:
        body = {"NetworkID": self.id, "Options": self.options}
        return {**body, "IPv4Data": self.data, "IPv6Data": None}

    def allocate(self) -> None:
        answer = self.host.ok("NetworkDriver.AllocateNetwork", self.allocation())
        # The nodes see what was answered, and nothing else.
        self.options = answer["Options"]

    def free(self) -> None:
        assert self.host.ok("NetworkDriver.FreeNetwork", {"NetworkID": self.id}) == {}

    def come(self) -> None:
        """This host gets its first task on it."""
        generic = {"com.docker.network.generic": self.options}
        body = {"NetworkID": self.id, "Options": generic, "IPv4Data": self.data}
        assert self.host.ok("NetworkDriver.CreateNetwork", {**body, "IPv6Data": []}) == {}

    def go(self) -> None:
        """This host loses its last one."""
        assert self.host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": self.id}) == {}

    def another_comes(self) -> None:
        pool = Pool(ip_network(f"{self.v4}.0/24"), ip_address(f"{self.v4}.1"))
        Networks().make(self.host.neutron, self.id, NetworkOptions(), [pool], Place(ANOTHER))

    def another_goes(self) -> None:
        Networks().release(self.host.neutron, self.id, ANOTHER)

    @property
    def placed(self) -> set[str]:
        """The names of the hosts that have it."""
        (network,) = self.host.neutron.query("networks", tags=tags.of(self.id))
        names = (CHASSIS, ANOTHER)
        return {one for one in names if tags.at(self.id, one) in network["tags"]}


@pytest.fixture
def swarm(host: Host) -> Iterator[Swarm]:
    made = Swarm(host, 20)
    made.allocate()
    yield made
    made.free()
    assert host.neutron.query("networks") == []


def test_the_leader_makes_the_logical_network_before_any_node_has_it(
    host: Host, swarm: Swarm
) -> None:
    (network,) = host.neutron.query("networks")
    assert swarm.placed == set()
    (subnet,) = host.neutron.query("subnets")
    assert (subnet["cidr"], subnet["gateway_ip"]) == (f"{swarm.v4}.0/24", f"{swarm.v4}.1")
    swarm.come()
    swarm.another_comes()
    assert swarm.placed == {CHASSIS, ANOTHER}
    assert [one["id"] for one in host.neutron.query("networks")] == [network["id"]]
    for _ in range(2):  # Docker repeats what it has no answer to
        swarm.go()
        assert swarm.placed == {ANOTHER}
    swarm.another_goes()
    assert swarm.placed == set()


def test_a_network_that_one_host_leaves_stays_for_the_others(host: Host, swarm: Swarm) -> None:
    swarm.come()
    endpoint = swarm.endpoint(7, AddressIPv6="")
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    swarm.another_comes()
    swarm.another_goes()
    assert swarm.placed == {CHASSIS}
    # And it is there for the next endpoint.
    delete(host, endpoint)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    delete(host, endpoint)
    swarm.go()


def test_nodes_that_died_do_not_keep_what_the_swarm_frees(host: Host) -> None:
    swarm = Swarm(host, 21)
    swarm.allocate()
    swarm.another_comes()
    swarm.free()
    swarm.free()
    assert host.neutron.query("networks") == []


def test_what_the_swarm_frees_before_its_tasks_have_ended_goes_with_the_last(host: Host) -> None:
    swarm = Swarm(host, 22)
    swarm.allocate()
    swarm.come()
    swarm.another_comes()
    endpoint = swarm.endpoint(7, AddressIPv6="")
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    swarm.free()
    assert swarm.placed == {CHASSIS}
    delete(host, endpoint)
    swarm.go()
    assert host.neutron.query("networks") == []


def test_a_new_leader_knows_the_network_even_without_the_ipam_server(
    host: Host, swarm: Swarm
) -> None:
    (before,) = host.neutron.query("networks")
    swarm.allocate()
    assert host.neutron.query("networks") == [before]
    host.ovs.ctl(*SET, "external_ids:ipam=127.0.0.9")
    try:
        known = swarm.options
        swarm.allocate()
        assert swarm.options == known
        swarm.options = {}
        assert "127.0.0.9" in host.error("NetworkDriver.AllocateNetwork", swarm.allocation())
    finally:
        host.configure(200, *SET, "external_ids:ipam=127.0.0.1")


def test_a_swarm_on_a_logical_network_that_is_there(host: Host) -> None:
    blue = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=blue["id"], ip_version=4, cidr="10.23.0.0/24")
    swarm = Swarm(host, 23, **{"ovn.network": "blue", "com.docker.network.driver.mtu": "1300"})
    swarm.allocate()
    swarm.come()
    swarm.go()
    assert swarm.placed == set()
    swarm.free()
    assert host.neutron.show("networks", blue["id"])["tags"] == []
    host.neutron.delete("networks", blue["id"])
    lost = Swarm(host, 23, **{"ovn.network": "blue"}).allocation()
    assert "network create blue" in host.error("NetworkDriver.AllocateNetwork", lost)
    assert host.neutron.query("networks") == []


def test_a_node_that_fails_leaves_the_network_to_the_others(host: Host, swarm: Swarm) -> None:
    swarm.another_comes()
    (network,) = host.neutron.query("networks")
    taken = f"{swarm.v4}.9"
    host.neutron.create(
        "ports",
        network_id=network["id"],
        device_owner=MADE,
        fixed_ips=[{"ip_address": taken}],
    )
    pool = Pool(ip_network(f"{swarm.v4}.0/24"), ip_address(f"{swarm.v4}.1"), (ip_address(taken),))
    with pytest.raises(IpAddressAlreadyAllocated):
        Networks().make(
            host.neutron, swarm.id, NetworkOptions(), [pool], Place(CHASSIS, own_pools=True)
        )
    assert swarm.placed == {ANOTHER}
    for port in host.neutron.query("ports"):
        host.neutron.delete("ports", port["id"])
    swarm.another_goes()


def test_collecting_takes_this_host_off_and_no_other(host: Host, swarm: Swarm) -> None:
    swarm.come()
    swarm.another_comes()
    host.neutron.create(
        "ports",
        network_id=host.neutron.query("networks")[0]["id"],
        device_owner=MADE,
        device_id="e" * 64,
        **{"binding:host_id": ANOTHER},
    )
    with collecting(host, Known) as collector:
        done = [(one.kind, gone) for one, gone in collector.remove(collector.find())]
        assert done == [(orphans.NETWORK, True)]
        assert swarm.placed == {ANOTHER}
        for port in host.neutron.query("ports"):
            host.neutron.delete("ports", port["id"])
        swarm.another_goes()
        # Nobody is left but the swarm itself, which may be another one or gone.
        (stray,) = collector.find()
        assert (stray.owner, stray.sure) == (swarm.id, False)


def test_this_ipam_has_no_addresses_for_a_swarm(host: Host) -> None:
    pool = {"AddressSpace": "openvswitch", "Pool": "10.24.0.0/24", "SubPool": "", "V6": False}
    made = host.ok("IpamDriver.RequestPool", {**pool, "Options": {}})
    body = {"PoolID": made["PoolID"], "Address": "", "Options": SERIAL}
    assert "--ipam-driver" in host.error("IpamDriver.RequestAddress", body)


def test_a_closed_network_of_a_swarm_opens_when_it_is_freed(host: Host) -> None:
    swarm = Swarm(host, 25, **{"ovn.icc": "false", "ovn.gateway": "none"})
    swarm.allocate()
    swarm.come()
    (network,) = host.neutron.query("networks")
    assert tags.POLICY in network["tags"]
    assert tags.gateway(network["tags"], swarm.id) == "none"
    assert host.neutron.query("security-groups") != []
    swarm.go()
    assert host.neutron.query("security-groups") != []
    swarm.free()
    assert host.neutron.query("security-groups") == []
    assert host.neutron.query("networks") == []
