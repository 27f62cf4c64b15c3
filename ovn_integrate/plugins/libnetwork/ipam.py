"""The methods of libnetwork's remote IPAM protocol (moby daemon/libnetwork/ipams/remote).

As in the other one, undoing what is not there is a success, and its errors are only logged.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.addresses.pools import SPACE, PoolId, Pools
from ovn_integrate.core.addresses.reservations import Asked, Reservations
from ovn_integrate.core.network import options
from ovn_integrate.errors import Invalid
from ovn_integrate.plugins.libnetwork import wire

Reply = dict[str, Any]


class Ipam:
    """One method for each of the protocol's; each returns the body of its reply.

    :param connect: makes the client of a call.
    :param host: says which chassis this is.
    """

    def __init__(
        self,
        pools: Pools,
        reservations: Reservations,
        connect: Callable[[], Client],
        host: Callable[[], str],
    ) -> None:
        self._pools = pools
        self._reservations = reservations
        self._connect = connect
        self._host = host

    def capabilities(self, _body: wire.Nothing) -> Reply:
        """Fixed. The MAC address tells the addresses of endpoints from others, and those of one
        endpoint from another's. Nothing needs replaying, as all of it stands in Neutron.
        """
        return {"RequiresMACAddress": True, "RequiresRequestReplay": False}

    def address_spaces(self, _body: wire.Nothing) -> Reply:
        """Fixed, as Docker asks when it loads the driver."""
        return {"LocalDefaultAddressSpace": SPACE, "GlobalDefaultAddressSpace": SPACE}

    def request_pool(self, body: wire.RequestPool) -> Reply:
        network = options.parse_pool(body.options)
        version = body.pool.version if body.pool else 6 if body.v6 else 4
        if body.sub_pool is not None and (
            body.pool is None
            or body.sub_pool.version != version
            or not body.sub_pool.subnet_of(body.pool)  # type: ignore[arg-type]
        ):
            raise Invalid(
                f"ip-range {body.sub_pool}",
                f"is not in {body.pool or 'a subnet that was given'}",
                "docker network create --subnet CIDR --ip-range PART-OF-IT",
            )
        if network is not None:
            id = self._pools.on(self._connect(), network, body.pool, version)
        elif body.pool is not None:
            id = self._pools.given(body.pool)
        else:
            id = self._pools.free(self._connect(), version)
        id = PoolId(id.cidr, body.sub_pool, id.subnet_id)
        return {"PoolID": str(id), "Pool": str(id.cidr), "Data": {}}

    def release_pool(self, _body: wire.PoolBody) -> Reply:
        """Nothing is held for a pool."""
        return {}

    def request_address(self, body: wire.RequestAddress) -> Reply:
        if options.is_of_swarm(body.options):
            raise Invalid(
                f"IPAM driver {SPACE}",
                "has no addresses for a Swarm, whose leader asks for those of all nodes",
                "leave --ipam-driver out: Swarm's own addresses are unique",
            )
        pool = PoolId.parse(body.pool_id)
        address = ip_address(str(body.address)) if body.address else None
        asked = Asked(pool, address, options.parse_mac(body.options))
        if options.is_gateway(body.options):
            got = self._reservations.gateway(self._connect, asked)
        else:
            got = self._reservations.reserve(self._connect, asked, self._host())
        return {"Address": f"{got}/{pool.cidr.prefixlen}", "Data": {}}

    def release_address(self, body: wire.ReleaseAddress) -> Reply:
        try:
            pool = PoolId.parse(body.pool_id)
        except Invalid:
            return {}  # what is not there is released
        address = ip_address(str(body.address))
        self._reservations.release(self._connect(), pool, address, self._host())
        return {}
