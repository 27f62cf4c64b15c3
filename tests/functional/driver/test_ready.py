"""Join waits for OVN; restarts, and many calls at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ovn_integrate import netlink
from ovn_integrate.core.link import veth
from tests.functional.driver.bed import Call, Host, Lan, delete, ids, run


@pytest.fixture
def patient(driver: Call) -> Call:
    """As after a restart."""
    return driver


def test_join_says_what_is_missing_and_undoes_what_it_made(
    host: Host, lan: Lan, patient: Call
) -> None:
    endpoint = lan.endpoint(7)
    who = ids(endpoint)
    outer = veth.outer(who["EndpointID"])
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


def test_join_answers_when_ovn_has_installed_the_flows(host: Host, lan: Lan, patient: Call) -> None:
    endpoint = lan.endpoint(7)
    assert not patient("NetworkDriver.CreateEndpoint", endpoint).get("Err")
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(
        target=lambda: answers.append(patient("NetworkDriver.Join", ids(endpoint)))
    )
    thread.start()
    outer = veth.outer(endpoint["EndpointID"])
    host.ovs.ctl("set", "Interface", outer, "external_ids:ovn-installed=true")
    thread.join()
    assert answers[0]["InterfaceName"]["SrcName"] == veth.inner(endpoint["EndpointID"])
    assert patient("NetworkDriver.EndpointOperInfo", ids(endpoint))["Value"]["ready"] == "true"
    delete(host, endpoint)


def test_a_driver_that_was_started_again_knows_what_the_old_one_made(
    host: Host, lan: Lan, patient: Call
) -> None:
    endpoint = lan.endpoint(7)
    first = host.ok("NetworkDriver.CreateEndpoint", endpoint)
    assert patient("NetworkDriver.CreateEndpoint", endpoint) == first
    assert patient("NetworkDriver.Leave", ids(endpoint)) == {}
    assert patient("NetworkDriver.DeleteEndpoint", ids(endpoint)) == {}


def test_what_a_killed_driver_had_half_made_gives_way(host: Host, lan: Lan, patient: Call) -> None:
    """Docker hands out the address of a failed CreateEndpoint again, and says nothing of it."""
    cut_short, again = lan.endpoint(7), lan.endpoint(7)
    host.ok("NetworkDriver.CreateEndpoint", cut_short)
    outer, inner = veth.outer(cut_short["EndpointID"]), veth.inner(cut_short["EndpointID"])
    # In a container, or about to be moved there by the driver that made it: alive.
    assert host.call("NetworkDriver.CreateEndpoint", again)["Err"]
    run("ip", "link", "set", inner, "name", "eth7")
    assert patient("NetworkDriver.CreateEndpoint", again)["Err"]
    run("ip", "link", "set", "eth7", "name", inner)
    assert not patient("NetworkDriver.CreateEndpoint", again).get("Err")
    assert not netlink.exists(outer)
    delete(host, again)


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
