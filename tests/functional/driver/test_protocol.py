"""The protocol itself: activation, bodies that are not right, calls that need no doing."""

from __future__ import annotations

from typing import Any

import pytest

from ovn_integrate.plugins.libnetwork import app
from tests.functional.driver.bed import REMOVE, SET, Host, new_id


def test_activation_and_capabilities(host: Host) -> None:
    assert host.ok("Plugin.Activate") == {"Implements": ["NetworkDriver", "IpamDriver"]}
    status, answer, headers = host.post("NetworkDriver.GetCapabilities", None)
    assert (status, answer["Scope"], answer["ConnectivityScope"]) == (200, "local", "global")
    assert headers["Connection"] == "close"


def test_activation_is_refused_until_the_host_is_set_up(host: Host) -> None:
    assert "set-ipam" in host.configure(503, *REMOVE, "ipam")["Err"]
    said = host.configure(502, *SET, "external_ids:ipam=127.0.0.1:1")["Err"]
    assert "127.0.0.1:1" in said
    assert "Connection refused" in said
    assert host.ok("NetworkDriver.GetCapabilities")["Scope"] == "local"
    assert host.configure(200, *SET, "external_ids:ipam=127.0.0.1")["Implements"]


@pytest.mark.parametrize("name", sorted(app.METHODS))
def test_an_empty_body_is_refused_where_there_are_arguments(host: Host, name: str) -> None:
    status, answer, _ = host.post(name, None)
    if name == "Plugin.Activate" or ".Get" in name or "Discover" in name:
        assert status == 200
    else:
        assert status == 400
        assert "empty" in answer["Err"]
        assert answer["Error"] == answer["Err"]


@pytest.mark.parametrize(
    "body",
    [
        {"NetworkID": "../x", "EndpointID": "ab"},
        {"NetworkID": "ab", "EndpointID": "a b"},
        {"NetworkID": "ab", "EndpointID": "--all"},
        {"NetworkID": "ab", "EndpointID": "a" * 65},
        {"NetworkID": "ab", "EndpointID": ""},
        {"NetworkID": "ab"},
        ["ab"],
        7,
    ],
)
def test_bad_ids_are_refused(host: Host, body: Any) -> None:
    for method in ("CreateEndpoint", "Join", "Leave", "DeleteEndpoint", "EndpointOperInfo"):
        status, answer, _ = host.post(f"NetworkDriver.{method}", body)
        assert status == 400
        assert answer["Err"] == answer["Error"] != ""


def test_an_unknown_path_is_a_404_with_both_error_fields(host: Host) -> None:
    for path in ("NetworkDriver.GwAllocCheck", "x", "a/b", ""):
        status, answer, _ = host.post(path, {})
        assert status in (404, 405)
        assert answer["Err"] == answer["Error"] != ""


def test_methods_that_need_no_doing_succeed(host: Host) -> None:
    who = {"NetworkID": new_id(), "EndpointID": new_id()}
    node = {"DiscoveryType": 1, "DiscoveryData": {"Address": "10.0.0.1", "Self": True}}
    assert host.ok("NetworkDriver.ProgramExternalConnectivity", {**who, "Options": None}) == {}
    assert host.ok("NetworkDriver.RevokeExternalConnectivity", who) == {}
    assert host.ok("NetworkDriver.DiscoverNew", node) == {}
    assert host.ok("NetworkDriver.DiscoverDelete", node) == {}
    assert host.ok("NetworkDriver.FreeNetwork", {"NetworkID": new_id()}) == {}


def test_undoing_what_is_not_there_succeeds(host: Host) -> None:
    who = {"NetworkID": new_id(), "EndpointID": new_id()}
    for method in ("Leave", "DeleteEndpoint", "DeleteNetwork"):
        assert host.ok(f"NetworkDriver.{method}", who) == {}
    assert host.ok("NetworkDriver.EndpointOperInfo", who) == {"Value": {}}
