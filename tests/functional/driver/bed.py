"""A host for the driver: a real OVSDB, a real IPAM server and real veths, as Docker meets them.

All of it in a network namespace of its own. There is no ovn-controller: a test that needs one
writes what it would write.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ovn_integrate import servers
from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.collector import gc
from ovn_integrate.core.endpoint.mode import Modes
from ovn_integrate.core.link import links
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.plugins.libnetwork.network_driver import Driver
from tests.functional.daemons import OvsdbServer
from tests.functional.driver import guarded

IPAM = "127.0.0.1:9696"  # of the private namespace
CHASSIS = "chassis-1"
VMS = "of VMs"  # a network that is none of Docker's
SETTINGS = (
    f"system-id={CHASSIS}",
    "ipam=127.0.0.1",
    "ovn-encap-type=geneve",
    "ovn-encap-ip=127.0.0.1",
)
SET = ("set", "Open_vSwitch", ".")
Call = Callable[[str, Any], dict[str, Any]]
REMOVE = ("remove", "Open_vSwitch", ".", "external_ids")


def serve(what: str, bind: str, folder: Path, *, keep_alive: bool) -> subprocess.Popen[bytes]:
    code = (
        "from pathlib import Path; from ovn_integrate import web\n"
        "from ovn_integrate.plugins.libnetwork import server as driver\n"
        "from ovn_integrate.ipam.http import server as ipam\n"
        "from tests.functional.driver import guarded\n"
        f"web.serve(lambda: {what}, bind={bind!r}, pidfile=Path({str(folder / 'pid')!r}), "
        f"keep_alive={keep_alive})"
    )
    folder.mkdir()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=log, stderr=log)
    while servers.ask(bind, "GET", "/") is None:
        assert process.poll() is None, (folder / "log").read_text()
    return process


class Host:
    """A host with the driver on it, and what Docker would ask of it."""

    def __init__(self, ovs: OvsdbServer, socket_path: Path, nb: OvsdbServer) -> None:
        self.ovs = ovs
        self.nb = nb
        self.socket_path = socket_path
        self.neutron = operators_client()

    def post(self, method: str, body: Any, *lines: str) -> tuple[int, dict[str, Any], Any]:
        """Status, answer and headers, as sent by Docker: no Content-Type, an empty Host.

        :param lines: of the request's head, instead of that of the host.
        """
        data = b"" if body is None else json.dumps(body).encode()
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.socket_path))
            head = [f"POST /{method} HTTP/1.1", *(lines or ("Host: ",))]
            head += [f"Content-Length: {len(data)}", "", ""]
            connection.sendall("\r\n".join(head).encode() + data)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return response.status, json.loads(response.read()), response.headers

    def call(self, method: str, body: Any = None) -> dict[str, Any]:
        status, answer, _ = self.post(method, body)
        assert status == 200, answer
        return answer

    def ok(self, method: str, body: Any = None) -> dict[str, Any]:
        answer = self.call(method, body)
        assert not answer.get("Err"), answer
        return answer

    def error(self, method: str, body: Any = None) -> str:
        answer = self.call(method, body)
        assert answer.get("Err"), answer
        assert answer["Error"] == answer["Err"]
        return str(answer["Err"])

    def configure(self, answer: int, *words: str) -> dict[str, Any]:
        """Change settings, and return activation's answer when the driver has seen the change.

        :param answer: the HTTP status that shows that it has.
        """
        self.ovs.ctl(*words)
        while True:
            status, said, _ = self.post("Plugin.Activate", None)
            if status == answer:
                return said

    def left(self) -> list[str]:
        """What is left of endpoints: links, OVS ports, Neutron ports."""
        found = [name for _, name in socket.if_nameindex() if name[:2] in ("ve", "vc")]
        found += self.ovs.ctl("--bare", "--columns=name", "list", "Port").split()
        found += self.ovs.ctl("--bare", "--columns=name", "list", "Interface").split()
        found += [port["id"] for port in self.neutron.query("ports")]
        return sorted(set(found) - {"br-int"})

    def interface(self, name: str) -> dict[str, str]:
        rows = json.loads(
            self.ovs.ctl("-f", "json", "--columns=external_ids", "list", "Interface", name)
        )
        return dict(rows["data"][0][0][1])


def operators_client() -> Client:
    """A client of somebody who may do everything, where the driver may do what is a chassis'."""
    return Client([f"http://{IPAM}"], access=guarded.Operator())  # type: ignore[arg-type]


def new_id() -> str:
    return secrets.token_hex(32)


class Lan:
    """A Docker network with Docker's own IPAM, which a test makes and removes."""

    def __init__(self, host: Host, number: int, **options: str) -> None:
        self.host = host
        self.id = new_id()
        self.v4, self.v6 = f"10.{number}.0", f"fd{number:02x}::"
        self.body: dict[str, Any] = {
            "NetworkID": self.id,
            "Options": {
                "com.docker.network.enable_ipv6": True,
                "com.docker.network.generic": options,
            },
            "IPv4Data": [
                {
                    "AddressSpace": "LocalDefault",
                    "Pool": f"{self.v4}.0/24",
                    "Gateway": f"{self.v4}.1/24",
                    "AuxAddresses": {"r1": f"{self.v4}.5/24"},
                }
            ],
            "IPv6Data": [{"Pool": f"{self.v6}/64", "Gateway": f"{self.v6}1/64"}],
        }

    def endpoint(self, last: int, endpoint_id: str | None = None, **more: Any) -> dict[str, Any]:
        return {
            "NetworkID": self.id,
            "EndpointID": endpoint_id or new_id(),
            "Interface": {
                "Address": f"{self.v4}.{last}/24",
                "AddressIPv6": f"{self.v6}{last:x}/64",
                "MacAddress": "",
                **more,
            },
            "Options": {"com.docker.network.portmap": []},
        }

    def remove(self) -> None:
        self.host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": self.id})
        left = [one["name"] for one in self.host.neutron.query("networks")]
        assert left in ([], [VMS])


def ids(endpoint: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {key: endpoint[key] for key in ("NetworkID", "EndpointID")} | more


def delete(host: Host, endpoint: dict[str, Any]) -> None:
    assert host.ok("NetworkDriver.DeleteEndpoint", ids(endpoint)) == {}


@contextmanager
def served(host: Host, ready_timeout: float) -> Iterator[Call]:
    """A second driver on the same host, of this process's own; it is what Docker would call."""
    own = links.Links(host.ovs.remote, 5)
    client = app.create(Driver(own, ready_timeout=ready_timeout)).test_client()

    def call(method: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = client.post(f"/{method}", json=body).get_json()
        return answer

    try:
        yield call
    finally:
        own.close()


@contextmanager
def collecting(
    host: Host,
    known: Callable[[], Known],
    pause: Callable[[], object] = lambda: None,
    in_flight: Callable[[], list[str]] = list,
) -> Iterator[gc.Collector]:
    """A collector on a host.

    :param known: what Docker knows.
    :param pause: runs between its two looks.
    """
    own = links.Links(host.ovs.remote, 5)
    try:
        yield gc.Collector(
            own,
            Networks(),
            mode=Modes(own).now,
            connect=lambda: host.neutron,
            in_flight=in_flight,
            pause=pause,
            ask=known,
        )
    finally:
        own.close()


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout
