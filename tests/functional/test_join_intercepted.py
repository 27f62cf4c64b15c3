"""Nobody in between is trusted: answers of more than one certificate, and servers that pretend."""

from __future__ import annotations

import base64
import http.server
import itertools
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn_integrate import paths
from ovn_integrate.enrol import client
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import Error, Invalid, NotConfigured, NotPermitted, ServiceFailed
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.pki import authority as authorities
from ovn_integrate.pki import files, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.tokens import Token

HERE = "127.0.0.1"
CHASSIS = "chassis-1"


class Side:
    """An authority with a server's files, as a central host or somebody who pretends has them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.authority = Authority(folder)
        self.authority.make(name)
        self.authority.serve(name, [HERE])
        self.ca = self.authority.certificate.read_bytes()
        self.fingerprint = self.authority.fingerprint()

    def signed(self, request: bytes, name: str = CHASSIS, role: str = x509.CHASSIS) -> bytes:
        return self.authority.sign(request, name, role)


@dataclass
class Answers:
    """What a server answers, and what it was sent."""

    ca: bytes = b""
    signed: bytes = b""
    heard: bytes = b""


@contextmanager
def serving(server: Path, answers: Answers) -> Iterator[int]:
    """By TLS on loopback, in a thread; gives the port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            answers.heard += self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = answers.ca if self.path == "/v1/ca" else answers.signed
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    with Server((HERE, 0), Handler) as listening:
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield listening.server_address[1]
        finally:
            listening.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    """The central host, and who stands in between."""
    folder = tmp_path_factory.mktemp("sides")
    return Side(folder / "real", "c1"), Side(folder / "foreign", "c1")


def token(side: Side, port: int) -> Token:
    return Token((f"{HERE}:{port}",), side.fingerprint, "the-secret", "h1", 2**31)


def der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())


def labelled(pem: bytes, label: str) -> bytes:
    return pem.replace(b" CERTIFICATE-", f" {label}-".encode())


def forms(pem: bytes) -> list[bytes]:
    """A certificate, as readers of certificates know it."""
    text = b"Certificate:\n    Data: of somebody\n"
    return [
        pem,
        pem.replace(b"\n", b"\r\n"),
        pem.rstrip(),
        text + pem,
        b"# ours\n" + pem,
        labelled(pem, "TRUSTED CERTIFICATE"),
        labelled(pem, "X509 CERTIFICATE"),
        labelled(pem, "PKCS7"),
        pem.replace(b"-----BEGIN", b" -----BEGIN"),
        pem.replace(b"-----END", b"=\n-----END"),
        der(pem),
        base64.b64encode(der(pem)),
        pem.replace(b"-----\n", b"-----\nProc-Type: 4\n\n", 1),
        pem.replace(b"\n", b"\n\x00", 1),
        "\ufeff".encode() + pem,
    ]


GARBAGE = [
    b"",
    b"\n",
    b"# a comment\n",
    b"\x00",
    b"-----BEGIN CERTIFICATE-----\n",
    b"\xff\xfe",
    b"0",
]


def combinations(real: bytes, foreign: bytes) -> st.SearchStrategy[bytes]:
    """Texts of certificates and of what is none, in any order."""
    parts = [*forms(real), *forms(foreign), *GARBAGE, real[:100], foreign[100:]]
    return st.lists(st.sampled_from(parts), max_size=5).map(b"".join)


def foreign_in(context: ssl.SSLContext) -> list[str]:
    return [str(each["subject"]) for each in context.get_ca_certs()]


def test_a_text_is_one_certificate_or_refused(sides: tuple[Side, Side]) -> None:
    """Whatever OpenSSL would make of the text, what is read is encoded again, and is one."""
    real, foreign = sides

    @settings(max_examples=800, deadline=None)
    @given(combinations(real.ca, foreign.ca))
    def check(text: bytes) -> None:
        try:
            parsed = x509.parse(text)
        except Invalid:
            return
        assert parsed.pem in (real.ca, foreign.ca)
        loaded = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        loaded.load_verify_locations(cadata=parsed.pem.decode())
        trusted = loaded.get_ca_certs(binary_form=True)
        assert trusted == [der(parsed.pem)]
        assert text.strip().count(b"BEGIN") <= 1
        assert (parsed.fingerprint == real.fingerprint) == (parsed.pem == real.ca)

    check()


