"""What contradicts itself in rows of NB."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from types import SimpleNamespace
from typing import Any

from ovn_integrate.ipam.audit import check
from ovn_integrate.ipam.audit.findings import Finding, NewMac, Readdress
from ovn_integrate.ipam.resources import l3_rows, rows
from ovn_integrate.ipam.resources.model import Network, Port, Subnet
from ovn_integrate.ipam.resources.subnet import dhcp

NETWORK = Network(id="76df5973-91b8-47ba-908a-1903359e4631", name="foo")
SUBNET = Subnet(
    id="eeedc727-e712-4f44-a627-1a28d344bef5",
    network_id=NETWORK.id,
    cidr=ip_network("192.168.1.0/24"),
    gateway_ip=ip_address("192.168.1.1"),
)


def port(number: int, address: str, **more: Any) -> Port:
    return Port(
        id=f"2e14bd80-667b-40eb-b713-{number:012}",
        network_id=NETWORK.id,
        mac_address=f"02:00:00:00:00:{number:02}",
        addresses=(ip_address(address),),
        created_at=f"2026-01-0{number}T00:00:00Z",
        **more,
    )


def row(**columns: Any) -> Any:
    return SimpleNamespace(**{"uuid": uuid.uuid4(), "tag": [], **columns})


def tables(
    *ports: Port, subnets: Iterable[Subnet] = (SUBNET,), switches: int = 1
) -> dict[str, list[Any]]:
    """The rows of a Northbound with these ports, in which each says what it was given."""
    known = tuple(subnets)
    options = {one.id: row(**rows.subnet_columns(one, 1442)) for one in known}
    found = []
    for one in ports:
        columns = {**rows.port_columns(one, known), **l3_rows.switch_port_columns(one)}
        id = dhcp.subnet_of_port(one, known, 4)
        own = [] if id is None else [options[id]]
        up = {"up": [one.up], "enabled": [one.admin_state_up]}
        found.append(row(**columns | up, dhcpv4_options=own, dhcpv6_options=[]))
    switch = {**l3_rows.network_columns(NETWORK), "dns_records": []}
    return {
        rows.SWITCH: [row(**switch, ports=[] if number else found) for number in range(switches)],
        rows.SWITCH_PORT: found,
        rows.DHCP: list(options.values()),
    }


def findings(known: dict[str, list[Any]]) -> list[Finding]:
    return check.findings(lambda table: known.get(table, []))


def test_healthy_rows() -> None:
    assert findings(tables(port(1, "192.168.1.2"), port(2, "192.168.1.3"))) == []
    assert findings({}) == []


def test_the_younger_of_two_moves_if_nobody_uses_it() -> None:
    old, young = port(1, "192.168.1.2"), port(2, "192.168.1.2")
    (found,) = findings(tables(young, old))
    assert found.repair == Readdress(young.id, ip_address("192.168.1.2"))
    (found,) = findings(tables(replace(young, up=True), old))
    assert found.repair == Readdress(old.id, ip_address("192.168.1.2"))
    (found,) = findings(tables(replace(young, host_id="h"), replace(old, up=True)))
    assert (found.kind, found.repair) == ("duplicate", None)


def test_three_of_an_address_are_two_findings() -> None:
    found = findings(tables(*(port(number, "192.168.1.2") for number in (1, 2, 3))))
    assert [one.subject.split()[1][-1] for one in found] == ["2", "3"]


def test_a_mac_on_two_ports() -> None:
    two = replace(port(2, "192.168.1.3"), mac_address=port(1, "192.168.1.2").mac_address)
    (found,) = findings(tables(port(1, "192.168.1.2"), two))
    assert found.repair == NewMac(two.id)


def test_addresses_that_no_subnet_has() -> None:
    for address in ("10.0.0.1", "fd00::1", "192.168.1.0", "192.168.1.255"):
        (found,) = findings(tables(port(1, address)))
        assert found.kind == "outside"
        assert found.repair == Readdress(port(1, address).id, ip_address(address))


def test_a_port_on_another_switch_than_it_says() -> None:
    known = tables(port(1, "192.168.1.2"))
    keys = known[rows.SWITCH_PORT][0].external_ids
    keys["neutron:network_name"] = f"neutron-{uuid.uuid4()}"
    (found,) = findings(known)
    assert (found.kind, found.repair) == ("different", None)


def test_the_order_of_addresses_does_not_matter() -> None:
    known = tables(port(1, "192.168.1.2"))
    known[rows.SWITCH_PORT][0].addresses = ["192.168.1.2 02:00:00:00:00:01"]
    assert findings(known) == []


def test_networks_and_subnets_of_two_rows() -> None:
    known = tables(switches=2)
    known[rows.DHCP] *= 2
    assert [one.subject.split()[0] for one in findings(known)] == ["subnet", "network"]
    assert [one.repair for one in findings(known)] == [None, None]


def test_options_of_a_port_that_neutron_made_are_its_own() -> None:
    known = tables(port(1, "192.168.1.2"))
    (has,) = known[rows.SWITCH_PORT]
    ids = {**known[rows.DHCP][0].external_ids, "port_id": has.name}
    own = row(cidr="192.168.1.0/24", external_ids=ids, options={})
    has.dhcpv4_options = [own]
    known[rows.DHCP].append(own)
    assert findings(known) == []
    ids["port_id"] = str(uuid.uuid4())
    assert [one.kind for one in findings(known)] == ["orphan"]
