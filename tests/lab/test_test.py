"""`test`: between two hosts that are right, over an underlay that is not, and killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from .cluster import Cluster
from .faults import CONTROLLER, frozen, shell
from .host import Host
from .waiting import wait_for

STEPS = ["ports", "ping 64", "ping 1400", "ping 1442", "tcp", "names"]
TUNNEL = "udp,in_port=eth0,tp_dst=6081"


@pytest.fixture(scope="module")
def path(shared: Cluster) -> Cluster:
    return shared


@pytest.fixture(autouse=True)
def nothing_left(path: Cluster) -> Iterator[None]:
    before = path.state()
    yield
    wait_for(lambda: path.state() == before, 20, "nothing to be left")


def result(host: Host, *words: str) -> dict[str, Any]:
    done = host.cli("--timeout", "5", "test", *words, "-o", "json", check=False)
    assert done.returncode in (0, 10), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["ok"] == (done.returncode == 0)
    return {**answer, "steps": {one["step"]: one for one in answer["steps"]}}


def failed(answer: dict[str, Any]) -> dict[str, str]:
    """The steps that failed, with the words of why."""
    return {
        name: " ".join([one["found"], *one["reasons"]])
        for name, one in answer["steps"].items()
        if not one["ok"]
    }


def test_two_hosts_that_are_right(path: Cluster) -> None:
    for host, other in (path.hosts, path.hosts[::-1]):
        answer = result(host, "--to", other.name)
        assert not failed(answer), answer
        assert [*answer["steps"]] == STEPS
        assert (answer["from"]["host"], answer["to"]["host"]) == (host.name, other.name)
        assert answer["steps"]["tcp"]["figures"]["bits_per_second"] > 1_000_000


def test_one_host_alone(path: Cluster) -> None:
    shown = path.first.cli("test").stdout
    assert [line[:12].strip("✓ ") for line in shown.splitlines()] == STEPS


def test_an_unknown_chassis(path: Cluster) -> None:
    done = path.first.cli("test", "--to", "nobody", check=False)
    assert done.returncode == 5
    assert path.second.name in done.stderr


def test_a_blocked_tunnel(path: Cluster) -> None:
    here, there = path.hosts
    block = f"ovs-ofctl add-flow br-ex priority=9,{TUNNEL},actions=drop"
    with shell(there, block, f"ovs-ofctl del-flows br-ex {TUNNEL}"):
        answer = result(here, "--to", there.name)
    assert [*failed(answer)] == ["ping 64"]
    assert "6081" in failed(answer)["ping 64"]


def test_an_underlay_that_takes_less_than_the_hosts_believe(path: Cluster) -> None:
    """A tunnel's packets of more than 1430 bytes vanish; the Southbound database stays in reach."""
    here, there = path.hosts
    measure = "check_pkt_larger(1444)->NXM_NX_REG0[0],resubmit(,1)"  # with Ethernet's header
    narrow = (
        "ovs-ofctl add-flow br-ex table=1,priority=1,reg0=1,actions=drop",
        "ovs-ofctl add-flow br-ex table=1,priority=0,actions=NORMAL",
        f"ovs-ofctl add-flow br-ex 'priority=9,{TUNNEL},actions={measure}'",
    )
    wide = (f"ovs-ofctl del-flows br-ex {TUNNEL}", "ovs-ofctl del-flows br-ex table=1")
    with shell(there, " && ".join(narrow), " && ".join(wide)):
        answer = result(here, "--to", there.name)
    words = failed(answer)
    assert "packets of at most 1372 bytes pass" in words["ping 1442"]
    assert "takes 1430 bytes, their NICs say 1500" in words["ping 1442"]
    assert "ping 64" not in words


def test_no_driver_there_and_an_answer_by_hand(path: Cluster) -> None:
    here, there = path.hosts
    there.cli("driver", "stop")
    answer = result(here, "--to", there.name)
    assert f"nobody on {there.name} brought its port up" in failed(answer)["ports"]
    by_hand = there.popen(there.program, "-m", "ovn_integrate", "test", "--answer")
    answer = result(here, "--to", there.name)
    assert not failed(answer)
    by_hand.terminate()
    by_hand.wait(10)
    there.cli("driver", "start", "--detach")


def test_a_controller_that_is_frozen(path: Cluster) -> None:
    here, there = path.hosts
    with frozen(there, CONTROLLER):
        answer = result(here, "--to", there.name)
    assert there.name in failed(answer)["ports"]


def begun(host: Host, *words: str) -> str:
    """A test that runs, its ports up; its process id in the host."""
    command = f"{host.program} -m ovn_integrate test {' '.join(words)} >/dev/null 2>&1 & echo $!"
    number = host.run("sh", "-c", command).stdout.strip()
    wait_for(lambda: ports_of_tests(host), 20, "the test's port")
    return number


def ports_of_tests(host: Host) -> list[str]:
    ports = host.run("ovs-vsctl", "list-ports", "br-int").stdout.split()
    return [name for name in ports if name.startswith(("ta", "tb"))]


def gone(host: Host, number: str) -> bool:
    return host.run("kill", "-0", number, check=False).returncode != 0


def test_a_test_that_is_ended_takes_all_away(path: Cluster) -> None:
    number = begun(path.first, "--to", path.second.name)
    path.first.run("kill", "-TERM", number)
    wait_for(lambda: gone(path.first, number), 20, "its end")


def test_what_a_killed_test_leaves_goes_with_the_next(path: Cluster) -> None:
    here, there = path.hosts
    before = path.state()
    number = begun(here, "--to", there.name)
    here.run("kill", "-KILL", number)
    wait_for(lambda: gone(here, number), 20, "its end")
    assert path.state() != before
    assert not failed(result(here, "--to", there.name))
    wait_for(lambda: path.state() == before, 20, "nothing to be left")


def test_what_a_killed_test_leaves_is_collected_and_a_living_one_is_not(path: Cluster) -> None:
    here = path.first
    number = begun(here)
    collected = json.loads(here.cli("driver", "gc", "--dry-run", "-o", "json").stdout)
    living = not gone(here, number)
    assert not living or not collected["strays"]
    wait_for(lambda: gone(here, number), 20, "its end")
    here.run("kill", "-KILL", begun(here))
    done = json.loads(here.cli("driver", "gc", "-o", "json").stdout)
    kinds = sorted(one["kind"] for one in done["strays"])
    assert kinds == ["test's OVS port", "test's OVS port", "test's network"]