def test_several_are_taken_where_nothing_stands_beside_them(sides: tuple[Side, Side]) -> None:
    real, foreign = sides

    @settings(max_examples=400, deadline=None)
    @given(combinations(real.ca, foreign.ca))
    def check(text: bytes) -> None:
        try:
            parsed = x509.parse_all(text)
        except Invalid:
            return
        loaded = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        loaded.load_verify_locations(cadata=text.decode())
        assert sorted(loaded.get_ca_certs(binary_form=True)) == sorted(der(o.pem) for o in parsed)

    check()


@pytest.mark.parametrize("order", ["real-foreign", "foreign-real", "real-real", "foreign"])
def test_who_stands_in_between_is_not_joined(sides: tuple[Side, Side], order: str) -> None:
    real, foreign = sides
    by_name = {"real": real.ca, "foreign": foreign.ca}
    answers = Answers(ca=b"".join(by_name[name] for name in order.split("-")))
    with serving(foreign.authority.server, answers) as port:
        with pytest.raises(NotPermitted) as caught:
            client.join(token(real, port), x509.request(x509.new_key(), CHASSIS), 5)
        assert len(str(caught.value).splitlines()) == 1
    assert b"the-secret" not in answers.heard


def test_whatever_who_stands_in_between_answers_it_hears_no_secret(
    sides: tuple[Side, Side], pki: Path
) -> None:
    """And nothing is written of it."""
    real, foreign = sides
    answers = Answers()
    request = x509.request(x509.new_key(), CHASSIS)
    with serving(foreign.authority.server, answers) as port:

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(combinations(real.ca, foreign.ca))
        def check(text: bytes) -> None:
            answers.ca = text
            with pytest.raises(Error):
                client.join(token(real, port), request, 5)
            assert b"the-secret" not in answers.heard

        check()


def test_a_chassis_is_no_server(sides: tuple[Side, Side], tmp_path: Path) -> None:
    """Also where the authority of servers were to sign one for a chassis."""
    real, _ = sides
    key = x509.new_key()
    issuer = tuple(
        (real.authority.folder / f"central.{end}").read_bytes() for end in ("key", "pem")
    )
    usage = {**x509._USAGE, x509.CHASSIS: x509._USAGE[x509.CENTRAL]}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(x509, "_USAGE", usage)
        signed = x509.sign(
            key, "c1", x509.CHASSIS, (issuer[0], issuer[1]), authorities.LIFE, [HERE]
        )
    files.write(tmp_path / "server.pem", key + signed)
    answers = Answers(ca=real.ca)
    refused = pytest.raises(NotPermitted, match="is no central host, by its certificate")
    with serving(tmp_path / "server.pem", answers) as port, refused:
        client.join(token(real, port), x509.request(key, CHASSIS), 5)
    assert answers.heard == b""


def test_an_authority_that_is_none_is_refused(sides: tuple[Side, Side]) -> None:
    """The fingerprint of a token may be that of any certificate."""
    real, _ = sides
    own = x509.read(real.authority.server)
    answers = Answers(ca=own.pem)
    with serving(real.authority.server, answers) as port:
        given = replace(token(real, port), fingerprint=own.fingerprint)
        with pytest.raises(NotPermitted, match="no authority's"):
            client.join(given, x509.request(x509.new_key(), CHASSIS), 5)


def test_an_answer_without_an_end_is_left(sides: tuple[Side, Side]) -> None:
    real, _ = sides
    refused = pytest.raises(ServiceFailed, match="more than")
    with serving(real.authority.server, Answers(ca=real.ca * 1000)) as port, refused:
        client.join(token(real, port), x509.request(x509.new_key(), CHASSIS), 5)


@pytest.fixture
def pki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OVN_INTEGRATE_SYSCONFDIR", str(tmp_path))
    monkeypatch.setattr(membership, "host_name", lambda: "h1")
    return paths.pki()


