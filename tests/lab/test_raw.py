"""OVN by hand on three hosts: the lab carries a real overlay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Host, Lab, raw, wait_for

PORTS = {"blue-1": "0a:00:00:00:00:01", "blue-2": "0a:00:00:00:00:02"}
ADDRESSES = {"blue-1": "172.30.0.1", "blue-2": "172.30.0.2"}


@pytest.fixture(scope="module")
def overlay(lab: Lab) -> Iterator[tuple[Host, Host]]:
    """Two chassis, each with one port of a logical switch; central is on a third host."""
    central = lab.add_host("raw-central")
    chassis = lab.add_host("raw-1"), lab.add_host("raw-2")
    raw.start_central(central)
    for host in chassis:
        host.start_ovs()
        host.put_nic_in_bridge()
        raw.start_chassis(host, central)
    raw.add_switch(central, "blue", {name: f"{PORTS[name]} {ADDRESSES[name]}" for name in PORTS})
    for host, name in zip(chassis, PORTS, strict=True):
        raw.plug(host, name, PORTS[name], f"{ADDRESSES[name]}/24")
    raw.sync(central)
    yield chassis
    for host in (central, *chassis):
        host.stop()


def test_full_size_packets_cross_the_geneve_tunnel(overlay: tuple[Host, Host]) -> None:
    left, _ = overlay
    size = ("-M", "do", "-s", str(1442 - 28))
    words = ("ip", "netns", "exec", "blue-1", "ping", "-c", "1", "-W", "1", *size)
    wait_for(lambda: left.run(*words, ADDRESSES["blue-2"]), 10, "a ping from blue-1 to blue-2")
    assert "type: geneve" in left.run("ovs-vsctl", "show").stdout


def test_tcp_crosses_the_geneve_tunnel(overlay: tuple[Host, Host]) -> None:
    left, right = overlay
    right.run("mkdir", "-p", "/run/www")
    right.run("dd", "if=/dev/zero", "of=/run/www/zeros", "bs=1M", "count=2")
    httpd = ("busybox", "httpd", "-f", "-p", "8080", "-h", "/run/www")
    right.popen("ip", "netns", "exec", "blue-2", *httpd)
    url = f"http://{ADDRESSES['blue-2']}:8080/zeros"
    fetch = ("busybox", "wget", "-q", "-O", "-", url)
    words = ("ip", "netns", "exec", "blue-1", *fetch)
    done = wait_for(lambda: left.run(*words, timeout=5).stdout, 20, "TCP from blue-1 to blue-2")
    assert len(done) == 2 << 20
