"""What Docker's engines do that a driver would not expect, and each generation's own terms."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ovn_integrate import netlink
from ovn_integrate.core.link import veth
from ovn_integrate.host import gateway, packet_filter
from ovn_integrate.host.packet_filter.published import RECORD, RECORDED, Published, record
from ovn_integrate.plugins.libnetwork import app
from tests.functional.driver.bed import Host, Lan, delete, ids, new_id, run
from tests.functional.driver.engine import MAC, DockerNetwork, address, new_mac, release


@contextmanager
def sandbox() -> Iterator[str]:
    """The process id of somebody in a network namespace of its own, as a container is."""
    with subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE) as process:
        own = os.stat("/proc/thread-self/ns/net").st_ino
        while os.stat(f"/proc/{process.pid}/ns/net").st_ino == own:
            assert process.poll() is None
        yield str(process.pid)
        assert process.stdin is not None
        process.stdin.close()


def put(endpoint: dict[str, Any], pid: str) -> None:
    """What Docker does with a link after Join."""
    run("ip", "link", "set", veth.inner(endpoint["EndpointID"]), "netns", pid, "name", "eth0")


def inside(pid: str) -> str:
    return run("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "-o", "link")


def joined(host: Host, endpoint: dict[str, Any]) -> dict[str, Any]:
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    return host.ok("NetworkDriver.Join", ids(endpoint))


ACCEPT = "Accept: application/vnd.docker.plugins.v1.2+json"


# As 20.10.24 sends it; as newer ones do; and as nobody does.
@pytest.mark.parametrize(
    "lines",
    [
        ("Host: ", "User-Agent: Go-http-client/1.1", ACCEPT),
        ("Host: plugin.moby.localhost", ACCEPT),
        ("Host: x", "Content-Type: text/plain", "Accept: text/html"),
    ],
)
def test_of_a_request_nothing_but_path_and_body_matters(host: Host, lines: tuple[str, ...]) -> None:
    who = {"NetworkID": new_id(), "EndpointID": new_id()}
    status, answer, headers = host.post("NetworkDriver.EndpointOperInfo", who, *lines)
    assert (status, answer) == (200, {"Value": {}})
    assert headers["Connection"] == "close"


def test_an_endpoint_ends_while_its_link_is_in_the_container(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    joined(host, endpoint)
    with sandbox() as pid:
        put(endpoint, pid)
        assert "eth0" in inside(pid)
        assert host.ok("NetworkDriver.Leave", ids(endpoint)) == {}
        assert "eth0" not in inside(pid)
        assert host.ok("NetworkDriver.Leave", ids(endpoint)) == {}
        delete(host, endpoint)


@pytest.mark.parametrize("where", ["back", "gone", "inside"])
def test_an_endpoint_ends_without_leave(host: Host, lan: Lan, where: str) -> None:
    """Its link is here again under its first name, or went with the sandbox, or is still there."""
    endpoint = lan.endpoint(7)
    joined(host, endpoint)
    inner = veth.inner(endpoint["EndpointID"])
    with sandbox() as pid:
        if where == "gone":
            netlink.delete_link(inner)
        else:
            put(endpoint, pid)
        if where == "back":
            there = ("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "link", "set", "eth0")
            run(*there, "netns", str(os.getpid()), "name", inner)
        delete(host, endpoint)
        assert not netlink.exists(veth.outer(endpoint["EndpointID"]))
        assert "eth0" not in inside(pid)


def test_joins_and_leaves_that_come_twice_or_alone(host: Host, lan: Lan) -> None:
    """Engines of 29 send Leave after a Join that failed."""
    endpoint = lan.endpoint(7)
    first = joined(host, endpoint)
    assert host.ok("NetworkDriver.Join", ids(endpoint)) == first
    delete(host, endpoint)
    said = host.error("NetworkDriver.Join", ids(endpoint))
    assert "has no port" in said
    assert host.ok("NetworkDriver.Leave", ids(endpoint)) == {}
    delete(host, endpoint)


@pytest.fixture
def published(host: Host) -> Iterator[Any]:
    """Publishes a port of an endpoint, so that the driver's rules lead there."""
    ids = f"external_ids:ovn-integrate\\:gateway-of-{'f' * 64}=100.64.0.1/20"
    marked = f"external_ids:{_key(RECORDED)}=true"
    host.ovs.ctl(
        *("add-br", gateway.NAME, "--", "set", "Bridge", gateway.NAME, ids, marked),
    )

    def publish(endpoint: dict[str, Any]) -> None:
        port = Published(endpoint["EndpointID"], "tcp", None, 8080, "100.64.0.3", 80)
        words = f'external_ids:{_key(RECORD)}="{record([port])}"'
        host.ovs.ctl("set", "Interface", veth.outer(port.endpoint_id), words)
        until(lambda: packet_filter.led() == [port])

    yield publish
    host.ovs.ctl("del-br", gateway.NAME)
    until(lambda: "GATEWAY" not in run("iptables-save"))


