"""The host file: its schema, and what of a file becomes which key."""

from __future__ import annotations

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.host import hostfile, keys


def wanted(text: str, current: dict[str, str] | None = None) -> dict[str, str | None]:
    return hostfile.wanted(hostfile.read(text.encode(), "f"), current or {}, "f")


def test_the_schema_has_every_key_with_what_it_means() -> None:
    parts = hostfile.schema()["$defs"]
    every = parts["Settings"]["properties"]
    assert list(every) == list(keys.KEYS)
    assert set(parts["ChassisSettings"]["properties"]) == {
        key.name for key in keys.KEYS.values() if key.suffixed
    }
    assert every["ovn-monitor-all"]["description"] == (
        "follow all of Southbound; since 20.03; default false"
    )
    assert every["ovn-trim-wmark-perc-lflow-cache"]["maximum"] == 100
    assert every["ovn-set-local-ip"]["deprecated"] is True
    assert parts["Settings"]["additionalProperties"] is False
    assert hostfile.schema()["properties"]["tunnels"]["readOnly"] is True


def test_values_may_be_given_as_yaml_has_them() -> None:
    assert wanted(
        "settings: {ovn-monitor-all: true, ovn-trim-timeout-ms: 5, ovn-encap-type: [geneve, vxlan],"
        " ovn-bridge-mappings: {a: b}, ovn-evpn-vxlan-ports: [4789, 4790]}"
    ) == {
        "ovn-monitor-all": "true",
        "ovn-trim-timeout-ms": "5",
        "ovn-encap-type": "geneve,vxlan",
        "ovn-bridge-mappings": "a:b",
        "ovn-evpn-vxlan-ports": "4789,4790",
    }


@pytest.mark.parametrize("empty", ["", "''", "null", "[]"])
def test_an_empty_value_unsets(empty: str) -> None:
    assert wanted(f"settings: {{ovn-encap-type: {empty}}}") == {"ovn-encap-type": None}


@pytest.mark.parametrize("text", ["settings:", "settings: {}", "chassis:", "chassis: {a: }"])
def test_a_file_may_say_nothing(text: str) -> None:
    assert wanted(text) == {}


def test_what_a_file_leaves_as_it_is_need_not_be_right() -> None:
    text = "settings: {ovn-monitor-all: maybe}"
    assert wanted(text, {"ovn-monitor-all": "maybe"}) == {"ovn-monitor-all": "maybe"}
    with pytest.raises(Invalid, match=r"f: settings\.ovn-monitor-all 'maybe': does not fit"):
        wanted(text, {"ovn-monitor-all": "true"})


@pytest.mark.parametrize(
    "text",
    [
        "settings: {ovn-monitor-all: 1}",
        "settings: {ovn-trim-timeout-ms: 1.5}",
        "settings: {ovn-trim-timeout-ms: true}",
        "settings: {ovn-encap-ip: {a: b}}",
        "settings: []",
        "settings: {ovn-cms-options: [[a]]}",
        "chassis: {a: 5}",
        "chassis: {1: {}}",
    ],
)
def test_what_is_of_a_wrong_type_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is of a wrong type"):
        wanted(text)


def test_a_name_that_stands_there_twice_is_refused() -> None:
    with pytest.raises(Invalid, match="'ovn-bridge' stands there twice"):
        wanted("settings:\n  ovn-bridge: a\n  hostname: h\n  ovn-bridge: b\n")
