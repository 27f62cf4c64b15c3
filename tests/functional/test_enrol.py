"""Joining and renewing, over TLS, between this program's own two sides."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ovn_integrate import servers
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.enrol import client
from ovn_integrate.enrol.fresh import Fresh
from ovn_integrate.errors import Conflict, DatabaseUnavailable, NotPermitted, ServiceFailed
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Register
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network

HERE, THERE = "127.0.0.1", "127.0.0.2"
BIND = f"{HERE}:9696"

# In front of it, something that writes down all that a client sent.
_CODE = """
import io, sys
from pathlib import Path
from ovn_integrate import web
from ovn_integrate.enrol import app
from ovn_integrate.enrol.signer.desk import Desk
from ovn_integrate.ipam.engine.store import Store

address = sys.argv[1]
northbound = sys.argv[2]
folder, server, clients, pidfile, heard = map(Path, sys.argv[3:])

def inner(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b'{"networks": []}']

def listening(environ, start):
    body = environ["wsgi.input"].read()
    with heard.open("ab") as file:
        file.write(str(environ).encode() + body)
    environ["wsgi.input"] = io.BytesIO(body)
    return enrolment(environ, start)

def serving():
    global enrolment
    store = Store(northbound, timeout=1)
    store.start()
    desk = Desk(folder, lambda: northbound)
    desk.start()
    enrolment = app.application(inner, folder, desk, store)
    return listening

files = web.Files(server, server, clients)
web.serve(serving, bind=f"{address}:9696", pidfile=pidfile, keep_alive=True, tls=files)
"""


class Central:
    """:ivar heard: all that the server was sent so far.

    :param ovn: the folder of OVN's own sockets.
    """

    def __init__(self, folder: Path, northbound: str, ovn: Path) -> None:
        self.northbound = northbound
        self.ovn = ovn
        self.authority = Authority(folder / "pki")
        self.register = Register(self.authority, Ledger(northbound), lambda _: [])
        self.authority.make("c1")
        self.authority.serve("c1", [HERE, THERE])
        self._heard = folder / "heard"

    @property
    def heard(self) -> bytes:
        return self._heard.read_bytes()

    def token(self, host: str = "h1", system_id: str | None = None) -> tokens.Token:
        return tokens.offer(self.register, host, [HERE], 60, system_id)

    @contextmanager
    def serving(self, folder: Path, address: str = HERE, northbound: str = "") -> Iterator[int]:
        """Gives the group of its processes.

        :param northbound: another than its own.
        """
        pidfile, log = folder / f"{address}.pid", folder / f"{address}.log"
        files = [self.authority.server, self.authority.clients, pidfile, self._heard]
        argv = [sys.executable, "-c", _CODE, address, northbound or self.northbound]
        argv += [str(one) for one in (self.authority.folder.parent, *files)]
        env = {**os.environ, "OVN_RUNDIR": str(self.ovn)}
        with log.open("wb") as file:
            process = subprocess.Popen(argv, stderr=file, start_new_session=True, env=env)
        mine = Credentials(*map(str, (files[0], files[0], self.authority.certificate)))
        try:
            while servers.ask(f"{address}:9696", "GET", "/", context=mine.context()) != 200:
                assert process.poll() is None, log.read_text()
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


@pytest.fixture(scope="module")
def central(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Central]:
    folder = tmp_path_factory.mktemp("central")
    with databases(folder) as (northbound, _), own_network():
        made = Central(folder, northbound.remote, folder)
        with made.serving(folder):
            yield made


@contextmanager
def databases(folder: Path) -> Iterator[tuple[OvsdbServer, OvsdbServer]]:
    """Northbound and Southbound, at the sockets that OVN's have in a folder."""
    servers = OvsdbServer(folder, "nb"), OvsdbServer(folder, "sb")
    try:
        for server in servers:
            server.start()
            (folder / f"ovn{server.kind}_db.sock").symlink_to(f"{server.kind}.sock")
        yield servers
    finally:
        for server in servers:
            server.stop()


