"""What is known of a VM's ports and options without asking anybody."""

from __future__ import annotations

from typing import Any

import click
import pytest

from ovn_integrate.cli import modes
from ovn_integrate.contract.device_owners import HOST, host_of
from ovn_integrate.core.endpoint.endpoint_request import Binding
from ovn_integrate.core.endpoint.nested import Underlay
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.network import options
from ovn_integrate.errors import Invalid
from ovn_integrate.host.settings import Settings

NOWHERE = Links("unix:/nowhere", 1)
SETTINGS = Settings("vm-1", (), None, None, (), (), nested_bridge="breth0")


@pytest.mark.parametrize(
    ("port", "host"),
    [
        ({"binding:host_id": "chassis-1", "binding:profile": {HOST: "vm-1"}}, "vm-1"),
        ({"binding:host_id": "chassis-1", "binding:profile": {}}, "chassis-1"),
        ({"binding:host_id": "", "binding:profile": {"parent_name": "p", "tag": 5}}, ""),
        ({"binding:host_id": None, "binding:profile": None}, ""),
        ({}, ""),  # a Neutron that does not let everybody see it
    ],
)
def test_a_port_tells_which_host_has_it(port: dict[str, Any], host: str) -> None:
    assert host_of(port) == host


def test_the_bridge_of_endpoints_goes_with_the_mode() -> None:
    assert SETTINGS.endpoint_bridge == "br-int"
    nested = Settings("vm-1", (), None, None, (), (), mode="underlay", nested_bridge="breth0")
    assert (nested.nested, nested.endpoint_bridge, nested.bridge) == (True, "breth0", "br-int")
    old = Settings("vm-1", (), None, None, (), (), bridge="breth0", mode="underlay")
    assert old.endpoint_bridge == "breth0"


@pytest.mark.parametrize("gateway", options.GATEWAYS)
def test_one_way_out_is_the_chassis_alone(gateway: str) -> None:
    asked = options.parse_network({options.GENERIC: {options.GATEWAY: gateway}})
    if gateway == options.OVN:
        with pytest.raises(Invalid, match="is not for a VM"):
            Underlay(NOWHERE).refuse(asked)
    else:
        Underlay(NOWHERE).refuse(asked)


def test_a_binding_keeps_what_it_is_given_beside() -> None:
    binding = Binding("chassis-1", {"tag": 5})
    assert binding.attributes(x=1) == {
        "binding:host_id": "chassis-1",
        "binding:profile": {"tag": 5, "x": 1},
    }
    assert binding.profile == {"tag": 5}


@pytest.mark.parametrize(
    ("overlay", "underlay", "bridge", "mode"),
    [
        (False, False, None, None),
        (True, False, None, "overlay"),
        (False, True, "breth0", "underlay"),
        (True, True, "breth0", "exclude each other"),
        (False, False, "breth0", "needs --underlay-mode"),
    ],
)
def test_a_mode_is_named_once(
    overlay: bool, underlay: bool, bridge: str | None, mode: str | None
) -> None:
    if mode is not None and " " in mode:
        with pytest.raises(click.UsageError, match=mode):
            modes.chosen(overlay, underlay, bridge)
    else:
        assert modes.chosen(overlay, underlay, bridge) == mode
