"""A second authority in the place of the first, while hosts and servers go on."""

from __future__ import annotations

import itertools
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn_integrate import paths, servers
from ovn_integrate.enrol import client
from ovn_integrate.enrol import host as membership
from ovn_integrate.errors import Invalid, ServiceFailed
from ovn_integrate.pki import files, rotation, x509
from ovn_integrate.pki.authority import CENTRAL, HOSTS, Authority, trusts
from ovn_integrate.pki.register import enter
from ovn_integrate.pki.rotation import BEGUN, CHANGED, NONE, Rotation
from tests.functional.namespaces import own_network
from tests.functional.test_enrol import BIND, HERE, Central, databases

CHASSIS = "chassis-1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "pki")
    made.make("c1")
    made.serve("c1", [HERE])
    return made


def test_what_is_vouched_for_is_trusted_and_nothing_else(tmp_path: Path) -> None:
    """Any mixture of authorities, vouchers and leaves."""
    old, foreign = Authority(tmp_path / "old"), Authority(tmp_path / "foreign")
    for side in (old, foreign):
        side.make("c1")
        side.serve("c1", [HERE])
    before = x509.read(old.certificate)
    Rotation(old).begin("c1")
    Rotation(foreign).begin("c1")
    real = x509.parse_all(rotation.offered(old))
    other = x509.parse_all(rotation.offered(foreign))
    new = x509.read_all(old.folder / "central.next.pem")[0]
    leaf = [x509.read(side.server) for side in (old, foreign)]
    hosts = list(x509.read_all(old.folder / "hosts.pem"))
    pool = [*real, *other, *leaf, *hosts]

    @settings(max_examples=300)
    @given(st.lists(st.sampled_from(pool), max_size=6, unique_by=lambda each: each.fingerprint))
    def check(offered: list[x509.Certificate]) -> None:
        try:
            good = x509.vouched(offered, [before])
        except Invalid:
            return
        assert set(good) <= {before, new}
        assert not any(x509.signed_by(each, each) for each in offered if each not in good)

    check()
    assert set(x509.vouched(real, [before])) == {before, new}
    with pytest.raises(Invalid):
        x509.vouched(other, [before])
    with pytest.raises(Invalid):
        x509.vouched([new], [before])


def chain(authority: Authority, trusted: bytes) -> bool:
    """Whether OpenSSL takes the server's certificate by these authorities."""
    context = ssl.create_default_context(cadata=trusted.decode())
    context.check_hostname = False
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.server)
    ends = [ssl.MemoryBIO() for _ in range(4)]
    here = context.wrap_bio(ends[0], ends[1])
    there = server.wrap_bio(ends[2], ends[3], server_side=True)
    for _ in range(4):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
        ends[2].write(ends[1].read())
        ends[0].write(ends[3].read())
    return here.version() is not None


def test_servers_are_trusted_in_each_state(authority: Authority) -> None:
    turn, first = Rotation(authority), authority.certificate.read_bytes()
    old_hosts = authority.signer(HOSTS)
    assert turn.state == NONE
    turn.begin("c1")
    both = authority.certificate.read_bytes()
    assert turn.state == BEGUN
    assert chain(authority, first)
    assert authority.fingerprint() == x509.parse(first).fingerprint
    key = x509.new_key()
    assert x509.signed_by(x509.parse(authority.sign(key, "x", x509.CHASSIS)), old_hosts)
    turn.change()
    # The servers prove the old one until they are given a certificate by the new one.
    assert turn.state == CHANGED
    assert authority.fingerprint() == x509.parse(first).fingerprint
    assert chain(authority, first)
    authority.serve("c1", [], anew=True)
    assert authority.fingerprint() != x509.parse(first).fingerprint
    assert chain(authority, both)
    assert not chain(authority, first)
    assert not x509.signed_by(x509.parse(authority.sign(key, "x", x509.CHASSIS)), old_hosts)
    turn.finish()
    assert turn.state == NONE
    assert chain(authority, authority.certificate.read_bytes())
    assert len(x509.read_all(authority.clients)) == 2
    assert sorted(each.name for each in authority.folder.iterdir()) == [
        *(".lock", "central.key", "central.pem", "clients.pem", "hosts.key", "hosts.pem")
    ]
    # And another time.
    turn.begin("c1")
    assert turn.state == BEGUN


