from __future__ import annotations

import pytest

from ovn_integrate.contract import tags
from ovn_integrate.core.network import options, reachability
from ovn_integrate.core.network.options import GENERIC
from ovn_integrate.core.network.reachability import Allow, Policy
from ovn_integrate.errors import Invalid

ID = "480dad35" * 8


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"ovn.icc": "true"}, None),
        ({"ovn.icc": "false"}, Policy()),
        ({"ovn.icc": "False"}, Policy()),
        ({"ovn.allow": "web:web"}, Policy((Allow("web", "web"),))),
        (
            {"ovn.icc": "false", "ovn.allow": "web:db:tcp/5432, *:web:TCP/8000-8009,*:*:icmp"},
            Policy(
                (
                    Allow("web", "db", "tcp", (5432, 5432)),
                    Allow("*", "web", "tcp", (8000, 8009)),
                    Allow("*", "*", "icmp"),
                )
            ),
        ),
    ],
)
def test_a_policy(given: dict[str, str], expected: Policy | None) -> None:
    assert options.parse_network({GENERIC: given}).policy == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ovn.icc": "maybe"}, "ovn.icc=maybe: is neither"),
        ({"ovn.icc": "true", "ovn.allow": "a:b"}, "contradict"),
        ({"ovn.allow": ""}, "no rule.*for example web:db:tcp/5432"),
        ({"ovn.allow": "web"}, "no rule"),
        ({"ovn.allow": "a:b:tcp:80"}, "no rule"),
        ({"ovn.allow": "a:b,"}, "no rule"),
        ({"ovn.allow": "a b:c"}, "'a b' is no name"),
        ({"ovn.allow": "a:b:gre"}, "'gre' is none of"),
        ({"ovn.allow": "a:b:icmp/8"}, "icmp has no ports"),
        ({"ovn.allow": "a:b:tcp/"}, "'' is no port"),
        ({"ovn.allow": "a:b:tcp/9-"}, "'9-' is no port"),
        ({"ovn.allow": "a:b:tcp/9-8"}, "'9-8' is no port or range"),
        ({"ovn.allow": "a:b:tcp/65536"}, "65535"),
        ({"ovn.alow": "a:b"}, "known: ovn.network, ovn.gateway, ovn.dns, ovn.icc, ovn.allow"),
    ],
)
def test_a_policy_that_cannot_be(given: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        options.parse_network({GENERIC: given})


def test_groups_of_an_endpoint() -> None:
    assert options.parse_groups({"foo": "bar"}) == ()
    assert options.parse_groups({"ovn.group": "web"}) == ("web",)
    assert options.parse_groups({"ovn.group": "web+db"}) == ("web", "db")
    for text in ("", "*", "a b", "-a", "a+", "a,b"):
        with pytest.raises(Invalid, match="no name of a group"):
            options.parse_groups({reachability.GROUP: text})


def test_tags_of_a_closed_network_hold_it_as_long_as_they_are_a_docker_networks() -> None:
    mine = [tags.of(ID), tags.with_policy(ID)]
    assert tags.belonging([*mine, tags.POLICY, tags.MADE], ID) == mine
    assert tags.holders([*mine, tags.POLICY, tags.MADE]) == mine
    assert tags.holders([tags.POLICY, tags.MADE]) == []
    for tag in (*mine, tags.network("0c8c0e3b-0001-4000-8000-000000000001")):
        assert len(tag) <= 60
