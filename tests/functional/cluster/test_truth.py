"""One truth: whoever is killed, NB holds what the clients were told, and nothing else.

``CHAOS_SECONDS`` in the environment makes it run longer, ``--seed`` otherwise.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate.clients.neutron.client import Client
from tests import chance
from tests.functional.cluster.bed import Bed, cluster, until
from tests.functional.cluster.clients import Told, Worker
from tests.functional.namespaces import own_network

_SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
_CLIENTS = 8
_SUBNET = "10.0.0.0/26"
_ADDRESSES = 61


@pytest.fixture
def bed(folder: Path) -> Iterator[Bed]:
    with own_network(), cluster(folder) as made:
        yield made


@pytest.mark.timeout(_SECONDS + 180)
def test_nb_holds_what_the_clients_were_told(bed: Bed) -> None:
    client = Client(bed.urls)
    network = client.create("networks", name="one")["id"]
    client.create("subnets", network_id=network, cidr=_SUBNET, ip_version=4)
    told, over = Told(), threading.Event()
    workers = [
        Worker(number, chance.seed(), Client(_turned(bed.urls, number)), network, told, over)
        for number in range(_CLIENTS)
    ]
    with ThreadPoolExecutor(_CLIENTS) as pool:
        ends = [pool.submit(worker.run) for worker in workers]
        try:
            killed = _kill_for(bed, _SECONDS)
        finally:
            over.set()
        for end in ends:
            end.result(60)
    for server in bed.servers:
        assert until(server.ready), server.log()
    print(f"{len(told.made)} made, {len(told.errors)} errors, killed {killed}")
    _compare(client, network, told)
    _leave_nothing(bed, client, network)


def _turned(urls: list[str], number: int) -> list[str]:
    first = number % len(urls)
    return urls[first:] + urls[:first]


def _kill_for(bed: Bed, seconds: float) -> dict[str, int]:
    """Kill members and servers, and have them come back, one after another."""
    rng, over = random.Random(chance.seed()), threading.Event()
    timer = threading.Timer(seconds, over.set)
    timer.start()
    killed = {"leader": 0, "member": 0, "majority": 0, "server": 0}
    while not over.is_set():
        over.wait(rng.uniform(0.0, 1.0))
        what = rng.choices(list(killed), [4, 2, 1, 4])[0]
        leader = bed.leader()
        if what == "server":
            gone: list[Any] = rng.sample(bed.servers, rng.choice([1, 1, 2]))
        elif what == "leader":
            gone = [leader] if leader else []
        else:
            others = [one for one in bed.members if one is not leader]
            gone = rng.sample(others, 2 if what == "majority" else 1)
        killed[what] += bool(gone)
        for one in gone:
            one.stop(kill=True) if one in bed.members else one.kill()
        over.wait(rng.uniform(0.0, 2.0))
        for one in gone:
            one.start()
    timer.join()
    return killed


def _compare(client: Client, network: str, told: Told) -> None:
    assert told.twice == []
    there = {port["id"]: port for port in client.query("ports", network_id=network)}
    addresses = [fixed["ip_address"] for port in there.values() for fixed in port["fixed_ips"]]
    assert len(addresses) == len(set(addresses)) == len(there)
    certain = told.made.keys() - told.deleted - told.doubtful
    assert certain - there.keys() == set(), "acknowledged writes are lost"
    assert told.deleted & there.keys() == set(), "acknowledged deletions came back"
    for id in certain:
        same = ("name", "mac_address", "fixed_ips", "dns_name")
        assert {key: there[id][key] for key in same} == {key: told.made[id][key] for key in same}
    unknown = [port for id, port in there.items() if id not in told.made]
    assert {port["name"] for port in unknown} <= told.asked, "ports that nobody is to have"
    assert len({port["name"] for port in unknown}) == len(unknown), "one request made two ports"


def _leave_nothing(bed: Bed, client: Client, network: str) -> None:
    """Every port can be deleted, every address is free then, and no row stays behind."""
    for port in client.query("ports", network_id=network):
        assert client.delete("ports", port["id"])
    made = [client.create("ports", network_id=network) for _ in range(_ADDRESSES)]
    assert len({port["fixed_ips"][0]["ip_address"] for port in made}) == _ADDRESSES
    for port in made:
        assert client.delete("ports", port["id"])
    assert client.delete("networks", network)
    for table in ("Logical_Switch", "Logical_Switch_Port", "DHCP_Options", "DNS"):
        assert bed.nbctl("--bare", "--columns=_uuid", "list", table) == ""
