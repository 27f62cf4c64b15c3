"""``ipam check`` on a real Northbound that an operator's ovn-nbctl has broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ovn_integrate.ipam.audit import repair
from ovn_integrate.ipam.audit.findings import Finding
from ovn_integrate.ipam.engine.query import Query
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.resources.bodies import (
    FLOATING_IP,
    NETWORK,
    PORT,
    ROUTER,
    SECURITY_GROUP,
    SUBNET,
)
from ovn_integrate.ipam.resources.router.rules import Gateway, Interface
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_store import until


@dataclass
class World:
    """A healthy Northbound with some of everything."""

    service: Service
    nb: OvsdbServer
    network: str
    first: dict[str, Any]
    second: dict[str, Any]
    bound: dict[str, Any]
    router: str
    floating: dict[str, Any]

    def look(self) -> list[Finding]:
        return repair.look(self.nb.remote, 5)

    def mend(self) -> list[Finding]:
        return repair.mend(self.nb.remote, 5)

    def row(self, table: str, **ids: str) -> str:
        terms = [f'external_ids:{key}="{value}"' for key, value in ids.items()]
        return self.nb.ctl("--bare", "--columns=_uuid", "find", table, *terms).strip()

    def port(self, port: dict[str, Any]) -> dict[str, Any]:
        return self.service.show(PORT, port["id"])


@pytest.fixture
def world(nb: OvsdbServer, stores: Callable[[str], Store]) -> World:
    service = Service(stores(nb.remote))

    def make(resource: Any, **attributes: Any) -> dict[str, Any]:
        return service.create(resource, [attributes])[0]

    network = make(NETWORK, name="one")["id"]
    subnet = make(SUBNET, network_id=network, cidr="10.0.0.0/24", ip_version=4)["id"]
    make(SUBNET, network_id=network, cidr="fd00::/64", ip_version=6)
    outside = make(NETWORK, name="out", external=True)["id"]
    make(SUBNET, network_id=outside, cidr="192.0.2.0/24", ip_version=4)
    group = make(SECURITY_GROUP, name="web")["id"]
    router = make(ROUTER, name="r")["id"]
    service.connect(router, Interface(subnet_id=subnet))
    service.update(ROUTER, router, {"external_gateway_info": Gateway(outside)})
    ports = [
        make(PORT, network_id=network, name="a", dns_name="a", security_groups=[group]),
        make(PORT, network_id=network, name="b", dns_name="b"),
        make(PORT, network_id=network, name="c", host_id="chassis-1"),
    ]
    floating = make(FLOATING_IP, floating_network_id=outside, port_id=ports[2]["id"])
    return World(service, nb, network, *ports, router, floating)


def ip(port: dict[str, Any]) -> str:
    return str(port["fixed_ips"][0]["ip_address"])


def give(world: World, port: dict[str, Any], address: str) -> None:
    """Let an operator say that a port was given an address."""
    keys = f'external_ids:neutron\\:cidrs="{address}/24"'
    world.nb.ctl("set", "Logical_Switch_Port", port["id"], keys)


def subnet_of(world: World, version: int) -> str:
    for fixed in world.first["fixed_ips"]:
        if (":" in fixed["ip_address"]) == (version == 6):
            return str(fixed["subnet_id"])
    raise LookupError(version)


def test_nothing_is_wrong_with_what_the_server_writes(world: World) -> None:
    assert world.look() == []
    assert world.mend() == []


def test_an_address_that_two_ports_have(world: World) -> None:
    give(world, world.second, ip(world.bound))
    assert until(lambda: ip(world.port(world.second)) == ip(world.bound))
    duplicate = [one for one in world.look() if one.kind == "duplicate"]
    assert [one.subject.split()[1] for one in duplicate] == [world.second["id"]]
    assert world.bound["id"] in duplicate[0].what
    assert world.mend() == []
    assert world.look() == []
    assert ip(world.port(world.bound)) == ip(world.bound)
    assert until(lambda: ip(world.port(world.second)) not in (ip(world.bound), ip(world.first)))


def test_an_address_that_two_ports_in_use_have_is_left_to_the_operator(world: World) -> None:
    other = world.service.create(PORT, [{"network_id": world.network, "host_id": "chassis-2"}])[0]
    give(world, other, ip(world.bound))
    (left,) = world.mend()
    assert (left.kind, left.repair) == ("duplicate", None)
    assert ip(world.bound) in left.what


def test_a_mac_that_two_ports_have(world: World) -> None:
    mac = f'external_ids:ovn-integrate\\:mac_address="{world.bound["mac_address"]}"'
    world.nb.ctl("set", "Logical_Switch_Port", world.first["id"], mac)
    assert {one.kind for one in world.look()} == {"duplicate", "different"}
    assert world.mend() == []
    assert world.look() == []
    assert until(lambda: world.port(world.first)["mac_address"] != world.bound["mac_address"])


def test_an_address_outside_of_every_subnet(world: World) -> None:
    give(world, world.first, "10.9.9.9")
    assert "outside" in [one.kind for one in world.look()]
    assert world.mend() == []
    assert world.look() == []
    assert until(lambda: ip(world.port(world.first)).startswith("10.0.0."))


def test_a_subnet_that_is_gone(world: World) -> None:
    world.nb.ctl("dhcp-options-del", world.row("DHCP_Options", subnet_id=subnet_of(world, 6)))
    assert {one.kind for one in world.look()} == {"outside"}
    # The port that a chassis is to have keeps what it has.
    (left,) = world.mend()
    assert left.subject.split()[1] == world.bound["id"]
    assert until(lambda: len(world.port(world.first)["fixed_ips"]) == 1)


def test_a_network_that_is_gone_leaves_orphans(world: World) -> None:
    lost = world.service.create(NETWORK, [{"name": "lost"}])[0]["id"]
    subnet = {"network_id": lost, "cidr": "10.1.0.0/24", "ip_version": 4}
    world.service.create(SUBNET, [subnet])
    world.service.create(PORT, [{"network_id": lost, "dns_name": "x"}])
    world.nb.ctl("ls-del", f"neutron-{lost}")
    found = world.look()
    assert [one.kind for one in found] == ["orphan"] * 3
    assert sorted(one.subject.split()[0] for one in found) == ["ledger", "names", "subnet"]
    assert world.mend() == []
    assert world.look() == []


def test_what_a_port_was_given_is_written_again(world: World) -> None:
    world.nb.ctl("lsp-set-addresses", world.first["id"], "02:00:00:00:00:99 10.0.0.77")
    world.nb.ctl("lsp-set-port-security", world.second["id"], "")
    world.nb.ctl("lsp-set-dhcpv4-options", world.bound["id"])
    found = {one.subject.split()[1]: one for one in world.look()}
    assert found.keys() == {one["id"] for one in (world.first, world.second, world.bound)}
    assert "10.0.0.77" in found[world.first["id"]].what
    assert world.mend() == []
    assert world.look() == []
    assert ip(world.first) in world.nb.ctl("lsp-get-addresses", world.first["id"])


def test_a_port_that_the_ipam_does_not_know(world: World) -> None:
    switch = f"neutron-{world.network}"
    world.nb.ctl("lsp-add", switch, "mine", "--", "lsp-set-addresses", "mine", "unknown")
    assert world.look() == []
    world.nb.ctl("lsp-set-addresses", "mine", "02:00:00:00:00:99 10.0.0.77")
    (found,) = world.mend()
    assert (found.kind, found.mend) == ("unknown", "ovn-nbctl lsp-del mine")
    # ovn-nbctl's own command for it refuses that.
    addresses = f'addresses="02:00:00:00:00:99 {ip(world.first)}"'
    world.nb.ctl("set", "Logical_Switch_Port", "mine", addresses)
    assert [one.kind for one in world.look()] == ["duplicate"]
    assert [one.kind for one in world.mend()] == ["unknown"]
    assert until(lambda: ip(world.port(world.first)) != ip(world.first))


def test_names_that_no_port_has(world: World) -> None:
    (row,) = world.nb.ctl("--bare", "--columns=_uuid", "list", "DNS").split()
    world.nb.ctl("set", "DNS", row, f'records={{a="10.0.0.99",ghost="{ip(world.first)}"}}')
    (found,) = world.look()
    assert "ghost" in found.what
    assert world.mend() == []
    assert world.look() == []
    world.nb.ctl("destroy", "DNS", row)
    assert [one.kind for one in world.look()] == ["different"]
    assert world.mend() == []
    assert world.look() == []


def test_floating_ips_and_router_ports_without_their_port(world: World) -> None:
    world.nb.ctl("lsp-del", world.bound["id"])
    assert [one.kind for one in world.look()] == ["orphan"]
    assert world.mend() == []
    assert until(lambda: world.service.show(FLOATING_IP, world.floating["id"])["port_id"] is None)
    assert world.nb.ctl("lr-nat-list", f"neutron-{world.router}").count("dnat_and_snat") == 0
    asked = Query(filters={"device_owner": ["network:router_interface"]})
    (inside,) = world.service.page(PORT, asked)[0]
    world.nb.ctl("lrp-del", f"lrp-{inside['id']}")
    assert [one.kind for one in world.look()] == ["different"]
    assert world.mend() == []
    assert f"lrp-{inside['id']}" in world.nb.ctl("lrp-list", f"neutron-{world.router}")
    world.nb.ctl("lsp-del", inside["id"])
    assert [one.kind for one in world.look()] == ["orphan"]
    assert world.mend() == []
    assert world.look() == []


def test_a_row_that_nobody_understands(world: World) -> None:
    subnet = world.row("DHCP_Options", subnet_id=subnet_of(world, 4))
    world.nb.ctl("set", "DHCP_Options", subnet, "external_ids:neutron\\:revision_number=x")
    unreadable = [one for one in world.look() if one.kind == "unreadable"]
    assert [(one.subject, one.repair) for one in unreadable] == [(f"DHCP_Options {subnet}", None)]


def test_the_verb(world: World) -> None:
    def check(*words: str) -> tuple[int, str, str]:
        argv = [sys.executable, "-m", "ovn_integrate", "ipam", "check", "--nb", world.nb.remote]
        done = subprocess.run([*argv, *words], capture_output=True, text=True, timeout=30)
        return done.returncode, done.stdout, done.stderr

    assert check() == (0, "OVN Northbound: nothing is wrong\n", "")
    assert check("-o", "json")[:2] == (0, "[]\n")
    world.nb.ctl("lsp-set-addresses", world.first["id"], "02:00:00:00:00:99 10.0.0.77")
    status, said, error = check()
    assert status == 10
    assert world.first["id"] in said
    assert "ovn-integrate ipam check --repair" in error
    (found,) = json.loads(check("-o", "json")[1])
    assert (found["kind"], found["mended"]) == ("different", False)
    status, said, error = check("--repair", "-o", "json")
    assert (status, error) == (0, "")
    assert [one["mended"] for one in json.loads(said)] == [True]
    assert check()[0] == 0
