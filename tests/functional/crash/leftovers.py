"""What is left on a host of which nobody tells the driver that it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from ipaddress import IPv4Interface
from typing import Any

from ovn_integrate import netlink
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.contract.device_owners import TESTER
from ovn_integrate.core.link import links, veth
from ovn_integrate.core.probe import probe
from ovn_integrate.host import gateway
from tests.functional.driver.bed import CHASSIS, new_id

from .bed import Bed
from .docker import Container, Docker, Failed, Plan
from .plans import PLANS

Leave = Callable[[Bed], None]


def forgotten(plan: Plan) -> Leave:
    """A network and its container, which Docker does not know any more."""

    def leave(bed: Bed) -> None:
        docker = Docker(bed, plan, bed.driver(), again=False)
        docker.create_network()
        docker.start(Container(plan.ip, plan.port))
        docker.driver.end()

    return leave


def killed(plan: Plan, point: str) -> Leave:
    """What a driver leaves of a network that was killed while it was made, or taken away."""

    def leave(bed: Bed) -> None:
        docker = Docker(bed, plan, bed.driver(point), again=False)
        try:
            docker.create_network()
            docker.start(Container(plan.ip, plan.port))
            docker.remove_network()
        except Failed:
            pass
        assert docker.deaths == 1
        docker.driver.end()

    return leave


def tested(bed: Bed) -> None:
    """What a killed test of the network leaves."""
    id = probe.new()
    network = bed.neutron.create("networks", name=probe.network_name(id, CHASSIS))
    cidr = {"cidr": probe.SUBNET, "ip_version": 4}
    bed.neutron.create("subnets", network_id=network["id"], **cidr)
    wish = probe.attributes(CHASSIS, TESTER, id, f"near-{id}")
    bed.neutron.create("ports", network_id=network["id"], **wish)
    port = f"{probe.NEAR}{id}"
    mark = ("--", "set", "Port", port, f'external_ids:"{probe.MARK}"={id}')
    bed.ovs.ctl("add-port", "br-int", port, *mark)


def linked(_: Bed) -> None:
    """A pair of links that is on no bridge."""
    id = new_id()
    netlink.make_veth(veth.outer(id), veth.inner(id), mac=None, mtu=1400)


def led_out(bed: Bed) -> None:
    """The way out of a network of a swarm, whose leader let go of it before this host did."""
    own = links.Links(bed.ovs.remote, 5)
    with own.session(gateway.TABLES) as session:
        gateway.create(session, new_id(), IPv4Interface("169.254.9.1/24"), 1400)
    own.close()


LEFTOVERS: dict[str, Leave] = {
    **{name: forgotten(plan) for name, plan in PLANS.items() if name != "none"},
    "link": linked,
    "test": tested,
    "way out": led_out,
    # While it has the lock of the network, and when its router is nobody's any more.
    "lock": killed(PLANS["gateway"], "after POST ports"),
    "router": killed(PLANS["gateway"], "after DELETE routers tags"),
}


def as_body(known: Known) -> dict[str, Any]:
    """What Docker knows, for a worker."""
    return {key: sorted(ids) for key, ids in asdict(known).items()}
