"""A host's own certificate, on its database and a folder: had, shown, renewed, put away."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ovn_integrate import paths
from ovn_integrate.enrol import client
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import NotConfigured, NotPermitted
from ovn_integrate.host import settings
from ovn_integrate.ovsdb import HOST, Session
from ovn_integrate.pki import authority as authorities
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from tests.functional.daemons import OvsdbServer


@pytest.fixture
def sb(ovsdb_server: Callable[[str], OvsdbServer]) -> OvsdbServer:
    return ovsdb_server("sb")


@pytest.fixture
def session(
    switch: OvsdbServer,
    nb: OvsdbServer,
    sb: OvsdbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Session]:
    monkeypatch.setenv("OVN_INTEGRATE_SYSCONFDIR", str(tmp_path))
    (nb.folder / "ovnnb_db.sock").symlink_to("nb.sock")
    (nb.folder / "ovnsb_db.sock").symlink_to(sb.folder / "sb.sock")
    monkeypatch.setenv("OVN_RUNDIR", str(nb.folder))
    with Session.open(switch.remote, HOST, settings.TABLES) as made:
        yield made


@pytest.fixture
def central(session: Session) -> Authority:
    """On the same host."""
    made = Authority(paths.pki())
    made.make("c1")
    return made


def test_without_a_token_there_is_nothing_to_join(session: Session) -> None:
    with pytest.raises(NotConfigured, match="ovn-integrate join TOKEN"):
        membership.join(session, None, None, 1)
    assert not membership.has_joined()
    assert not membership.is_member(session)


def test_a_token_for_another_host_is_refused_here_already(
    session: Session, central: Authority
) -> None:
    token = tokens.offer(membership.register(central, 5), "elsewhere", ["192.0.2.1"], 60)
    with pytest.raises(NotPermitted, match="is for host elsewhere"):
        membership.join(session, token, token.fingerprint, 1)


def test_the_central_host_itself_needs_none(session: Session, central: Authority) -> None:
    membership.join(session, None, None, 1)
    assert membership.is_member(session, central.fingerprint())
    assert settings.read(session).credentials == membership.own()
    before = membership.certificate().read_bytes()
    membership.join(session, None, None, 1)
    assert membership.certificate().read_bytes() == before
    assert x509.read(membership.certificate()).name == "chassis-1"
    assert membership.leave(session)
    assert not membership.is_member(session)
    assert membership.has_joined()


def test_a_host_is_a_member_of_one_authority(session: Session, central: Authority) -> None:
    membership.join(session, None, None, 1)
    assert not membership.is_member(session, "0" * 64)


def test_a_certificate_of_another_name_is_none(session: Session, central: Authority) -> None:
    membership.join(session, None, None, 1)
    session.transact(
        lambda change: change.set_keys(
            settings.root(change), "external_ids", {settings.SYSTEM_ID: "chassis-2"}
        ),
        "another name",
    )
    assert not membership.is_member(session)


def test_what_is_due_is_renewed_and_nothing_else(
    session: Session, central: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    membership.join(session, None, None, 1)
    assert not membership.keep_fresh(session.remote, 1)
    with monkeypatch.context() as short:
        short.setattr(authorities, "LIFE", datetime.timedelta(seconds=200))
        assert membership.renew([], 1)
    before = x509.read(membership.certificate())
    assert membership.keep_fresh(session.remote, 1)
    after = x509.read(membership.certificate())
    assert after.not_after > before.not_after
    assert after.name == before.name
    assert not membership.keep_fresh(session.remote, 1)


def test_a_certificate_that_is_not_let_in_any_more_is_replaced(
    session: Session, central: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a token that comes for that; without one the host stands on its own."""
    membership.join(session, None, None, 1)
    before = membership.certificate().read_bytes()
    register = membership.register(central, 5)
    here = socket.gethostname()
    token = tokens.offer(register, here, ["192.0.2.1"], 60, "chassis-1")
    asked: list[bool] = []

    def redeem(given: tokens.Token, request: bytes, _: float) -> tuple[bytes, bytes]:
        signed = tokens.redeem(register, given.secret, given.host, request)
        return signed, central.certificate.read_bytes()

    monkeypatch.setattr(client, "join", redeem)
    monkeypatch.setattr(client, "accepted", lambda *_: asked.append(True) or not refused)
    refused = False
    assert membership.is_member(session, token.fingerprint, token, 1)
    membership.join(session, token, token.fingerprint, 1)
    assert membership.certificate().read_bytes() == before
    refused = True
    assert membership.is_member(session, token.fingerprint)
    assert not membership.is_member(session, token.fingerprint, token, 1)
    membership.join(session, token, token.fingerprint, 1)
    assert membership.certificate().read_bytes() != before
    assert len(asked) == 4
