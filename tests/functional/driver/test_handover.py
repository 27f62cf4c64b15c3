"""A driver that is killed and started again behind a socket that stays (sd_listen_fds(3))."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ovn_integrate import servers
from ovn_integrate.core.collector import in_flight
from ovn_integrate.core.link import veth
from tests.functional.driver.bed import Host, Lan, delete, ids

# What systemd does between fork and exec.
_HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.executable, [sys.executable, "-m", "ovn_integrate", *sys.argv[2:]])
"""

Start = Callable[..., subprocess.Popen[bytes]]


class Behind(Host):
    """The same host, on a socket that nobody serves yet.

    :ivar listening: that socket.
    """

    def __init__(self, host: Host, listening: socket.socket) -> None:
        super().__init__(host.ovs, Path(listening.getsockname()), host.nb)
        self.listening = listening


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ovn") as name:
        yield Path(name)


@pytest.fixture
def behind(host: Host, folder: Path) -> Iterator[Behind]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "openvswitch.sock"))
        listening.listen(64)
        yield Behind(host, listening)


@pytest.fixture
def start(behind: Behind, folder: Path) -> Iterator[Start]:
    """Starts a driver behind the socket, on the host's database or another."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(remote: str = behind.ovs.remote, ready: int = 0) -> subprocess.Popen[bytes]:
        number = behind.listening.fileno()
        words = ["--db", remote, "driver", "start", "--gc-interval", "0"]
        words += ["--ready-timeout", str(ready)]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _HAND_OVER, str(number), *words],
                pass_fds=[number],
                stdout=log,
                stderr=log,
                env={**os.environ, "OVN_INTEGRATE_RUNDIR": str(folder)},
            )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.terminate()
        process.wait(20)


def worker(master: subprocess.Popen[bytes]) -> int:
    """The one process that a driver's master has started."""
    children = Path(f"/proc/{master.pid}/task/{master.pid}/children")
    while not (found := children.read_text().split()):
        assert master.poll() is None
    return int(found[0])


def test_what_docker_asks_before_the_driver_is_there_waits_for_it(
    behind: Behind, lan: Lan, start: Start, folder: Path
) -> None:
    endpoint = lan.endpoint(7)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(behind.ok, "NetworkDriver.CreateEndpoint", endpoint)
        driver = start()
        assert answer.result(20)["Interface"]["MacAddress"]
        driver.terminate()
        assert driver.wait(20) == 0
        assert (folder / "openvswitch.sock").is_socket()  # systemd's, not the driver's

        joined = pool.submit(behind.ok, "NetworkDriver.Join", ids(endpoint))
        start()
        assert joined.result(20)["InterfaceName"]["SrcName"]
    delete(behind, endpoint)


def test_a_killed_driver_is_not_missed(behind: Behind, lan: Lan, start: Start) -> None:
    endpoint = lan.endpoint(7)
    driver = start()
    behind.ok("NetworkDriver.CreateEndpoint", endpoint)
    # The worker alone: its master starts another.
    first = worker(driver)
    os.kill(first, signal.SIGKILL)
    behind.ok("NetworkDriver.Join", ids(endpoint))
    second = worker(driver)
    assert second != first
    # Both, as systemd does with what is left of a service.
    driver.kill()
    os.kill(second, signal.SIGKILL)
    driver.wait(20)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(behind.ok, "NetworkDriver.Leave", ids(endpoint))
        start()
        assert answer.result(20) == {}
    delete(behind, endpoint)


def test_a_driver_that_is_stopped_finishes_its_calls_and_the_next_has_the_rest(
    behind: Behind, lan: Lan, start: Start
) -> None:
    first, second = lan.endpoint(7), lan.endpoint(8)
    driver = start(ready=20)
    for endpoint in (first, second):
        behind.ok("NetworkDriver.CreateEndpoint", endpoint)
    bind = f"unix:{behind.socket_path}"
    with ThreadPoolExecutor(2) as pool:
        joined = pool.submit(behind.ok, "NetworkDriver.Join", ids(first))
        while first["EndpointID"] not in servers.fetch(bind, in_flight.PATH)["ids"]:
            assert not joined.done()
        driver.terminate()
        left = pool.submit(behind.ok, "NetworkDriver.Leave", ids(second))
        outer = veth.outer(first["EndpointID"])
        behind.ovs.ctl("set", "Interface", outer, "external_ids:ovn-installed=true")
        assert joined.result(20)["InterfaceName"]["SrcName"]
        assert driver.wait(20) == 0
        start()
        assert left.result(20) == {}
    for endpoint in (first, second):
        delete(behind, endpoint)


def test_a_host_that_is_not_set_up_is_no_reason_to_end(
    behind: Behind, start: Start, folder: Path
) -> None:
    """It would be started again and again; Docker tries a refused activation again itself."""
    start(f"unix:{folder}/none.sock")
    status, answer, _ = behind.post("Plugin.Activate", None)
    assert status == 503
    assert "ovsdb-server" in answer["Err"]
