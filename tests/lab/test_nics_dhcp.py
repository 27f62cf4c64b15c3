"""A NIC whose address comes by DHCP and IPv6 from a router: both go on by way of its bridge.

On the machine's own programs, as the DHCP server and client are no part of the suites.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .host import NIC, Host
from .lab import Lab
from .nics import BRIDGE, DIE_AT, STATE
from .waiting import wait_for

pytestmark = pytest.mark.needs("dhclient", "dnsmasq")

SERVER = "10.66.0.1"
LEASES = "/var/lib/misc/dnsmasq.leases"
CLIENT = (
    *("dhclient", "-4", "-nw", "-pf", f"/run/dhclient.{NIC}.pid"),
    *("-lf", f"/var/lib/dhcp/dhclient.{NIC}.leases", NIC),
)


@pytest.fixture(scope="module")
def server(own_lab: Lab) -> Iterator[Host]:
    """DHCP and router advertisements for whoever asks."""
    host = own_lab.add_host("nics-server")
    host.run("ip", "address", "add", f"{SERVER}/24", "dev", NIC)
    host.run("ip", "address", "add", "2001:db8:66::1/64", "dev", NIC, "nodad")
    host.run("mkdir", "-p", "/var/lib/misc")
    host.run(
        *("dnsmasq", "--port=0", f"--interface={NIC}", "--bind-interfaces", "--enable-ra"),
        *("--dhcp-range=10.66.0.50,10.66.0.90,2m", "--dhcp-range=2001:db8:66::,ra-only"),
        *(f"--dhcp-option=option:router,{SERVER}", "--pid-file=/run/dnsmasq.pid", "--user=root"),
    )
    yield host
    host.stop()


@pytest.fixture
def host(own_lab: Lab, server: Host) -> Iterator[Host]:
    """With nothing but what DHCP and the router give it."""
    host = own_lab.add_host("nics-client")
    host.run("ip", "address", "flush", "dev", NIC, "scope", "global")
    host.run("sysctl", "-qw", f"net.ipv6.conf.{NIC}.accept_ra=2")
    host.start_ovs()
    host.run("mkdir", "-p", "/var/lib/dhcp")
    host.run(*CLIENT)
    wait_for(lambda: leased(host, NIC), 30, "a lease")
    wait_for(lambda: slaac(host, NIC), 30, "an address by a router")
    yield host
    host.stop()


def addresses(host: Host, device: str) -> list[str]:
    shown = json.loads(host.run("ip", "-json", "address", "show", "dev", device).stdout)
    return [one["local"] for one in shown[0]["addr_info"] if not one.get("tentative")]


def leased(host: Host, device: str) -> list[str]:
    return [one for one in addresses(host, device) if one.startswith("10.66.")]


def slaac(host: Host, device: str) -> list[str]:
    return [one for one in addresses(host, device) if one.startswith("2001:db8:66:")]


def clients(host: Host) -> list[str]:
    """The link of each DHCP client."""
    lines = host.run("ps", "-C", "dhclient", "-o", "args=", check=False).stdout.splitlines()
    return [line.split()[-1] for line in lines]


def acknowledged(host: Host, device: str) -> str:
    return host.run("cat", f"/var/lib/dhcp/dhclient.{device}.leases", check=False).stdout


def reaches(host: Host) -> bool:
    ping = ("ping", "-c", "1", "-W", "1")
    return all(
        host.run(*ping, one, check=False).returncode == 0 for one in (SERVER, "2001:db8:66::1")
    )


def test_the_client_goes_with_the_address_and_comes_back_with_it(host: Host) -> None:
    four, six = leased(host, NIC), slaac(host, NIC)
    before = acknowledged(host, NIC).count("lease {")
    plan = json.loads(host.cli("nics-to-bridge", NIC, "--dry-run", "-o", "json").stdout)
    assert plan["nics"][0]["clients"] == [" ".join(CLIENT)]
    host.cli("nics-to-bridge", NIC)
    host.cli("nics-to-bridge", "--confirm")
    assert clients(host) == [BRIDGE]
    assert leased(host, BRIDGE) == four
    assert slaac(host, BRIDGE) == six
    assert addresses(host, NIC) == []
    # The server has acknowledged the same address to the client on the bridge.
    wait_for(
        lambda: acknowledged(host, BRIDGE).count("lease {") > before, 30, "a lease by the bridge"
    )
    assert leased(host, BRIDGE) == four
    assert f"default via {SERVER} dev {BRIDGE}" in host.run("ip", "route").stdout
    assert "proto ra" in host.run("ip", "-6", "route", "show", "dev", BRIDGE).stdout
    wait_for(lambda: reaches(host), 15, "an answer by way of the bridge")
    host.cli("bridge-to-nics")
    assert clients(host) == [NIC]
    assert leased(host, NIC) == four
    # The kernel looks first whether somebody else has it.
    wait_for(lambda: slaac(host, NIC) == six, 10, "the address of the router's prefix")
    wait_for(lambda: reaches(host), 15, "an answer by way of the NIC")


@pytest.mark.parametrize("step", ["client-stopped", "client-started"])
def test_killed_between_the_clients_the_first_is_started_again(host: Host, step: str) -> None:
    four, six = leased(host, NIC), slaac(host, NIC)
    done = host.cli("nics-to-bridge", NIC, env={DIE_AT: f"nics-{step}"}, check=False)
    assert done.returncode in (-9, 137)
    gone = ("test", "!", "-e", STATE)
    wait_for(lambda: host.run(*gone, check=False).returncode == 0, 40, "all to be put back")
    assert clients(host) == [NIC]
    assert leased(host, NIC) == four
    assert slaac(host, NIC) == six
    wait_for(lambda: reaches(host), 15, "an answer by way of the NIC")


def test_a_client_of_another_program_is_not_taken_from_it(host: Host) -> None:
    host.run("kill", host.read(f"/run/dhclient.{NIC}.pid").strip())
    wait_for(lambda: not clients(host), 10, "the client's end")
    child = host.popen("dhclient", "-d", "-4", NIC)
    wait_for(lambda: clients(host), 10, "a client")
    done = host.cli("nics-to-bridge", NIC, check=False)
    assert done.returncode == 6
    assert "cannot be handed over" in done.stderr
    child.terminate()
