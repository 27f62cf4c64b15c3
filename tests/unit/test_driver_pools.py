"""What a PoolID says, and which pool is chosen where Docker names none."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from ovn_integrate.contract import tags
from ovn_integrate.core.addresses.pools import PoolId, choose
from ovn_integrate.core.network import options
from ovn_integrate.errors import Conflict, Invalid

V4, V6 = ip_network("10.0.0.0/24"), ip_network("fd00::/64")


@pytest.mark.parametrize(
    "id",
    [
        PoolId(V4),
        PoolId(V6),
        PoolId(V4, ip_network("10.0.0.64/26")),
        PoolId(V4, None, "4e6f0000-0000-4000-8000-000000000000"),
        PoolId(V4, ip_network("10.0.0.64/26"), "4e6f0000-0000-4000-8000-000000000000"),
    ],
)
def test_a_pool_id_is_read_as_it_was_written(id: PoolId) -> None:
    assert PoolId.parse(str(id)) == id


@pytest.mark.parametrize("text", ["", "LocalDefault/10.0.0.0/24", "a,b,c", "10.0.0.0/24,,,"])
def test_a_strangers_pool_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        PoolId.parse(text)


@pytest.mark.parametrize(("version", "length"), [(4, 24), (6, 64)])
def test_a_chosen_pool_is_private_and_overlaps_with_none(version: int, length: int) -> None:
    taken = [V4, V6]
    for _ in range(200):
        cidr = choose(version, taken)
        assert (cidr.version, cidr.prefixlen, cidr.is_private) == (version, length, True)
        assert not any(cidr.version == one.version and cidr.overlaps(one) for one in taken)
        taken.append(cidr)


def test_a_chosen_pool_keeps_off_what_is_taken_and_where_the_host_is() -> None:
    taken = [ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16"), ip_network("172.24.0.0/14")]
    for _ in range(50):
        assert choose(4, taken).subnet_of(ip_network("172.28.0.0/14"))  # type: ignore[arg-type]
    here = [
        ip_address(f"172.{second}.{third}.1") for second in range(28, 32) for third in range(256)
    ]
    with pytest.raises(Conflict, match="--subnet"):
        choose(4, taken, here)


def test_the_mac_address_of_an_endpoint() -> None:
    assert options.parse_mac({options.MAC: "02:42:AC:00:00:09"}) == "02:42:ac:00:00:09"
    assert options.parse_mac({}) is options.parse_mac({options.MAC: ""}) is None
    with pytest.raises(Invalid, match="nonsense"):
        options.parse_mac({options.MAC: "nonsense"})


def test_the_tag_of_a_pool_is_its_hosts_and_fits() -> None:
    network_id = "f" * 64
    made = tags.with_pool(network_id, "chassis-1", made=True)
    assert len(made) <= 60  # of older Neutrons
    assert tags.has_pool([made], "chassis-1", made=True)
    assert not tags.has_pool([made], "chassis-1", made=False)
    assert not tags.has_pool([made], "chassis-2", made=True)
    assert made in tags.belonging([made], network_id)
