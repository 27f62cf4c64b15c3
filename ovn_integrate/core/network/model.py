"""What the driver knows of logical networks, and of what Docker asks of them."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from ovn_integrate.core.network.options import DOCKER

Network4or6 = IPv4Network | IPv6Network
Address4or6 = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Pool:
    """A pool of addresses that an IPAM chose for a network; None without a gateway.

    :param aux: the auxiliary addresses, which containers may not get.
    """

    cidr: Network4or6
    gateway: Address4or6 | None
    aux: tuple[Address4or6, ...] = ()


@dataclass(frozen=True)
class Place:
    """Where a Docker network is.

    :param host: the chassis, which is written down with the network.
    :param own_pools: whether its addresses are this driver's own (see ``pools``).
    """

    host: str
    own_pools: bool = False


@dataclass(frozen=True)
class Subnet:
    """:param routes: the static routes of what is on it, each a destination and a next hop."""

    id: str
    cidr: Network4or6
    gateway: Address4or6 | None = None
    routes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Network:
    """A logical network as a Docker network sees it.

    :param closed: whether its containers reach each other only where a policy says so.
    :param mtu: in bytes, asked for when the Docker network was made; None when nothing was.
    :param gateway: the way out of it, one of ``options.GATEWAYS``.
    :param tunnel_mtu: in bytes, what Neutron says that passes.
    """

    id: str
    name: str
    subnets: tuple[Subnet, ...]
    mtu: int | None = None
    closed: bool = False
    gateway: str = DOCKER
    tunnel_mtu: int | None = None

    def subnet_of(self, address: Address4or6) -> Subnet | None:
        return next((one for one in self.subnets if address in one.cidr), None)
