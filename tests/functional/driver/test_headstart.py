"""An endpoint's link is on the bridge before Neutron's answer, where the port's id is known."""

from __future__ import annotations

import threading
from ipaddress import ip_interface
from typing import Any

from ovn_integrate.core.link import veth
from tests.functional.driver.bed import Host, Lan, delete
from tests.lab.waiting import wait_for


def attached(host: Host, endpoint: dict[str, Any]) -> dict[str, str]:
    name = veth.outer(endpoint["EndpointID"])
    found = host.ovs.ctl("--bare", "--columns=name", "find", "Interface", f"name={name}")
    return host.interface(name) if found.strip() else {}


def test_it_does_not_wait_for_the_port(host: Host, lan: Lan) -> None:
    delete(host, made(host, lan.endpoint(7)))  # the driver knows now what the server can do
    endpoint, answers = lan.endpoint(8), []
    call = threading.Thread(target=lambda: answers.append(made(host, endpoint)))
    host.nb.freeze()
    try:
        call.start()
        wait_for(lambda: attached(host, endpoint), 5, "the link to be on the bridge")
        early = attached(host, endpoint)
        assert not answers
    finally:
        host.nb.thaw()
        call.join()
    (port,) = host.neutron.query("ports", device_id=endpoint["EndpointID"])
    assert early["iface-id"] == port["id"]
    assert early["attached-mac"] == port["mac_address"]
    assert attached(host, endpoint) == early
    delete(host, endpoint)


def test_it_goes_with_a_port_that_is_refused(host: Host, lan: Lan) -> None:
    first, second = made(host, lan.endpoint(7)), lan.endpoint(7)
    host.error("NetworkDriver.CreateEndpoint", second)
    assert not attached(host, second)
    delete(host, first)


def test_a_port_that_turns_out_otherwise_has_its_own(host: Host, lan: Lan) -> None:
    """The usual MAC of an address is another port's: the server chooses one."""
    (network,) = host.neutron.query("networks")
    address = ip_interface(lan.endpoint(7)["Interface"]["Address"])
    usual = ":".join(f"{byte:02x}" for byte in (2, 0x42, *address.ip.packed))
    other = host.neutron.create("ports", network_id=network["id"], mac_address=usual)
    endpoint = made(host, lan.endpoint(7))
    (port,) = host.neutron.query("ports", device_id=endpoint["EndpointID"])
    keys = attached(host, endpoint)
    assert port["mac_address"] != usual
    assert (keys["iface-id"], keys["attached-mac"]) == (port["id"], port["mac_address"])
    delete(host, endpoint)
    host.neutron.delete("ports", other["id"])


def made(host: Host, endpoint: dict[str, Any]) -> dict[str, Any]:
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    return endpoint
