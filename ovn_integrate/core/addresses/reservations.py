"""Addresses that were handed out and have no endpoint yet: each a Neutron port of this host.

Neutron chooses, so that no two hosts get the same. Docker asks for the IPv4 and the IPv6 address of
an endpoint one after the other and never says for which endpoint. It does give the MAC address, as
GetCapabilities wishes for it: by that the second one joins the first on one port, and
CreateEndpoint finds it. Without a MAC Docker asks for the gateway and the auxiliary addresses of a
network (libnetwork ``network.go ipamAllocateVersion``). CreateNetwork is told of those again,
together with the network that they are for, and it is there that they are set aside, see
``reserved_addresses``.

All of this is for endpoints of this program's own network driver: a reservation that became none
is freed when Docker starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import ENDPOINTS, RESERVED, SET_ASIDE, host_of
from ovn_integrate.core.addresses.pools import Place, PoolId, Pools
from ovn_integrate.core.addresses.reservation_cache import ReservationCache, addresses_in
from ovn_integrate.core.network.model import Address4or6
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    IpAddressAlreadyAllocated,
    IpAddressGenerationFailure,
    MacAddressInUse,
    NotFound,
    PortNotFound,
    ServiceFailed,
)

log = logging.getLogger(__name__)

_UNDO = 5.0  # seconds
_TRIES = 4

Connect = Callable[[], Client]
Dead = Callable[[Client, Resource, str], bool]
Send = Callable[[dict[str, str]], Resource]


@dataclass(frozen=True)
class Asked:
    """An address that Docker asks for.

    :param address: None for any.
    :param mac: None when it is for no endpoint.
    """

    pool: PoolId
    address: Address4or6 | None = None
    mac: str | None = None


class Reservations:
    """Reserves addresses and frees them.

    :param dead: lets go of the port of an endpoint of this host that is dead; False if it lives.
    """

    def __init__(self, pools: Pools, cache: ReservationCache, dead: Dead) -> None:
        self._pools = pools
        self._cache = cache
        self._dead = dead

    def gateway(self, connect: Connect, asked: Asked) -> Address4or6:
        """The gateway of a pool: the one asked for, else its subnet's.

        :raises Invalid: it is not in the pool.
        """
        if asked.address is not None:
            return _within(asked)
        cidr = asked.pool.cidr
        first = cidr[1] if cidr.num_addresses > 2 else cidr[0]
        if asked.pool.subnet_id is None:
            return first
        client = connect()
        subnet = client.show("subnets", asked.pool.subnet_id)
        if subnet["gateway_ip"]:
            return ip_address(subnet["gateway_ip"])
        # The network has none, while Docker needs one for each pool.
        ports = _ports_in(client, asked.pool.subnet_id)
        taken = {one for port in ports if not _is_shared(port) for one in addresses_in(port)}
        return next(one for one in cidr.hosts() if str(one) not in taken)

    def reserve(self, connect: Connect, asked: Asked, host: str) -> Address4or6:
        """Have an address for an endpoint of this host. Asked again, it is the same one.

        :raises IpAddressAlreadyAllocated: another endpoint has the one that is asked for.
        :raises IpAddressGenerationFailure: there is none left.
        """
        if asked.address is not None:
            _within(asked)
        if asked.address is not None and asked.mac is None:
            return asked.address
        client = connect()
        try:
            return self._reserve(client, asked, host)
        except (NotFound, Invalid):
            # What is remembered of the pool may be out of date.
            self._pools.forget()
            return self._reserve(client, asked, host)

    def release(self, client: Client, pool: PoolId, address: Address4or6, host: str) -> None:
        """Free an address, be it reserved or left behind by an endpoint whose deletion failed. One
        of an endpoint that lives, or of another host, is not Docker's to release.
        """
        try:
            network_id = self._pools.place(client, pool, host).network_id
        except NotFound:
            return
        for port in _holders(client, network_id, address):
            if host_of(port) != host:
                continue
            if port["device_owner"] in ENDPOINTS:
                self._dead(client, port, host)
            elif port["device_owner"] == RESERVED:
                self._cache.take(network_id, port["mac_address"])
                _free(client, port, address)

    def sweep(self, client: Client, host: str) -> None:
        """Free all that this host has reserved: Docker has just started, and knows of none."""
        self._cache.clear()
        try:
            ports = client.query("ports", device_owner=RESERVED, **{"binding:host_id": host})
            for port in ports:
                log.warning("freed: %s, reserved before Docker started", addresses_in(port))
                client.delete("ports", port["id"])
        except Error as error:
            log.warning("reserved addresses may be left behind: %s", error)

    def _reserve(self, client: Client, asked: Asked, host: str) -> Address4or6:
        place = self._pools.place(client, asked.pool, host)
        if asked.address is not None:
            _refuse_gateway(client, asked, place)
        mate = self._cache.get(place.network_id, asked.mac)
        for _ in range(_TRIES):
            try:
                if mate is not None:
                    port = _join(client, asked, place, mate)
                else:
                    port = self._make(client, asked, place, host)
            except PortNotFound:
                mate = None
            except MacAddressInUse as error:
                mate = self._mate(client, asked, place, host, error)
            except IpAddressAlreadyAllocated:
                if not self._clear(client, asked, place, host):
                    return _within(asked)
            else:
                self._cache.put(port)
                return _address_in(port, place)
        raise Conflict(f"pool {asked.pool.cidr}", "others took what was free", "try again")

    def _make(self, client: Client, asked: Asked, place: Place, host: str) -> Resource:
        attributes: dict[str, Any] = {
            "network_id": place.network_id,
            "device_owner": RESERVED,
            "binding:host_id": host,
        }
        if asked.mac is not None:
            attributes["mac_address"] = asked.mac
        try:
            return _sent(
                client,
                asked,
                place,
                lambda fixed: client.create("ports", fixed_ips=[fixed], **attributes),
            )
        except ServiceFailed:
            _undo(client, asked, place)
            raise

    def _mate(
        self, client: Client, asked: Asked, place: Place, host: str, error: Error
    ) -> Resource | None:
        """The port that was reserved here for the MAC; None once one of a dead endpoint is gone."""
        ports = client.query("ports", network_id=place.network_id, mac_address=str(asked.mac))
        for port in ports:
            if port["device_owner"] == RESERVED and host_of(port) == host:
                return port
            if not self._dead(client, port, host):
                raise MacAddressInUse(
                    f"MAC address {asked.mac}",
                    f"{_described(port)} has it on this logical network",
                    "give another --mac-address, or none and start the container again",
                ) from error
        return None

    def _clear(self, client: Client, asked: Asked, place: Place, host: str) -> bool:
        """Whether the address that was asked for is free now; False when a logical port has it
        that no endpoint has."""
        assert asked.address is not None
        for port in _holders(client, place.network_id, asked.address):
            owner = port["device_owner"]
            if owner == RESERVED and host_of(port) == host:
                _free(client, port, asked.address)
            elif owner in ENDPOINTS and self._dead(client, port, host):
                continue
            elif not owner and not port["device_id"]:
                return False
            else:
                raise IpAddressAlreadyAllocated(
                    f"address {asked.address}", f"{_described(port)} has it", "give another --ip"
                )
        return True


def _join(client: Client, asked: Asked, place: Place, port: Resource) -> Resource:
    """Have the address on a port that has one of another subnet.

    :raises PortNotFound: it is gone.
    """
    fixed_ips = port["fixed_ips"]
    if any(_fits(one, asked, place) for one in fixed_ips):
        return port
    kept = [one for one in fixed_ips if one["subnet_id"] != place.subnet_id]
    return _sent(
        client,
        asked,
        place,
        lambda fixed: client.update("ports", port["id"], fixed_ips=[*kept, fixed]),
    )


def _undo(client: Client, asked: Asked, place: Place) -> None:
    """A request that was not answered may have been carried out all the same."""
    if asked.mac is None:
        return
    brief = client.within(_UNDO)
    wanted = {"network_id": place.network_id, "device_owner": RESERVED, "mac_address": asked.mac}
    try:
        for port in brief.query("ports", **wanted):
            brief.delete("ports", port["id"])
    except Error as error:
        log.warning("a reserved address may be left behind: %s", error)


def _sent(client: Client, asked: Asked, place: Place, send: Send) -> Resource:
    """Neutron chooses, except from a part of a subnet: there the free ones are tried in order."""
    subnet = {"subnet_id": place.subnet_id}
    if asked.address is not None:
        return send({**subnet, "ip_address": str(asked.address)})
    if asked.pool.part is None:
        try:
            return send(subnet)
        except IpAddressGenerationFailure as error:
            raise _exhausted(asked.pool) from error
    for address in _untaken(client, asked.pool, place):
        try:
            return send({**subnet, "ip_address": str(address)})
        except IpAddressAlreadyAllocated:
            continue
    raise _exhausted(asked.pool)


def _untaken(client: Client, pool: PoolId, place: Place) -> Iterator[Address4or6]:
    assert pool.part is not None
    never = {client.show("subnets", place.subnet_id)["gateway_ip"]}
    if pool.cidr.num_addresses > 2:
        never |= {str(pool.cidr[0]), str(pool.cidr[-1])}
    for port in _ports_in(client, place.subnet_id):
        never |= addresses_in(port)
    return (one for one in pool.part if str(one) not in never)


def _exhausted(pool: PoolId) -> IpAddressGenerationFailure:
    what = f"pool {pool.part or pool.cidr}"
    hint = "remove containers, or make the network anew with a larger "
    return IpAddressGenerationFailure(
        what, "no address is left", hint + ("--ip-range" if pool.part else "subnet")
    )


def _within(asked: Asked) -> Address4or6:
    assert asked.address is not None
    if asked.address not in asked.pool.cidr:
        raise Invalid(f"address {asked.address}", f"is not in {asked.pool.cidr}")
    return asked.address


def _refuse_gateway(client: Client, asked: Asked, place: Place) -> None:
    gateway = client.show("subnets", place.subnet_id)["gateway_ip"]
    if gateway and ip_address(gateway) == asked.address:
        raise Conflict(f"address {gateway}", "is the subnet's gateway", "give another --ip")


def _address_in(port: Resource, place: Place) -> Address4or6:
    return next(
        ip_address(one["ip_address"])
        for one in port["fixed_ips"]
        if one["subnet_id"] == place.subnet_id
    )


def _fits(fixed: dict[str, str], asked: Asked, place: Place) -> bool:
    if fixed["subnet_id"] != place.subnet_id:
        return False
    return asked.address is None or ip_address(fixed["ip_address"]) == asked.address


def _free(client: Client, port: Resource, address: Address4or6) -> None:
    left = [one for one in port["fixed_ips"] if one["ip_address"] != str(address)]
    try:
        if left:
            client.update("ports", port["id"], fixed_ips=left)
        else:
            client.delete("ports", port["id"])
    except PortNotFound:
        log.info("port %s is gone already", port["id"])


def _holders(client: Client, network_id: str, address: Address4or6) -> list[Resource]:
    return client.query("ports", network_id=network_id, fixed_ips=f"ip_address={address}")


def _ports_in(client: Client, subnet_id: str) -> list[Resource]:
    return client.query("ports", fixed_ips=f"subnet_id={subnet_id}")


def _is_shared(port: Resource) -> bool:
    return bool(port["device_owner"] == SET_ASIDE)


def _described(port: Resource) -> str:
    name = port["name"] or port["id"]
    if port["device_owner"] == SET_ASIDE:
        return f"port {name}, set aside as gateway or auxiliary address of a Docker network,"
    return f"port {name} on host {host_of(port) or '(none)'}"
