"""`trace`: what passes and what is dropped, within a host, over hosts and out of OVN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import Cluster, address, run_container
from .host import Host
from .waiting import wait_for

ALLOW = "ovn.allow=web:db:tcp/5432"


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Iterator[Cluster]:
    """An open network, a closed one, and one with a way out."""
    here, there = shared.hosts
    for name, subnet in (("open", "192.168.31.0/24"), ("closed", "192.168.32.0/24")):
        here.cli("network", "create", name, "--subnet", subnet)
        options = ("--opt", ALLOW) if name == "closed" else ()
        for host in shared.hosts:
            host.cli("network", "attach", name, *options)
            run_container(host, f"{name}-{host.name}", name)
    for host, group in ((here, "web"), (there, "db")):
        run_container(host, group, f"name=closed,driver-opt=ovn.group={group}")
    words = ("network", "create", "-d", "openvswitch", "--subnet", "192.168.33.0/24")
    here.docker(*words, "-o", "ovn.gateway=ovn", "out")
    run_container(here, "outer", "out")
    yield shared
    for host in (here, there):
        running = host.docker("ps", "-q").split()
        host.docker("rm", "-f", *running)
    here.docker("network", "rm", "out")
    for name in ("open", "closed"):
        for host in (here, there):
            host.cli("network", "detach", name)
        here.cli("network", "delete", name)


def trace(host: Host, *words: str, status: int = 0) -> dict[str, Any]:
    done = host.cli("trace", *words, "-o", "json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert (answer["verdict"] == "delivered") == (status == 0)
    answer["words"] = " | ".join(f"{one['what']} {one['where']}" for one in answer["way"])
    return answer


def known(path: Cluster, name: str) -> None:
    """Names come from Docker's events, some moments after a container started."""
    answers = path.first.cli("trace", f"open-{path.first.name}", name, check=False)
    assert "no name or port" not in answers.stderr


def test_over_hosts_by_the_tunnel(path: Cluster) -> None:
    here, there = path.hosts
    target = f"open-{there.name}"
    wait_for(lambda: known(path, target) is None, 20, "the name")
    answer = trace(here, f"open-{here.name}", f"{target}:80")
    assert "network open in by open-" in answer["words"]
    assert f"({there.name})" in answer["words"]
    assert f"tunnel to {there.address}" in answer["words"]
    assert answer["reason"] == f"to {target}"
    # From the other side the source is known by its name in OVN alone.
    answer = trace(there, f"open-{here.name}", target, "--icmp")
    assert "its flows are not looked at" in answer["words"]


def test_within_a_host_and_by_address(path: Cluster) -> None:
    here = path.first
    run_container(here, "two", "open")
    for target in ("two", address(here, "two", "open")):
        answer = trace(here, f"open-{here.name}", f"{target}:514", "--udp")
        assert answer["to"]["packet"] == "udp/514"
        assert "sends it out by ve" in answer["words"]
    here.docker("rm", "-f", "two")


def test_what_a_policy_drops_and_lets_pass(path: Cluster) -> None:
    here, there = path.hosts
    wait_for(lambda: known(path, "db") is None, 20, "the name")
    for target in ("db:5433", "db", f"closed-{there.name}:5432"):
        answer = trace(here, "web", target, status=10)
        assert answer["verdict"] == "dropped"
        assert "by the policy of network closed" in answer["reason"]
        assert "nothing allows it to a container" in answer["reason"]
    answer = trace(here, "web", "db:5432")
    assert "tcp.dst == 5432" in answer["words"]
    done = here.cli("trace", "web", "db:5433", check=False)
    assert (done.returncode, "✗ dropped by the policy" in done.stdout) == (10, True)


def test_out_by_a_router(path: Cluster) -> None:
    answer = trace(path.first, "outer", "9.9.9.9:443")
    for word in ("network out", "router out", "route ip4.dst == 0.0.0.0/0 by 100.64.0.1"):
        assert word in answer["words"]
    assert "leaves OVN by the bridge that the network is mapped to" in answer["words"]
    # Now OVN knows the next hop's MAC address.
    path.first.docker("exec", "outer", "ping", "-c", "3", "-W", "5", "100.64.0.1")
    answer = trace(path.first, "outer", "9.9.9.9:443")
    assert "NAT the source becomes 100.64.0." in answer["words"]
    assert "sends it out by patch-br-int-to-provnet" in answer["words"]


def test_flows_that_are_not_what_ovn_says(path: Cluster) -> None:
    here, there = path.hosts
    source, target = f"open-{here.name}", f"{there.name}"
    mac = here.docker("inspect", "-f", "{{.NetworkSettings.Networks.open.MacAddress}}", source)
    here.run("ovs-ofctl", "add-flow", "br-int", f"priority=9999,dl_src={mac},actions=drop")
    answer = trace(here, source, f"open-{target}:80", status=10)
    assert "by this host's flows, which are not what OVN says: table 0" in answer["reason"]
    here.run("ovs-ofctl", "--strict", "del-flows", "br-int", f"priority=9999,dl_src={mac}")
    trace(here, source, f"open-{target}:80")


def test_raw(path: Cluster) -> None:
    shown = path.first.cli("trace", "web", "db:5432", "--raw").stdout
    assert "ls_in_check_port_sec" in shown
    assert "Datapath actions:" in shown


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("nobody", "web"), 5, "no name or port that OVN knows"),
        (("web", "192.168.32.250"), 5, "no port of its network has it"),
        (("web", "9.9.9.9"), 6, "has no router"),
        (("web", "db:x"), 2, "is no number"),
        (("web", "db", "--udp"), 2, "needs a port"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_there_is_no_way_for(
    path: Cluster, words: tuple[str, ...], status: int, said: str
) -> None:
    done = path.first.cli("trace", *words, check=False)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
