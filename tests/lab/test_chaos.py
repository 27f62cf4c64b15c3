"""Faults under a load of containers that come and go; afterwards all is as it was.

Same endpoints, same addresses, nothing without an owner. Where the data path does not hang on what
was killed, two long-lived containers talk throughout. CHAOS_SEED tells the moments, CHAOS_SECONDS
makes each fault longer.
"""

from __future__ import annotations

import os
import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from . import owners, power
from .cluster import IMAGE, Cluster, address, cluster, run_container
from .command import CommandError
from .host import OVS_CTL, Host
from .lab import Lab
from .waiting import wait_for

pytestmark = pytest.mark.needs("faketime")

NETWORK = "blue"
KEPT, PEER = "kept", "peer"
SEED = int(os.environ.get("CHAOS_SEED", "1"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "5"))
OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
CLOCK = "/run/lab/clock"
FAKETIME = {
    "LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "FAKETIME_TIMESTAMP_FILE": CLOCK,
    "FAKETIME_NO_CACHE": "1",
    # As the kernel's: a clock that is set leaves the monotonic one alone.
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "DONT_FAKE_MONOTONIC": "1",
}
BY_CLOCK = """
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
from ovn_integrate.cli.main import run
run()
"""

Act = Callable[[Cluster], object]


@dataclass(frozen=True)
class Fault:
    """:ivar make: makes it, and has what an init would start again running.
    :ivar talks: whether the data path is to hold throughout.
    """

    name: str
    make: Act
    talks: bool = True


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Cluster]:
    print(f"CHAOS_SEED={SEED}")
    with cluster(lab, "chaos") as made:
        made.first.cli("network", "create", NETWORK, "--subnet", "192.168.1.0/24")
        for host in made.hosts:
            serve(host)
            words = ("--ipam-driver", "openvswitch", "--ipam-opt", f"ovn.network={NETWORK}")
            host.docker(
                *("network", "create", "-d", "openvswitch", "--subnet", "192.168.1.0/24", *words),
                *("-o", f"ovn.network={NETWORK}", NETWORK),
            )
        # Process 1 of a container ignores SIGTERM, and dockerd would wait for it.
        options = ("--stop-signal", "KILL", "--restart", "always")
        run_container(made.first, KEPT, NETWORK, "--ip", "192.168.1.10", *options)
        run_container(made.second, PEER, NETWORK, *options)
        wait_for(lambda: pinged(made) > 0, 20, "the two to talk")
        yield made


class Load:
    """Containers that come and go on both hosts. What fails of them during a fault may fail.

    :ivar started: how many ran to their end.
    """

    def __init__(self, made: Cluster) -> None:
        self.started = 0
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(host,)) for host in made.hosts]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, number: int) -> None:
        """Wait until that many more have come and gone."""
        wanted = self.started + number
        wait_for(lambda: self.started >= wanted, 90, f"{number} more containers to come and go")

    def _run(self, host: Host) -> None:
        while not self._ended.is_set():
            try:
                host.docker("run", "--rm", "--network", NETWORK, IMAGE, "true")
            except CommandError:
                self._ended.wait(0.2)
            else:
                self.started += 1


COLLECTING = ("--gc-interval", "3")


def serve(host: Host, env: dict[str, str] | None = None) -> None:
    host.cli("driver", "stop", check=False)
    host.cli("driver", "start", "--detach", *COLLECTING, env=env)


def listen(made: Cluster, port: str = "") -> tuple[str, ...]:
    return ("--listen", f"{made.central.address}{port}", "--insecure")


def serve_ipam(made: Cluster) -> None:
    made.central.cli("ipam", "start", "--detach", *listen(made, ":9696"))


def pinged(made: Cluster, count: int = 1) -> int:
    """How many answers the one gets from the other."""
    words = ("ping", "-c", str(count), "-W", "1", "192.168.1.10")
    try:
        said = made.second.docker("exec", PEER, *words)
    except CommandError as error:
        said = str(error)
    found = re.search(r"(\d+) packets received", said)
    return int(found[1]) if found else 0


def kill(host: Host, pidfile: str) -> None:
    """Kill a daemon, its worker and its monitor."""
    number = host.read(pidfile).strip()
    status = host.read(f"/proc/{number}/status")
    parent = next(line.split()[1] for line in status.splitlines() if line.startswith("PPid"))
    command = host.run("cat", f"/proc/{parent}/cmdline", check=False).stdout
    children = host.read(f"/proc/{number}/task/{number}/children").split()
    monitor = [parent] if "monitoring" in command else []
    host.run("kill", "-9", *monitor, number, *children)


