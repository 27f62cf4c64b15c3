"""What bodies may say, and in which words they are refused."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ovn_integrate.errors import Invalid
from ovn_integrate.ipam.resources import bodies
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT, SUBNET, Resource
from ovn_integrate.ipam.resources.port.rules import Wish

ID = "11111111-2222-3333-4444-555555555555"


def created(resource: Resource, **attributes: Any) -> dict[str, Any]:
    (made,), bulk = bodies.creations(resource, {resource.name: attributes})
    assert not bulk
    return made


def test_values_are_read() -> None:
    made = created(
        PORT,
        network_id=ID.upper(),
        mac_address="FA-16-3E-AA-BB-CD",
        admin_state_up="false",
        tenant_id="t",
        fixed_ips=[{"ip_address": "FD00::0001"}, {"subnet_id": ID}],
        tags=["b", "a", "b"],
        **{"binding:host_id": None},
    )
    assert made == {
        "network_id": ID,
        "mac_address": "fa:16:3e:aa:bb:cd",
        "admin_state_up": False,
        "project_id": "t",
        "fixed_ips": [Wish(None, ip_address("fd00::1")), Wish(ID, None)],
        "tags": ("b", "a"),
        "host_id": "",
    }


@pytest.mark.parametrize(
    ("resource", "attributes", "words"),
    [
        (NETWORK, {"bogus": 1}, "Unrecognized attribute(s) 'bogus'"),
        (NETWORK, {"id": ID}, "Attribute 'id' not allowed in POST"),
        (NETWORK, {"name": None}, "Invalid input for name. Reason: 'None' is not a valid string."),
        (NETWORK, {"name": "x" * 256}, "exceeds maximum length of 255."),
        (NETWORK, {"mtu": -1}, "'-1' should be non-negative."),
        (NETWORK, {"mtu": "x"}, "'x' is not an integer."),
        (NETWORK, {"shared": 2}, "'2' cannot be converted to boolean."),
        (NETWORK, {"tags": [""]}, "must have 1 to 255 characters."),
        (NETWORK, {"tags": "red"}, "'red' is not a list."),
        (NETWORK, {"tenant_id": "a", "project_id": "b"}, "do not match"),
        (PORT, {}, "Required attribute 'network_id' not specified"),
        (PORT, {"network_id": 7}, "'7' is not a valid UUID."),
        (PORT, {"network_id": ID, "mac_address": "00:00:00:00:00:00"}, "not a valid MAC address."),
        (PORT, {"network_id": ID, "mac_address": "fa163eaabb"}, "not a valid MAC address."),
        (PORT, {"network_id": ID, "fixed_ips": ["x"]}, "Invalid data format for fixed IP: 'x'."),
        (PORT, {"network_id": ID, "fixed_ips": [{"ip_address": 5}]}, "not a valid IP address."),
        (
            PORT,
            {"network_id": ID, "fixed_ips": [{"ip_address": "::1"}, {"ip_address": "0::1"}]},
            "Duplicate IP address '::1'.",
        ),
        (PORT, {"network_id": ID, "binding:profile": []}, "is not a dictionary."),
        (SUBNET, {"network_id": ID}, "Required attribute 'ip_version' not specified"),
        (SUBNET, {"network_id": ID, "ip_version": 5}, "5 is not in valid_values."),
        (
            SUBNET,
            {"network_id": ID, "ip_version": 4, "allocation_pools": [{"start": "10.0.0.1"}]},
            "Validation of dictionary's keys failed.",
        ),
        (
            SUBNET,
            {"network_id": ID, "ip_version": 4, "dns_nameservers": ["1.1.1.1", "1.1.1.1"]},
            "Duplicate nameserver '1.1.1.1'.",
        ),
    ],
)
def test_what_creation_refuses(resource: Resource, attributes: Any, words: str) -> None:
    with pytest.raises(Invalid) as refusal:
        created(resource, **attributes)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "attribute", ["id", "status", "tenant_id", "tags", "revision_number", "subnets"]
)
def test_what_an_update_refuses(attribute: str) -> None:
    with pytest.raises(Invalid, match=f"Cannot update read-only attribute {attribute}"):
        bodies.update(NETWORK, {"network": {attribute: "x"}})


def test_bulk_needs_things() -> None:
    made, bulk = bodies.creations(NETWORK, {"networks": [{"name": "a"}, {"name": "b"}]})
    assert bulk
    assert [one["name"] for one in made] == ["a", "b"]
    for body in ({"networks": []}, {"networks": {}}, {"network": []}, {}):
        with pytest.raises(Invalid):
            bodies.creations(NETWORK, body)


@pytest.mark.parametrize("body", [b"[1]", b"{", b"\xff", b"null", b'"x"'])
def test_bodies_that_are_no_object(body: bytes) -> None:
    with pytest.raises(Invalid, match="Body contains invalid data"):
        bodies.decode(body)
