"""Networks, subnets and ports as rows of NB and back, and as bodies."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from ipaddress import ip_address, ip_network
from types import SimpleNamespace
from typing import Any

from ovn_integrate.ipam.plan.index import Index
from ovn_integrate.ipam.resources import rows
from ovn_integrate.ipam.resources.model import Network, Pair, Port, Route, Subnet, value
from ovn_integrate.ipam.resources.subnet import dhcp

NETWORK = Network(
    id="76df5973-91b8-47ba-908a-1903359e4631",
    name="foo",
    project_id="p",
    description="a, b",
    tags=("x", "with, comma"),
    admin_state_up=False,
    shared=True,
    mtu=1400,
    port_security_enabled=False,
    segmentation_id=7,
    created_at="2026-01-01T00:00:00Z",
    updated_at="2026-01-02T00:00:00Z",
    revision_number=3,
)
SUBNET = Subnet(
    id="eeedc727-e712-4f44-a627-1a28d344bef5",
    network_id=NETWORK.id,
    name="sub",
    cidr=ip_network("192.168.1.0/24"),
    gateway_ip=ip_address("192.168.1.1"),
    pools=((0xC0A80164, 0xC0A8018C), (0xC0A80190, 0xC0A80191)),
    dns_nameservers=("1.1.1.1", "9.9.9.9"),
    host_routes=(Route("10.0.0.0/8", "192.168.1.9"),),
    server_mac="02:00:00:00:00:99",
    revision_number=2,
)
PORT = Port(
    id="2e14bd80-667b-40eb-b713-8ae6c78388a9",
    network_id=NETWORK.id,
    name="db",
    mac_address="02:00:00:00:00:01",
    addresses=(ip_address("192.168.1.20"),),
    admin_state_up=False,
    device_id="c1",
    device_owner="docker",
    host_id="chassis-1",
    profile='{"ovn.iface_id_ver": "7"}',
    pairs=(Pair("192.168.1.128/25", "02:00:00:00:00:01"), Pair("::5", "02:00:00:00:00:02")),
    security_groups=(
        "0c8c0e3b-0001-4000-8000-000000000001",
        "0c8c0e3b-0002-4000-8000-000000000002",
    ),
    tags=("t",),
)


def row(columns: dict[str, Any], **further: Any) -> Any:
    """A row as OVSDB would give it: optional values as lists."""
    found = {key: [value] if isinstance(value, bool) else value for key, value in columns.items()}
    return SimpleNamespace(**{"up": [], "tag": [], **found, **further})


def test_what_is_written_is_read_again() -> None:
    assert rows.network_of(row(rows.network_columns(NETWORK))) == NETWORK
    assert rows.subnet_of_row(row(rows.subnet_columns(SUBNET, 1442))) == SUBNET
    assert rows.port_of(row(rows.port_columns(PORT, [SUBNET]))) == PORT


def test_default_pools_need_no_key() -> None:
    plain = replace(SUBNET, pools=((0xC0A80102, 0xC0A801FE),))
    columns = rows.subnet_columns(plain, 1442)
    assert "ovn-integrate:pools" not in columns["external_ids"]
    assert rows.subnet_of_row(row(columns)) == plain


def test_dhcp_options_are_neutrons() -> None:
    assert rows.subnet_columns(SUBNET, 1442)["options"] == {
        "classless_static_route": "{10.0.0.0/8,192.168.1.9, 0.0.0.0/0,192.168.1.1}",
        "dns_server": "{1.1.1.1, 9.9.9.9}",
        "lease_time": "43200",
        "mtu": "1442",
        "router": "192.168.1.1",
        "server_id": "192.168.1.1",
        "server_mac": "02:00:00:00:00:99",
    }


def test_dhcp_needs_no_gateway_and_may_be_off() -> None:
    open_end = rows.subnet_columns(replace(SUBNET, gateway_ip=None, host_routes=()), 1442)
    assert open_end["options"]["server_id"] == "169.254.1.1"
    assert "router" not in open_end["options"]
    off = replace(SUBNET, enable_dhcp=False)
    assert rows.subnet_columns(off, 1442)["options"] == {}
    assert dhcp.subnet_of_port(PORT, [off], 4) is None
    assert dhcp.subnet_of_port(PORT, [SUBNET], 4) == SUBNET.id
    assert dhcp.subnet_of_port(PORT, [SUBNET], 6) is None


def test_port_rows_follow_neutrons_layout() -> None:
    columns = rows.port_columns(PORT, [SUBNET])
    assert columns["addresses"] == ["02:00:00:00:00:01 192.168.1.20", "02:00:00:00:00:02"]
    assert columns["port_security"] == [
        "02:00:00:00:00:01 192.168.1.20 192.168.1.128/25",
        "02:00:00:00:00:02 ::5",
    ]
    assert columns["options"] == {"requested-chassis": "chassis-1", "iface-id-ver": "7"}
    assert columns["external_ids"]["neutron:cidrs"] == "192.168.1.20/24"
    assert columns["external_ids"]["neutron:network_name"] == f"neutron-{NETWORK.id}"


def test_without_port_security_any_address_goes() -> None:
    columns = rows.port_columns(replace(PORT, port_security_enabled=False), [SUBNET])
    assert columns["addresses"] == [
        "02:00:00:00:00:01 192.168.1.20",
        "02:00:00:00:00:02",
        "unknown",
    ]
    assert columns["port_security"] == []


def test_a_container_in_a_vm_asks_for_its_tag() -> None:
    nested = replace(PORT, profile='{"parent_name": "vm", "tag": 5}')
    columns = rows.port_columns(nested, [SUBNET])
    assert (columns["parent_name"], columns["tag_request"]) == ("vm", 5)


def test_the_tag_that_ovn_chose_is_told() -> None:
    for profile, tag, told in (
        ({"parent_name": "vm", "tag": 0}, 7, 7),
        ({"parent_name": "vm", "tag": 0}, None, 0),
        ({"parent_name": "vm", "tag": 5}, None, 5),
        ({"tag": 0}, 7, 0),
    ):
        port = replace(PORT, profile=json.dumps(profile), tag=tag)
        assert port.body([SUBNET])["binding:profile"] == {**profile, "tag": told}


def test_rows_of_neutron_itself_are_read() -> None:
    keys = {
        "neutron:cidrs": "192.168.1.20/24",
        "neutron:network_name": f"neutron-{NETWORK.id}",
        "neutron:port_name": "db",
        "neutron:revision_number": "4",
    }
    port = rows.port_of(
        SimpleNamespace(
            name=PORT.id,
            external_ids=keys,
            enabled=[True],
            up=[True],
            tag=[],
            addresses=["fa:16:3e:9c:0b:f2 192.168.1.20", "unknown"],
        )
    )
    assert port is not None
    assert (port.mac_address, port.status) == ("fa:16:3e:9c:0b:f2", "ACTIVE")
    assert [str(one) for one in port.addresses] == ["192.168.1.20"]


def test_fixed_ips_name_the_subnet_that_has_the_address() -> None:
    assert PORT.body([SUBNET])["fixed_ips"] == [
        {"subnet_id": SUBNET.id, "ip_address": "192.168.1.20"}
    ]
    assert PORT.body([])["fixed_ips"][0]["subnet_id"] == ""
    assert value(PORT, "binding:host_id") == "chassis-1"
    assert value(SUBNET, "cidr") == "192.168.1.0/24"


def test_the_index_follows_rows() -> None:
    index = Index()
    row_id, twin_id = uuid.uuid4(), uuid.uuid4()
    index.replace(row_id, PORT)
    index.replace(twin_id, replace(PORT, id="twin", name="other"))
    address = PORT.addresses[0]
    assert list(index.groups.get((Port, "ip", NETWORK.id, address))) == [PORT.id, "twin"]
    index.replace(row_id, replace(PORT, name="renamed", addresses=()))
    assert list(index.groups.get((Port, "name", "db"))) == []
    assert list(index.groups.get((Port, "name", "renamed"))) == [PORT.id]
    assert int(address) in index.used(NETWORK.id, 4)  # the twin still has it
    index.replace(twin_id, None)
    assert int(address) not in index.used(NETWORK.id, 4)
    index.replace(row_id, None)
    assert index.ports == {}
    assert index.row(PORT.id) is None