def _joined(central: Central, folder: Path, name: str = "chassis-1") -> Credentials:
    """The files of a host that has joined."""
    key = x509.new_key()
    given = central.token(system_id=name)
    signed, trusted = client.join(given, x509.request(key, name), 5)
    (folder / "ca.pem").write_bytes(trusted)
    (folder / "host.pem").write_bytes(key + signed)
    return Credentials(*(str(folder / name) for name in ("host.pem", "host.pem", "ca.pem")))


def test_a_host_joins_and_its_key_stays_with_it(central: Central, tmp_path: Path) -> None:
    mine = _joined(central, tmp_path)
    said = x509.read(tmp_path / "host.pem")
    assert (said.name, said.role) == ("chassis-1", x509.CHASSIS)
    assert servers.ask(BIND, "GET", "/", context=mine.context()) == 200
    assert b"CERTIFICATE REQUEST" in central.heard
    assert b"PRIVATE KEY" not in central.heard


def test_the_token_is_good_once(central: Central) -> None:
    token = central.token()
    request = x509.request(x509.new_key(), "chassis-once")
    first, _ = client.join(token, request, 5)
    assert client.join(token, request, 5)[0] == first
    with pytest.raises(NotPermitted, match="join token: was used already"):
        client.join(token, x509.request(x509.new_key(), "chassis-once"), 5)


def test_another_authority_than_the_tokens_is_not_trusted(central: Central) -> None:
    token = replace(central.token(), fingerprint="0" * 64)
    with pytest.raises(NotPermitted, match="is not the central host that made this token"):
        client.join(token, x509.request(x509.new_key(), "chassis-1"), 5)
    # The secret was kept from it.
    assert token.secret.encode() not in central.heard


def test_of_several_central_hosts_one_that_answers_is_enough(central: Central) -> None:
    token = replace(central.token(), addresses=("127.0.0.9", HERE))
    client.join(token, x509.request(x509.new_key(), "chassis-several"), 5)
    with pytest.raises(ServiceFailed, match=r"https://127\.0\.0\.9: "):
        client.join(replace(token, addresses=("127.0.0.9",)), x509.request(x509.new_key(), "c"), 5)


def test_one_whose_northbound_is_away_is_left_for_the_next(
    central: Central, tmp_path: Path
) -> None:
    request = x509.request(x509.new_key(), "chassis-away")
    with central.serving(tmp_path, THERE, northbound=f"unix:{tmp_path}/none"):
        token = replace(central.token(), addresses=(THERE,))
        with pytest.raises(DatabaseUnavailable, match="none"):
            client.join(token, request, 5)
        client.join(replace(token, addresses=(THERE, HERE)), request, 5)


def test_a_certificate_is_renewed_with_itself(central: Central, tmp_path: Path) -> None:
    mine = _joined(central, tmp_path)
    request = x509.request(x509.new_key(), "chassis-1")
    renewed = x509.parse(client.renew([HERE], mine, request, 5))
    assert renewed.serial != x509.read(tmp_path / "host.pem").serial
    with pytest.raises(Conflict, match="may not renew"):
        client.renew([HERE], mine, x509.request(x509.new_key(), "chassis-2"), 5)
    central.register.revoke("h1")
    with pytest.raises(Conflict, match="may not renew"):
        client.renew([HERE], mine, request, 5)


def test_a_server_that_is_frozen_is_left_for_the_next(tmp_path: Path, folder: Path) -> None:
    with databases(folder) as (nb, _), own_network():
        central = Central(tmp_path, nb.remote, folder)
        with central.serving(tmp_path) as frozen, central.serving(tmp_path, THERE):
            urls = [f"https://{one}:9696" for one in (HERE, THERE)]
            neutron = Client(urls, credentials=_joined(central, tmp_path))
            # On a new connection, and on one that is there.
            for again in (False, True):
                if again:
                    assert Client(urls[:1], credentials=neutron.credentials).query("networks") == []
                    neutron.query("networks")
                os.killpg(frozen, signal.SIGSTOP)
                begun = time.monotonic()
                assert neutron.query("networks") == []
                assert time.monotonic() - begun < 2
                os.killpg(frozen, signal.SIGCONT)


