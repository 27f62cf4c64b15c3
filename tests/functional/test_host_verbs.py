"""The verbs that set up a host, on a real ovsdb-server with Open vSwitch's schema."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.daemons import SCHEMAS, OvsdbServer
from tests.functional.switch import Verb, keys, own_address, transactions, verb_on


def test_set_ipam_writes_its_three_keys_and_says_what_they_were(
    switch: OvsdbServer, verb: Verb
) -> None:
    done = verb("set-ipam", "192.0.2.1,2001:db8::1")
    assert done.returncode == 0, done.stderr
    assert "ovn-remote: (unset) -> tcp:192.0.2.1:6642,tcp:[2001:db8::1]:6642" in done.stdout
    assert keys(switch) == {
        "system-id": "chassis-1",
        "ipam": "192.0.2.1,2001:db8::1",
        "ovn-remote": "tcp:192.0.2.1:6642,tcp:[2001:db8::1]:6642",
        "ovn-nb": "tcp:192.0.2.1:6641,tcp:[2001:db8::1]:6641",
    }


def test_the_three_keys_are_one_transaction(switch: OvsdbServer, verb: Verb) -> None:
    before = transactions(switch)
    verb("set-ipam", "192.0.2.1")
    assert transactions(switch) == before + 1


@pytest.mark.parametrize(
    "words",
    [
        ("set-ipam", "192.0.2.1"),
        ("set-encap-type", "geneve"),
        ("unset-tep",),
        ("set-containers-reach", "9696,192.0.2.1:6641"),
        ("unset-containers-reach",),
    ],
    ids=" ".join,
)
def test_a_second_time_changes_nothing_and_says_so(
    switch: OvsdbServer, verb: Verb, words: tuple[str, ...]
) -> None:
    assert verb(*words).returncode == 0
    before = transactions(switch)
    done = verb(*words, "-o", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["changed"] is False
    assert transactions(switch) == before


def test_set_tep_takes_an_address_of_this_host(switch: OvsdbServer, verb: Verb) -> None:
    assert verb("set-tep", own_address()).returncode == 0
    assert keys(switch)["ovn-encap-ip"] == own_address()


def test_set_tep_refuses_a_foreign_address_and_lists_those_that_are_here(
    switch: OvsdbServer, verb: Verb
) -> None:
    done = verb("set-tep", "203.0.113.77")
    assert done.returncode == 2
    assert own_address() in done.stderr
    assert "ovn-encap-ip" not in keys(switch)
    assert verb("set-tep", "203.0.113.77", "--force").returncode == 0
    assert keys(switch)["ovn-encap-ip"] == "203.0.113.77"


@pytest.mark.parametrize("name", ["ipam", "tep", "encap-type"])
def test_unset_undoes_set(switch: OvsdbServer, verb: Verb, name: str) -> None:
    value = {"ipam": "192.0.2.1", "tep": own_address(), "encap-type": "geneve"}[name]
    assert verb(f"set-{name}", value).returncode == 0
    assert len(keys(switch)) > 1
    assert verb(f"unset-{name}").returncode == 0
    assert keys(switch) == {"system-id": "chassis-1"}


@pytest.mark.parametrize(
    "words",
    [
        ("set-ipam", ""),
        ("set-ipam", "10.0.0"),
        ("set-ipam", "10.0.0.1,10.0.0"),
        ("set-tep", ""),
        ("set-encap-type", "gre"),
        ("set-encap-type", "geneve,"),
        ("set-containers-reach", "9696,web"),
    ],
    ids=" ".join,
)
def test_bad_input_exits_2_and_changes_nothing(
    switch: OvsdbServer, verb: Verb, words: tuple[str, ...]
) -> None:
    before = keys(switch)
    done = verb(*words)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert keys(switch) == before


def test_stt_is_written_with_a_warning_where_open_vswitch_has_it(
    switch: OvsdbServer, verb: Verb
) -> None:
    done = verb("set-encap-type", "stt")
    assert done.returncode == 0
    assert keys(switch)["ovn-encap-type"] == "stt"
    assert "kernel module is not loaded" in done.stderr or Path("/sys/module/stt").exists()


def test_stt_is_refused_where_open_vswitch_has_removed_it(switch: OvsdbServer, verb: Verb) -> None:
    switch.ctl("set", "Open_vSwitch", ".", "ovs_version=3.6.0")
    done = verb("set-encap-type", "stt")
    assert done.returncode == 2
    assert "OVS 3.6 removed it" in done.stderr
    assert "ovn-encap-type" not in keys(switch)


def test_what_the_switch_says_it_supports_goes_before_its_version(
    switch: OvsdbServer, verb: Verb
) -> None:
    switch.ctl("set", "Open_vSwitch", ".", "ovs_version=3.4.0", "iface_types=[geneve,vxlan]")
    assert verb("set-encap-type", "stt").returncode == 2


def test_the_southbound_schema_decides_when_it_answers(
    switch: OvsdbServer, verb: Verb, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    southbound = _southbound_without_stt(folder, monkeypatch)
    try:
        switch.ctl("set", "Open_vSwitch", ".", f'external_ids:ovn-remote="{southbound.remote}"')
        done = verb("set-encap-type", "geneve,stt")
        assert done.returncode == 2
        assert "allows only geneve, vxlan" in done.stderr
        assert "ovn-encap-type" not in keys(switch)
        assert verb("set-encap-type", "geneve").returncode == 0
    finally:
        southbound.stop()


def test_vxlan_warns_of_its_limits(verb: Verb) -> None:
    done = verb("set-encap-type", "vxlan")
    assert done.returncode == 0
    assert "4,095 networks" in done.stderr


def test_show_is_the_same_thing_in_three_forms(switch: OvsdbServer, verb: Verb) -> None:
    import yaml

    verb("set-ipam", "192.0.2.1")
    table, as_json, as_yaml = (verb("show", "-o", form) for form in ("table", "json", "yaml"))
    answer: dict[str, Any] = json.loads(as_json.stdout)
    assert yaml.safe_load(as_yaml.stdout) == answer
    assert answer["settings"]["ovn-remote"] == "tcp:192.0.2.1:6642"
    assert answer["settings"]["ovn-encap-ip"] == ""
    assert answer["bridge"] == {"name": "br-int (does not exist)"}
    assert answer["controller"]["running"] is False
    assert answer["tunnels"] == []
    assert "tcp:192.0.2.1:6642" in table.stdout


def test_asking_changes_nothing(switch: OvsdbServer, verb: Verb) -> None:
    before = transactions(switch)
    for words in (("show",), ("controller", "status"), ("ipam", "status"), ("driver", "status")):
        verb(*words)
    assert transactions(switch) == before


@pytest.mark.parametrize(
    ("words", "key"),
    [(("controller", "start"), "ovn-remote"), (("network", "list"), "ipam")],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_missing_setting_exits_3_and_names_theverb_on(
    verb: Verb, words: tuple[str, ...], key: str
) -> None:
    done = verb(*words)
    assert done.returncode == 3
    assert done.stderr.strip() == (
        f"ovn-integrate: external_ids:{key}: is not set; ovn-integrate set-ipam ADDRESS"
    )


def test_no_database_exits_4_at_once(folder: Path) -> None:
    done = verb_on(f"unix:{folder}/none.sock")("set-ipam", "192.0.2.1")
    assert done.returncode == 4
    assert "No such file or directory" in done.stderr


def test_a_frozen_database_exits_4_within_the_timeout(switch: OvsdbServer) -> None:
    switch.freeze()
    began = time.monotonic()
    done = verb_on(switch.remote, "--timeout", "1")("set-ipam", "192.0.2.1")
    assert done.returncode == 4
    assert time.monotonic() - began < 10
    switch.thaw()


def test_a_switch_that_does_not_take_in_the_bridge_is_named(switch: OvsdbServer) -> None:
    # There is a database here, and no ovs-vswitchd.
    done = verb_on(switch.remote, "--timeout", "1")("create-integration-bridge")
    assert done.returncode == 7
    assert "ovs-vswitchd" in done.stderr


def test_a_database_that_open_vswitch_never_used_exits_3(
    ovsdb_server: Callable[[str], OvsdbServer],
) -> None:
    done = verb_on(ovsdb_server("host").remote)("show")
    assert done.returncode == 3
    assert "start Open vSwitch" in done.stderr


def _southbound_without_stt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> OvsdbServer:
    """OVN 25.09's enum, in the schema of whatever OVN is installed."""
    name, path = SCHEMAS["sb"]
    schema = json.loads(path.read_text())
    key = schema["tables"]["Encap"]["columns"]["type"]["type"]["key"]
    key["enum"] = ["set", ["geneve", "vxlan"]]
    changed = folder / "sb.ovsschema"
    changed.write_text(json.dumps(schema))
    monkeypatch.setitem(SCHEMAS, "sb", (name, changed))
    own = folder / "southbound"
    own.mkdir()
    server = OvsdbServer(own, "sb")
    server.start()
    return server


def test_tls_without_a_certificate_is_told_in_one_line(switch: OvsdbServer, verb: Verb) -> None:
    verb("set-ipam", "127.0.0.1", "--scheme", "ssl")
    verb("set-tep", own_address())
    verb("set-encap-type", "geneve")
    done = verb("doctor", "registered", "certificates")
    assert "wants a certificate, and this host has none" in done.stdout, done.stderr
    assert "try:    ovn-integrate join TOKEN" in done.stdout
    assert keys(switch)["ipam"] == "https://127.0.0.1:9696"
    assert "ovn-nb" not in keys(switch)


def test_a_join_token_need_not_be_on_the_command_line(verb: Verb, folder: Path) -> None:
    file = folder / "token"
    file.write_text("nonsense\n")
    for words, input in ((["-"], "nonsense"), (["--token-file", str(file)], None)):
        done = verb("join", *words, input=input)
        assert (done.returncode, "join token: is none" in done.stderr) == (2, True)
        assert "nonsense" not in done.stderr
    for words in ([], ["x", "--token-file", str(file)], ["--token-file", str(folder / "none")]):
        done = verb("join", *words)
        assert done.returncode == 2
        assert "join token" not in done.stderr
