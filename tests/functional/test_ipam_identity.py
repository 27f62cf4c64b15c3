"""Nobody gets in: the IPAM server over TLS, as ``ipam start`` serves it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate.clients.neutron import client as neutron
from ovn_integrate.contract import idempotency
from ovn_integrate.errors import NotPermitted
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.pki.ledger import Entries, Ledger
from ovn_integrate.web import Files
from tests.certificates import Authority, enter
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network
from tests.functional.test_ipam_store import until

ADDRESS = ("127.0.0.1", 9696)  # of a network namespace of its own


class Client:
    """Somebody with a certificate, or a token, or neither, on one connection."""

    def __init__(self, ca: Path, own: Files | None = None, token: str = "") -> None:
        context = ssl.create_default_context(cafile=str(ca))
        if own is not None:
            context.load_cert_chain(own.certificate, own.private_key)
        self._connection = http.client.HTTPSConnection(*ADDRESS, timeout=20, context=context)
        self._headers = {"X-Auth-Token": token} if token else {}

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {**self._headers, **headers})
        response = self._connection.getresponse()
        said = response.read()
        return response.status, json.loads(said) if said.startswith(b"{") else said

    def made(self, kind: str, **attributes: Any) -> dict[str, Any]:
        status, said = self.ask("POST", f"/v2.0/{kind}s", {kind: attributes})
        assert status == 201, said
        found: dict[str, Any] = said[kind]
        return found


class Bed:
    """The server, and what is needed to be somebody to it."""

    def __init__(self, folder: Path, nb: str) -> None:
        self.folder = folder
        self.nb = nb
        self.clients = ExitStack()
        self.authority = Authority(folder / "ca")
        self.server = self.authority.issue("server", "central", 2)
        self.tokens = folder / "tokens.json"
        self.env = {
            **os.environ,
            "OVN_INTEGRATE_RUNDIR": str(folder / "run"),
            "OVN_INTEGRATE_SYSCONFDIR": str(folder / "etc"),
        }

    def cli(self, *words: str) -> str:
        argv = [sys.executable, "-m", "ovn_integrate", *words]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def revoke(self, serial: int) -> None:
        """As any central host does."""

        def change(entries: Entries) -> None:
            entries[f"certificate:{serial:x}"]["revoked"] = time.time()

        Ledger(self.nb).change(change, "revoke")

    def somebody(self, name: str, unit: str = "chassis", serial: int = 3) -> Client:
        own = self.authority.issue(name, unit, serial)
        enter(self.nb, own)
        return self.clients.enter_context(closing(Client(self.server.ca, own)))

    def nobody(self, token: str = "") -> Client:
        return self.clients.enter_context(closing(Client(self.server.ca, token=token)))

    @contextmanager
    def serving(self) -> Iterator[None]:
        words = ["--certificate", self.server.certificate, "--private-key", self.server.private_key]
        words += ["--ca-certificate", self.server.ca, "--token-file", self.tokens]
        argv = [
            sys.executable,
            "-m",
            "ovn_integrate",
            "ipam",
            "start",
            "--nb",
            self.nb,
            *map(str, words),
        ]
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(argv, env=self.env, stdout=log, stderr=log)
        try:
            assert until(self._answers), (self.folder / "log").read_text()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        assert "Traceback" not in (self.folder / "log").read_text()

    def _answers(self) -> bool:
        try:
            return self.nobody().ask("GET", "/healthz")[0] == 200
        except OSError:
            return False


@pytest.fixture
def bed(serving: Bed) -> Iterator[Bed]:
    with serving.clients:
        yield serving


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("identity")
    (folder / "nb").mkdir()
    server = OvsdbServer(folder / "nb", "nb")
    server.start()
    made = Bed(folder, server.remote)
    try:
        with own_network(), made.serving():
            yield made
    finally:
        server.stop()


def test_nobody_gets_in(bed: Bed) -> None:
    nobody = bed.nobody()
    assert nobody.ask("GET", "/")[0] == 200
    for method, path in (
        ("GET", "/v2.0/networks"),
        ("GET", "/metrics"),
        ("POST", "/v2.0/networks"),
        ("DELETE", "/v2.0/ports/x"),
        ("GET", "/openapi.json"),
        ("GET", "/v2.0/"),
        ("GET", "/nothing"),
        ("GET", "//healthz"),
        ("GET", "/healthz/../v2.0/networks"),
    ):
        status, said = nobody.ask(method, path, {"network": {}} if method == "POST" else None)
        assert status == 401, path
        assert said["NeutronError"]["message"] == "a client certificate or a token is needed"
        assert said["NeutronError"]["type"] == "Unauthorized"


@pytest.mark.parametrize("path", ["/v2.0/networks", "/v1/renew", "/v1/join"])
def test_of_nobody_no_large_body_is_waited_for(bed: Bed, path: str) -> None:
    context = ssl.create_default_context(cafile=str(bed.server.ca))
    with context.wrap_socket(
        socket.create_connection(ADDRESS, 20), server_hostname="127.0.0.1"
    ) as sock:
        sock.settimeout(10)  # a body has 15 s
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 17000\r\n\r\n".encode())
        said = sock.recv(4096)
    assert said.split()[1] in (b"401", b"403", b"400", b"503")
    assert b"Connection: close" in said


def test_a_word_of_no_meaning_is_no_token(bed: Bed) -> None:
    for token in ("notused", "a" * 4000, "\u00ff", "'\""):
        assert bed.nobody(token).ask("GET", "/v2.0/networks")[0] == 401
    assert bed.somebody("c").ask("GET", "/v2.0/networks", **{"X-Auth-Token": "notused"})[0] == 200


def test_a_chassis_touches_only_ports_bound_to_itself(bed: Bed) -> None:
    one, two = bed.somebody("chassis-1"), bed.somebody("chassis-2", serial=4)
    network = one.made("network", name="foo")["id"]
    one.made("subnet", network_id=network, cidr="10.0.0.0/24", ip_version=4)
    port = one.made("port", network_id=network, **{"binding:host_id": "chassis-1"})["id"]
    for method, body in (
        ("PUT", {"port": {"name": "x"}}),
        ("PUT", {"port": {"binding:host_id": "chassis-2"}}),
        ("DELETE", None),
    ):
        status, said = two.ask(method, f"/v2.0/ports/{port}", body)
        assert status == 403
        assert said["NeutronError"]["type"] == "PolicyNotAuthorized"
        assert (
            "chassis chassis-2: the port is bound to chassis-1" in said["NeutronError"]["message"]
        )
    foreign = {"port": {"network_id": network, "binding:host_id": "chassis-1"}}
    assert two.ask("POST", "/v2.0/ports", foreign)[0] == 403
    # None of several, where one is refused.
    own = {"network_id": network, "binding:host_id": "chassis-2"}
    several = {"ports": [own, foreign["port"]]}
    assert two.ask("POST", "/v2.0/ports", several)[0] == 403
    assert two.ask("PUT", f"/v2.0/ports/{port}/tags/x")[0] == 403
    assert len(one.ask("GET", "/v2.0/ports")[1]["ports"]) == 1
    assert two.ask("GET", f"/v2.0/ports/{port}")[1]["port"]["binding:host_id"] == "chassis-1"
    assert two.ask("DELETE", "/v2.0/ports/none")[0] == 404
    assert one.ask("DELETE", f"/v2.0/ports/{port}")[0] == 204
    assert one.ask("DELETE", f"/v2.0/networks/{network}")[0] == 204


def test_a_token_is_good_until_it_is_deleted(bed: Bed) -> None:
    file = ("--token-file", str(bed.tokens))
    token = bed.cli("ipam", "token", "create", "me", *file)
    assert bed.tokens.stat().st_mode & 0o777 == 0o600
    assert token not in bed.tokens.read_text()
    me = bed.nobody(token)
    network = me.made("network", name="mine")["id"]
    reader = bed.cli("ipam", "token", "create", "prometheus", "--role", "reader", *file)
    known = bed.nobody()
    bearer = {"Authorization": f"Bearer {reader}"}
    assert known.ask("GET", "/metrics", **bearer)[0] == 200
    assert known.ask("GET", "/v2.0/networks", **bearer)[0] == 200
    status, said = known.ask("DELETE", f"/v2.0/networks/{network}", **bearer)
    assert (status, said["NeutronError"]["type"]) == (403, "PolicyNotAuthorized")
    listed = json.loads(bed.cli("ipam", "token", "list", "-o", "json", *file))
    assert [(one["name"], one["role"]) for one in listed] == [
        ("me", "operator"),
        ("prometheus", "reader"),
    ]
    assert me.ask("DELETE", f"/v2.0/networks/{network}")[0] == 204
    assert "deleted" in bed.cli("ipam", "token", "delete", "me", *file)
    assert "there is none" in bed.cli("ipam", "token", "delete", "me", *file)
    assert me.ask("GET", "/v2.0/networks")[0] == 401
    bed.tokens.chmod(0o644)
    bed.tokens.write_text(bed.tokens.read_text() + " ")
    assert known.ask("GET", "/metrics", **bearer)[0] == 401
    bed.tokens.unlink()


def test_a_revoked_certificate_is_refused_on_open_connections_too(bed: Bed) -> None:
    gone, other = bed.somebody("gone", serial=0xAB), bed.somebody("other", serial=0xAC)
    assert gone.ask("GET", "/v2.0/networks")[0] == 200
    bed.revoke(0xAB)
    assert until(lambda: gone.ask("GET", "/v2.0/networks")[0] == 401)
    said = gone.ask("GET", "/v2.0/networks")[1]
    assert "was revoked" in said["NeutronError"]["message"]
    assert other.ask("GET", "/v2.0/networks")[0] == 200


@pytest.mark.parametrize(("unit", "status"), [("operator", 200), ("central", 200), ("guest", 401)])
def test_the_unit_of_a_certificate_is_its_role(bed: Bed, unit: str, status: int) -> None:
    assert bed.somebody("x", unit, 9).ask("GET", "/v2.0/networks")[0] == status


def test_a_body_of_more_than_a_mebibyte_is_refused(bed: Bed) -> None:
    somebody = bed.somebody("chassis-1")
    status, said = somebody.ask("POST", "/v2.0/networks", {"network": {"name": "a" * (2 << 20)}})
    assert status == 413
    assert said["NeutronError"]["type"] == "HTTPRequestEntityTooLarge"


@pytest.mark.parametrize(
    "words",
    [
        ("--listen", "192.0.2.1:9696"),
        ("--listen", "0.0.0.0:9696"),
        ("--certificate", "/none"),
        ("--certificate", "/none", "--private-key", "/none", "--ca-certificate", "/none"),
    ],
    ids=" ".join,
)
def test_what_would_be_open_or_cannot_be_served_is_refused(folder: Path, words: Any) -> None:
    argv = [sys.executable, "-m", "ovn_integrate", "ipam", "start", "--nb", "unix:/none", *words]
    env = {**os.environ, "OVN_INTEGRATE_RUNDIR": str(folder)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "--insecure" in done.stderr or "--private-key" in done.stderr or "/none" in done.stderr


def test_a_client_whose_certificate_was_replaced_goes_on(bed: Bed) -> None:
    """Its open connections are known by the old one, which was revoked, or has ended since."""
    files = bed.authority.issue("chassis-5", serial=5)
    enter(bed.nb, files)
    own = Credentials(str(files.private_key), str(files.certificate), str(files.ca))
    client = neutron.Client([f"https://{ADDRESS[0]}:{ADDRESS[1]}"], credentials=own)
    client.query("networks")
    bed.revoke(5)

    def refused() -> bool:
        try:
            client.query("networks")
        except NotPermitted as error:
            return "was revoked" in str(error)
        return False

    assert until(refused)
    enter(bed.nb, bed.authority.issue("chassis-5", serial=6))
    made = client.create("networks", name="again")
    assert client.delete("networks", made["id"])


def test_a_key_names_a_creation_of_one_client(bed: Bed) -> None:
    """Who has, or guesses, the key of another makes a thing of his own, and is given nothing."""
    token = bed.cli("ipam", "token", "create", "keys", "--token-file", str(bed.tokens))
    clients = {
        "chassis-1": bed.somebody("chassis-1", serial=31),
        "chassis-2": bed.somebody("chassis-2", serial=32),
        "of the same name": bed.somebody("chassis-1", "operator", serial=33),
        "token": bed.nobody(token),
        "central": bed.somebody("chassis-1", "central", serial=34),
    }
    key = {idempotency.HEADER: str(uuid.uuid4())}
    network = clients["token"].made("network", name="keys")["id"]
    body = {"port": {"network_id": network, "name": "mine"}}
    made = {}
    for name, client in clients.items():
        alias = f"/v2.0/extensions/{idempotency.OWN}"
        said = client.ask("GET", alias)[1]["extension"]["namespace"]
        status, answer = client.ask("POST", "/v2.0/ports", body, **key)
        assert status == 201
        made[name] = answer["port"]["id"]
        request = idempotency.request("/v2.0/ports", key[idempotency.HEADER], uuid.UUID(said))
        assert made[name] == idempotency.made(request, "Port")
        # One that knows nothing of clients is not told what would not hold.
        assert client.ask("GET", f"/v2.0/extensions/{idempotency.FORETOLD}")[0] == 404
        listed = client.ask("GET", "/v2.0/extensions")[1]["extensions"]
        assert idempotency.FORETOLD not in {one["alias"] for one in listed}
    assert len(set(made.values())) == len(clients)
    for name, client in clients.items():
        assert client.ask("POST", "/v2.0/ports", body, **key)[1]["port"]["id"] == made[name]
    ports = clients["token"].ask("GET", f"/v2.0/ports?network_id={network}")[1]["ports"]
    assert {one["id"] for one in ports} == set(made.values())
    # By any way that a client makes something.
    for collection, kind, attributes in (
        ("networks", "network", {"name": "k"}),
        ("subnets", "subnet", {"network_id": network, "cidr": "10.9.0.0/24", "ip_version": 4}),
        ("routers", "router", {"name": "docker-k"}),
        ("security-groups", "security_group", {"name": "k"}),
    ):
        answers = [
            clients[name].ask("POST", f"/v2.0/{collection}", {kind: attributes}, **key)
            for name in ("central", "chassis-1")
        ]
        ids = {said[kind]["id"] for status, said in answers if status == 201}
        assert len(ids) == sum(status == 201 for status, _ in answers)


def test_a_driver_foretells_by_what_the_server_knows_it(bed: Bed) -> None:
    """The id of its port is known while the server still makes it, whoever it is to the server."""
    own = bed.authority.issue("chassis-7", "chassis", 35)
    enter(bed.nb, own)
    files = Credentials(str(own.private_key), str(own.certificate), str(bed.server.ca))
    foretold: list[str | None] = []
    client = neutron.Client(["https://127.0.0.1:9696"], credentials=files)
    network = client.create("networks", name="foretold")["id"]
    told = client.meanwhile(foretold.append)
    made = [told.create("ports", network_id=network)["id"] for _ in range(2)]
    assert [one for one in foretold if one] == made
