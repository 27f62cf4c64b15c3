"""The options of a Docker network (``docker network create -o KEY=VALUE``), of an endpoint
(``docker network connect --driver-opt KEY=VALUE``), and of the driver itself."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from ovn_integrate.core.network import reachability
from ovn_integrate.core.network.reachability import ALLOW, GROUP, ICC, Policy
from ovn_integrate.errors import Invalid

# Keys of libnetwork's own (moby daemon/libnetwork/netlabel).
GENERIC = "com.docker.network.generic"
INTERNAL = "com.docker.network.internal"
PORTMAP = "com.docker.network.portmap"
MTU = "com.docker.network.driver.mtu"
MAC = "com.docker.network.endpoint.macaddress"
INTERFACE = "com.docker.network.endpoint.ifname"
REQUEST_GATEWAY = "com.docker.network.gateway"
REQUEST_TYPE = "RequestAddressType"

REQUEST_SERIAL = "com.docker.network.ipam.serial"

NETWORK = "ovn.network"
PORT = "ovn.port"
SWARM = "ovn.swarm"
"""What the leader of a swarm was answered when it asked for a network: the logical network's id.
The nodes see it among the options of their network, and so does the next leader."""

GATEWAY = "ovn.gateway"
DNS = "ovn.dns"

# The ways out of a network: Docker's own gateway bridge, a router of OVN's, or none.
DOCKER = "docker"
OVN = "ovn"
NONE = "none"
GATEWAYS = (DOCKER, OVN, NONE)
# kuryr-libnetwork's names for the same, so that its compose files work.
_ALIASES = (NETWORK, "neutron.net.name", "neutron.net.uuid")
_OURS = "ovn."

LOCAL, GLOBAL = SCOPES = ("local", "global")
"""Whether each engine has networks of its own, or engines share them by a key-value store."""

Address4or6 = IPv4Address | IPv6Address

_MAC = re.compile(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}  # IANA's numbers
_SMALLEST_MTU = 68  # of IPv4, RFC 791
_LAST_PORT = 65535


@dataclass(frozen=True)
class NetworkOptions:
    """What the user asked for.

    :param network: name or id of the logical network to adopt; None to have one made.
    :param mtu: in bytes, of the containers' interfaces; None for what the tunnels let pass.
    :param policy: who may reach whom; None for all.
    :param gateway: the way out of it, one of ``GATEWAYS``.
    :param dns: the address at which its containers ask OVN for names; None for none of its own.
    """

    network: str | None = None
    mtu: int | None = None
    policy: Policy | None = None
    gateway: str = DOCKER
    dns: Address4or6 | None = None


@dataclass(frozen=True)
class PublishedPort:
    """What ``docker run -p`` asks for.

    :param port: the container's.
    :param host_ip: the host's address that it is reached at; None for all.
    :param host_ports: the host's ports, of which the first that is free is taken.
    """

    protocol: str
    port: int
    host_ip: str | None
    host_ports: range


def parse_network(options: dict[str, Any]) -> NetworkOptions:
    """The options out of the body of CreateNetwork.

    :raises Invalid: one of ours is unknown or has a value that cannot be.
    """
    generic = options.get(GENERIC) or {}
    if not isinstance(generic, dict):
        raise Invalid(GENERIC, "is no map")
    _refuse_unknown(generic, NETWORK, GATEWAY, DNS, ICC, ALLOW, SWARM)
    closed = reachability.parse(_text(generic, ICC), _text(generic, ALLOW))
    gateway = _gateway(generic)
    if gateway == OVN and options.get(INTERNAL) in (True, "true"):
        gateway = NONE  # docker network create --internal: there shall be no way out
    return NetworkOptions(_network(generic), _mtu(generic), closed, gateway, _dns(generic))


def parse_pool(options: dict[str, Any]) -> str | None:
    """The logical network, by name or id, whose subnet is to be the pool; None for none.

    :param options: out of the body of RequestPool (``docker network create --ipam-opt``).
    :raises Invalid: one of ours is unknown.
    """
    _refuse_unknown(options, NETWORK)
    return _network(options)


def is_gateway(options: dict[str, Any]) -> bool:
    """Whether the address that RequestAddress asks for is to be a gateway."""
    return options.get(REQUEST_TYPE) == REQUEST_GATEWAY


def is_of_swarm(options: dict[str, Any]) -> bool:
    """Whether it is a swarm's leader that asks for an address (swarmkit's allocator; engines do
    not give that option)."""
    return REQUEST_SERIAL in options


def parse_mac(options: dict[str, Any]) -> str | None:
    """The MAC address of the endpoint that RequestAddress is for; None if it is for none.

    :raises Invalid: it is none.
    """
    mac = options.get(MAC) or None
    if mac is not None and not _MAC.fullmatch(str(mac)):
        raise Invalid(f"option {MAC}={mac}", "is no MAC address")
    return str(mac).lower() if mac else None


def parse_port(options: dict[str, Any]) -> str | None:
    """The logical port, by id or name, that an endpoint shall have; None to have one made.

    :param options: out of the body of CreateEndpoint.
    :raises Invalid: one of ours is unknown, or one of Docker's cannot be had.
    """
    _refuse_unknown(options, PORT, GROUP)
    if options.get(INTERFACE):
        # Docker hands it to the driver and then names the link itself (28.0 and later).
        raise Invalid(
            f"option {INTERFACE}={options[INTERFACE]}",
            "is for Docker's own drivers: it names a link of this one ethN",
            "leave it out",
        )
    return str(options[PORT]) if options.get(PORT) else None


def names_mac(options: dict[str, Any]) -> bool:
    """Whether the user named the MAC address (``--mac-address``), out of the body of
    CreateEndpoint: one that Docker made up, since our IPAM asks for it, is not among the options.
    """
    return bool(options.get(MAC))


def parse_groups(options: dict[str, Any]) -> tuple[str, ...]:
    """The groups of a closed network that an endpoint shall be in.

    :param options: out of the body of CreateEndpoint.
    :raises Invalid: a name that cannot be.
    """
    return reachability.parse_groups(_text(options, GROUP))


def _text(given: dict[str, Any], key: str) -> str | None:
    return str(given[key]) if key in given else None


def parse_published(options: dict[str, Any]) -> list[PublishedPort]:
    """The ports to publish, out of the body of ProgramExternalConnectivity.

    :raises Invalid: one cannot be published.
    """
    asked = options.get(PORTMAP) or []
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise Invalid(PORTMAP, "is no list of ports")
    return [_published(one) for one in asked]


def _published(asked: Mapping[str, Any]) -> PublishedPort:
    port, first = _port_number(asked, "Port"), _port_number(asked, "HostPort")
    protocol = _PROTOCOLS.get(_port_number(asked, "Proto"))
    if protocol is None or not port:
        raise Invalid(f"port {port} of protocol {asked.get('Proto')}", "cannot be published")
    if not first:
        # Docker has no way to be told which one was chosen.
        raise Invalid(
            f"port {port}/{protocol}",
            "has no port of the host's to be published on",
            f"give one: -p 8080:{port}",
        )
    last = max(first, _port_number(asked, "HostPortEnd"))
    return PublishedPort(protocol, port, _host_ip(asked.get("HostIP")), range(first, last + 1))


def _port_number(asked: Mapping[str, Any], key: str) -> int:
    """0 where nothing is said."""
    value = asked.get(key) or 0
    if type(value) is not int or not 0 <= value <= _LAST_PORT:
        raise Invalid(f"{PORTMAP}: {key} {str(value)[:40]!r}", "is no number of a port")
    return value


def _host_ip(asked: Any) -> str | None:
    try:
        address = ipaddress.ip_address(str(asked or "0.0.0.0"))
    except ValueError:
        raise Invalid(f"host address {asked}", "is no IP address") from None
    if address.is_unspecified:
        return None
    if address.version != 4:
        raise Invalid(f"host address {address}", "is no IPv4 address, and no others are published")
    return str(address)


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


def _dns(generic: dict[str, Any]) -> Address4or6 | None:
    if DNS not in generic:
        return None
    try:
        address = ipaddress.ip_address(str(generic[DNS]))
        if "%" in str(address):
            raise ValueError("a scope, which may be any text")
        return address
    except ValueError:
        raise Invalid(f"option {DNS}={generic[DNS]}", "is no IP address") from None


def _gateway(generic: dict[str, Any]) -> str:
    gateway = str(generic.get(GATEWAY, DOCKER))
    if gateway not in GATEWAYS:
        raise Invalid(f"option {GATEWAY}={gateway}", "is no gateway", " or ".join(GATEWAYS))
    return gateway


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
