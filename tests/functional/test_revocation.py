"""Who was revoked stays out, whatever any process takes the time for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn_integrate.enrol.limit import Limit, network
from ovn_integrate.errors import Conflict, DatabaseUnavailable, NotFound, NotPermitted
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.identity import Known
from ovn_integrate.ipam.neutron_errors import Unauthorized
from ovn_integrate.pki import ledger, tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Issued, Ledger
from ovn_integrate.pki.register import Register
from tests.certificates import enter
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network
from tests.functional.test_ipam_identity import Bed, Client
from tests.functional.test_ipam_store import until

# What any process may do to the ledger, by its own clock.
_CODE = """
import sys
from pathlib import Path
from ovn_integrate.errors import Error
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Register

folder, remote, serial = sys.argv[1:]
register = Register(Authority(Path(folder)), Ledger(remote), lambda _: [])
token = tokens.offer(register, "h9", ["192.0.2.1"], 60)
tokens.redeem(register, token.secret, "h9", x509.request(x509.new_key(), "chassis-9"))
register.enrol(x509.request(x509.new_key(), "chassis-c"), "c1")
for step in (
    lambda: register.renew(x509.request(x509.new_key(), "chassis-1"), serial),
    lambda: register.revoke("h3"),
):
    try:
        step()
    except Error as error:
        print(error)
