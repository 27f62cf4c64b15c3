"""What an operator sees of the IPAM server: its health, what it counts, its access log."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ovn_integrate.linelog import LARGEST
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network
from tests.functional.test_ipam_store import until

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BIND = ("127.0.0.1", 9696)

Start = Callable[..., "Client"]


class Client(http.client.HTTPConnection):
    """A connection to a server of the command line.

    :ivar answer: the last one.
    """

    def __init__(self) -> None:
        super().__init__(*BIND, timeout=20)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.request(method, path, None if body is None else json.dumps(body))
        self.answer = self.getresponse()
        said = self.answer.read()
        if "json" not in self.answer.headers.get("Content-Type", ""):
            return self.answer.status, said.decode()
        return self.answer.status, json.loads(said)

    def make(self, kind: str, **attributes: Any) -> dict[str, Any]:
        status, made = self.ask("POST", f"/v2.0/{kind}s", {kind: attributes})
        assert status == 201, made
        return dict(made[kind])

    def figures(self) -> dict[tuple[str, ...], float]:
        """The value of each sample by its name and its labels' values, these by their names."""
        status, text = self.ask("GET", "/metrics")
        assert status == 200
        return {
            (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
def start(nb: OvsdbServer, folder: Path) -> Iterator[Start]:
    """Starts the server by its verb, detached and in a network namespace of its own."""
    env = {**os.environ, "OVN_INTEGRATE_RUNDIR": str(folder), "OVN_INTEGRATE_LOGDIR": str(folder)}
    clients = []

    def verb(*words: str) -> str:
        argv = [sys.executable, "-m", "ovn_integrate", "ipam", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(*options: str) -> Client:
        verb("start", "--detach", "--nb", nb.remote, *options)
        client = Client()
        clients.append(client)
        assert until(lambda: client.ask("GET", "/healthz")[0] == 200)
        return client

    with own_network():
        yield begin
        for client in clients:
            client.close()
        verb("stop")


def lines(log: Path) -> list[dict[str, Any]]:
    """The access log's; a detached server says other things beside, which are no JSON."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


@contextmanager
def posting(network_id: str) -> Iterator[None]:
    """Somebody else asks for a port meanwhile."""
    other = Client()
    body = {"port": {"network_id": network_id}}
    thread = threading.Thread(target=lambda: other.ask("POST", "/v2.0/ports", body))
    thread.start()
    yield
    thread.join()
    other.close()


def test_each_request_is_a_line_in_the_servers_log(start: Start, folder: Path) -> None:
    client = start()
    network = client.make("network", name="foo")
    identity = client.answer.headers["X-Openstack-Request-Id"]
    length = int(client.answer.headers["Content-Length"])
    assert REQUEST_ID.fullmatch(identity)
    client.ask("GET", f"/v2.0/networks/{network['id']}.json?fields=id")
    client.ask("GET", "/v2.0/ports/none%0Asuch")
    client.ask("GET", "/")
    # A line is written when the answer has been sent.
    assert until(lambda: lines(folder / "ipam.log")[-1]["path"] == "/")
    made, shown, missing, _ = lines(folder / "ipam.log")[-4:]
    started = datetime.fromisoformat(made.pop("time").replace("Z", "+00:00"))
    assert timedelta() < datetime.now(timezone.utc) - started < timedelta(seconds=20)
    assert 0 < made.pop("ms") < 20_000
    assert made == {
        "client": "127.0.0.1",
        "method": "POST",
        "path": "/v2.0/networks",
        "status": 201,
        "bytes": length,
        "request_id": identity,
    }
    assert shown["path"] == f"/v2.0/networks/{network['id']}.json?fields=id"
    assert (missing["path"], missing["status"]) == ("/v2.0/ports/none%0Asuch", 404)


def test_the_log_may_be_moved_away_or_off(start: Start, folder: Path) -> None:
    log = folder / "access"
    client = start("--access-log", str(log))
    client.make("network", name="first")
    assert until(lambda: lines(log)[-1]["method"] == "POST")
    log.rename(folder / "access.1")
    made = 1

    def is_followed() -> bool:
        nonlocal made
        client.make("network", name="another")
        made += 1
        return log.exists()

    assert until(is_followed)
    assert until(lambda: _posts(folder / "access.1") + _posts(log) == made)
    assert lines(log)
    assert lines(folder / "ipam.log") == []


def _posts(log: Path) -> int:
    return [line["method"] for line in lines(log)].count("POST")


def test_a_long_path_is_cut(start: Start, folder: Path) -> None:
    client = start()
    client.ask("GET", "/v2.0/networks?name=" + "a" * 3000)
    client.ask("GET", "/")
    assert until(lambda: lines(folder / "ipam.log")[-1]["path"] == "/")
    path = lines(folder / "ipam.log")[-2]["path"]
    assert path == ("/v2.0/networks?name=" + "a" * 3000)[:512] + "…"


def test_the_log_of_a_detached_server_is_put_aside_when_it_is_full(
    start: Start, folder: Path
) -> None:
    client = start()
    log = folder / "ipam.log"
    with log.open("ab") as full:
        full.write(b"x" * (LARGEST + 1) + b"\n")
    assert until(lambda: log.stat().st_size == 0)
    assert (folder / "ipam.log.1").stat().st_size > LARGEST
    client.ask("GET", "/")
    assert until(lambda: [line["path"] for line in lines(log)] == ["/"])


def test_a_log_on_a_full_disk_stops_nobody(start: Start) -> None:
    client = start("--access-log", "/dev/full")
    client.make("network", name="foo")


def test_a_log_that_cannot_be_is_refused(nb: OvsdbServer, folder: Path) -> None:
    words = ("ipam", "start", "--nb", nb.remote, "--access-log", f"{folder}/none/access")
    argv = [sys.executable, "-m", "ovn_integrate", *words]
    env = {**os.environ, "OVN_INTEGRATE_RUNDIR": str(folder)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 2
    assert "none/access: cannot be written: No such file or directory" in done.stderr


def test_a_change_is_in_the_audit_log_before_its_answer(start: Start, folder: Path) -> None:
    log = folder / "audit" / "log"
    client = start("--audit-log", str(log))
    made = client.make("network", name="foo")["id"]
    (line,) = lines(log)
    identity = client.answer.headers["X-Openstack-Request-Id"]
    assert (line["ids"], line["role"], line["request_id"]) == ([made], "anybody", identity)
    assert client.ask("DELETE", "/v2.0/networks/none")[0] == 404
    assert [line["allowed"] for line in lines(log)] == [True, False]


def test_an_audit_log_on_a_full_disk_stops_nobody_and_is_said(start: Start, folder: Path) -> None:
    client = start("--audit-log", "/dev/full")
    client.make("network", name="foo")
    said = "audit: /dev/full: cannot be written: No space left on device"
    assert said in (folder / "ipam.log").read_text()


def test_health_follows_northbound(start: Start, nb: OvsdbServer) -> None:
    client = start("--access-log", "off")
    assert client.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert client.ask("POST", "/healthz")[0] == 405
    nb.stop()
    reason = f"{nb.remote}: OVN Northbound is out of reach; try again"
    # Asked in the very moment of its end, it says that no answer came.
    assert until(
        lambda: client.ask("GET", "/healthz") == (503, {"status": "unavailable", "reason": reason})
    )
    assert client.figures()["ovn_ipam_northbound_connected",] == 0
    nb.start()
    assert until(lambda: client.ask("GET", "/healthz")[0] == 200)
    assert client.figures()["ovn_ipam_northbound_connected",] == 1


@pytest.mark.parametrize("busy", [False, True])
def test_health_tells_of_a_northbound_that_froze(start: Start, nb: OvsdbServer, busy: bool) -> None:
    client = start("--access-log", "off")
    network = client.make("network", name="foo")["id"]
    nb.freeze()
    with posting(network) if busy else nullcontext():
        said = {"status": "unavailable", "reason": f"{nb.remote}: gave no answer within 2 s"}
        assert client.ask("GET", "/healthz") == (503, said)
        nb.thaw()
    assert client.ask("GET", "/healthz") == (200, {"status": "ok"})


def test_requests_are_counted_by_what_they_asked(start: Start) -> None:
    client = start("--access-log", "off")
    network = client.make("network", name="foo")["id"]
    for path in ("/v2.0/networks/none", f"/v2.0/networks/{network}.json", "/v2.0/nothing", "/x/y"):
        client.ask("GET", path)
    client.ask("PUT", f"/v2.0/networks/{network}/tags/red")
    client.ask("BREW", "/v2.0/networks")
    found = client.figures()
    for method, route, status in (
        ("POST", "/v2.0/networks", "201"),
        ("GET", "/v2.0/networks/{id}", "200"),
        ("GET", "/v2.0/networks/{id}", "404"),
        ("PUT", "/v2.0/networks/{id}/tags/{tag}", "201"),
    ):
        assert found["ovn_ipam_requests_total", method, route, status] == 1
    assert found["ovn_ipam_requests_total", "GET", "other", "404"] == 2
    assert found["ovn_ipam_requests_total", "other", "other", "405"] == 1
    assert found["ovn_ipam_request_duration_seconds_count", "POST", "/v2.0/networks"] == 1
    assert 0 < found["ovn_ipam_request_duration_seconds_sum", "POST", "/v2.0/networks"] < 20
    assert found["process_resident_memory_bytes",] > 10_000_000


def test_commits_are_counted_with_the_requests_that_shared_them(
    start: Start, nb: OvsdbServer
) -> None:
    client = start("--access-log", "off")
    network = client.make("network", name="foo")["id"]
    before = client.figures()
    nb.freeze()
    with ExitStack() as clients, ThreadPoolExecutor(4) as pool:
        others = [clients.enter_context(closing(Client())) for _ in range(4)]
        asked = [pool.submit(other.make, "port", network_id=network) for other in others]
        # They wait for Northbound; the first of them may be on its way there alone.
        assert until(lambda: client.ask("GET", "/healthz")[0] == 503)
        nb.thaw()
        assert len({port.result()["id"] for port in asked}) == 4
    after = client.figures()
    names = [f"ovn_ipam_commit_changes_{part}" for part in ("sum", "count")]
    requests, commits = (after[name,] - before[name,] for name in names)
    assert requests == 4
    assert commits in (1, 2)
    assert after["ovn_ipam_commit_duration_seconds_count",] == after[names[1],]


def test_addresses_are_counted_by_subnet(start: Start) -> None:
    client = start("--access-log", "off")
    network = client.make("network", name="foo")["id"]
    four = client.make("subnet", network_id=network, ip_version=4, cidr="10.0.0.0/29")["id"]
    six = client.make("subnet", network_id=network, ip_version=6, cidr="fd00::/64")["id"]
    cidrs = {four: "10.0.0.0/29", six: "fd00::/64"}

    def count(name: str, subnet: str) -> float:
        return client.figures()[f"ovn_ipam_addresses_{name}", cidrs[subnet], "foo", network, subnet]

    assert (count("used", four), count("free", four)) == (0, 5)
    assert count("free", six) == float(2**64 - 1)
    fixed = [{"subnet_id": four}]
    ports = [client.make("port", network_id=network, fixed_ips=fixed)["id"] for _ in range(2)]
    # The gateway's own address is in no pool.
    gateway = [{"subnet_id": four, "ip_address": "10.0.0.1"}]
    client.make("port", network_id=network, fixed_ips=gateway)
    assert (count("used", four), count("free", four)) == (3, 3)
    assert client.ask("DELETE", f"/v2.0/ports/{ports[0]}")[0] == 204
    assert (count("used", four), count("free", four)) == (2, 4)
    assert count("used", six) == 0
