"""Faults under a load of containers that come and go; afterwards all is as it was.

Same endpoints, same addresses, nothing without an owner. Where the data path does not hang on what
was killed, two long-lived containers talk throughout. The seed tells the faults and the
moments, CHAOS_SECONDS makes each fault longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests import chance

from . import owners, power
from .cluster import IMAGE, Cluster, address, cluster, run_container
from .command import CommandError
from .host import OVS_CTL, Host
from .lab import Lab
from .load import (
    COLLECTING,
    NETWORK,
    PEER,
    SECONDS,
    Act,
    Fault,
    kill,
    make_talkers,
    pinged,
    serve,
    settled,
    under_load,
)
from .waiting import wait_for

pytestmark = pytest.mark.needs("faketime")

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


@pytest.fixture(scope="module")
def made(lab: Lab) -> Iterator[Cluster]:
    with cluster(lab, "chaos") as made:
        make_talkers(made)
        yield made


def listen(made: Cluster, port: str = "") -> tuple[str, ...]:
    return ("--listen", f"{made.central.address}{port}", "--insecure")


def serve_ipam(made: Cluster) -> None:
    made.central.cli("ipam", "start", "--detach", *listen(made, ":9696"))


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


@pytest.mark.parametrize("fault", chance.some(FAULTS, "chaos"), ids=lambda fault: fault.name)
def test_under_load(made: Cluster, fault: Fault) -> None:
    under_load(made, fault)


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
