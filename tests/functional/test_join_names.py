"""Whose name a chassis' is: a token gives none away that anybody is known by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovn_integrate.enrol import known
from ovn_integrate.errors import Conflict, DatabaseUnavailable, Error, NotFound, NotPermitted
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.pki import register as registers
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger, issued
from ovn_integrate.pki.register import Place, Register
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_store import until

NAME = "chassis-9"


@dataclass
class Bed:
    nb: OvsdbServer
    sb: OvsdbServer
    store: Store
    register: Register

    def join(self, host: str = "h2", name: str = NAME, system_id: str | None = None) -> bytes:
        token = tokens.offer(self.register, host, ["192.0.2.1"], 60, system_id)
        return tokens.redeem(self.register, token.secret, host, request(name))


def request(name: str = NAME) -> bytes:
    return x509.request(x509.new_key(), name)


@pytest.fixture
def bed(
    ovsdb_server: Callable[[str], OvsdbServer],
    stores: Callable[[str], Store],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Bed]:
    servers = ovsdb_server("nb"), ovsdb_server("sb")
    for server in servers:
        (folder / f"ovn{server.kind}_db.sock").symlink_to(server.remote.removeprefix("unix:"))
    monkeypatch.setenv("OVN_RUNDIR", str(folder))
    nb, sb = servers
    nb.ctl("init")
    store = stores(nb.remote)
    authority = Authority(tmp_path / "pki")
    authority.make("c1")

    def places(name: str) -> list[Place]:
        return [*map(Place, store.holds(name)), *known.places(name, 2)]

    return Bed(nb, sb, store, Register(authority, Ledger(nb.remote), places))


SOUTHBOUND = {
    "chassis": ("chassis-add", NAME, "geneve", "192.0.2.9"),
    "host name": (
        *("chassis-add", "other", "geneve", "192.0.2.9"),
        *("--", "set", "Chassis", "other", f"hostname={NAME}"),
    ),
    "private": ("create", "Chassis_Private", f"name={NAME}"),
}
NORTHBOUND = {
    "asked for": ("lsp-add", "s", "p", "--", "lsp-set-options", "p", f"requested-chassis={NAME}"),
    "bound": (
        *("lsp-add", "s", "p", "--", "set", "Logical_Switch_Port", "p"),
        rf"external_ids:ovn-integrate\:host_id={NAME}",
    ),
    "below a VM": (
        *("lsp-add", "s", "p", "--", "set", "Logical_Switch_Port", "p"),
        r"external_ids:neutron\:port_name=p",
        r"external_ids:neutron\:network_name=neutron-1b671a64-40d5-491e-99b0-da01ff1f3341",
        r"external_ids:ovn-integrate\:mac_address=\"02:00:00:00:00:01\"",
        rf'external_ids:ovn-integrate\:profile="{{\"ovn-integrate.host\": \"{NAME}\"}}"',
    ),
    "router": ("lr-add", "r", "--", "set", "Logical_Router", "r", f"options:chassis={NAME}"),
    "gateway": (
        *("lr-add", "r", "--", "lrp-add", "r", "rp", "02:00:00:00:00:01", "10.0.0.1/24"),
        *("--", "lrp-set-gateway-chassis", "rp", NAME),
    ),
    "group": (
        *("--id=@h", "create", "HA_Chassis", f"chassis_name={NAME}", "priority=1"),
        *("--", "create", "HA_Chassis_Group", "name=g", "ha_chassis=@h"),
    ),
    "template": ("create", "Chassis_Template_Var", f"chassis={NAME}", "variables:a=b"),
}


@pytest.mark.parametrize("where", [*SOUTHBOUND, *NORTHBOUND])
def test_a_name_that_is_known_takes_an_operators_word(bed: Bed, where: str) -> None:
    bed.nb.ctl("ls-add", "s")
    if where in SOUTHBOUND:
        bed.sb.ctl(*SOUTHBOUND[where])
    else:
        bed.nb.ctl(*NORTHBOUND[where])
    if where == "below a VM":
        assert until(lambda: bed.store.holds(NAME))
    token = tokens.offer(bed.register, "h2", ["192.0.2.1"], 60)
    with pytest.raises(Conflict) as caught:
        tokens.redeem(bed.register, token.secret, "h2", request())
    said = str(caught.value)
    assert f"ovn-integrate central token h2 --system-id {NAME}, on the central host" in said
    assert len(said.splitlines()) == 1
    assert not bed.register.issued()
    # It was not used up, and another name is free.
    tokens.redeem(bed.register, token.secret, "h2", request("chassis-2"))
    assert x509.parse(bed.join(system_id=NAME)).name == NAME


@pytest.mark.parametrize("away", ["nb", "sb"])
def test_where_nobody_can_be_asked_nobody_gets_a_name(bed: Bed, away: str) -> None:
    token = tokens.offer(bed.register, "h2", ["192.0.2.1"], 60)
    getattr(bed, away).stop()
    with pytest.raises(DatabaseUnavailable):
        tokens.redeem(bed.register, token.secret, "h2", request())
    getattr(bed, away).start()
    assert not bed.register.issued()
    tokens.redeem(bed.register, token.secret, "h2", request())


@pytest.mark.parametrize("state", ["good", "revoked", "ended", "promised"])
def test_a_name_of_the_ledger_takes_an_operators_word(bed: Bed, state: str) -> None:
    if state == "promised":
        tokens.offer(bed.register, "h1", ["192.0.2.1"], 60, NAME)
    else:
        bed.join("h1")
    if state == "revoked":
        bed.register.revoke("h1")
    if state == "ended":
        bed.register.ledger.change(_end, "end")
    with pytest.raises(Conflict):
        bed.join("h2")
    # Neither does the same host's name say that it is the same host.
    with pytest.raises(Conflict, match=f"central token h1 --system-id {NAME}"):
        bed.join("h1")
    bed.join("h1", system_id=NAME)


def _end(entries: dict[str, dict[str, float]]) -> None:
    for entry in entries.values():
        entry["not_after"] = 1.0


def test_a_token_is_of_the_key_and_the_name_that_it_was_used_with(bed: Bed) -> None:
    token = tokens.offer(bed.register, "h1", ["192.0.2.1"], 60)
    key = x509.new_key()
    first = tokens.redeem(bed.register, token.secret, "h1", x509.request(key, NAME))
    again = tokens.redeem(bed.register, token.secret, "h1", x509.request(key, NAME))
    assert first == again
    for other in (x509.request(key, "chassis-2"), request(NAME), request("chassis-2")):
        with pytest.raises(NotPermitted, match="used already"):
            tokens.redeem(bed.register, token.secret, "h1", other)


def test_the_key_of_before_is_good_for_nothing_more(bed: Bed) -> None:
    """The disk of a host that was installed again may be anywhere."""
    before = x509.parse(bed.join("h1")).serial
    assert bed.store.certificate(before)
    after = x509.parse(bed.join("h1", system_id=NAME)).serial
    assert bed.store.certificate(after)
    assert bed.store.certificate(before) is None
    with pytest.raises(Conflict, match="may not renew"):
        bed.register.renew(request(), before)


def test_a_central_hosts_own_chassis_is_nobody_elses(bed: Bed) -> None:
    bed.sb.ctl(
        "chassis-add", NAME, "geneve", "192.0.2.9", "--", "set", "Chassis", NAME, "hostname=h9"
    )
    with pytest.raises(Conflict, match="of host h9"):
        bed.register.enrol(request(), "c1")
    # It was a chassis in the open mode; some name a host by its domain.
    bed.sb.ctl("set", "Chassis", NAME, "hostname=c1.example")
    bed.register.enrol(request(), "c1")
    bed.register.enrol(request(), "c1")
    bed.join("h1", "chassis-1")
    bed.register.revoke("h1")
    with pytest.raises(Conflict, match="of host h1"):
        bed.register.enrol(request("chassis-1"), "c1")
    with pytest.raises(Conflict):
        bed.join("h2")


HOSTS, NAMES = ["h1", "h2", "h3"], ["x", "y", "h2"]


def test_no_order_of_things_gives_a_name_away(bed: Bed) -> None:
    """Any joins, renewals and revocations: without an operator's word a name has one key for ever,
    and who was revoked is not let in."""
    step = st.one_of(
        st.tuples(st.just("join"), st.sampled_from(HOSTS), st.sampled_from(NAMES)),
        st.tuples(st.just("chosen"), st.sampled_from(HOSTS), st.sampled_from(NAMES)),
        st.tuples(st.just("renew"), st.sampled_from(HOSTS), st.sampled_from(NAMES)),
        st.tuples(st.just("revoke"), st.sampled_from([*HOSTS, *NAMES]), st.just("")),
        st.tuples(st.just("enrol"), st.just("c1"), st.sampled_from(NAMES)),
    )

    @settings(max_examples=25, deadline=None)
    @given(st.lists(step, max_size=10))
    def check(steps: list[tuple[str, str, str]]) -> None:
        bed.nb.ctl("clear", "NB_Global", ".", "external_ids")
        owner: dict[str, str] = {}
        newest: dict[str, str] = {}
        revoked: set[str] = set()
        for what, host, name in steps:
            try:
                if what == "revoke":
                    revoked |= {one.serial for one in bed.register.revoke(host).certificates}
                    continue
                if what == "renew":
                    signed = bed.register.renew(request(name), newest.get(name, "0"))
                elif what == "enrol":
                    signed = bed.register.enrol(request(name), host)
                else:
                    signed = bed.join(host, name, name if what == "chosen" else None)
            except (Conflict, NotFound, NotPermitted):
                continue
            if what == "join":
                assert name not in owner
            if what == "enrol":
                assert owner.get(name, host) == host
            if what in ("join", "chosen", "enrol"):
                owner[name] = host
            newest[name] = x509.parse(signed).serial
            assert newest[name] not in revoked
        good = {one.serial for one in bed.register.issued() if one.valid}
        assert not good & revoked
        for serial in revoked:
            entry = bed.store.certificate(serial)
            assert entry is None or entry.revoked

    check()


def test_a_server_is_entered_and_can_be_revoked(bed: Bed, tmp_path: Path) -> None:
    servers = {}
    for host in ("c1", "c2"):
        authority = Authority(tmp_path / host)
        authority.make(host)
        authority.serve(host, ["192.0.2.1"])
        servers[host] = x509.read(authority.server)
        assert registers.enter(bed.register.ledger, servers[host], host, chosen=False)
        assert not registers.enter(bed.register.ledger, servers[host], host, chosen=False)
    own = servers["c1"].serial
    for name in ("c1", own):
        with pytest.raises(Error):
            bed.register.revoke(name, own=own)
    assert bed.register.revoke("c2", own=own)
    assert until(lambda: bool((bed.store.certificate(servers["c2"].serial) or _none()).revoked))
    # It does not enter itself again, with this certificate or with another one.
    authority.serve("c2", [], anew=True)
    for again in (servers["c2"], x509.read(authority.server)):
        with pytest.raises(Conflict, match="was revoked"):
            registers.enter(bed.register.ledger, again, "c2", chosen=False)
    with pytest.raises(Conflict, match="the only certificate of a central host"):
        bed.register.revoke("c1")
    assert registers.enter(bed.register.ledger, x509.read(authority.server), "c2", chosen=True)


def _none() -> registers.Issued:
    return registers.Issued("", "", "", "0", 0)


def test_a_servers_certificates_stay_few(bed: Bed, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    authority.make("c1")
    for _ in range(6):
        authority.serve("c1", [], anew=True)
        registers.enter(bed.register.ledger, x509.read(authority.server), "c1", chosen=False)
    serials = [one.serial for one in issued(bed.register.ledger.entries())]
    assert len(serials) == 3
    assert x509.read(authority.server).serial in serials


def test_a_chassis_that_renews_again_and_again_fills_nothing(bed: Bed) -> None:
    first = x509.parse(bed.join("h1")).serial
    serials = [x509.parse(bed.register.renew(request(), first)).serial for _ in range(8)]
    assert len(bed.register.issued()) == 3
    # The one that is used ends those before it.
    last = x509.parse(bed.register.renew(request(), serials[-1])).serial
    assert {one.serial for one in bed.register.issued()} == {serials[-1], last}
    for gone in (first, *serials[:-1]):
        with pytest.raises(Conflict, match="may not renew"):
            bed.register.renew(request(), gone)