def test_the_verbs_and_the_driver_trust_the_central_hosts_only(
    central: Central, tmp_path: Path
) -> None:
    mine = _joined(central, tmp_path)
    assert Client([f"https://{BIND}"], credentials=mine).query("networks") == []
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    other.make("c2")
    foreign = replace(mine, ca_cert=str(other.certificate))
    with pytest.raises(ServiceFailed, match="self-signed certificate"):
        Client([f"https://{BIND}"], credentials=foreign).query("networks")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/ca", b"", 405),
        ("GET", "/v1/join", b"", 405),
        ("POST", "/v1/join", b"", 400),
        ("POST", "/v1/join", b"[]", 400),
        ("POST", "/v1/join", b'{"secret": 1, "host": "h1", "request": ""}', 400),
        ("POST", "/v1/join", b'{"secret": "x", "host": "h1", "request": "x"}', 403),
        ("GET", "/v1/certificate", b"", 403),
        ("POST", "/v1/join", b'"' + b"x" * 20000 + b'"', 400),
        ("POST", "/v1/renew", b"{}", 403),
        ("GET", "/v2.0/", b"", 200),
    ],
)
def test_what_a_stranger_asks(
    central: Central, method: str, path: str, body: bytes, status: int
) -> None:
    context = client._unverified()
    connection = servers._tcp(BIND, 5, context)
    connection.request(method, path, body)
    assert connection.getresponse().status == status
    connection.close()


def test_what_is_due_is_renewed_again_and_again() -> None:
    done = threading.Semaphore(0)

    def renew() -> bool:
        done.release()
        raise ServiceFailed("central", "is away")

    fresh = Fresh(renew, first=0.01, every=0.01)
    fresh.start()
    assert all(done.acquire(timeout=10) for _ in range(3))
    fresh.stop()


def test_what_is_unknown_is_refused_before_it_is_read(central: Central) -> None:
    connection = servers._tcp(BIND, 5, client._unverified())
    for request in ("x", "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 15000):
        body = json.dumps({"secret": "unknown", "host": "h", "request": request})
        connection.request("POST", "/v1/join", body)
        answer = connection.getresponse()
        assert answer.status == 403
        assert b"is unknown here" in answer.read()
    connection.close()


def test_a_host_is_told_whether_it_is_let_in(central: Central, tmp_path: Path) -> None:
    mine = _joined(central, tmp_path, "chassis-told")
    assert client.accepted([HERE], mine, 5)
    central.register.revoke("chassis-told")
    assert not client.accepted([HERE], mine, 5)
    # Where nobody answers, nothing speaks against it.
    assert client.accepted(["127.0.0.9"], mine, 5)


def test_a_site_joins_at_once_by_one_address_and_a_flood_is_refused_cheaply(
    central: Central,
) -> None:
    """Last: twenty hosts behind one address, and then more than any site asks."""

    def join(number: int) -> str:
        request = x509.request(x509.new_key(), f"site-{number}")
        signed, _ = client.join(central.token(f"s{number}"), request, 30)
        return x509.parse(signed).name

    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(join, range(20)))
    assert names == [f"site-{number}" for number in range(20)]
    statuses = set()
    while 429 not in statuses:
        connection = servers._tcp(BIND, 5, client._unverified())
        connection.request("POST", "/v1/join", b'{"secret": "x", "host": "h", "request": "x"}')
        answer = connection.getresponse()
        statuses.add(answer.status)
        after = answer.headers["Retry-After"]
        assert json.loads(answer.read())["NeutronError"]["message"]
        connection.close()
    assert statuses == {403, 429}
    assert after is not None
    assert int(after) >= 1
    # A host that comes meanwhile waits for its turn, and gets it.
    assert join(21) == "site-21"
