"""TLS as it is served: who asks, and certificates that are replaced."""

from __future__ import annotations

import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.web import THREADS, Files, tls
from tests.certificates import Authority
from tests.functional.serving import ask, connected, serving
from tests.functional.test_web import clients, served_by


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Files:
    return authority.issue("server", "central", 2)


@pytest.fixture(scope="module")
def chassis(authority: Authority) -> Files:
    return authority.issue("chassis-1", serial=3)


@contextmanager
def shaken(path: Path, ca: Path, own: Files | None = None) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(ca))
    if own is not None:
        context.load_cert_chain(own.certificate, own.private_key)
    sock = connected(path)
    with closing(context.wrap_socket(sock, server_hostname="127.0.0.1")) as wrapped:
        yield wrapped


def test_the_client_is_known_by_its_certificate(
    folder: Path, server: Files, chassis: Files
) -> None:
    with serving(folder, files=server) as path:
        with shaken(path, server.ca, chassis) as sock:
            assert ask(sock, "/", b"hello") == b"5 chassis-1"
            assert ask(sock) == b"0 chassis-1"
            assert len(ask(sock, "/large")) == 8 << 20
        with shaken(path, server.ca) as sock:
            assert ask(sock) == b"0 None"


def test_a_certificate_of_another_authority_is_refused(folder: Path, server: Files) -> None:
    foreign = Authority(folder / "foreign").issue("chassis-1")
    with serving(folder, files=server) as path, shaken(path, server.ca, foreign) as sock:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(sock)
        with shaken(path, server.ca) as other:
            assert ask(other) == b"0 None"


def test_who_speaks_no_tls_gets_nothing(folder: Path, server: Files) -> None:
    with serving(folder, files=server) as path, closing(connected(path)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionResetError):
            assert not sock.recv(4096).startswith(b"HTTP")


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01\x02"])
def test_slow_handshakes_hold_nobody_up(folder: Path, server: Files, start: bytes) -> None:
    def begin(sock: socket.socket) -> None:
        sock.sendall(start)

    def served() -> None:
        with shaken(path, server.ca) as sock:
            assert ask(sock) == b"0 None"

    with serving(folder, files=server) as path, clients(path, 4 * THREADS, begin):
        served_by(served)


def test_new_connections_see_a_new_certificate_and_open_ones_go_on(
    folder: Path, authority: Authority, server: Files, chassis: Files
) -> None:
    files = Files(folder / "cert.pem", folder / "key.pem", server.ca)
    _replace(files, server)
    with serving(folder, files=files) as path, shaken(path, server.ca, chassis) as old:
        assert (ask(old), _serial(old)) == (b"0 chassis-1", 2)
        renewed = authority.issue("server", "central", 0x77)
        # Half of it is there: what is served goes on.
        shutil.copy(renewed.certificate, files.certificate)
        with shaken(path, server.ca) as between:
            assert (ask(between), _serial(between)) == (b"0 None", 2)
        _replace(files, renewed)
        with shaken(path, server.ca, chassis) as new:
            assert (ask(new), _serial(new)) == (b"0 chassis-1", 0x77)
        assert ask(old) == b"0 chassis-1"


def test_what_is_wrong_with_the_files_is_said(folder: Path, server: Files, chassis: Files) -> None:
    with pytest.raises(Invalid, match=r"none\.pem: cannot be read: No such file"):
        tls.load(Files(folder / "none.pem", server.private_key, server.ca))
    with pytest.raises(Invalid, match="KEY_VALUES_MISMATCH"):
        tls.load(Files(server.certificate, chassis.private_key, server.ca))
    with pytest.raises(Invalid, match="is no certificate"):
        tls.load(Files(server.certificate, server.private_key, server.private_key))


def _replace(files: Files, by: Files) -> None:
    shutil.copy(by.certificate, files.certificate)
    shutil.copy(by.private_key, files.private_key)


def _serial(sock: ssl.SSLSocket) -> int:
    certificate = sock.getpeercert()
    assert certificate is not None
    return int(str(certificate["serialNumber"]), 16)