"""


@pytest.fixture
def register(tmp_path: Path, nb: OvsdbServer) -> Register:
    authority = Authority(tmp_path / "pki")
    authority.make("c1")
    return Register(authority, Ledger(nb.remote), lambda _: [])


def request(name: str) -> bytes:
    return x509.request(x509.new_key(), name)


def join(register: Register, host: str, name: str) -> str:
    token = tokens.offer(register, host, ["192.0.2.1"], 60)
    return x509.parse(tokens.redeem(register, token.secret, host, request(name))).serial


def shown(serial: str, name: str, role: str = "chassis") -> dict[str, object]:
    """A client certificate, as Python tells of it."""
    words = {"organizationName": "ovn-integrate", "organizationalUnitName": role}
    subject = [((key, value),) for key, value in {**words, "commonName": name}.items()]
    return {"serialNumber": serial, "notAfter": "Jan  1 00:00:00 2090 GMT", "subject": subject}


def refused(store: Store, serial: str, name: str, role: str = "chassis") -> bool:
    try:
        Known(store.certificate).identity({"ovn_integrate.certificate": shown(serial, name, role)})
    except Unauthorized:
        return True
    return False


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
@pytest.mark.parametrize("clock", ["+91d", "-91d", "+4000d", "-2000d"])
def test_one_wrong_clock_lets_nobody_in_and_keeps_nobody_out(
    register: Register, nb: OvsdbServer, stores: Callable[[str], Store], clock: str
) -> None:
    good, revoked = join(register, "h1", "chassis-1"), join(register, "h2", "chassis-2")
    third = join(register, "h3", "chassis-3")
    given = tokens.offer(register, "h4", ["192.0.2.1"], 60)
    register.revoke("h2")
    store = stores(nb.remote)
    folder = register.authority.folder.parent
    argv = ["faketime", "-f", clock, sys.executable, "-c", _CODE, str(folder), nb.remote, good]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert until(lambda: refused(store, third, "chassis-3"))
    assert refused(store, revoked, "chassis-2")
    assert not refused(store, good, "chassis-1")
    # The others renew, the token is good, and who was revoked does not come back.
    register.renew(request("chassis-1"), good)
    tokens.redeem(register, given.secret, "h4", request("chassis-4"))
    for serial, name in ((revoked, "chassis-2"), (third, "chassis-3")):
        with pytest.raises(Conflict, match="may not renew"):
            register.renew(request(name), serial)
    with pytest.raises(Conflict, match="is known to"):
        join(register, "h2", "chassis-2")


def test_what_the_ledger_does_not_say_is_not_so(
    register: Register, nb: OvsdbServer, stores: Callable[[str], Store]
) -> None:
    """Any entry that is not wholly one lets nobody in."""
    store = stores(nb.remote)
    assert refused(store, "ab", "c")
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just("ab")
    )
    keys = st.sampled_from(["name", "role", "host", "serial", "not_after", "revoked", "number"])
    right = {"name": "c", "role": "chassis", "host": "h", "serial": "ab", "not_after": 4e9}

    @settings(max_examples=300, deadline=None)
    @given(st.dictionaries(keys, values, max_size=7), st.sets(keys, max_size=3))
    def check(wrong: dict[str, object], without: set[str]) -> None:
        entry = {key: value for key, value in {**right, **wrong}.items() if key not in without}
        copy = ledger.Copy()
        copy.take({"ovn-integrate:certificate:ab": json.dumps(entry)})
        try:
            known = Known(copy.certificate)
            known.identity({"ovn_integrate.certificate": shown("ab", "c")})
        except Unauthorized:
            return
        assert {key: entry[key] for key in ("name", "role", "serial")} == {
            key: right[key] for key in ("name", "role", "serial")
        }
        assert entry["not_after"] > time.time()  # type: ignore[operator]
        assert not entry.get("revoked")

    check()


def test_a_certificate_is_what_the_ledger_says_it_is(
    register: Register, nb: OvsdbServer, stores: Callable[[str], Store]
) -> None:
    serial = join(register, "h1", "chassis-1")
    store = stores(nb.remote)
    assert not refused(store, serial, "chassis-1")
    assert not refused(store, serial.upper().zfill(40), "chassis-1")
    assert refused(store, serial, "chassis-2")
    for role in ("central", "operator", "guest", ""):
        assert refused(store, serial, "chassis-1", role)
    twice = shown(serial, "chassis-1")
    twice["subject"] = [*twice["subject"], (("commonName", "chassis-2"),)]  # type: ignore[misc]
    with pytest.raises(Unauthorized):
        Known(store.certificate).identity({"ovn_integrate.certificate": twice})
    nb.ctl("clear", "NB_Global", ".", "external_ids")
    assert until(lambda: refused(store, serial, "chassis-1"))
    nb.ctl("destroy", "NB_Global", ".")
    assert refused(store, serial, "chassis-1")


def test_revoking_a_host_ends_its_tokens(register: Register) -> None:
    request_ = request("chassis-1")
    used = tokens.offer(register, "h1", ["192.0.2.1"], 60)
    tokens.redeem(register, used.secret, "h1", request_)
    unused = tokens.offer(register, "h1", ["192.0.2.1"], 60)
    named = tokens.offer(register, "h7", ["192.0.2.1"], 60, "chassis-7")
    other = tokens.offer(register, "h2", ["192.0.2.1"], 60)
    assert register.revoke("chassis-1").tokens == 2
    assert register.revoke("chassis-7").tokens == 1
    for token, host in ((used, "h1"), (unused, "h1"), (named, "h7")):
        with pytest.raises(NotPermitted, match="unknown here"):
            tokens.redeem(register, token.secret, host, request_)
    tokens.redeem(register, other.secret, "h2", request("chassis-2"))
    with pytest.raises(NotFound):
        register.revoke("chassis-7")


def test_without_northbound_nobody_is_let_in(tmp_path: Path, folder: Path) -> None:
    """Also a certificate that was good a moment ago; what is for anybody is answered."""
    (folder / "nb").mkdir()
    server = OvsdbServer(folder / "nb", "nb")
    server.start()
    try:
        with own_network():
            made = Bed(tmp_path, server.remote)
            with made.serving(), made.clients:
                somebody = made.somebody("chassis-1")
                operator = made.cli(
                    "ipam", "token", "create", "me", "--token-file", str(made.tokens)
                )
                assert somebody.ask("GET", "/v2.0/networks")[0] == 200
                server.stop()
                for path in ("/v2.0/networks", "/openapi.json"):
                    status, said = somebody.ask("GET", path)
                    assert status == 503, path
                    assert said["NeutronError"]["type"] == "DatabaseUnavailable"
                    assert made.nobody().ask("GET", path)[0] == 401
                assert somebody.ask("GET", "/")[0] == 200
                assert somebody.ask("GET", "/healthz")[0] == 503
                assert made.nobody(operator).ask("GET", "/metrics")[0] == 200
                server.start()
                assert until(lambda: somebody.ask("GET", "/v2.0/networks")[0] == 200)
                stranger = made.authority.issue("chassis-2", serial=77)
                with closing(Client(made.server.ca, stranger)) as unknown:
                    status, said = unknown.ask("GET", "/v2.0/networks")
                    assert status == 401
                    assert "none that was signed here" in said["NeutronError"]["message"]
                    enter(server.remote, stranger)
                    assert unknown.ask("GET", "/v2.0/networks")[0] == 200
    finally:
        server.stop()


def test_a_copy_of_the_ledger_is_the_ledger(register: Register, nb: OvsdbServer) -> None:
    """However its entries came to be."""
    keys = st.sampled_from([f"ovn-integrate:certificate:{n:x}" for n in range(6)] + ["x", "y"])
    right = Issued("c", "chassis", "h", "0", 4e9)

    def text(key: str, kind: int) -> str:
        serial = key.rpartition(":")[2]
        return (
            [json.dumps(replace(right, serial=serial, revoked=n).entry()) for n in (0, 5)][kind % 2]
            if kind < 4
            else "{"
        )

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.dictionaries(keys, st.integers(0, 4), max_size=8), max_size=5))
    def check(states: list[dict[str, int]]) -> None:
        copy, state = ledger.Copy(), {}
        for each in states:
            state = {key: text(key, kind) for key, kind in each.items()}
            copy.take(state)
        fresh = ledger.Copy()
        fresh.take(state)
        assert [copy.certificate(f"{n:x}") for n in range(6)] == [
            fresh.certificate(f"{n:x}") for n in range(6)
        ]

    check()


def test_without_an_answer_nothing_is_known(folder: Path) -> None:
    store = Store(f"unix:{folder}/none", timeout=0.1)
    with pytest.raises(DatabaseUnavailable):
        Known(store.certificate).identity({"ovn_integrate.certificate": shown("a", "c")})


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("anything", ""),
    ],
)
def test_whom_an_address_is_counted_for(address: str, whose: str) -> None:
    assert network(address) == whose


def test_what_an_address_may_comes_back() -> None:
    now = [0.0]
    limit = Limit(3, 0.5, clock=lambda: now[0])
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 2]
    assert limit.wait("b") == 0
    now[0] = 2.0
    assert limit.wait("a") == 0
    assert limit.wait("a") > 0
    now[0] = 1000.0
    assert [limit.wait("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_many_addresses_take_no_more_room() -> None:
    limit = Limit(3, 0.5)
    for number in range(20000):
        limit.wait(str(number))
    assert len(limit._buckets) <= 4096
