"""The authority, its certificates and join tokens, on a folder and a Northbound; OpenSSL says what
the certificates are."""

from __future__ import annotations

import shutil
import stat
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ovn_integrate.checks.bundle.redact import MARK, Redactor
from ovn_integrate.errors import (
    Conflict,
    DatabaseUnavailable,
    Error,
    Invalid,
    NotFound,
    NotPermitted,
)
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.pki import authority as authorities
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Place, Register
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_store import until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "pki")
    assert made.make("c1")
    return made


@pytest.fixture
def register(authority: Authority, nb: OvsdbServer) -> Register:
    return Register(authority, Ledger(nb.remote), nowhere)


def nowhere(_: str) -> list[Place]:
    """No name is known beside the ledger."""
    return []


def _request(name: str = "chassis-1") -> bytes:
    return x509.request(x509.new_key(), name)


def _openssl(*words: str) -> str:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=True)
    return done.stdout


def _verifies(certificate: Path, authority: Path, purpose: str) -> bool:
    words = ["openssl", "verify", "-purpose", purpose, "-CAfile", str(authority), str(certificate)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def _token(
    register: Register, host: str = "h1", seconds: float = 60, system_id: str | None = None
) -> tokens.Token:
    return tokens.offer(register, host, ["192.0.2.1"], seconds, system_id)


def test_no_secret_is_for_anybody_but_its_owner(register: Register, authority: Authority) -> None:
    authority.serve("c1", ["192.0.2.1"])
    _token(register)
    secret = [one for one in authority.folder.parent.rglob("*") if one.is_file()]
    public = {authority.certificate, authority.clients, authority.folder / "hosts.pem"}
    modes = {stat.S_IMODE(one.stat().st_mode) for one in secret if one not in public}
    assert modes == {0o600}
    assert stat.S_IMODE(authority.folder.stat().st_mode) == 0o700


def test_making_it_again_changes_nothing(authority: Authority) -> None:
    before = authority.clients.read_bytes()
    assert not authority.make("c1")
    assert authority.clients.read_bytes() == before


def test_a_servers_certificate_names_its_addresses(authority: Authority) -> None:
    assert authority.serve("c1", ["192.0.2.1", "2001:db8::1"])
    shown = _openssl("x509", "-noout", "-text", "-in", str(authority.server))
    assert "IP Address:192.0.2.1" in shown
    assert "ASN1 OID: prime256v1" in shown
    assert _verifies(authority.server, authority.certificate, "sslserver")


def test_a_server_keeps_its_certificate_until_it_needs_another(authority: Authority) -> None:
    authority.serve("c1", ["192.0.2.1"])
    assert not authority.serve("c1", ["192.0.2.1"])
    assert authority.serve("c1", ["192.0.2.2"])
    assert set(x509.read(authority.server).addresses) == {"192.0.2.1", "192.0.2.2"}
    assert authority.serve("c1", [], anew=True)
    assert set(x509.read(authority.server).addresses) == {"192.0.2.1", "192.0.2.2"}


def test_a_chassis_is_a_client_of_southbound_and_not_of_northbound(
    register: Register, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "chassis.pem"
    file.write_bytes(tokens.redeem(register, _token(register).secret, "h1", _request()))
    said = x509.read(file)
    assert (said.name, said.role) == ("chassis-1", x509.CHASSIS)
    assert _verifies(file, authority.clients, "sslclient")
    # Northbound's clients are trusted by this one, as servers are by hosts.
    assert not _verifies(file, authority.certificate, "sslclient")
    assert not _verifies(file, authority.clients, "sslserver")


def test_a_token_survives_its_way(register: Register, authority: Authority) -> None:
    token = _token(register)
    text = token.encode()
    assert tokens.decode(f"{text[:40]}\n  {text[40:]}") == token
    assert token.fingerprint == authority.fingerprint()


@pytest.mark.parametrize("text", ["", "x", "e30", "WzFd", "%%%", "bm8"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="join token"):
        tokens.decode(text)


def test_of_a_secret_only_the_hash_is_kept(register: Register, nb: OvsdbServer) -> None:
    secret = _token(register).secret
    tokens.redeem(register, secret, "h1", _request())
    _token(register)
    files = [register.authority.folder, nb.folder]
    found = [one for folder in files for one in folder.rglob("*") if one.is_file()]
    assert any(b"join:" in one.read_bytes() for one in found)
    assert not any(secret.encode() in one.read_bytes() or secret in one.name for one in found)


def test_a_token_is_good_once(register: Register) -> None:
    secret = _token(register).secret
    tokens.redeem(register, secret, "h1", _request())
    with pytest.raises(NotPermitted, match="used already"):
        tokens.redeem(register, secret, "h1", _request())


def test_who_lost_the_answer_gets_the_same_one(register: Register) -> None:
    secret, request = _token(register).secret, _request()
    first = tokens.redeem(register, secret, "h1", request)
    assert tokens.redeem(register, secret, "h1", request) == first
    assert len(register.issued()) == 1


def test_of_many_at_once_one_gets_it(register: Register) -> None:
    secret, together = _token(register).secret, threading.Barrier(8)

    def join(number: int) -> bytes | Error:
        request = _request(f"chassis-{number}")
        together.wait()
        try:
            return tokens.redeem(register, secret, "h1", request)
        except NotPermitted as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(join, range(8)))
    assert sum(isinstance(one, bytes) for one in answers) == 1
    assert len(register.issued()) == 1


@pytest.mark.parametrize(
    ("token", "host", "said"),
    [
        (lambda one: _token(one, seconds=-1), "h1", "unknown here, or has expired"),
        (lambda one: _token(one, system_id="chassis-2"), "h1", "is for chassis chassis-2, not"),
        (lambda one: _token(one, host="h2"), "h1", "is for host h2, not h1"),
        (lambda one: replace(_token(one), secret="other"), "h1", "unknown here"),
    ],
)
def test_a_token_that_is_not_good_is_refused(
    register: Register, token: Callable[[Register], tokens.Token], host: str, said: str
) -> None:
    with pytest.raises(NotPermitted, match=said):
        tokens.redeem(register, token(register).secret, host, _request())
    assert not register.issued()


def test_another_host_cannot_be_the_same_chassis(register: Register) -> None:
    tokens.redeem(register, _token(register, "h1").secret, "h1", _request())
    other = _token(register, "h2")
    with pytest.raises(Conflict, match="is host h1, not h2"):
        tokens.redeem(register, other.secret, "h2", _request())
    with pytest.raises(Conflict, match="is host h1, not h2"):
        _token(register, "h2", system_id="chassis-1")
    # Refused, it is not used up.
    tokens.redeem(register, other.secret, "h2", _request("chassis-2"))


@pytest.mark.parametrize("request_", [b"", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"])
def test_what_is_no_request_is_refused(register: Register, request_: bytes) -> None:
    with pytest.raises(Invalid, match="signing request"):
        tokens.redeem(register, _token(register).secret, "h1", request_)


def test_a_key_of_another_kind_is_refused(authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "rsa.csr"
    words = ("-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "key"), "-subj", "/CN=x")
    _openssl("req", "-new", *words, "-out", str(file))
    with pytest.raises(Invalid, match="EC P-256"):
        x509.requested(file.read_bytes())


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 65, "a/b", "ä"])
def test_a_name_that_cannot_stand_in_a_certificate(name: str) -> None:
    with pytest.raises(Invalid, match="cannot stand"):
        x509.request(x509.new_key(), name)


def test_a_certificate_is_renewed_for_its_own_name_alone(register: Register) -> None:
    first = x509.parse(tokens.redeem(register, _token(register).secret, "h1", _request()))
    second = x509.parse(register.renew(_request(), first.serial))
    assert second.name == first.name
    assert second.serial != first.serial
    with pytest.raises(Conflict, match="may not renew"):
        register.renew(_request("chassis-2"), first.serial)
    with pytest.raises(Conflict, match="may not renew"):
        register.renew(_request(), "abc")


@pytest.mark.parametrize("name", ["h1", "chassis-1"])
def test_what_is_revoked_is_known_to_servers_and_not_renewed(
    register: Register, nb: OvsdbServer, stores: Callable[[str], Store], name: str
) -> None:
    first = x509.parse(tokens.redeem(register, _token(register).secret, "h1", _request()))
    second = x509.parse(register.renew(_request(), first.serial))
    store = stores(nb.remote)
    assert _good(store, first.serial)
    taken = register.revoke(name)
    assert {one.serial for one in taken.certificates} == {first.serial, second.serial}
    assert until(lambda: not _good(store, first.serial.upper().zfill(40)))
    assert not _good(store, second.serial)
    assert not register.revoke(name)
    with pytest.raises(Conflict, match="may not renew"):
        register.renew(_request(), second.serial)
    # The chassis comes back with a new token, by an operator's word.
    with pytest.raises(Conflict, match=r"central token h1 --system-id chassis-1"):
        tokens.redeem(register, _token(register).secret, "h1", _request())
    chosen = _token(register, system_id="chassis-1")
    again = tokens.redeem(register, chosen.secret, "h1", _request())
    assert _good(store, x509.parse(again).serial)


def _good(store: Store, serial: str) -> bool:
    issued = store.certificate(serial)
    return issued is not None and issued.valid


def test_what_one_central_host_did_the_others_know(
    register: Register, nb: OvsdbServer, tmp_path: Path
) -> None:
    """Each has its own copy of the keys, as ``scripts/central-member`` wants it."""
    shutil.copytree(register.authority.folder, tmp_path / "copy" / "authority")
    other = Register(Authority(tmp_path / "copy"), Ledger(nb.remote), nowhere)
    secret, request = _token(register).secret, _request()
    signed = tokens.redeem(other, secret, "h1", request)
    assert tokens.redeem(register, secret, "h1", request) == signed
    renewed = x509.parse(other.renew(_request(), x509.parse(signed).serial))
    assert {one.serial for one in register.issued()} == {x509.parse(signed).serial, renewed.serial}
    register.revoke("h1")
    with pytest.raises(Conflict, match="may not renew"):
        other.renew(_request(), renewed.serial)


def test_what_is_not_ours_stays(register: Register, nb: OvsdbServer) -> None:
    for other in ("mine=x", "ovn-integrate\\:certificate\\:1=x", "ovn-integrate\\:join\\:2=[]"):
        nb.ctl("set", "NB_Global", ".", f"external_ids:{other}")
    _token(register)
    register.enrol(_request(), "h1")
    ids = nb.ctl("get", "NB_Global", ".", "external_ids")
    assert ids.count("join:") == ids.count("certificate:") == 2
    assert all(one in ids for one in ("mine=x", ':1"=x', ':2"='))


def test_without_northbound_nothing_is_signed(authority: Authority, folder: Path) -> None:
    away = Register(authority, Ledger(f"unix:{folder}/none", timeout=0.2), nowhere)
    with pytest.raises(DatabaseUnavailable):
        away.enrol(_request(), "h1")


def test_nobody_who_was_never_there_is_revoked(register: Register) -> None:
    with pytest.raises(NotFound, match="certificate of h9"):
        register.revoke("h9")


def test_a_certificate_is_due_when_two_thirds_are_over(authority: Authority) -> None:
    authority.serve("c1", ["192.0.2.1"])
    now = x509.read(authority.server)
    assert not authorities.due(now)
    passed = {"not_before": now.not_before - 61 * 86400, "not_after": now.not_after - 61 * 86400}
    assert authorities.due(replace(now, **passed))


def test_a_bundle_shows_the_entries_and_can_be_loaded(register: Register, nb: OvsdbServer) -> None:
    """Whose they are at least: serial numbers are taken out, as what has no meaning is."""
    tokens.redeem(register, _token(register).secret, "h1", _request())
    _token(register)
    nb.stop()
    file = nb.folder / "nb.db"
    clean = Redactor().clean(file.read_bytes())
    assert MARK not in clean
    file.write_bytes(clean)
    nb.start()
    shown = register.ledger.entries().values()
    assert "chassis-1" in [one.get("name") for one in shown]
    assert {one["host"] for one in shown} == {"h1"}


def test_tokens_take_room_for_so_many_only(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest stay, used or not."""
    monkeypatch.setattr(tokens, "_KEPT", 4)
    monkeypatch.setattr(tokens, "_ANSWERED", 2)
    used = []
    for number in range(6):
        token = _token(register, f"h{number}", 60 + number)
        tokens.redeem(register, token.secret, f"h{number}", _request(f"chassis-{number}"))
        used.append(token)
    kept = [_token(register, f"h{number}", 60 + number) for number in range(8)]
    entries = register.ledger.entries()
    assert [tokens.key(one.secret) in entries for one in used] == [False] * 2 + [True] * 4
    assert ["certificate" in entries[tokens.key(one.secret)] for one in used[2:]] == [
        False,
        False,
        True,
        True,
    ]
    assert sum(tokens.key(one.secret) in entries for one in kept) == 5
    with pytest.raises(NotPermitted, match="used already"):
        tokens.redeem(register, used[2].secret, "h2", _request("chassis-2"))
