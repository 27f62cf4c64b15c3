"""The options of a Docker network (``docker network create -o KEY=VALUE``) and of an endpoint
(``docker network connect --driver-opt KEY=VALUE``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ovn_integrate.driver import policy
from ovn_integrate.driver.policy import ALLOW, GROUP, ICC, Policy
from ovn_integrate.errors import Invalid

# Keys of libnetwork's own (moby daemon/libnetwork/netlabel).
GENERIC = "com.docker.network.generic"
MTU = "com.docker.network.driver.mtu"

NETWORK = "ovn.network"
PORT = "ovn.port"
# kuryr-libnetwork's names for the same, so that its compose files work.
_ALIASES = (NETWORK, "neutron.net.name", "neutron.net.uuid")
_OURS = "ovn."

_SMALLEST_MTU = 68  # of IPv4, RFC 791


@dataclass(frozen=True)
class NetworkOptions:
    """What the user asked for.

    :param network: name or id of the logical network to adopt; None to have one made.
    :param mtu: in bytes, of the containers' interfaces; None for what the tunnels let pass.
    :param policy: who may reach whom; None for all.
    """

    network: str | None = None
    mtu: int | None = None
    policy: Policy | None = None


def parse_network(options: dict[str, Any]) -> NetworkOptions:
    """The options out of the body of CreateNetwork.

    :raises Invalid: one of ours is unknown or has a value that cannot be.
    """
    generic = options.get(GENERIC) or {}
    if not isinstance(generic, dict):
        raise Invalid(GENERIC, "is no map")
    _refuse_unknown(generic, NETWORK, ICC, ALLOW)
    closed = policy.parse(_text(generic, ICC), _text(generic, ALLOW))
    return NetworkOptions(_network(generic), _mtu(generic), closed)


def parse_port(options: dict[str, Any]) -> str | None:
    """The logical port, by id or name, that an endpoint shall have; None to have one made.

    :param options: out of the body of CreateEndpoint.
    :raises Invalid: one of ours is unknown.
    """
    _refuse_unknown(options, PORT, GROUP)
    return str(options[PORT]) if options.get(PORT) else None


def parse_groups(options: dict[str, Any]) -> tuple[str, ...]:
    """The groups of a closed network that an endpoint shall be in.

    :param options: out of the body of CreateEndpoint.
    :raises Invalid: a name that cannot be.
    """
    return policy.parse_groups(_text(options, GROUP))


def _text(given: dict[str, Any], key: str) -> str | None:
    return str(given[key]) if key in given else None


def _refuse_unknown(given: dict[str, Any], *known: str) -> None:
    for key in given:
        if key.startswith(_OURS) and key not in known:
            raise Invalid(f"option {key}", "is unknown here", f"known: {', '.join(known)}")


def _network(generic: dict[str, Any]) -> str | None:
    named = {key: str(generic[key]) for key in _ALIASES if generic.get(key)}
    if len(set(named.values())) > 1:
        said = ", ".join(f"{key}={value}" for key, value in named.items())
        raise Invalid(f"options {said}", "name different networks", "give one of them")
    if NETWORK in generic and not named:
        raise Invalid(f"option {NETWORK}", "is empty", "give the name of a logical network")
    return next(iter(named.values()), None)


def _mtu(generic: dict[str, Any]) -> int | None:
    value = generic.get(MTU)
    if value in (None, "", "0"):  # Docker's own drivers take 0 as "not set"
        return None
    try:
        mtu = int(str(value))
    except ValueError:
        raise Invalid(f"option {MTU}={value}", "is no number of bytes") from None
    if mtu < _SMALLEST_MTU:
        raise Invalid(f"option {MTU}={value}", f"is less than IP's least, {_SMALLEST_MTU}")
    return mtu
