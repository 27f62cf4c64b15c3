"""The methods of libnetwork's remote driver protocol (moby daemon/libnetwork/drivers/remote).

What Docker expects of a repeated call: making what exists is a success with the same answer, and
so is undoing what is not there. Errors of the undoing methods are only logged by Docker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
from typing import Any

from ovn_integrate.clients.docker import engine
from ovn_integrate.clients.neutron import keystone
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.contract import tags
from ovn_integrate.core.addresses.pools import SPACE, Pools
from ovn_integrate.core.addresses.reservation_cache import ReservationCache
from ovn_integrate.core.addresses.reservations import Reservations
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.collector.gc import Collector
from ovn_integrate.core.collector.in_flight import Calls
from ovn_integrate.core.endpoint.endpoint_request import Addresses, Identity, Wish
from ovn_integrate.core.endpoint.endpoints import Endpoints
from ovn_integrate.core.endpoint.mode import Modes
from ovn_integrate.core.endpoint.ports import UNDO, addresses_of, undoing
from ovn_integrate.core.link.links import Links
from ovn_integrate.core.names.container_names import Names
from ovn_integrate.core.network import options, reachability
from ovn_integrate.core.network.model import Network, Place, Pool
from ovn_integrate.core.network.options import NetworkOptions
from ovn_integrate.core.way_out import routers
from ovn_integrate.core.way_out.gateways import Gateways
from ovn_integrate.errors import Error, Invalid
from ovn_integrate.host import settings
from ovn_integrate.plugins.libnetwork import wire
from ovn_integrate.plugins.libnetwork.ipam import Ipam

Reply = dict[str, Any]

_NULL_SPACE = "null"
"""The address space of ``--ipam-driver null``, whose pool is all there is."""

# Docker has no timeout of its own for a plugin. A call that asks Neutron may take this long for
# all its requests together; with undoing, and waiting for OVN and OVS, it ends within 60 s.
_NEUTRON = 20.0
_PING = 3.0

_LEAST_IPV6_MTU = 1280  # RFC 8200
_NEXT_HOP = 0  # moby daemon/libnetwork/types, RouteType


class Driver:
    """One method for each of the protocol's; each returns the body of its reply.

    :ivar ipam: the other protocol that is served on the same socket.
    :param ready_timeout: seconds that Join waits for OVN; 0 for not at all.
    :param scope: ``local``, or ``global`` for engines that share a key-value store.
    """

    def __init__(self, links: Links, *, ready_timeout: float, scope: str = options.LOCAL) -> None:
        self._links = links
        self._scope = scope
        self._gateways = Gateways(links)
        self._networks = Networks()
        cache = ReservationCache()
        self._mode = Modes(links).now
        self._endpoints = Endpoints(
            links,
            self._mode,
            self._networks,
            cache,
            self._gateways.revoke,
            ready_timeout=ready_timeout,
        )
        self._neutron = Client(())
        self._connecting = threading.Lock()
        self._pools = Pools()
        self._reservations = Reservations(self._pools, cache, self._endpoints.free_dead)
        self.ipam = Ipam(self._pools, self._reservations, self._client, self._host)

    def collector(self, calls: Calls, pause: Callable[[], object], timeout: float) -> Collector:
        """What collects what no endpoint of this driver owns.

        :param calls: the calls that run.
        :param pause: waits between two looks.
        :param timeout: seconds for each question to Docker.
        """
        return Collector(
            self._links,
            self._networks,
            mode=self._mode,
            connect=self._client,
            in_flight=calls.ids,
            pause=pause,
            ask=lambda: engine.ask(timeout),
        )

    def restore(self) -> object:
        """Have what the kernel forgot of the way out of this host, and the rules that somebody took
        away; one call at a time with those of Docker."""
        return self._gateways.restore()

    def way_out(self) -> object:
        """What that is made of; to be compared."""
        return self._gateways.state()

    def names(self) -> Names:
        """What tells Neutron the names of this host's containers."""
        return Names(self._client)

    def activate(self, _body: wire.Nothing) -> Reply:
        """What this plugin is, once it can work: a refusal here is retried by Docker, while one of
        GetCapabilities is not until the engine starts again.

        :raises Error: what is missing.
        """
        self._links.check()
        client = self._client(_PING)
        client.ping()
        self._mode().check(client)
        # Docker activates a plugin once, before anything else that it asks of it.
        self._reservations.sweep(client, self._host())
        return {"Implements": ["NetworkDriver", "IpamDriver"]}

    def capabilities(self, _body: wire.Nothing) -> Reply:
        """Fixed, and asks nobody: an error here leaves the driver unusable until dockerd restarts.

        A remote driver of global scope is refused by the engines of 20.10 and 23.0 that have no
        key-value store, and by all in a swarm (moby#33570).
        """
        return {"Scope": self._scope, "ConnectivityScope": options.GLOBAL, "GwAllocChecker": False}

    def create_network(self, body: wire.CreateNetwork) -> Reply:
        asked = options.parse_network(body.options)
        self._mode().refuse(asked)
        pools, by_null = _pools(body)
        if asked.mtu is not None:
            self._refuse_impossible(asked.mtu, pools)
        place = Place(self._host(), own_pools=_are_ours(body))
        self._pools.forget()
        if asked.network is not None:
            self._networks.adopt(self._client(), body.network_id, asked, pools, place)
        elif not by_null:
            if place.own_pools:
                self._pools.refuse_forgotten(pool.cidr for pool in pools)
            self._networks.make(self._client(), body.network_id, asked, pools, place)
        else:
            _refuse_without_network(asked)
        if asked.gateway == options.OVN:
            self._open(body.network_id)
        return {}

    def _open(self, network_id: str) -> None:
        """Have the way out of a network through OVN, or none of the network."""
        client = self._client()
        try:
            self._connect(client, network_id)
        except Error:
            with undoing("a network's way out"):
                self._close(client.within(UNDO), network_id)
            raise

    def _connect(self, client: Client, network_id: str) -> None:
        network = self._networks.get(client, network_id)
        external = routers.connect(client, network_id, network, self._host())
        self._gateways.create(network_id, external)

    def _close(self, client: Client, network_id: str) -> None:
        with ExitStack() as rest:  # what fails must not keep the rest from going
            rest.callback(self._networks.release, client, network_id, self._host())
            if not tags.is_of_swarm(network_id):  # other hosts may still go out by its router
                rest.callback(routers.disconnect, client, network_id)
            self._gateways.delete(network_id)

    def delete_network(self, body: wire.NetworkBody) -> Reply:
        self._pools.forget()
        self._close(self._client(), body.network_id)
        return {}

    def allocate_network(self, body: wire.AllocateNetwork) -> Reply:
        """Have the logical network of a swarm before its nodes ask for it, all at the same moment.

        Asked of the swarm's leader, and for each network again when there is a new one: that must
        not fail, or the leader takes the addresses of running tasks for free. What is answered are
        all the options that the nodes see.
        """
        if options.SWARM in body.options:
            return {"Options": body.options}
        asked = options.parse_network({options.GENERIC: body.options})
        # Which way out a network has is said once more, and for good, to the nodes.
        asked = replace(asked, gateway=options.DOCKER)
        client, swarm = self._client(), Place(tags.SWARM)
        pools, _ = _pools(body)
        if asked.network is not None:
            self._networks.adopt(client, body.network_id, asked, pools, swarm)
        else:
            self._networks.make(client, body.network_id, asked, pools, swarm)
        made = self._networks.get(client, body.network_id)
        return {"Options": {**body.options, options.SWARM: made.id}}

    def free_network(self, body: wire.NetworkBody) -> Reply:
        """The end of a swarm's network, told to its leader."""
        self._networks.free(self._client(), body.network_id)
        return {}

    def create_endpoint(self, body: wire.CreateEndpoint) -> Reply:
        wanted = _wanted(body.interface)
        client, host = self._client(), self._host()
        wish = Wish(
            _who(body),
            wanted,
            host,
            self._mode().binding(client, body.endpoint_id, host),
            options.parse_port(body.options),
            options.parse_groups(body.options),
            options.names_mac(body.options),
        )
        return {"Interface": _chosen(wanted, self._endpoints.create(client, wish))}

    def delete_endpoint(self, body: wire.EndpointBody) -> Reply:
        self._gateways.revoke(body.endpoint_id)
        self._endpoints.delete(self._client, _who(body))
        return {}

    def endpoint_info(self, body: wire.EndpointBody) -> Reply:
        return {"Value": self._endpoints.info(_who(body))}

    def join(self, body: wire.Join) -> Reply:
        """Without a gateway Docker adds its own way out (``docker_gwbridge``) and publishes ports
        there, unless the network shall have none. With one it leaves both to the driver.
        """
        who, client = _who(body), self._client()
        network = self._networks.recent(client, body.network_id)
        if network.closed:
            self._endpoints.close(client, who)
        link = self._endpoints.join(self._client, who)
        return {
            "InterfaceName": {"SrcName": link, "DstPrefix": "eth"},
            "Gateway": self._way_out(who) if network.gateway == options.OVN else "",
            # Floating IPs are of IPv4 alone, and so is the way out.
            "GatewayIPv6": "",
            "StaticRoutes": self._routes(who, network),
            "DisableGatewayService": network.gateway == options.NONE,
        }

    def _routes(self, who: Identity, network: Network) -> list[dict[str, Any]]:
        """The routes of the subnets on which an endpoint has an address."""
        routed = [one for one in network.subnets if one.routes]
        if not routed:
            return []
        fixed = self._endpoints.port(self._client(), who)["fixed_ips"]
        on = {one["subnet_id"] for one in fixed}
        return [
            {"Destination": destination, "RouteType": _NEXT_HOP, "NextHop": hop}
            for subnet in routed
            if subnet.id in on
            for destination, hop in subnet.routes
        ]

    def _way_out(self, who: Identity) -> str:
        client = self._client()
        if who.network_id not in self._gateways.restore():
            self._connect(client, who.network_id)
        network = self._networks.get(client, who.network_id)
        has = addresses_of(self._endpoints.port(client, who), network)
        subnet = network.subnet_of(has.ipv4.ip) if has.ipv4 else None
        return str(subnet.gateway) if subnet and subnet.gateway else ""

    def _gateway(self, network_id: str) -> str:
        return self._networks.get(self._client(), network_id).gateway

    def leave(self, body: wire.EndpointBody) -> Reply:
        self._gateways.revoke(body.endpoint_id)
        self._endpoints.leave(_who(body))
        return {}

    def publish(self, body: wire.ProgramExternalConnectivity) -> Reply:
        """Publish the container's ports where OVN is its way out; elsewhere Docker does that."""
        if not body.options.get(options.PORTMAP):
            return {}
        if self._gateway(body.network_id) != options.OVN:
            return {}
        ports = options.parse_published(body.options)
        client = self._client()
        port = self._endpoints.let_in(client, _who(body), ports)
        target = routers.give_address(client, port)
        self._gateways.publish(body.endpoint_id, ports, target)
        return {}

    def revoke(self, body: wire.EndpointBody) -> Reply:
        self._gateways.revoke(body.endpoint_id)
        return {}

    def nothing(self, _body: wire.Body) -> Reply:
        """For what needs no doing, and must not fail: discovery."""
        return {}

    def _client(self, seconds: float | None = None) -> Client:
        """A client of the servers that are set now, with a deadline.

        :param seconds: until then; None for what a call of Docker may take.

        :raises NotConfigured: none is set.
        """
        now = self._links.settings()
        settings.require(now, settings.IPAM)
        with self._connecting:
            known = self._neutron
            if (known.urls, known.credentials) != (now.ipam_urls, now.credentials):
                self._neutron = Client(
                    now.ipam_urls, access=keystone.access(), credentials=now.credentials
                )
            return self._neutron.within(_NEUTRON if seconds is None else seconds)

    def _host(self) -> str:
        now = self._links.settings()
        settings.require(now, settings.SYSTEM_ID)
        return str(now.system_id)

    def _refuse_impossible(self, mtu: int, pools: Iterable[Pool]) -> None:
        passes = self._mode().mtu()
        if mtu > passes:
            raise Invalid(
                f"option {options.MTU}={mtu}",
                f"is more than the {passes} bytes that the tunnels let pass",
                "raise the MTU of the underlay, or leave the option out",
            )
        if mtu < _LEAST_IPV6_MTU and any(pool.cidr.version == 6 for pool in pools):
            raise Invalid(f"option {options.MTU}={mtu}", f"IPv6 needs {_LEAST_IPV6_MTU} bytes")