def driver_killed(made: Cluster) -> None:
    kill(made.first, "/run/ovn-integrate/driver.pid")
    serve(made.first)


def worker_killed(made: Cluster) -> None:
    master = made.first.read("/run/ovn-integrate/driver.pid").strip()
    (worker, *_) = made.first.read(f"/proc/{master}/task/{master}/children").split()
    made.first.run("kill", "-9", worker)


def ipam_killed(made: Cluster) -> None:
    kill(made.central, "/run/ovn-integrate/ipam.pid")
    serve_ipam(made)


def ovsdb_killed(made: Cluster) -> None:
    kill(made.first, "/run/openvswitch/ovsdb-server.pid")
    made.first.run(OVS_CTL, "start", "--no-ovs-vswitchd", "--system-id=random")


def vswitchd_killed(made: Cluster) -> None:
    kill(made.first, "/run/openvswitch/ovs-vswitchd.pid")
    made.first.vswitchd_again()


def controller_killed(made: Cluster) -> None:
    kill(made.first, "/run/ovn/ovn-controller.pid")
    made.first.cli("controller", "start")


def central_killed(daemon: str) -> Act:
    def make(made: Cluster) -> None:
        kill(made.central, f"/run/ovn/{daemon}.pid")
        made.central.cli("central", "start", *listen(made))

    return make


def docker_restarted(made: Cluster) -> None:
    made.first.stop_docker()
    made.first.start_docker()


def docker_killed(made: Cluster) -> None:
    made.first.stop_docker("KILL")
    made.first.start_docker()


def docker_replaced(made: Cluster) -> None:
    """Under living containers; the engine without live-restore comes back after it."""
    for options in (("--live-restore",), ("--live-restore",), ()):
        made.first.stop_docker()
        made.first.start_docker(*options)


def power_cut(made: Cluster) -> None:
    power.cut(made.first)
    power.back(made, made.first)
    serve(made.first)


def network_cut(made: Cluster) -> None:
    with made.central.unplugged():
        assert pinged(made, max(2, int(SECONDS))) > 0


def clock_stepped(made: Cluster) -> None:
    """Of the servers alone, an hour ahead and then one behind; the machine's is everybody's."""
    first, central = made.first, made.central
    set_clocks(made, "+0")
    central.cli("ipam", "stop")
    central.cli("central", "stop")
    try:
        central.run(OVN_CTL, "start_northd", env=FAKETIME)  # it remembers where it listens
        serve_by_clock(central, "ipam", *listen(made, ":9696"))
        serve_by_clock(first, "driver", *COLLECTING)
        for step in ("+3600", "-3600"):
            set_clocks(made, step)
            run_container(first, "stepped", NETWORK)
            first.docker("rm", "-f", "stepped")
    finally:
        central.cli("ipam", "stop")
        central.cli("central", "stop")
        central.cli("central", "start", *listen(made))
        serve_ipam(made)
        serve(first)


def set_clocks(made: Cluster, step: str) -> None:
    for host in (made.first, made.central):
        host.run("sh", "-c", f"echo {step} >{CLOCK}")


def serve_by_clock(host: Host, server: str, *options: str) -> None:
    """A server in the foreground, by the false clock.

    libfaketime 0.9.10 refuses Python's own pauses (EINVAL of clock_nanosleep(2)), of which
    gunicorn makes some.
    """
    host.cli(server, "stop", check=False)
    host.popen(host.program, "-c", BY_CLOCK, server, "start", *options, env=FAKETIME)
    wait_for(lambda: serves(host, server), 30, f"{server} to serve")


def serves(host: Host, server: str) -> bool:
    if server == "driver":
        return host.cli("driver", "status", check=False).returncode == 0
    url = f"http://{host.address}:9696/v2.0/networks"
    return host.run("busybox", "wget", "-q", "-O", "-", url, check=False).returncode == 0


