"""The packet filter's rules on a real kernel, in a network namespace of their own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ovn_integrate.host import packet_filter
from ovn_integrate.host.packet_filter import Published
from tests.functional.namespaces import own_network

BLOCK = ["100.64.0.0/20"]
BLOCKS = [*BLOCK, "100.64.16.0/20"]
ONE = Published("a" * 64, "tcp", None, 8080, "100.64.0.3", 80)
OTHER = Published("b" * 64, "udp", "10.0.0.1", 53, "100.64.0.4", 5353)


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    if shutil.which("iptables") is None:
        pytest.fail("needs iptables")
    with own_network():
        yield


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def rules() -> list[str]:
    said = run("iptables-save")
    return [line for line in said.splitlines() if line.startswith("-A")]


def test_rules_are_there_once_and_go_without_a_trace() -> None:
    packet_filter.have("br-x", BLOCK)
    before = rules()
    assert "-A OVN-GATEWAY-OUT -s 100.64.0.0/20 ! -o br-x -j MASQUERADE" in before
    packet_filter.publish(ONE)
    packet_filter.have("br-x", BLOCK)
    assert len(rules()) == len(before) + 1
    packet_filter.have("br-x", BLOCKS)
    assert len(rules()) == len(before) + 3
    packet_filter.have("br-x", BLOCK)
    assert len(rules()) == len(before) + 1
    # As two processes may that do so at the same moment.
    run("iptables", "-I", "FORWARD", "-j", "OVN-GATEWAY")
    packet_filter.remove()
    assert rules() == []
    packet_filter.remove()


def test_a_rule_that_somebody_took_away_is_put_back_and_published_ports_stay() -> None:
    packet_filter.have("br-x", BLOCK)
    packet_filter.publish(ONE)
    before = sorted(rules())
    subprocess.run(["iptables", "-D", "FORWARD", "-j", "OVN-GATEWAY"], check=True)
    subprocess.run(["iptables", "-t", "nat", "-F", "OVN-GATEWAY-OUT"], check=True)
    packet_filter.have("br-x", BLOCK)
    assert sorted(rules()) == before


def test_others_rules_stay() -> None:
    subprocess.run(["iptables", "-A", "FORWARD", "-j", "ACCEPT"], check=True)
    packet_filter.have("br-x", BLOCK)
    packet_filter.remove()
    assert rules() == ["-A FORWARD -j ACCEPT"]


def test_published_ports_are_read_back_as_they_were_made() -> None:
    assert packet_filter.published() == []
    packet_filter.have("br-x", BLOCK)
    for one in (ONE, OTHER, replace(ONE, port=8081)):
        packet_filter.publish(one)
    assert packet_filter.published() == [ONE, OTHER, replace(ONE, port=8081)]
    packet_filter.revoke(ONE.endpoint_id)
    assert packet_filter.published() == [OTHER]
    packet_filter.revoke(ONE.endpoint_id)
    assert packet_filter.published() == [OTHER]


@pytest.mark.parametrize(
    ("more", "collides"),
    [
        ({}, True),
        ({"port": 81}, False),
        ({"protocol": "udp"}, False),
        ({"address": "10.0.0.1"}, True),
        ({"target": "100.64.0.9"}, True),
    ],
)
def test_what_hides_what(more: dict[str, object], collides: bool) -> None:
    other = replace(ONE, **more)  # type: ignore[arg-type]
    assert ONE.collides(other) is other.collides(ONE) is collides
    assert not replace(OTHER, address="10.0.0.2").collides(OTHER)
