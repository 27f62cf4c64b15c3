"""Joining and renewing, over TLS, between this program's own two sides."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ovn_integrate import servers
from ovn_integrate.enrol import client
from ovn_integrate.errors import Conflict, NotPermitted, ServiceFailed
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from tests.functional.namespaces import own_network

HERE = "127.0.0.1"
BIND = f"{HERE}:9696"

# In front of it, something that writes down all that a client sent.
_CODE = """
import io, sys
from pathlib import Path
from ovn_integrate import web
from ovn_integrate.enrol import app

folder, server, clients, pidfile, heard = map(Path, sys.argv[1:])

def inner(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]

def listening(environ, start):
    body = environ["wsgi.input"].read()
    with heard.open("ab") as file:
        file.write(str(environ).encode() + body)
    environ["wsgi.input"] = io.BytesIO(body)
    return enrolment(environ, start)

enrolment = app.application(inner, folder)
files = web.Files(server, server, clients)
web.serve(lambda: listening, bind="127.0.0.1:9696", pidfile=pidfile, keep_alive=True, tls=files)
"""


class Central:
    """:ivar heard: all that the server was sent so far."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder / "pki")
        self.authority.make("c1")
        self.authority.serve("c1", [HERE])
        self._heard = folder / "heard"

    @property
    def heard(self) -> bytes:
        return self._heard.read_bytes()

    def token(self, host: str = "h1") -> tokens.Token:
        return tokens.offer(self.authority, host, [HERE], 60)

    @contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        files = [self.authority.server, self.authority.clients, folder / "pid", self._heard]
        argv = [sys.executable, "-c", _CODE, self.authority.folder.parent, *files]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([*map(str, argv)], stderr=log)
        mine = Credentials(*map(str, (files[0], files[0], self.authority.certificate)))
        try:
            while servers.ask(BIND, "GET", "/", context=mine.context()) != 200:
                assert process.poll() is None, (folder / "log").read_text()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


@pytest.fixture
def central(tmp_path: Path) -> Iterator[Central]:
    with own_network():
        made = Central(tmp_path)
        with made.serving(tmp_path):
            yield made


def _joined(central: Central, folder: Path, name: str = "chassis-1") -> Credentials:
    """The files of a host that has joined."""
    key = x509.new_key()
    signed, trusted = client.join(central.token(), x509.request(key, name), 5)
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
    request = x509.request(x509.new_key(), "chassis-1")
    first, _ = client.join(token, request, 5)
    assert client.join(token, request, 5)[0] == first
    with pytest.raises(NotPermitted, match="join token: was used already"):
        client.join(token, x509.request(x509.new_key(), "chassis-1"), 5)


def test_another_authority_than_the_tokens_is_not_trusted(central: Central) -> None:
    token = replace(central.token(), fingerprint="0" * 64)
    with pytest.raises(NotPermitted, match="is not the central host that made this token"):
        client.join(token, x509.request(x509.new_key(), "chassis-1"), 5)
    # The secret was kept from it.
    assert token.secret.encode() not in central.heard


def test_of_several_central_hosts_one_that_answers_is_enough(central: Central) -> None:
    token = replace(central.token(), addresses=("127.0.0.9", HERE))
    client.join(token, x509.request(x509.new_key(), "chassis-1"), 5)
    with pytest.raises(ServiceFailed, match=r"https://127\.0\.0\.9: "):
        client.join(replace(token, addresses=("127.0.0.9",)), x509.request(x509.new_key(), "c"), 5)


def test_a_certificate_is_renewed_with_itself(central: Central, tmp_path: Path) -> None:
    mine = _joined(central, tmp_path)
    request = x509.request(x509.new_key(), "chassis-1")
    renewed = x509.parse(client.renew([HERE], mine, request, 5))
    assert renewed.serial != x509.read(tmp_path / "host.pem").serial
    with pytest.raises(Conflict, match="may not renew"):
        client.renew([HERE], mine, x509.request(x509.new_key(), "chassis-2"), 5)
    central.authority.revoke("h1")
    with pytest.raises(Conflict, match="may not renew"):
        client.renew([HERE], mine, request, 5)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/ca", b"", 405),
        ("GET", "/v1/join", b"", 405),
        ("POST", "/v1/join", b"", 400),
        ("POST", "/v1/join", b"[]", 400),
        ("POST", "/v1/join", b'{"secret": 1, "host": "h1", "request": ""}', 400),
        ("POST", "/v1/join", b'{"secret": "x", "host": "h1", "request": "x"}', 400),
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
