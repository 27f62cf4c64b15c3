"""The founding document's own setup: Docker engines that share a key-value store, here etcd.

Docker 20.10 is the last generation that has it (``--cluster-store``). The network is made on one
engine and seen by both, addresses and names are the store's.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .cluster import IMAGE, Cluster, inside, run_container, serve
from .host import Host
from .image import BUSYBOX
from .lab import Lab
from .waiting import wait_for

pytestmark = pytest.mark.needs("etcd")

STORE = 2379


@pytest.fixture(scope="module")
def shared(own_lab: Lab) -> Iterator[Cluster]:
    central, first, second = (own_lab.add_host(f"kv-{part}") for part in ("c", "1", "2"))
    try:
        serve(central)
        start_etcd(central)
        for host in (first, second):
            host.start_ovs()
            host.put_nic_in_bridge()
            host.cli("up", "--ipam", central.address, "--tep", host.address)
            host.cli("driver", "stop")
            host.cli("driver", "start", "--detach", "--scope", "global")
            host.start_docker(
                f"--cluster-store=etcd://{central.address}:{STORE}",
                f"--cluster-advertise={host.address}:2376",
            )
            host.load_image()
        yield Cluster(central, first, second)
    finally:
        for host in (first, second, central):
            host.stop()


def start_etcd(host: Host) -> None:
    url = f"http://{host.address}:{STORE}"
    host.run("mkdir", "-p", "/run/lab/etcd")
    # Docker 20.10 speaks version 2 of etcd's API.
    etcd = f"etcd --data-dir /run/lab/etcd --enable-v2 --listen-client-urls {url}"
    host.popen("sh", "-c", f"exec {etcd} --advertise-client-urls {url} >/run/lab/etcd.log 2>&1")

    def answers() -> bool:
        words = (str(BUSYBOX), "wget", "-q", "-O", "-", f"{url}/health")
        return host.run(*words, check=False).returncode == 0

    wait_for(answers, 30, "etcd")


def test_one_network_seen_by_both_engines(shared: Cluster) -> None:
    first, second = shared.hosts
    network = first.docker(
        "network", "create", "-d", "openvswitch", "--subnet", "172.30.0.0/24", "blue"
    )
    assert second.docker("network", "inspect", "-f", "{{.Id}} {{.Scope}}", "blue") == (
        f"{network} global"
    )
    run_container(first, "one", "blue")
    run_container(second, "two", "blue")
    addresses = {inside(first, "one", "eth0"), inside(second, "two", "eth0")}
    assert len(addresses) == 2

    first.docker("exec", "one", "ping", "-c", "3", "-W", "5", "two")
    second.docker("exec", "two", "ping", "-c", "3", "-W", "5", "one")

    # An engine that was not asked to make the network runs containers on it, also after a restart.
    second.cli("driver", "stop")
    second.cli("driver", "start", "--detach", "--scope", "global")
    second.docker("run", "--rm", "--network", "blue", IMAGE, "ping", "-c", "3", "-W", "5", "one")

    first.docker("rm", "-f", "one")
    second.docker("rm", "-f", "two")
    second.docker("network", "rm", "blue")
    assert shared.nbctl("ls-list") == ""
    assert shared.nbctl("list", "Logical_Switch_Port") == ""