class Killed(BaseException):
    pass


@contextmanager
def dying(after: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Die before a write of files, the one after so many."""
    left = itertools.count(after, -1)

    def counted(do: Callable[..., None]) -> Callable[..., None]:
        def write(*words: object, **more: object) -> None:
            if next(left) == 0:
                raise Killed
            do(*words, **more)

        return write

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", counted(files.write))
        patched.setattr(Path, "unlink", counted(Path.unlink))
        yield


def test_killed_at_any_step_it_goes_on(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And at each moment what signs is trusted, and what the token names is proved."""
    turn = Rotation(authority)
    whole = {CENTRAL: authority.signer(CENTRAL), HOSTS: authority.signer(HOSTS)}

    def sound() -> None:
        clients = x509.read_all(authority.clients)
        signed = x509.parse(authority.sign(x509.new_key(), "x", x509.CHASSIS))
        assert any(x509.signed_by(signed, each) for each in clients)
        shown = x509.read_all(authority.certificate)
        assert any(each.fingerprint == authority.fingerprint() for each in shown)
        assert chain(authority, authority.shown().pem)

    def die_through(step: Callable[[], None], done: str) -> None:
        for after in range(40):
            try:
                with dying(after, monkeypatch):
                    step()
            except Killed:
                sound()
                continue
            break
        sound()
        assert turn.state == done

    die_through(lambda: turn.begin("c1"), BEGUN)
    assert whole == {kind: authority.signer(kind) for kind in whole}

    def change() -> None:
        turn.begin("c1")
        turn.change()

    die_through(change, CHANGED)
    authority.serve("c1", [], anew=True)
    die_through(turn.finish, NONE)
    for kind, old in whole.items():
        assert authority.signer(kind) != old
        assert len(x509.read_all(authority.folder / f"{kind}.pem")) == 1


@pytest.fixture
def central(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Central]:
    """One that serves, and this host's own folders, which are no central host's."""
    monkeypatch.setenv("OVN_INTEGRATE_SYSCONFDIR", str(tmp_path / "host"))
    monkeypatch.setattr(membership, "host_name", lambda: "h1")
    (tmp_path / "c").mkdir()
    with databases(folder) as (nb, _), own_network():
        made = Central(tmp_path / "c", nb.remote, folder)
        with made.serving(tmp_path / "c"):
            yield made


def _serve(central: Central) -> None:
    """A certificate of the servers by who signs now, written down."""
    own = central.authority

    def write(certificate: x509.Certificate) -> None:
        enter(
            central.register.ledger,
            certificate,
            "c1",
            chosen=False,
            issuer=own.issuer(certificate),
            trusts=own.trusts(),
        )

    own.serve("c1", [], anew=True, enter=write)


def test_a_host_follows_by_itself(central: Central) -> None:
    """It trusts the new one when it is vouched for, then gets its certificate by it, then drops
    the old one; who does not come is named, and the turn waits for it."""
    membership._come_by(CHASSIS, central.token(system_id=CHASSIS), 5)
    late = x509.request(x509.new_key(), "late")
    client.join(central.token("h2", "late"), late, 5)
    turn = Rotation(central.authority)
    first = central.authority.fingerprint()
    assert not membership.renew([HERE], 5, if_due=True)

    def missing() -> set[str]:
        left = turn.missing(central.register.issued())
        return {one.issued.host for one in left if one.issued.role == x509.CHASSIS}

    turn.begin("c1")
    assert missing() == {"h1", "h2"}
    before_it = rotation.offered(central.authority)[: len(central.authority.shown().pem)]
    membership.renew([HERE], 5, if_due=True)
    assert len(membership.authorities()) == 2
    assert missing() == {"h2"}
    # Another central host that has not come as far takes nothing back.
    assert len(membership._trust(before_it)) == 2
    turn.change()
    _serve(central)
    new = central.authority.fingerprint()
    assert new != first
    assert servers.ask(BIND, "GET", "/", context=membership.own().context()) == 200
    assert missing() == {"h1", "h2"}
    before = x509.read(membership.certificate()).serial
    assert membership.renew([HERE], 5, if_due=True)
    # What it was is good for nothing, as the new one was used.
    assert before not in {one.serial for one in central.register.issued()}
    assert missing() == {"h2"}
    assert not membership.renew([HERE], 5, if_due=True)
    central.register.revoke("h2")
    assert missing() == set()
    turn.finish()
    membership.renew([HERE], 5, if_due=True)
    assert [each.fingerprint for each in membership.authorities()] == [new]
    assert not membership._vouchers().exists()
    assert membership.has_joined(new)
    assert not membership.has_joined(first)
    # The token of now names the one that servers prove.
    client.join(central.token("h3"), x509.request(x509.new_key(), "third"), 5)


def test_a_host_follows_nobody_who_is_not_vouched_for(
    central: Central, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a server answers that has its certificate, and not the authority's key."""
    membership._come_by(CHASSIS, central.token(system_id=CHASSIS), 5)
    before = membership.authority().read_bytes()
    foreign = Authority(tmp_path / "foreign")
    foreign.make("c1")
    foreign.serve("c1", [HERE])
    own = x509.read(foreign.certificate).pem
    Rotation(foreign).begin("c1")
    for answer in (
        own,
        before + own,
        rotation.offered(foreign),
        before + rotation.offered(foreign),
        b"# " + before,
        b"",
        x509.read(central.authority.server).pem,
    ):
        monkeypatch.setattr(client, "authorities", lambda *_, answer=answer: (answer, False))
        assert not membership.renew([HERE], 5, if_due=True)
        assert membership.authority().read_bytes() == before
        assert not membership._vouchers().exists()
    # Nor is a file believed that has one beside it, with whatever vouches for it.
    files.write(membership.authority(), before + own, files.PUBLIC)
    files.write(paths.pki() / "vouchers.pem", rotation.offered(foreign), files.PUBLIC)
    assert membership.authorities() == ()


def test_a_second_central_host_does_not_begin_another_one(central: Central, tmp_path: Path) -> None:
    shutil.copytree(central.authority.folder, tmp_path / "copy" / "authority")
    other = Authority(tmp_path / "copy")
    other.serve("c2", [HERE])
    assert Rotation(other).ahead(central.register.issued()) == ""
    Rotation(central.authority).begin("c1")
    _serve(central)
    assert Rotation(other).ahead(central.register.issued()) == "c1"
    shutil.copytree(central.authority.folder, other.folder, dirs_exist_ok=True)
    assert Rotation(other).state == BEGUN
    # Each may do the next step; the keys are the same ones.
    Rotation(other).change()
    Rotation(central.authority).change()
    assert other.signer(HOSTS) == central.authority.signer(HOSTS)
    assert Rotation(other).ahead(central.register.issued()) == ""


def test_a_host_goes_on_while_nobody_answers(central: Central) -> None:
    membership._come_by(CHASSIS, central.token(system_id=CHASSIS), 5)
    assert not membership.renew(["127.0.0.9"], 1, if_due=True)
    with pytest.raises(ServiceFailed):
        membership.renew(["127.0.0.9"], 1)


def test_what_trust_is_called(authority: Authority) -> None:
    Rotation(authority).begin("c1")
    both = x509.read_all(authority.certificate)
    assert authority.trusts() == trusts(reversed(both))
    assert len(authority.trusts().split(",")) == 2