FAULTS = (
    Fault("driver", driver_killed),
    Fault("driver-worker", worker_killed),
    Fault("ipam", ipam_killed),
    Fault("ovsdb-server", ovsdb_killed),
    Fault("ovs-vswitchd", vswitchd_killed, talks=False),
    Fault("ovn-controller", controller_killed),
    Fault("ovn-northd", central_killed("ovn-northd")),
    Fault("northbound", central_killed("ovnnb_db")),
    Fault("southbound", central_killed("ovnsb_db")),
    Fault("docker", docker_restarted, talks=False),
    Fault("docker-kill", docker_killed, talks=False),
    Fault("live-restore", docker_replaced, talks=False),
    Fault("network", network_cut),
    Fault("clock", clock_stepped),
    Fault("power", power_cut, talks=False),
)


@contextmanager
def talking(made: Cluster, throughout: bool) -> Iterator[None]:
    """The two long-lived containers talk as long as the block lasts, if they are to."""
    lost: list[str] = []
    ended = threading.Event()

    def talk() -> None:
        while not ended.is_set():
            if pinged(made, 2) == 0:
                lost.append("two in a row")

    thread = threading.Thread(target=talk)
    if throughout:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if throughout:
            thread.join()
    assert not lost, f"answers were lost: {lost}"


def test_the_first_packet_arrives(made: Cluster) -> None:
    """The first ping of a container's life, to one on the other host."""
    target = address(made.second, PEER, NETWORK)
    words = ("run", "--rm", "--network", NETWORK, IMAGE, "ping", "-c", "1", "-W", "2", target)
    lost = 0
    for _ in range(50):
        try:
            made.first.docker(*words)
        except CommandError:
            lost += 1
    assert not lost, f"{lost} of 50 were lost"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_under_load(made: Cluster, fault: Fault) -> None:
    moments = random.Random(f"{SEED} {fault.name}")
    before = [address(host, name, NETWORK) for host, name in both(made)]
    with Load(made) as load:
        load.more(moments.randint(1, 4))
        with talking(made, fault.talks):
            threading.Event().wait(moments.random())
            fault.make(made)
        load.more(2)
    settled(made)
    assert [address(host, name, NETWORK) for host, name in both(made)] == before


@pytest.mark.parametrize(
    "point", ["after POST ports", "before attach", "after detach", "before DELETE ports"]
)
def test_killed_in_the_middle_of_a_call_of_docker(made: Cluster, point: str) -> None:
    """``tests/functional/crash`` tries all the points; here is the real Docker."""
    serve(made.first, {"OVN_INTEGRATE_DIE_AT": point})
    words = ("run", "--rm", "--network", NETWORK, IMAGE, "true")
    with suppress(CommandError):
        made.first.docker(*words)
    serve(made.first)
    made.first.docker(*words)
    settled(made)


def both(made: Cluster) -> tuple[tuple[Host, str], tuple[Host, str]]:
    return (made.first, KEPT), (made.second, PEER)


def settled(made: Cluster) -> None:
    """All talk, and nothing is without an owner: the driver sees to that by itself."""
    wait_for(lambda: pinged(made) > 0, 60, "the two to talk")

    def owned() -> bool:
        wrong = owners.ownerless(made)
        assert not wrong, wrong
        return True

    wait_for(owned, 60, "all to have an owner")


def test_a_host_that_is_gone(made: Cluster) -> None:
    """Its chassis is removed, with all that it held; twice is as good as once."""
    central, gone = made.central, made.first
    id = owners.chassis(gone)
    ipam = ("--ipam", central.address)
    alive = central.cli("chassis", "remove", id, *ipam, check=False)
    assert (alive.returncode, "is alive" in alive.stderr) == (6, True)
    assert id in central.cli("chassis", "list").stdout
    gone.docker("network", "create", "-d", "openvswitch", "--subnet", "10.9.9.0/24", "own")
    power.cut(gone)
    before = made.nbctl("show")
    planned = central.cli("chassis", "remove", id, *ipam, "--dry-run").stdout
    assert made.nbctl("show") == before
    assert "192.168.1.10" in planned
    assert central.cli("chassis", "remove", id, *ipam).stdout == planned
    assert id not in central.run("ovn-sbctl", "show").stdout
    assert owners.northbound_of(made, id) == set()
    assert "10.9.9" not in made.nbctl("list", "DHCP_Options")
    again = central.cli("chassis", "remove", id, *ipam).stdout
    assert "not there" in again
    # What it held is free for others.
    words = ("--ip", "192.168.1.10", "--network", NETWORK, IMAGE, "true")
    made.second.docker("run", "--rm", *words)
