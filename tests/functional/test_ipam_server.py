"""The IPAM server as it is served: gunicorn on a Unix socket, over a real Northbound."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.ipam.http import server
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_store import until

_SERVE = """
import sys
from pathlib import Path
from ovn_integrate import web
from ovn_integrate.ipam.http import server
web.serve(
    lambda: server.application(sys.argv[1]),
    bind=f"unix:{sys.argv[2]}",
    pidfile=Path(sys.argv[3]),
    keep_alive=True,
)
"""


class Client(http.client.HTTPConnection):
    """One connection to a Unix socket, kept open."""

    def __init__(self, path: Path) -> None:
        super().__init__("ipam", timeout=10)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        self.request(method, path, None if body is None else json.dumps(body))
        response = self.getresponse()
        said = response.read()
        return response.status, json.loads(said) if said else None


@pytest.fixture
def served(nb: OvsdbServer, folder: Path) -> Iterator[Client]:
    socket_path = folder / "ipam.sock"
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, nb.remote, str(socket_path), str(folder / "ipam.pid")],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "Listening at" in line:
            break
    else:
        pytest.fail("".join(said))
    client = Client(socket_path)
    yield client
    client.close()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def test_one_connection_carries_many_requests(served: Client) -> None:
    assert until(lambda: served.ask("GET", "/v2.0/networks")[0] == 200)
    status, made = served.ask("POST", "/v2.0/networks.json", {"network": {"name": "foo"}})
    assert status == 201
    network = made["network"]["id"]
    subnet = {"network_id": network, "cidr": "10.0.0.0/24", "ip_version": 4}
    assert served.ask("POST", "/v2.0/subnets.json", {"subnet": subnet})[0] == 201
    connection = served.sock
    given = [
        served.ask("POST", "/v2.0/ports", {"port": {"network_id": network}})[1]["port"]
        for _ in range(3)
    ]
    assert served.sock is connection
    assert [port["fixed_ips"][0]["ip_address"] for port in given] == [
        "10.0.0.2",
        "10.0.0.3",
        "10.0.0.4",
    ]
    assert served.ask("DELETE", f"/v2.0/ports/{given[0]['id']}.json") == (204, None)


def test_check_tells_that_there_is_no_northbound(nb: OvsdbServer) -> None:
    server.check(nb.remote, 5)
    nb.stop()
    with pytest.raises(DatabaseUnavailable):
        server.check(nb.remote, 1)


def test_check_tells_another_database_from_northbound(ovsdb: Any) -> None:
    with pytest.raises(DatabaseUnavailable, match="has no database OVN_Northbound"):
        server.check(ovsdb("host"), 5)