def joined(real: Side, answers: Answers, port: int) -> Token:
    """This host has joined."""
    given = token(real, port)
    files.folder(paths.pki())
    key = membership._pending_key()
    answers.ca, answers.signed = real.ca, real.signed(x509.request(key, CHASSIS))
    membership._come_by(CHASSIS, given, 5)
    return given


def test_what_is_signed_is_written_alone(sides: tuple[Side, Side], pki: Path) -> None:
    """The server is the real one, and its answer has something else in it."""
    real, foreign = sides
    answers = Answers(ca=real.ca)
    with serving(real.authority.server, answers) as port:
        key = membership_key()
        request = x509.request(key, CHASSIS)
        good = real.signed(request)
        bad = [
            good + foreign.ca,
            foreign.ca + good,
            good + good,
            b"# x\n" + good,
            good + x509.new_key(),
            foreign.ca,
            b"",
            real.signed(request, "chassis-2"),
            real.signed(request, CHASSIS, x509.CENTRAL),
            real.signed(x509.request(x509.new_key(), CHASSIS)),
        ]
        for answers.signed in bad:
            with pytest.raises(Error):
                membership._come_by(CHASSIS, token(real, port), 5)
            assert not membership.certificate().exists()
            assert not membership.authority().exists()
        answers.signed = good.replace(b"\n", b"\r\n")
        membership._come_by(CHASSIS, token(real, port), 5)
    assert membership.certificate().read_bytes() == key + good
    assert membership.authority().read_bytes() == real.ca


def membership_key() -> bytes:
    files.folder(paths.pki())
    return membership._pending_key()


def test_renewal_is_of_the_same_authority_only(sides: tuple[Side, Side], pki: Path) -> None:
    real, foreign = sides
    answers = Answers()
    with serving(real.authority.server, answers) as port:
        joined(real, answers, port)
    before = membership.certificate().read_bytes()
    refused = pytest.raises(ServiceFailed, match="verify failed")
    with serving(foreign.authority.server, answers) as port, refused:
        membership.renew([f"{HERE}:{port}"], 5)
    with serving(real.authority.server, answers) as port:
        for answers.signed in (
            before.partition(b"-----BEGIN CERT")[2],
            x509.read(membership.certificate()).pem,  # of the old key
            x509.read(membership.certificate()).pem + foreign.ca,
        ):
            with pytest.raises(Error):
                membership.renew([f"{HERE}:{port}"], 5)
    assert membership.certificate().read_bytes() == before
    assert membership.authority().read_bytes() == real.ca


def test_a_foreign_authority_that_was_taken_once_is_not_left(
    sides: tuple[Side, Side], pki: Path
) -> None:
    """By a join of before."""
    real, foreign = sides
    answers = Answers()
    with serving(real.authority.server, answers) as port:
        joined(real, answers, port)
    for order in itertools.permutations([real.ca, foreign.ca]):
        files.write(membership.authority(), b"".join(order), files.PUBLIC)
        assert membership.has_joined()
        assert not membership.has_joined(real.fingerprint)
        assert not membership._trusted()


def test_a_certificate_file_has_one_key_and_one_certificate(
    sides: tuple[Side, Side], tmp_path: Path
) -> None:
    real, foreign = sides
    whole = real.authority.server.read_bytes()
    key, own = whole[: whole.index(b"-----BEGIN CERT")], x509.read(real.authority.server).pem
    other = x509.new_key()
    file = tmp_path / "file.pem"
    for good in (key + own, own + key, own):
        file.write_bytes(good)
        assert x509.read(file).pem == own
    for bad in (key, own + own, key + own + foreign.ca, other + own, key + key + own, b"x" + own):
        file.write_bytes(bad)
        with pytest.raises(NotConfigured):
            x509.read(file)


def test_no_authority_is_not_everybodys(sides: tuple[Side, Side]) -> None:
    """Of an empty name Python makes the distribution's list of authorities."""
    server = str(sides[0].authority.server)
    with pytest.raises(NotConfigured, match="no CA certificate"):
        Credentials(server, server, "").context()