def _pools(body: wire.CreateNetwork) -> tuple[list[Pool], bool]:
    """The pools that were given, and whether Docker's ``null`` IPAM gave none on purpose."""
    given: Iterable[wire.IPAMData] = [*body.ipv4_data, *body.ipv6_data]
    real = [one for one in given if one.address_space != _NULL_SPACE and one.pool is not None]
    pools = [
        Pool(
            one.pool,
            one.gateway.ip if one.gateway else None,
            tuple(aux.ip for aux in one.aux_addresses.values()),
        )
        for one in real
        if one.pool
    ]
    return pools, not pools


def _refuse_without_network(asked: NetworkOptions) -> None:
    """:raises Invalid: one of the options is kept on a logical network, and there is none yet."""
    for option, given in (
        (f"{reachability.ICC}, {reachability.ALLOW}", asked.policy is not None),
        (f"{options.GATEWAY}={asked.gateway}", asked.gateway != options.DOCKER),
        (f"{options.DNS}={asked.dns}", asked.dns is not None),
    ):
        if given:
            raise Invalid(
                f"option {option}",
                "needs a logical network to be kept on",
                f"give --subnet or -o {options.NETWORK}=NAME",
            )


def _are_ours(body: wire.CreateNetwork) -> bool:
    """Whether the pools are of this program's own IPAM driver."""
    return any(one.address_space == SPACE for one in [*body.ipv4_data, *body.ipv6_data])


def _who(body: wire.EndpointBody) -> Identity:
    return Identity(body.network_id, body.endpoint_id)


def _wanted(interface: wire.Interface) -> Addresses:
    ipv4, ipv6 = interface.address, interface.address_ipv6
    if ipv4 is not None and not isinstance(ipv4, IPv4Interface):
        raise Invalid(f"Address {ipv4}", "is no IPv4 address")
    if ipv6 is not None and not isinstance(ipv6, IPv6Interface):
        raise Invalid(f"AddressIPv6 {ipv6}", "is no IPv6 address")
    mac = interface.mac_address
    return Addresses(ipv4, ipv6, mac.lower() if mac else None)


def _chosen(wanted: Addresses, has: Addresses) -> dict[str, str]:
    """What was left to the driver. Docker refuses a reply that repeats what it asked for."""
    parts = {
        "Address": (wanted.ipv4, has.ipv4),
        "AddressIPv6": (wanted.ipv6, has.ipv6),
        "MacAddress": (wanted.mac, has.mac),
    }
    return {key: str(got) for key, (asked, got) in parts.items() if asked is None and got}
