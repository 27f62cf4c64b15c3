"""The IPAM server against a real Northbound: what it writes, who collides, what it survives."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.ipam.engine.query import Query
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.ipam.neutron_errors import (
    IpAddressGenerationFailure,
    NetworkInUse,
    NetworkNotFound,
)
from ovn_integrate.ipam.resources import rows
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT, SUBNET
from tests.functional.daemons import OvsdbServer

Open = Callable[[str], Store]

_CLIENT = """
import json, sys
from ovn_integrate.ipam.resources.bodies import PORT
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
store = Store(sys.argv[1])
store.start()
assert store.wait_ready(20)
input()  # all start together
made = [Service(store).create(PORT, [{"network_id": sys.argv[2]}])[0] for _ in range(20)]
print(json.dumps([port["fixed_ips"][0]["ip_address"] for port in made]))
store.stop()
"""


def make_network(service: Service, *cidrs: str, name: str = "foo") -> str:
    network_id: str = service.create(NETWORK, [{"name": name}])[0]["id"]
    for cidr in cidrs:
        version = 6 if ":" in cidr else 4
        service.create(SUBNET, [{"network_id": network_id, "cidr": cidr, "ip_version": version}])
    return network_id


def make_port(service: Service, network_id: str, **attributes: Any) -> dict[str, Any]:
    return service.create(PORT, [{"network_id": network_id, **attributes}])[0]


def address(port: dict[str, Any]) -> str:
    (fixed,) = port["fixed_ips"]
    return str(fixed["ip_address"])


@pytest.fixture
def service(nb: OvsdbServer, stores: Open) -> Service:
    return Service(stores(nb.remote))


def test_addresses_are_given_lowest_first_and_again_after_release(service: Service) -> None:
    network = make_network(service, "192.168.1.0/24")
    ports = [make_port(service, network) for _ in range(3)]
    assert [address(port) for port in ports] == ["192.168.1.2", "192.168.1.3", "192.168.1.4"]
    service.delete(PORT, ports[1]["id"])
    assert address(make_port(service, network)) == "192.168.1.3"


def test_requests_at_once_share_transactions_and_no_address(service: Service) -> None:
    network = make_network(service, "10.0.0.0/26")
    barrier = threading.Barrier(50)

    def one(_: int) -> str:
        barrier.wait(10)
        return address(make_port(service, network))

    with ThreadPoolExecutor(50) as pool:
        given = list(pool.map(one, range(50)))
    assert len(set(given)) == 50


def test_one_failure_of_a_group_leaves_the_others(service: Service) -> None:
    network = make_network(service, "10.0.0.0/29")
    barrier = threading.Barrier(8)

    def one(_: int) -> str | None:
        barrier.wait(10)
        try:
            return address(make_port(service, network))
        except IpAddressGenerationFailure:
            return None

    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(one, range(8)))
    assert given.count(None) == 3
    assert sorted(one for one in given if one) == [f"10.0.0.{host}" for host in range(2, 7)]


def test_six_servers_give_no_address_twice(service: Service, nb: OvsdbServer) -> None:
    network = make_network(service, "10.0.0.0/24")
    clients = [
        subprocess.Popen(
            [sys.executable, "-c", _CLIENT, nb.remote, network],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    answers = []
    with ThreadPoolExecutor(6) as pool:
        for said, _ in pool.map(lambda client: client.communicate("\n", timeout=60), clients):
            answers += json.loads(said)
    assert [client.returncode for client in clients] == [0] * 6
    assert sorted(answers) == sorted(f"10.0.0.{host}" for host in range(2, 122))


def test_a_port_does_not_land_in_a_network_that_another_server_deletes(
    service: Service, nb: OvsdbServer, stores: Open
) -> None:
    other = Service(stores(nb.remote))
    for subnets in ((), ("10.0.0.0/24",)):
        for _ in range(10):
            network = make_network(service, *subnets)
            barrier = threading.Barrier(2)

            def create(network: str = network, barrier: threading.Barrier = barrier) -> bool:
                barrier.wait(10)
                try:
                    make_port(service, network)
                except NetworkNotFound:
                    return False
                return True

            def delete(network: str = network, barrier: threading.Barrier = barrier) -> bool:
                barrier.wait(10)
                try:
                    other.delete(NETWORK, network)
                except (NetworkInUse, NetworkNotFound):
                    # The other replica may not have the network yet: then it stays.
                    return False
                return True

            with ThreadPoolExecutor(2) as pool:
                created, deleted = pool.submit(create), pool.submit(delete)
            assert not (created.result() and deleted.result())
    switches = nb.ctl("--bare", "--columns=ports", "list", "Logical_Switch").split()
    assert len(switches) == len(
        nb.ctl("--bare", "--columns=name", "find", rows.SWITCH_PORT).split()
    )


def test_a_port_goes_from_what_another_server_reads(
    service: Service, nb: OvsdbServer, stores: Open
) -> None:
    network = make_network(service, "10.0.0.0/30")
    port = make_port(service, network)
    late = Service(stores(nb.remote))
    assert late.show(PORT, port["id"]) == service.show(PORT, port["id"])
    with pytest.raises(IpAddressGenerationFailure):
        make_port(late, network)
    late.delete(PORT, port["id"])
    assert address(make_port(late, network)) == "10.0.0.2"


def test_bulk_is_all_or_nothing(service: Service, nb: OvsdbServer) -> None:
    network = make_network(service, "10.0.0.0/29")
    with pytest.raises(IpAddressGenerationFailure):
        service.create(PORT, [{"network_id": network}] * 6)
    assert nb.ctl("list", rows.SWITCH_PORT) == ""
    made = service.create(PORT, [{"network_id": network}] * 5)
    assert len({address(port) for port in made}) == 5


def test_ovn_nbctl_reads_the_names(service: Service, nb: OvsdbServer) -> None:
    network = make_network(service, "192.168.1.0/24")
    port = make_port(service, network, name="db", mac_address="02:00:00:00:00:01")
    shown = nb.ctl("show")
    assert f"switch {network} (neutron-{network}) (aka foo)" in shown
    assert f"port {port['id']} (aka db)" in shown
    assert 'addresses: ["02:00:00:00:00:01 192.168.1.2"]' in shown


def test_dhcp_and_port_security_stand_in_the_rows(service: Service, nb: OvsdbServer) -> None:
    network = make_network(service, "192.168.1.0/24")
    port = make_port(service, network, mac_address="02:00:00:00:00:01", host_id="chassis-1")
    options = nb.ctl("--bare", "--columns=options", "find", rows.DHCP, "cidr=192.168.1.0/24")
    assert {"router=192.168.1.1", "server_id=192.168.1.1", "mtu=1442"} <= set(options.split())
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "dhcpv4_options") != "[]\n"
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "port_security").strip() == (
        '["02:00:00:00:00:01 192.168.1.2"]'
    )
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "options").strip() == (
        "{requested-chassis=chassis-1}"
    )


def test_port_changes_reach_its_row(service: Service, nb: OvsdbServer) -> None:
    network = make_network(service, "192.168.1.0/24")
    port = make_port(service, network, mac_address="02:00:00:00:00:01", host_id="chassis-1")
    changes = {
        "host_id": "",
        "port_security_enabled": False,
        "admin_state_up": False,
        "binding:profile": {"ovn.iface_id_ver": "7"},
    }
    changed = service.update(PORT, port["id"], changes)
    assert changed["binding:vif_type"] == "unbound"
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "options").strip() == '{iface-id-ver="7"}'
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "port_security").strip() == "[]"
    assert "unknown" in nb.ctl("get", rows.SWITCH_PORT, port["id"], "addresses")
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "enabled").strip() == "false"


def test_a_subnet_that_stops_dhcp_leaves_its_ports_without(
    service: Service, nb: OvsdbServer
) -> None:
    network = make_network(service, "192.168.1.0/24")
    port = make_port(service, network)
    (subnet,) = service.show(NETWORK, network)["subnets"]
    service.update(SUBNET, subnet, {"enable_dhcp": False})
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "dhcpv4_options").strip() == "[]"
    service.update(SUBNET, subnet, {"enable_dhcp": True})
    assert nb.ctl("get", rows.SWITCH_PORT, port["id"], "dhcpv4_options").strip() != "[]"


def test_status_follows_up(service: Service, nb: OvsdbServer) -> None:
    port = make_port(service, make_network(service))
    assert port["status"] == "DOWN"
    nb.ctl("set", rows.SWITCH_PORT, port["id"], "up=true")
    service.update(PORT, port["id"], {"name": "x"})  # comes back after what was before it
    assert service.show(PORT, port["id"])["status"] == "ACTIVE"


def test_deleting_a_network_leaves_no_row(service: Service, nb: OvsdbServer) -> None:
    network = make_network(service, "10.0.0.0/24", "fd00::/64")
    port = make_port(service, network)
    service.delete(PORT, port["id"])
    service.delete(NETWORK, network)
    for table in rows.TABLES:
        assert nb.ctl("list", table) == ""


def test_rows_of_others_are_left_out_and_alone(service: Service, nb: OvsdbServer) -> None:
    nb.ctl("ls-add", "mine", "--", "lsp-add", "mine", "mine1")
    nb.ctl("create", rows.DHCP, "cidr=10.9.0.0/24")
    broken = str(uuid.uuid4())
    nb.ctl(
        "create",
        rows.SWITCH,
        f"name=neutron-{broken}",
        "external_ids:neutron\\:network_name=bad",
        "external_ids:neutron\\:mtu=abc",
    )
    network = make_network(service, "10.0.0.0/24")
    assert [one["id"] for one in service.page(NETWORK, Query())[0]] == [network]
    assert next(service.page(SUBNET, Query())[0])["cidr"] == "10.0.0.0/24"
    assert service.page(PORT, Query())[1] == []
    service.delete(NETWORK, network)
    assert "mine1" in nb.ctl("show")


def test_an_address_given_twice_by_an_operator_stays_taken(
    service: Service, nb: OvsdbServer
) -> None:
    network = make_network(service, "10.0.0.0/29")
    one, other = make_port(service, network), make_port(service, network)
    nb.ctl("set", rows.SWITCH_PORT, other["id"], 'external_ids:neutron\\:cidrs="10.0.0.2/29"')
    service.update(PORT, other["id"], {"name": "x"})
    service.delete(PORT, one["id"])
    assert address(make_port(service, network)) == "10.0.0.3"


def test_without_northbound_it_refuses_and_then_serves(nb: OvsdbServer) -> None:
    nb.stop()
    store = Store(nb.remote, timeout=1)
    client = create_app(Service(store)).test_client()
    store.start()
    try:
        answer = client.get("/v2.0/networks")
        assert answer.status_code == 503
        assert answer.get_json()["NeutronError"]["type"] == "ServiceUnavailable"
        nb.start()
        assert store.wait_ready(10)
        assert client.get("/v2.0/networks").status_code == 200
    finally:
        store.stop()


def test_a_restart_of_northbound_is_survived(nb: OvsdbServer, stores: Open) -> None:
    store = stores(nb.remote)
    service = Service(store)
    network = make_network(service, "10.0.0.0/24")
    make_port(service, network)
    gone = make_port(service, network)
    nb.stop()
    # Seen by nobody: what goes while there is no connection must go from the replica too.
    with pytest.raises(DatabaseUnavailable):
        until(lambda: service.show(NETWORK, network) and False)
    nb.start()
    nb.ctl("lsp-del", gone["id"])
    assert until(lambda: attempt(lambda: address(make_port(service, network))) == "10.0.0.3")
    assert len(service.page(PORT, Query())[1]) == 2


def test_a_frozen_northbound_is_reported_in_time(nb: OvsdbServer) -> None:
    store = Store(nb.remote, timeout=1)
    store.start()
    assert store.wait_ready(10)
    service = Service(store)
    network = make_network(service, "10.0.0.0/24")
    nb.freeze()
    try:
        with pytest.raises(DatabaseUnavailable):
            make_port(service, network)
    finally:
        nb.thaw()
        store.stop()


def attempt(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except DatabaseUnavailable:
        return None


def until(ask: Callable[[], Any]) -> Any:
    """Ask again, up to 20 s, until the answer is true."""
    tick = threading.Event()
    for _ in range(400):
        answer = ask()
        if answer:
            return answer
        tick.wait(0.05)
    return None


def test_tags_find_networks(api: FlaskClient) -> None:
    made = api.post("/v2.0/networks", json={"network": {"name": "a", "tags": ["docker:1"]}})
    network = made.get_json()["network"]["id"]
    api.post("/v2.0/networks", json={"network": {"name": "b"}})
    assert api.put(f"/v2.0/networks/{network}/tags/red").status_code == 201
    found = api.get("/v2.0/networks?tags=docker:1,red&fields=id").get_json()["networks"]
    assert found == [{"id": network}]
    assert api.delete(f"/v2.0/networks/{network}/tags/red").status_code == 204
    assert api.get(f"/v2.0/networks/{network}/tags/red").status_code == 404
    assert api.get("/v2.0/networks?tags=red").get_json()["networks"] == []


def test_a_bug_answers_500_without_its_traceback(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(service, "show", broken)
    answer = create_app(service).test_client().get("/v2.0/networks/x")
    assert answer.status_code == 500
    assert "secret" not in answer.get_data(as_text=True)
    assert "secret" in caplog.text
