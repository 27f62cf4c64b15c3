"""Tags of Docker's networks: what the driver writes is what the IPAM server reads."""

from __future__ import annotations

import pytest

from ovn_integrate.contract import tags

ID = "0f" * 32


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        (tags.of(ID), "", ""),
        (tags.at(ID, "h"), "at", tags.digest("h")),
        (tags.with_pool(ID, "h", made=True), "pool", tags.digest("h")),
        (tags.with_pool(ID, "h", made=False), "lent", tags.digest("h")),
        (tags.with_mtu(ID, 1400), "mtu", "1400"),
        (tags.with_gateway(ID, "ovn"), "gateway", "ovn"),
        (tags.with_policy(ID), "policy", ""),
    ],
)
def test_tags_are_read_as_they_are_written(tag: str, kind: str, value: str) -> None:
    assert tags.parse(tag) == tags.Tag(tags.short(ID), kind, value)


@pytest.mark.parametrize(
    "tag", [tags.MADE, tags.POLICY, tags.PUBLISHED, tags.network("n"), tags.alias("web"), "x", ""]
)
def test_other_tags_are_of_no_docker_network(tag: str) -> None:
    assert tags.parse(tag) is None


def test_a_network_of_a_swarm_is_known_by_its_id() -> None:
    read = tags.parse(tags.at("s" * 25, tags.SWARM))
    assert read is not None
    assert read.of_swarm
    assert not tags.Tag(tags.short(ID)).of_swarm
