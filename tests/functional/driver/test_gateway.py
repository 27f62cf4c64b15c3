"""``-o ovn.gateway=``: which way out of a network Docker is told of."""

from __future__ import annotations

import pytest

from tests.functional.driver.bed import Host, Lan, delete, ids

SANDBOX = {"SandboxKey": "/var/run/docker/netns/x"}


@pytest.mark.parametrize(("gateway", "disabled"), [("docker", False), ("none", True)])
def test_no_gateway_is_answered_and_dockers_own_only_where_it_shall_be(
    host: Host, gateway: str, disabled: bool
) -> None:
    lan = Lan(host, 31, **{"ovn.gateway": gateway})
    host.ok("NetworkDriver.CreateNetwork", lan.body)
    endpoint = lan.endpoint(9)
    host.ok("NetworkDriver.CreateEndpoint", endpoint)
    answer = host.ok("NetworkDriver.Join", ids(endpoint, **SANDBOX))
    assert (answer["Gateway"], answer["GatewayIPv6"]) == ("", "")
    assert answer["DisableGatewayService"] is disabled
    delete(host, endpoint)
    lan.remove()


@pytest.mark.parametrize(("option", "value"), [("ovn.gateway", "none"), ("ovn.dns", "10.32.0.9")])
def test_what_needs_a_logical_network_to_be_kept_on_is_refused_without(
    host: Host, option: str, value: str
) -> None:
    lan = Lan(host, 32, **{option: value})
    lan.body["IPv4Data"] = [{"AddressSpace": "null", "Pool": "0.0.0.0/0"}]
    lan.body["IPv6Data"] = []
    assert f"{option}={value}" in host.error("NetworkDriver.CreateNetwork", lan.body)
