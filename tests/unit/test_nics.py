"""What moving NICs is made of: messages, orders, commands, names."""

from __future__ import annotations

import socket
import struct

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.host.nics import bridges, dhcp
from ovn_integrate.netlink import message as nl
from ovn_integrate.netlink.link_config import plain
from ovn_integrate.netlink.link_state import Traits, move
from ovn_integrate.netlink.message import Message

NIC, BRIDGE = ("eth0", 2), ("breth0", 9)
LOCAL, LABEL, OIF, GATEWAY, MULTIPATH, IIF = 2, 3, 4, 5, 9, 3


def ip(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def address(text: str, label: str = "eth0") -> Message:
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    named = ((LABEL, nl.text(label)),) if ":" not in text else ()
    return Message(nl.NEWADDR, (family, 24, 0x80, 0, 2), ((LOCAL, ip(text)), *named))


def route(*attributes: tuple[int, bytes], scope: int = 0) -> Message:
    return Message(nl.NEWROUTE, (socket.AF_INET, 0, 0, 0, 254, 3, scope, 1, 0), attributes)


def traits(**parts: list[Message]) -> Traits:
    return Traits(*NIC, **parts)


def test_a_message_is_read_and_written_byte_by_byte() -> None:
    body = struct.pack("=BBBBI", 2, 24, 0x80, 0, 2) + nl.pack_attributes(
        [(LOCAL, ip("192.0.2.1")), (LABEL, b"eth0\0"), (77, b"unknown")]
    )
    parsed = Message.parse(nl.NEWADDR, body)
    assert parsed.body() == body
    assert parsed.text(LABEL) == "eth0"
    assert parsed.put(77, None).put(LABEL, nl.text("x")).attributes[1:] == ((LABEL, b"x\0"),)


def test_traits_survive_json() -> None:
    found = traits(addresses=[address("192.0.2.1")], routes=[route((OIF, nl.number(2)))])
    assert Traits.from_data(found.as_data()) == found


def test_the_new_address_comes_before_the_old_one_goes() -> None:
    orders = move(traits(addresses=[address("192.0.2.1"), address("192.0.2.2")]), NIC, BRIDGE)
    kinds = [(one.kind, one.message.header[4]) for one in orders[1:]]
    assert kinds == [(nl.NEWADDR, 9), (nl.NEWADDR, 9), (nl.DELADDR, 2), (nl.DELADDR, 2)]
    # A secondary address goes first: with the primary one it would go by itself.
    assert orders[3].message.get(LOCAL) == ip("192.0.2.2")


@pytest.mark.parametrize(
    ("label", "becomes"), [("eth0", "breth0"), ("eth0:1", "breth0:1"), ("eth0:123456789", "breth0")]
)
def test_labels_follow_the_name(label: str, becomes: str) -> None:
    orders = move(traits(addresses=[address("192.0.2.1", label)]), None, BRIDGE)
    assert orders[1].message.text(LABEL) == becomes


def test_only_the_ways_by_this_link_change() -> None:
    legs = b"".join(struct.pack("=HBBi", 8, 1, 0, index) for index in (2, 5))
    orders = move(traits(routes=[route((MULTIPATH, legs))]), None, BRIDGE)
    moved = orders[1].message.get(MULTIPATH)
    assert moved is not None
    # The flag that says a way is dead is no wish.
    assert moved == b"".join(struct.pack("=HBBi", 8, 0, 0, index) for index in (9, 5))


def test_what_a_gateway_is_reached_by_goes_first() -> None:
    far = route((OIF, nl.number(2)), (GATEWAY, ip("192.0.2.1")))
    near = route((OIF, nl.number(2)), scope=253)
    orders = move(traits(routes=[far, near]), None, BRIDGE)
    assert [bool(one.message.get(GATEWAY)) for one in orders[1:]] == [False, True]


def test_of_a_link_that_is_gone_only_the_rules_are_left_to_remove() -> None:
    rule = Message(nl.NEWRULE, (2, 0, 0, 0, 0, 0, 0, 1, 0), ((IIF, nl.text("eth0")),))
    found = traits(rules=[rule], addresses=[address("192.0.2.1")])
    orders = move(found, ("breth0", 0), NIC)
    removed = [one for one in orders if one.kind in (nl.DELRULE, nl.DELADDR, nl.DELROUTE)]
    assert [one.message.text(IIF) for one in removed] == ["breth0"]


def test_what_comes_by_dhcp_is_not_written_as_static() -> None:
    passing = address("192.0.2.1").put(6, struct.pack("=IIII", 10, 20, 0, 0))
    found = plain(traits(addresses=[passing, address("198.51.100.1")]))
    assert found.dhcp4
    assert [one.ip for one in found.addresses] == ["198.51.100.1"]


def test_a_bridge_has_at_most_15_characters() -> None:
    assert bridges.name_of("enp0s31f6abcd") == "brenp0s31f6abcd"
    with pytest.raises(Invalid, match="more than 15"):
        bridges.name_of("enp0s31f6abcde")


@pytest.mark.parametrize(
    ("words", "becomes"),
    [
        (
            "dhclient -pf /run/dhclient.eth0.pid -lf /l/dhclient.eth0.leases eth0",
            "dhclient -pf /run/dhclient.breth0.pid -lf /l/dhclient.breth0.leases breth0",
        ),
        (
            "dhclient -6 eth0",
            "dhclient -pf /run/dhclient6.breth0.pid -lf /var/lib/dhcp/dhclient6.breth0.leases "
            "-6 breth0",
        ),
        ("udhcpc -i eth0 -p /run/u.eth0.pid", "udhcpc -i breth0 -p /run/u.breth0.pid"),
        ("udhcpc -i eth0 -x hostname:eth01", "udhcpc -i breth0 -x hostname:eth01"),
    ],
)
def test_a_clients_command_for_the_other_link(words: str, becomes: str) -> None:
    assert dhcp.renamed(words.split(), "eth0", "breth0") == becomes.split()