def _key(name: str) -> str:
    return name.replace(":", "\\:")


@pytest.mark.parametrize("method", ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"])
def test_ports_are_published_no_more_whichever_call_comes_first(
    host: Host, lan: Lan, published: Any, method: str
) -> None:
    """Engines of 29 that were restarted under a living container send no Revoke for it."""
    endpoint = lan.endpoint(7)
    joined(host, endpoint)
    published(endpoint)
    assert host.ok(f"NetworkDriver.{method}", ids(endpoint)) == {}
    assert packet_filter.led() == []
    delete(host, endpoint)


@pytest.mark.parametrize("command", ["iptables -t nat -F", "iptables -F", "nft flush ruleset"])
def test_rules_come_back_when_others_took_them(
    host: Host, lan: Lan, published: Any, command: str
) -> None:
    endpoint = lan.endpoint(7)
    joined(host, endpoint)
    published(endpoint)
    before = rules()
    run(*command.split())
    until(lambda: rules() == before)
    assert [one.endpoint_id for one in packet_filter.led()] == [endpoint["EndpointID"]]
    delete(host, endpoint)


def rules() -> list[str]:
    return sorted(one for one in run("iptables-save").splitlines() if one.startswith("-A"))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline


def test_the_mac_address_is_read_from_the_interface_as_text(host: Host, lan: Lan) -> None:
    """Among the options it is base64: Go's way to write octets."""
    octets = bytes.fromhex("02 42 ac 00 00 09")
    endpoint = lan.endpoint(7, MacAddress=octets.hex(":"))
    endpoint["Options"][MAC] = base64.b64encode(octets).decode()
    assert host.ok("NetworkDriver.CreateEndpoint", endpoint) == {"Interface": {}}
    (port,) = host.neutron.query("ports")
    assert port["mac_address"] == octets.hex(":")
    delete(host, endpoint)


def test_options_that_are_others_business_are_let_through(host: Host, lan: Lan) -> None:
    endpoint = lan.endpoint(7)
    endpoint["Options"] = {
        "com.docker.network.endpoint.exposedports": [{"Proto": 6, "Port": 80}],
        "com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 8080}],
        "com.docker.network.endpoint.dnsservers": ["1.1.1.1"],
        "com.docker.network.endpoint.sysctls": "net.ipv4.conf.IFNAME.log_martians=1",
        "com.docker.network.driver.private.no_proxy_6to4": True,
        "foo": "bar",
    }
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    # Docker publishes them itself where it is given no gateway.
    assert host.ok("NetworkDriver.ProgramExternalConnectivity", endpoint) == {}
    delete(host, endpoint)
    endpoint["Options"]["ovn.prot"] = "db"
    assert "ovn.prot" in host.error("NetworkDriver.CreateEndpoint", endpoint)


def test_a_name_for_the_interface_is_refused_as_docker_would_ignore_it(
    host: Host, lan: Lan
) -> None:
    endpoint = lan.endpoint(7)
    endpoint["Options"]["com.docker.network.endpoint.ifname"] = "lan0"
    assert "ifname" in host.error("NetworkDriver.CreateEndpoint", endpoint)
    assert host.left() == []


def test_an_address_with_the_name_of_its_container(host: Host) -> None:
    """Engines of 29 and later tell it, of addresses alone."""
    network = DockerNetwork(host, "10.40.0.0/24").make()
    more = {"com.docker.network.endpoint.name": "web", MAC: new_mac()}
    got = address(host, network.pools[0], **more)
    assert got == "10.40.0.2/24"
    release(host, network.pools[0], got)
    network.remove()


@pytest.mark.parametrize("kept", ["IPv4Data", "IPv6Data"])
def test_a_network_of_one_family(host: Host, kept: str) -> None:
    """IPv6 alone is there from engines of 28 on, which then say so."""
    lan = Lan(host, 42)
    other = {"IPv4Data": "IPv6Data", "IPv6Data": "IPv4Data"}[kept]
    lan.body[other] = None
    lan.body["Options"]["com.docker.network.enable_ipv4"] = kept == "IPv4Data"
    lan.body["Options"]["com.docker.network.enable_ipv6"] = kept == "IPv6Data"
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    endpoint = lan.endpoint(7, **{"AddressIPv6" if kept == "IPv4Data" else "Address": ""})
    answer = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert set(answer["Interface"]) == {"MacAddress"}
    (port,) = host.neutron.query("ports")
    wanted = f"{lan.v4}.7" if kept == "IPv4Data" else f"{lan.v6}7"
    assert [one["ip_address"] for one in port["fixed_ips"]] == [wanted]
    delete(host, endpoint)
    # An address of the family that the network has not.
    assert "in no subnet" in host.error("NetworkDriver.CreateEndpoint", lan.endpoint(8))
    lan.remove()


def test_a_network_of_several_subnets(host: Host) -> None:
    lan = Lan(host, 43)
    lan.body["IPv4Data"].append({"Pool": "10.44.0.0/24", "Gateway": "10.44.0.254/24"})
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    gateways = {one["cidr"]: one["gateway_ip"] for one in host.neutron.query("subnets")}
    assert gateways["10.44.0.0/24"] == "10.44.0.254"
    endpoints = [lan.endpoint(7), lan.endpoint(8, Address="10.44.0.8/24")]
    for endpoint in endpoints:
        joined(host, endpoint)
    found = {one["ip_address"] for port in host.neutron.query("ports") for one in port["fixed_ips"]}
    assert {f"{lan.v4}.7", "10.44.0.8"} <= found
    for endpoint in endpoints:
        delete(host, endpoint)
    lan.remove()


def test_an_internal_network_answers_no_gateway_and_wants_none(host: Host) -> None:
    lan = Lan(host, 45, **{"ovn.gateway": "ovn"})
    lan.body["Options"]["com.docker.network.internal"] = True
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    endpoint = lan.endpoint(7)
    answer = joined(host, endpoint)
    assert answer["Gateway"] == answer["GatewayIPv6"] == ""
    # Engines of 29 ask it of internal networks as well.
    endpoint["Options"] = {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": 1}]}
    assert host.ok("NetworkDriver.ProgramExternalConnectivity", endpoint) == {}
    delete(host, endpoint)
    lan.remove()


def test_static_routes_of_a_subnet_are_its_containers(host: Host, lan: Lan) -> None:
    routes = {
        4: {"destination": "10.9.0.0/16", "nexthop": f"{lan.v4}.9"},
        6: {"destination": "fd99::/64", "nexthop": f"{lan.v6}9"},
    }
    for subnet in host.neutron.query("subnets"):
        host.neutron.update("subnets", subnet["id"], host_routes=[routes[subnet["ip_version"]]])
    endpoint = lan.endpoint(7)
    answer = joined(host, endpoint)
    while not answer["StaticRoutes"]:  # the network was asked for less than a second ago
        answer = host.ok("NetworkDriver.Join", ids(endpoint))
    assert sorted(answer["StaticRoutes"], key=lambda one: len(one["Destination"])) == [
        {"Destination": "fd99::/64", "RouteType": 0, "NextHop": f"{lan.v6}9"},
        {"Destination": "10.9.0.0/16", "RouteType": 0, "NextHop": f"{lan.v4}.9"},
    ]
    delete(host, endpoint)
    # Without an address of a family the next hops of its routes are out of reach.
    single = lan.endpoint(8, AddressIPv6="")
    (route,) = joined(host, single)["StaticRoutes"]
    assert route["Destination"] == "10.9.0.0/16"
    delete(host, single)


def test_every_method_of_the_protocols_is_there_but_one_that_is_not_offered() -> None:
    wanted = {f"NetworkDriver.{one}Network" for one in ("Create", "Delete", "Allocate", "Free")}
    wanted |= {f"NetworkDriver.{one}Endpoint" for one in ("Create", "Delete")}
    wanted |= {f"NetworkDriver.{one}ExternalConnectivity" for one in ("Program", "Revoke")}
    wanted |= {f"NetworkDriver.{one}" for one in ("Join", "Leave", "EndpointOperInfo")}
    wanted |= {f"NetworkDriver.Discover{one}" for one in ("New", "Delete")}
    for verb in ("Request", "Release"):
        wanted |= {f"IpamDriver.{verb}{what}" for what in ("Pool", "Address")}
    wanted |= {f"{one}Driver.GetCapabilities" for one in ("Network", "Ipam")}
    assert set(app.METHODS) == {
        "Plugin.Activate",
        "IpamDriver.GetDefaultAddressSpaces",
        *wanted,
    }
