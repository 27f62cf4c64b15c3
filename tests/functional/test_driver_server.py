"""The driver on Docker's plugin socket, with a real OVSDB, a real IPAM server and real veths.

All of it in a network namespace of its own. There is no ovn-controller: a test that needs one
writes what it would write.
"""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate import netlink, servers
from ovn_integrate.driver import app, links, tags
from ovn_integrate.driver.driver import Driver
from ovn_integrate.driver.neutron import Client
from ovn_integrate.driver.ports import MADE, TAKEN
from ovn_integrate.host import interfaces
from tests.functional.daemons import OvsdbServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: links and namespaces")

IPAM = "127.0.0.1:9696"  # of the private namespace
CHASSIS = "chassis-1"
SETTINGS = (
    f"system-id={CHASSIS}",
    "ipam=127.0.0.1",
    "ovn-encap-type=geneve",
    "ovn-encap-ip=127.0.0.1",
)
SET = ("set", "Open_vSwitch", ".")
REMOVE = ("remove", "Open_vSwitch", ".", "external_ids")
_CLONE_NEWNET = 0x40000000


@pytest.fixture(scope="module")
def namespace() -> Iterator[None]:
    """A network namespace for this thread, and for what it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    assert libc.unshare(_CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        assert libc.setns(outside, _CLONE_NEWNET) == 0
        os.close(outside)


def serve(what: str, bind: str, folder: Path, *, keep_alive: bool) -> subprocess.Popen[bytes]:
    code = (
        "from pathlib import Path; from ovn_integrate import web\n"
        "from ovn_integrate.driver import server as driver\n"
        "from ovn_integrate.ipam import server as ipam\n"
        f"web.serve(lambda: {what}, bind={bind!r}, pidfile=Path({str(folder / 'pid')!r}), "
        f"keep_alive={keep_alive})"
    )
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log)
    while servers.ask(bind, "GET", "/") is None:
        assert process.poll() is None, (folder / "log").read_text()
    return process


class Host:
    """A host with the driver on it, and what Docker would ask of it."""

    def __init__(self, ovs: OvsdbServer, socket_path: Path) -> None:
        self.ovs = ovs
        self.socket_path = socket_path
        self.neutron = Client([f"http://{IPAM}"])

    def post(self, method: str, body: Any) -> tuple[int, dict[str, Any], Any]:
        """Status, answer and headers, as sent by Docker: no Content-Type, an empty Host."""
        data = b"" if body is None else json.dumps(body).encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket_path))
            head = f"POST /{method} HTTP/1.1\r\nHost: \r\nContent-Length: {len(data)}\r\n\r\n"
            connection.sendall(head.encode() + data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, json.loads(response.read()), response.headers

    def call(self, method: str, body: Any = None) -> dict[str, Any]:
        status, answer, _ = self.post(method, body)
        assert status == 200, answer
        return answer

    def ok(self, method: str, body: Any = None) -> dict[str, Any]:
        answer = self.call(method, body)
        assert not answer.get("Err"), answer
        return answer

    def error(self, method: str, body: Any = None) -> str:
        answer = self.call(method, body)
        assert answer.get("Err"), answer
        assert answer["Error"] == answer["Err"]
        return str(answer["Err"])

    def configure(self, answer: int, *words: str) -> dict[str, Any]:
        """Change settings, and return activation's answer when the driver has seen the change.

        :param answer: the HTTP status that shows that it has.
        """
        self.ovs.ctl(*words)
        while True:
            status, said, _ = self.post("Plugin.Activate", None)
            if status == answer:
                return said

    def left(self) -> list[str]:
        """What is left of endpoints: links, OVS ports, Neutron ports."""
        found = [name for _, name in socket.if_nameindex() if name[:2] in ("ve", "vc")]
        found += self.ovs.ctl("--bare", "--columns=name", "list", "Port").split()
        found += self.ovs.ctl("--bare", "--columns=name", "list", "Interface").split()
        found += [port["id"] for port in self.neutron.query("ports")]
        return sorted(set(found) - {"br-int"})

    def interface(self, name: str) -> dict[str, str]:
        rows = json.loads(
            self.ovs.ctl("-f", "json", "--columns=external_ids", "list", "Interface", name)
        )
        return dict(rows["data"][0][0][1])


@pytest.fixture(scope="module")
def host(namespace: None) -> Iterator[Host]:
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        folder = Path(name)
        databases = []
        processes = []
        try:
            for kind in ("nb", "host"):
                (folder / kind).mkdir()
                databases.append(OvsdbServer(folder / kind, kind))
                databases[-1].start()
            nb, ovs = databases
            ovs.ctl("init")
            ovs.ctl("add-br", "br-int")
            ovs.ctl("set", "Bridge", "br-int", "datapath_type=netdev")
            ovs.ctl("set", "Open_vSwitch", ".", *(f"external_ids:{one}" for one in SETTINGS))
            processes.append(
                serve(f"ipam.application({nb.remote!r})", IPAM, folder / "i", keep_alive=True)
            )
            plugin = folder / "p.sock"
            start = f"driver.application({ovs.remote!r}, ready_timeout=0)"
            processes.append(serve(start, f"unix:{plugin}", folder / "d", keep_alive=False))
            yield Host(ovs, plugin)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)
            for database in databases:
                database.stop()


@pytest.fixture(autouse=True)
def nothing_left(host: Host) -> Iterator[None]:
    yield
    assert host.left() == []


def new_id() -> str:
    return secrets.token_hex(32)


class Lan:
    """A Docker network with Docker's own IPAM, which a test makes and removes."""

    def __init__(self, host: Host, number: int, **options: str) -> None:
        self.host = host
        self.id = new_id()
        self.v4, self.v6 = f"10.{number}.0", f"fd{number:02x}::"
        self.body: dict[str, Any] = {
            "NetworkID": self.id,
            "Options": {
                "com.docker.network.enable_ipv6": True,
                "com.docker.network.generic": options,
            },
            "IPv4Data": [
                {
                    "AddressSpace": "LocalDefault",
                    "Pool": f"{self.v4}.0/24",
                    "Gateway": f"{self.v4}.1/24",
                    "AuxAddresses": {"r1": f"{self.v4}.5/24"},
                }
            ],
            "IPv6Data": [{"Pool": f"{self.v6}/64", "Gateway": f"{self.v6}1/64"}],
        }

    def endpoint(self, last: int, endpoint_id: str | None = None, **more: Any) -> dict[str, Any]:
        return {
            "NetworkID": self.id,
            "EndpointID": endpoint_id or new_id(),
            "Interface": {
                "Address": f"{self.v4}.{last}/24",
                "AddressIPv6": f"{self.v6}{last:x}/64",
                "MacAddress": "",
                **more,
            },
            "Options": {"com.docker.network.portmap": []},
        }

    def remove(self) -> None:
        self.host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": self.id})
        assert self.host.neutron.query("networks") == []


