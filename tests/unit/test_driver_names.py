"""Which names a container has on which endpoint."""

from __future__ import annotations

from typing import Any

import pytest

from ovn_integrate.core.names.container_names import endpoints


def container(**network: Any) -> dict[str, Any]:
    return {"Name": "/Web_1", "NetworkSettings": {"Networks": {"foo": network}}}


@pytest.mark.parametrize(
    ("network", "names"),
    [
        ({"Aliases": None}, ["web_1"]),
        ({"Aliases": ["WWW", "0123456789ab", "web_1"]}, ["web_1", "www", "0123456789ab"]),
        # Docker 25 and newer: Aliases are those that were asked for alone.
        ({"Aliases": ["www"], "DNSNames": ["Web_1", "www", "ab"]}, ["web_1", "www", "ab"]),
        ({"Aliases": ["no name", "-x", "", "x" * 64, "a.b"]}, ["web_1", "a.b"]),
    ],
)
def test_the_containers_own_name_comes_first(network: dict[str, Any], names: list[str]) -> None:
    assert list(endpoints(container(EndpointID="e1", **network))) == [("e1", names)]


def test_a_network_that_it_is_not_on_now_has_none() -> None:
    assert list(endpoints(container(EndpointID="", Aliases=["www"]))) == []
