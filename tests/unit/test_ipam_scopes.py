"""An address with a scope id, which may be any text, is none: it would reach rows and ACLs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ovn_integrate.core.addresses.pools import PoolId
from ovn_integrate.core.network import options
from ovn_integrate.errors import Error, Invalid
from ovn_integrate.ipam.resources import bodies
from ovn_integrate.ipam.resources.bodies import RESOURCES
from ovn_integrate.plugins.libnetwork import wire

SCOPED = ("fe80::1%x || ip4", "fd00::5%eth0", "fd00::%x 10.0.0.9/64", "fd00::%y/64")
ID = "0" * 32


@pytest.mark.parametrize("text", SCOPED)
@pytest.mark.parametrize(
    ("collection", "attributes"),
    [
        ("security-group-rules", {"remote_ip_prefix": "{}", "security_group_id": ID}),
        ("ports", {"fixed_ips": [{"ip_address": "{}"}]}),
        ("ports", {"allowed_address_pairs": [{"ip_address": "{}"}]}),
        ("subnets", {"gateway_ip": "{}"}),
        ("subnets", {"dns_nameservers": ["{}"]}),
        ("subnets", {"host_routes": [{"destination": "{}", "nexthop": "fd00::1"}]}),
        ("subnets", {"host_routes": [{"destination": "fd00::/64", "nexthop": "{}"}]}),
        ("subnetpools", {"name": "p", "prefixes": ["{}"]}),
        ("floatingips", {"floating_ip_address": "{}"}),
    ],
    ids=str,
)
def test_of_the_api(collection: str, attributes: dict[str, Any], text: str) -> None:
    resource = RESOURCES[collection]
    with pytest.raises(Error, match="%"):
        bodies._read(resource, _filled(attributes, text))


@pytest.mark.parametrize("text", SCOPED)
def test_of_docker(text: str) -> None:
    address = {"PoolID": "x", "Address": text}
    endpoint = {"NetworkID": "a", "EndpointID": "b", "Interface": {"AddressIPv6": text}}
    kinds: list[tuple[type[wire.Body], dict[str, Any]]] = [
        (wire.ReleaseAddress, address),
        (wire.RequestAddress, address),
        (wire.RequestPool, {"Pool": text}),
        (wire.CreateEndpoint, endpoint),
        *(
            (wire.CreateNetwork, {"NetworkID": "a", "IPv6Data": [one]})
            for one in ({"Pool": text}, {"Gateway": text}, {"AuxAddresses": {"a": text}})
        ),
    ]
    for kind, body in kinds:
        with pytest.raises(ValidationError):
            kind.model_validate(body)
    with pytest.raises(Invalid):
        PoolId.parse(f"{text},,")
    with pytest.raises(Invalid):
        options.parse_network({options.GENERIC: {options.DNS: text}})


def _filled(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, text) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, text) for one in value]
    return text if value == "{}" else value