@pytest.fixture
def lan(host: Host) -> Iterator[Lan]:
    made = Lan(host, 10)
    assert host.ok("NetworkDriver.CreateNetwork", made.body) == {}
    yield made
    made.remove()


def ids(endpoint: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {key: endpoint[key] for key in ("NetworkID", "EndpointID")} | more


def delete(host: Host, endpoint: dict[str, Any]) -> None:
    assert host.ok("NetworkDriver.DeleteEndpoint", ids(endpoint)) == {}


# --- the protocol's frame


def test_activation_and_capabilities(host: Host) -> None:
    assert host.ok("Plugin.Activate") == {"Implements": ["NetworkDriver"]}
    status, answer, headers = host.post("NetworkDriver.GetCapabilities", None)
    assert (status, answer["Scope"], answer["ConnectivityScope"]) == (200, "local", "global")
    assert headers["Connection"] == "close"


def test_activation_is_refused_until_the_host_is_set_up(host: Host) -> None:
    assert "set-ipam" in host.configure(503, *REMOVE, "ipam")["Err"]
    said = host.configure(502, *SET, "external_ids:ipam=127.0.0.1:1")["Err"]
    assert "127.0.0.1:1" in said
    assert "Connection refused" in said
    assert host.ok("NetworkDriver.GetCapabilities")["Scope"] == "local"
    assert host.configure(200, *SET, "external_ids:ipam=127.0.0.1")["Implements"]


@pytest.mark.parametrize("name", sorted(app.METHODS))
def test_an_empty_body_is_refused_where_there_are_arguments(host: Host, name: str) -> None:
    status, answer, _ = host.post(name, None)
    if name in ("Plugin.Activate", "NetworkDriver.GetCapabilities") or "Discover" in name:
        assert status == 200
    else:
        assert status == 400
        assert "empty" in answer["Err"]
        assert answer["Error"] == answer["Err"]


@pytest.mark.parametrize(
    "body",
    [
        {"NetworkID": "../x", "EndpointID": "ab"},
        {"NetworkID": "ab", "EndpointID": "a b"},
        {"NetworkID": "ab", "EndpointID": "--all"},
        {"NetworkID": "ab", "EndpointID": "a" * 65},
        {"NetworkID": "ab", "EndpointID": ""},
        {"NetworkID": "ab"},
        ["ab"],
        7,
    ],
)
def test_bad_ids_are_refused(host: Host, body: Any) -> None:
    for method in ("CreateEndpoint", "Join", "Leave", "DeleteEndpoint", "EndpointOperInfo"):
        status, answer, _ = host.post(f"NetworkDriver.{method}", body)
        assert status == 400
        assert answer["Err"] == answer["Error"] != ""


def test_an_unknown_path_is_a_404_with_both_error_fields(host: Host) -> None:
    for path in ("NetworkDriver.GwAllocCheck", "x", "a/b", ""):
        status, answer, _ = host.post(path, {})
        assert status in (404, 405)
        assert answer["Err"] == answer["Error"] != ""


def test_methods_that_need_no_doing_succeed(host: Host) -> None:
    who = {"NetworkID": new_id(), "EndpointID": new_id()}
    node = {"DiscoveryType": 1, "DiscoveryData": {"Address": "10.0.0.1", "Self": True}}
    assert host.ok("NetworkDriver.ProgramExternalConnectivity", {**who, "Options": None}) == {}
    assert host.ok("NetworkDriver.RevokeExternalConnectivity", who) == {}
    assert host.ok("NetworkDriver.DiscoverNew", node) == {}
    assert host.ok("NetworkDriver.DiscoverDelete", node) == {}
    assert host.ok("NetworkDriver.FreeNetwork", {"NetworkID": new_id()}) == {}
    swarm: dict[str, Any] = {
        "NetworkID": "x" * 25,
        "Options": {"a": "b"},
        "IPv4Data": [],
        "IPv6Data": None,
    }
    assert host.ok("NetworkDriver.AllocateNetwork", swarm) == {"Options": {"a": "b"}}


def test_undoing_what_is_not_there_succeeds(host: Host) -> None:
    who = {"NetworkID": new_id(), "EndpointID": new_id()}
    for method in ("Leave", "DeleteEndpoint", "DeleteNetwork"):
        assert host.ok(f"NetworkDriver.{method}", who) == {}
    assert host.ok("NetworkDriver.EndpointOperInfo", who) == {"Value": {}}


# --- networks


def test_a_network_is_made_with_its_subnets(host: Host, lan: Lan) -> None:
    (network,) = host.neutron.query("networks", name=lan.id)
    assert set(network["tags"]) == {tags.MADE, tags.of(lan.id)}
    subnets = {one["cidr"]: one for one in host.neutron.query("subnets", network_id=network["id"])}
    assert {cidr: one["gateway_ip"] for cidr, one in subnets.items()} == {
        f"{lan.v4}.0/24": f"{lan.v4}.1",
        f"{lan.v6}/64": f"{lan.v6}1",
    }
    assert not any(one["enable_dhcp"] for one in subnets.values())
    # Asked again, by an engine that lost the answer.
    assert host.ok("NetworkDriver.CreateNetwork", lan.body) == {}
    assert len(host.neutron.query("networks")) == 1
    other = {**lan.body, "IPv4Data": [{"Pool": "10.99.0.0/24"}]}
    assert f"{lan.v4}.0/24" in host.error("NetworkDriver.CreateNetwork", other)


def test_a_network_half_made_is_gone_again(host: Host) -> None:
    lan = Lan(host, 11)
    overlapping = {"Pool": f"{lan.v4}.0/25", "Gateway": f"{lan.v4}.2/25"}
    lan.body["IPv4Data"].append(overlapping)
    host.error("NetworkDriver.CreateNetwork", lan.body)
    assert host.neutron.query("networks") == []


def test_a_network_is_adopted_by_name_and_by_id_and_not_deleted(host: Host) -> None:
    network = host.neutron.create("networks", name="blue")
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.12.0.0/24")
    for options in ({"ovn.network": "blue"}, {"neutron.net.uuid": network["id"]}):
        lan = Lan(host, 12, **options)
        lan.body["IPv6Data"] = None
        for _ in range(2):
            assert host.ok("NetworkDriver.CreateNetwork", lan.body) == {}
        assert host.neutron.show("networks", network["id"])["tags"] == [tags.of(lan.id)]
        host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": lan.id})
    assert host.neutron.show("networks", network["id"])["tags"] == []
    wrong = Lan(host, 13, **{"ovn.network": "blue"})
    said = host.error("NetworkDriver.CreateNetwork", wrong.body)
    assert "10.12.0.0/24" in said
    assert "--subnet 10.12.0.0/24" in said
    host.neutron.create("networks", name="blue")
    assert network["id"] in host.error("NetworkDriver.CreateNetwork", wrong.body)  # two of a name
    for one in host.neutron.query("networks"):
        host.neutron.delete("networks", one["id"])
    said = host.error("NetworkDriver.CreateNetwork", wrong.body)
    assert "ovn-integrate network create blue --subnet" in said
    assert host.neutron.query("networks") == []


def test_a_made_network_goes_with_its_last_holder(host: Host) -> None:
    first = Lan(host, 14)
    host.ok("NetworkDriver.CreateNetwork", first.body)
    second = Lan(host, 14, **{"ovn.network": first.id})
    host.ok("NetworkDriver.CreateNetwork", second.body)
    host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": first.id})
    assert len(host.neutron.query("networks")) == 1
    second.remove()


def test_options_of_a_network(host: Host) -> None:
    passes = interfaces.mtus()["lo"] - 58
    for options, words in (
        ({"ovn.netwrok": "blue"}, "ovn.netwrok"),
        ({"com.docker.network.driver.mtu": "tall"}, "no number"),
        ({"com.docker.network.driver.mtu": str(passes + 1)}, f"{passes} bytes"),
        ({"com.docker.network.driver.mtu": "1279"}, "IPv6"),
        ({"ovn.network": "a", "neutron.net.name": "b"}, "different networks"),
    ):
        assert words in host.error("NetworkDriver.CreateNetwork", Lan(host, 15, **options).body)
    assert host.neutron.query("networks") == []


# --- endpoints


def test_the_life_of_an_endpoint(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    who = ids(endpoint)
    answer = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert set(answer["Interface"]) == {"MacAddress"}
    (port,) = host.neutron.query("ports", device_id=who["EndpointID"])
    assert port["mac_address"] == answer["Interface"]["MacAddress"]
    assert {one["ip_address"] for one in port["fixed_ips"]} == {f"{lan.v4}.7", f"{lan.v6}7"}
    assert port["device_owner"] == MADE
    assert port["binding:host_id"] == CHASSIS
    outer, inner = links.outer(who["EndpointID"]), links.inner(who["EndpointID"])
    keys = host.interface(outer)
    assert keys["iface-id"] == port["id"]
    assert keys["iface-id-ver"] == port["binding:profile"]["ovn.iface_id_ver"]
    assert keys[links.NETWORK] == lan.id
    assert host.ovs.ctl("port-to-br", outer).strip() == "br-int"
    assert host.ovs.ctl("get", "Port", outer, "other_config:transient").strip() == '"true"'
    mtus = interfaces.mtus()
    assert mtus[inner] == mtus[outer] == mtus["lo"] - 58
    assert "tx-checksumming: off" in run("ethtool", "-k", inner)

    # Asked again: the same answer; asked for something else: refused, and nothing breaks.
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == answer
    host.error("NetworkDriver.CreateEndpoint", lan.endpoint(8, who["EndpointID"]))

    joined = host.ok("NetworkDriver.Join", {**who, "SandboxKey": "/x", "Options": None})
    assert joined["InterfaceName"] == {"SrcName": inner, "DstPrefix": "eth"}
    assert joined["Gateway"] == joined["GatewayIPv6"] == ""
    value = host.ok("NetworkDriver.EndpointOperInfo", who)["Value"]
    assert value["mac_address"] == port["mac_address"]

    for _ in range(2):
        assert host.ok("NetworkDriver.Leave", who) == {}
        assert not netlink.exists(outer)
    # Joined anew, as after a container's restart without a new endpoint.
    assert host.ok("NetworkDriver.Join", who) == joined
    assert netlink.exists(inner)
    assert port["mac_address"] in run("ip", "link", "show", inner)
    for _ in range(2):
        delete(host, endpoint)


def test_addresses_are_given_where_docker_has_none(host: Host) -> None:
    """``--ipam-driver null``, and a network made by hand afterwards, named by the NetworkID."""
    network_id = new_id()
    null = [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}]
    body = {"NetworkID": network_id, "Options": None, "IPv4Data": null, "IPv6Data": []}
    host.ok("NetworkDriver.CreateNetwork", body)
    assert host.neutron.query("networks") == []
    endpoint = {"NetworkID": network_id, "EndpointID": new_id(), "Interface": None}
    assert f"net-create {network_id}" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    network = host.neutron.create("networks", name=network_id)
    assert "subnet-create" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.16.0.0/24")
    given = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == given
    assert given["Interface"]["Address"].startswith("10.16.0.")
    assert given["Interface"]["Address"].endswith("/24")
    assert set(given["Interface"]) == {"Address", "MacAddress"}
    delete(host, endpoint)
    host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": network_id})
    # Removed and made anew under the driver's feet.
    host.neutron.delete("networks", network["id"])
    network = host.neutron.create("networks", name=network_id)
    host.neutron.create("subnets", network_id=network["id"], ip_version=4, cidr="10.17.0.0/24")
    again = host.ok("NetworkDriver.CreateEndpoint", {**endpoint, "EndpointID": new_id()})
    assert again["Interface"]["Address"].startswith("10.17.0.")
    for port in host.neutron.query("ports"):
        delete(host, {"NetworkID": network_id, "EndpointID": port["device_id"]})
    assert host.neutron.delete("networks", network["id"])


def test_a_mac_address_that_was_asked_for(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(9, MacAddress="02:42:AC:00:00:09")
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == {"Interface": {}}
    inner = links.inner(endpoint["EndpointID"])
    assert "02:42:ac:00:00:09" in run("ip", "link", "show", inner)
    same = lan.endpoint(10, MacAddress="02:42:ac:00:00:09")
    assert "02:42:ac:00:00:09" in host.error("NetworkDriver.CreateEndpoint", same)
    delete(host, endpoint)


def test_an_mtu_that_was_asked_for(host: Host) -> None:
    lan = Lan(host, 18, **{"com.docker.network.driver.mtu": "1300"})
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    endpoint = lan.endpoint(2)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert interfaces.mtus()[links.inner(endpoint["EndpointID"])] == 1300
    delete(host, endpoint)
    lan.remove()


def test_an_address_of_another_host_is_refused_by_name(host: Host, lan: Lan) -> None:
    (network,) = host.neutron.query("networks", name=lan.id)
    other = host.neutron.create(
        "ports",
        network_id=network["id"],
        name="db",
        fixed_ips=[{"ip_address": f"{lan.v4}.7"}],
        **{"binding:host_id": "chassis-2", "device_id": new_id(), "device_owner": MADE},
    )
    said = host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    for word in (f"{lan.v4}.7", "db", "chassis-2", "--ip-range"):
        assert word in said
    assert host.left() == [other["id"]]
    host.neutron.delete("ports", other["id"])


def test_an_address_of_a_dead_endpoint_of_this_host_is_taken_back(host: Host, lan: Lan) -> None:
    """After a crash Docker gives the address to a new endpoint and never names the old one."""
    dead = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", dead)
    assert "has it" in host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    assert netlink.delete_link(links.outer(dead["EndpointID"]))  # the container died
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    (port,) = host.neutron.query("ports")
    assert port["device_id"] == endpoint["EndpointID"]
    delete(host, endpoint)


def test_an_address_outside_of_the_network_is_refused(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7, Address="192.0.2.7/24")
    assert f"{lan.v4}.0/24" in host.error("NetworkDriver.CreateEndpoint", endpoint)


def test_a_port_that_was_made_before_is_taken_and_stays(host: Host, lan: Lan) -> None:
    (network,) = host.neutron.query("networks", name=lan.id)
    fixed = [{"ip_address": f"{lan.v4}.9"}, {"ip_address": f"{lan.v6}9"}]
    port = host.neutron.create("ports", network_id=network["id"], name="db", fixed_ips=fixed)
    for _ in range(2):
        endpoint = {**lan.endpoint(9), "Options": {"ovn.port": "db"}}
        answer = host.ok("NetworkDriver.CreateEndpoint", endpoint)
        assert answer == {"Interface": {"MacAddress": port["mac_address"]}}
        now = host.neutron.show("ports", port["id"])
        assert (now["device_owner"], now["binding:host_id"]) == (TAKEN, CHASSIS)
        other = {**lan.endpoint(9), "Options": {"ovn.port": port["id"]}}
        assert "attached" in host.error("NetworkDriver.CreateEndpoint", other)
        delete(host, endpoint)
        now = host.neutron.show("ports", port["id"])
        assert now["device_id"] == now["device_owner"] == now["binding:host_id"] == ""
    wrong = {**lan.endpoint(8), "Options": {"ovn.port": "db"}}
    assert f"{lan.v4}.9" in host.error("NetworkDriver.CreateEndpoint", wrong)
    assert host.neutron.show("ports", port["id"])["device_id"] == ""
    missing = {**lan.endpoint(8), "Options": {"ovn.port": "nope"}}
    assert "port create nope" in host.error("NetworkDriver.CreateEndpoint", missing)
    host.neutron.delete("ports", port["id"])


# --- rollback at each step


def test_a_veth_that_cannot_be_made_leaves_nothing(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    stranger = links.inner(endpoint["EndpointID"])
    run("ip", "link", "add", stranger, "type", "bridge")
    assert "exists" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    assert host.left() == [stranger]
    run("ip", "link", "del", stranger)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    delete(host, endpoint)


def test_an_ovs_port_that_cannot_be_made_leaves_nothing(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    stranger = links.outer(endpoint["EndpointID"])
    host.ovs.ctl("add-port", "br-int", stranger)
    assert "del-port" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    assert host.left() == [stranger]
    host.ovs.ctl("del-port", stranger)


def test_without_a_bridge_nothing_is_made(host: Host, lan: Lan) -> None:
    host.configure(503, *SET, "external_ids:ovn-bridge=br-none")
    said = host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    assert "create-integration-bridge" in said
    host.configure(200, *REMOVE, "ovn-bridge")


def test_without_an_ipam_server_nothing_is_made(host: Host, lan: Lan) -> None:
    host.configure(502, *SET, "external_ids:ipam=127.0.0.1:1")
    assert "ipam status" in host.error("NetworkDriver.CreateEndpoint", lan.endpoint(7))
    # The next one of the list is used where the first is out of reach.
    host.configure(200, *SET, 'external_ids:ipam="127.0.0.1:1,127.0.0.1"')
    endpoint = lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    delete(host, endpoint)
    host.configure(200, *SET, "external_ids:ipam=127.0.0.1")


# --- waiting for OVN, and other instances of the driver


@pytest.fixture
def patient(host: Host) -> Iterator[Any]:
    """A second driver on the same host, as after a restart, which waits for OVN."""
    own = links.Links(host.ovs.remote, 5)
    client = app.create(Driver(own, ready_timeout=0.5)).test_client()

    def call(method: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = client.post(f"/{method}", json=body).get_json()
        return answer

    yield call
    own.close()


def test_join_says_what_is_missing_and_undoes_what_it_made(
    host: Host, lan: Lan, patient: Any
) -> None:
    endpoint = lan.endpoint(7)
    who = ids(endpoint)
    outer = links.outer(who["EndpointID"])
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert "ovs-vswitchd" in patient("NetworkDriver.Join", who)["Err"]
    assert netlink.exists(outer)  # CreateEndpoint made it
    host.ovs.ctl("set", "Interface", outer, "error=no-such-device")
    assert "no-such-device" in patient("NetworkDriver.Join", who)["Err"]
    host.ovs.ctl("set", "Interface", outer, "error=[]", "ofport=5")
    assert "ovn-controller" in patient("NetworkDriver.Join", who)["Err"]
    assert patient("NetworkDriver.Leave", who) == {}
    assert "not ready" in patient("NetworkDriver.Join", who)["Err"]
    assert not netlink.exists(outer)
    delete(host, endpoint)


def test_join_answers_when_ovn_has_installed_the_flows(host: Host, lan: Lan, patient: Any) -> None:
    endpoint = lan.endpoint(7)
    assert not patient("NetworkDriver.CreateEndpoint", endpoint).get("Err")
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(
        target=lambda: answers.append(patient("NetworkDriver.Join", ids(endpoint)))
    )
    thread.start()
    outer = links.outer(endpoint["EndpointID"])
    host.ovs.ctl("set", "Interface", outer, "external_ids:ovn-installed=true")
    thread.join()
    assert answers[0]["InterfaceName"]["SrcName"] == links.inner(endpoint["EndpointID"])
    assert patient("NetworkDriver.EndpointOperInfo", ids(endpoint))["Value"]["ready"] == "true"
    delete(host, endpoint)


def test_a_driver_that_was_started_again_knows_what_the_old_one_made(
    host: Host, lan: Lan, patient: Any
) -> None:
    endpoint = lan.endpoint(7)
    first = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert patient("NetworkDriver.CreateEndpoint", endpoint) == first
    assert patient("NetworkDriver.Leave", ids(endpoint)) == {}
    assert patient("NetworkDriver.DeleteEndpoint", ids(endpoint)) == {}


# --- many at a time


def test_eight_at_a_time(host: Host, lan: Lan) -> None:
    def live(last: int) -> str:
        endpoint = lan.endpoint(last)
        mac = host.ok("NetworkDriver.CreateEndpoint", endpoint)["Interface"]["MacAddress"]
        host.ok("NetworkDriver.Join", ids(endpoint))
        host.ok("NetworkDriver.Leave", ids(endpoint))
        delete(host, endpoint)
        return str(mac)

    with ThreadPoolExecutor(8) as pool:
        macs = list(pool.map(live, range(20, 60)))
    assert len(set(macs)) == len(macs)


def test_one_address_asked_for_by_many_goes_to_one(host: Host, lan: Lan) -> None:
    endpoints = [lan.endpoint(7) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda one: host.call("NetworkDriver.CreateEndpoint", one), endpoints)
        )
    assert [bool(one.get("Err")) for one in answers].count(False) == 1
    assert len(host.neutron.query("ports")) == 1
    for endpoint in endpoints:
        delete(host, endpoint)


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
