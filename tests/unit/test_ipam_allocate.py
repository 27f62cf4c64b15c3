"""Choosing addresses, without a database."""

from __future__ import annotations

import random
import time
from ipaddress import ip_address, ip_network

import pytest

from ovn_integrate.ipam import allocate
from ovn_integrate.ipam.allocate import Used


def spans(cidr: str, gateway: str | None) -> list[tuple[str, str]]:
    network = ip_network(cidr)
    pools = allocate.default_pools(network, None if gateway is None else ip_address(gateway))
    return [
        (str(allocate.address_of(network.version, a)), str(allocate.address_of(network.version, b)))
        for a, b in pools
    ]


def test_used_is_a_set_whatever_the_order() -> None:
    chance = random.Random(1)
    used, model = Used(), set()
    for _ in range(5000):
        number = chance.randrange(200)
        if chance.random() < 0.5:
            used.add(number)
            model.add(number)
        else:
            used.discard(number)
            model.discard(number)
        probe = chance.randrange(200)
        free = next(n for n in range(probe, 202) if n not in model)
        assert (probe in used) == (probe in model)
        assert used.next_free(probe) == free
        assert used.any_between(probe, probe + 5) == any(
            n in model for n in range(probe, probe + 6)
        )
        last = probe + chance.randrange(50)
        assert used.count(probe, last) == sum(probe <= n <= last for n in model)


def test_an_address_costs_the_same_whatever_is_used() -> None:
    used = Used(range(60_000))
    start = time.process_time()
    for _ in range(1000):
        number = allocate.lowest_free([(2, 65_534)], [used])
        assert number is not None
        used.add(number)
    assert time.process_time() - start < 0.2  # a scan would take 30 s


def test_counting_costs_little_even_where_every_second_one_is_used() -> None:
    used = Used(range(0, 200_000, 2))
    start = time.process_time()
    assert used.count(3, 199_999) == 99_998
    assert time.process_time() - start < 0.1


def test_the_lowest_free_of_all_sets_and_pools_is_taken() -> None:
    pools = [(10, 12), (20, 22)]
    assert allocate.lowest_free(pools, [Used(), Used()]) == 10
    assert allocate.lowest_free(pools, [Used([10, 12]), Used([11])]) == 20
    assert allocate.lowest_free(pools, [Used([10, 11]), Used()], floor=21) == 21
    assert allocate.lowest_free(pools, [Used(range(30)), Used()]) is None
    assert allocate.lowest_free([], [Used()]) is None


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("10.1.0.0/24", "10.1.0.1", [("10.1.0.2", "10.1.0.254")]),
        ("10.1.0.0/24", None, [("10.1.0.1", "10.1.0.254")]),
        ("10.1.0.0/24", "10.1.0.254", [("10.1.0.1", "10.1.0.253")]),
        ("10.1.0.0/24", "10.1.0.9", [("10.1.0.1", "10.1.0.8"), ("10.1.0.10", "10.1.0.254")]),
        ("10.1.0.0/24", "10.99.0.1", [("10.1.0.1", "10.1.0.254")]),
        ("10.1.0.0/30", "10.1.0.1", [("10.1.0.2", "10.1.0.2")]),
        ("10.1.0.0/31", "10.1.0.0", [("10.1.0.1", "10.1.0.1")]),
        ("10.1.0.0/32", None, [("10.1.0.0", "10.1.0.0")]),
        ("fd00::/126", "fd00::", [("fd00::1", "fd00::3")]),
        ("fd00::/64", "fd00::1", [("fd00::2", "fd00::ffff:ffff:ffff:ffff")]),
    ],
)
def test_default_pools(cidr: str, gateway: str | None, pools: list[tuple[str, str]]) -> None:
    assert spans(cidr, gateway) == pools


@pytest.mark.parametrize(
    ("cidr", "gateway"),
    [("10.1.0.0/24", "10.1.0.1"), ("10.1.0.0/31", "10.1.0.0"), ("fd00::/64", "fd00::")],
)
def test_default_gateway(cidr: str, gateway: str) -> None:
    assert str(allocate.default_gateway(ip_network(cidr))) == gateway


def test_a_single_address_has_no_gateway() -> None:
    assert allocate.default_gateway(ip_network("10.0.0.1/32")) is None


@pytest.mark.parametrize(
    ("address", "cidr", "fits"),
    [
        ("10.0.0.0", "10.0.0.0/24", False),
        ("10.0.0.255", "10.0.0.0/24", False),
        ("10.0.0.1", "10.0.0.0/24", True),
        ("10.0.1.1", "10.0.0.0/24", False),
        ("10.0.0.0", "10.0.0.0/31", True),
        ("fd00::", "fd00::/64", False),
        ("fd00::ffff:ffff:ffff:ffff", "fd00::/64", True),
        ("::a00:1", "10.0.0.0/24", False),
    ],
)
def test_hosts(address: str, cidr: str, fits: bool) -> None:
    assert allocate.is_host(ip_address(address), ip_network(cidr)) is fits


def test_eui64_is_the_rfc_s_example() -> None:
    # RFC 4291 appendix A, and a recorded answer of Neutron.
    made = allocate.eui64(ip_network("fd00:2::/64"), "fa:16:3e:01:02:03")
    assert str(made) == "fd00:2::f816:3eff:fe01:203"


def test_macs_are_local_unicast_and_not_taken() -> None:
    asked: list[str] = []

    def taken(mac: str) -> bool:
        asked.append(mac)
        return len(asked) < 3

    mac = allocate.make_mac(taken)
    assert asked[-1] == mac
    assert len(asked) == 3
    assert mac.startswith("02:")
    assert len(mac) == 17


def test_overlap_finds_pools_that_share_a_number() -> None:
    assert allocate.overlap([(20, 30), (1, 10), (10, 12)]) == ((1, 10), (10, 12))
    assert allocate.overlap([(20, 30), (1, 10), (11, 12)]) is None
