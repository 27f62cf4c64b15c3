"""The Neutron port of an endpoint: made for it, or taken where the user names one.

Its ``device_id`` is the EndpointID: that is all there is to find it by again. Its ``device_owner``
tells what becomes of it when the endpoint goes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import Any

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS, MADE, OWN_MAC, RESERVED, TAKEN, host_of
from ovn_integrate.core.addresses.reservation_cache import ReservationCache, addresses_in
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.endpoint.endpoint_request import Addresses, Interface4or6, Wish
from ovn_integrate.core.network.model import Network
from ovn_integrate.core.network.options import GATEWAY, NETWORK, OVN, PORT
from ovn_integrate.core.way_out import routers
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    IpAddressAlreadyAllocated,
    MacAddressInUse,
    NotFound,
    PortNotFound,
    ServiceFailed,
)

log = logging.getLogger(__name__)


UNDO = 5.0
"""Seconds for undoing."""


class Ports:
    """Makes, takes and lets go of ports.

    :param yields: makes a port that has a wanted address give way, if it was left behind on this
        host; False if it is alive.
    """

    def __init__(
        self,
        networks: Networks,
        cache: ReservationCache,
        yields: Callable[[Client, Resource, str], bool],
    ) -> None:
        self._networks = networks
        self._cache = cache
        self._yields = yields

    def get(self, client: Client, wish: Wish) -> tuple[Resource, Addresses]:
        """Have the port for an endpoint; the one of an earlier call if there is one.

        :raises IpAddressAlreadyAllocated: another port has the address.
        :raises PortNotFound: the port to be taken does not exist.
        :raises Conflict: it is another container's, or has other addresses than are wanted.
        """
        network = self._networks.get(client, wish.who.network_id)
        try:
            port = self._get(client, network, wish)
        except (NotFound, Invalid):
            # What is remembered of the network may be out of date.
            network = self._networks.look(client, wish.who.network_id)
            self._networks.groups.forget(network.id)
            port = self._get(client, network, wish)
        return port, addresses_of(port, network)

    def let_go(self, client: Client, port: Resource) -> None:
        """Delete a port that was made, unbind one that was taken. It may be gone."""
        if port.get("binding:profile", {}).get(GATEWAY) == OVN:
            routers.release_address(client, port["id"])
        if port["device_owner"] != TAKEN:
            client.delete("ports", port["id"])
            return
        try:
            self._unbind(client, client.show("ports", port["id"]))
        except PortNotFound:
            log.info("port %s was deleted while an endpoint had it", port["id"])

    def _unbind(self, client: Client, port: Resource) -> None:
        """Have a port as it was before it was taken. What tells that it is taken goes last: until
        then a collector knows that something is left to do."""
        wanted = tags.without_aliases(port["tags"])
        if wanted != list(port["tags"]):
            client.retag("ports", port["id"], wanted)
        free: dict[str, Any] = {
            "device_id": "",
            "device_owner": "",
            "binding:host_id": "",
            "binding:profile": {},
        }
        has = port.get("security_groups") or []
        # Another host may have closed the network since.
        foreign = self._networks.groups.foreign(client, port) if has else []
        if foreign != has:
            free["security_groups"] = foreign
        own_mac = (port.get("binding:profile") or {}).get(OWN_MAC)
        if own_mac:
            # Neutron changes that of an unbound port only.
            client.update("ports", port["id"], **{"binding:host_id": ""})
            free["mac_address"] = own_mac
        client.update("ports", port["id"], **free)

    def let_go_of(self, client: Client, endpoint_id: str) -> None:
        """The same for all that an endpoint has."""
        for port in self.of(client, endpoint_id):
            self.let_go(client, port)

    def of(self, client: Client, endpoint_id: str) -> list[Resource]:
        """The ports of an endpoint: one, or none."""
        return client.query("ports", device_id=endpoint_id, device_owner=ENDPOINTS)

    def _get(self, client: Client, network: Network, wish: Wish) -> Resource:
        if wish.port is not None:
            return self._take(client, network, wish, wish.port)
        if not wish.addresses.ips:
            # With an address, a port of an earlier call is in the way, and found so.
            old = self.of(client, wish.who.endpoint_id)
            if old:
                return old[0]
        noted = self._cache.take(network.id, wish.addresses.mac)
        if noted is not None:
            taken = _take_over(client, network, wish, noted, self._groups(client, network, wish))
            if taken is not None:
                return taken
        else:
            self._refuse_other_network(client, network, wish)
        attributes = _attributes(network, wish) | self._groups(client, network, wish)
        try:
            return self._make(client, wish, attributes)
        except (IpAddressAlreadyAllocated, MacAddressInUse) as error:
            own = self._clear_way(client, network, wish, error)
        if own is not None:
            return own
        try:
            return self._make(client, wish, attributes)
        except MacAddressInUse:
            if wish.addresses.mac:
                raise
            del attributes["mac_address"]
            return self._make(client, wish, attributes)

    def _make(self, client: Client, wish: Wish, attributes: Mapping[str, Any]) -> Resource:
        try:
            return client.create("ports", **attributes)
        except ServiceFailed:
            # It may have been made all the same.
            with undoing("a port"):
                self.let_go_of(client.within(UNDO), wish.who.endpoint_id)
            raise

    def _take(self, client: Client, network: Network, wish: Wish, name: str) -> Resource:
        port = _find(client, network, name)
        subject = f"port {port['name'] or port['id']}"
        if port["device_id"] not in ("", wish.who.endpoint_id):
            if port["device_owner"] == TAKEN and port.get("binding:host_id", wish.host) == "":
                self._unbind(client, port)  # whoever was about to died over it
            elif not self._yields(client, port, wish.host):
                raise Conflict(subject, f"is attached on host {host_of(port)}")
            port = client.show("ports", port["id"])
        self._cache.take(network.id, wish.addresses.mac)
        # An earlier call that was cut short may have given it Docker's, and kept its own.
        kept = port["device_id"] and OWN_MAC in (port.get("binding:profile") or {})
        other = wish.addresses.mac not in (None, port["mac_address"])
        made_up = bool(kept or other) and not wish.own_mac
        wanted = replace(wish.addresses, mac=None) if made_up else wish.addresses
        has = addresses_of(port, network)
        wanted.refuse_other(has, subject, f"docker network connect {_flags(has)}")
        groups = self._groups(client, network, wish, port.get("security_groups", ()))
        if not made_up:
            return client.update("ports", port["id"], **_binding(network, wish, TAKEN), **groups)
        return client.update(
            "ports", port["id"], **_with_mac_of_docker(network, wish, port), **groups
        )

    def _groups(
        self, client: Client, network: Network, wish: Wish, more: Iterable[str] = ()
    ) -> dict[str, list[str]]:
        """What a port of a closed network has beside; nothing on an open one.

        :param more: security groups that it has already.
        """
        if network.closed:
            ids = self._networks.groups.of(client, network.id, wish.groups)
            return {"security_groups": list(dict.fromkeys([*more, *ids]))}
        if wish.groups:
            raise Invalid(
                f"group {', '.join(wish.groups)}",
                f"logical network {network.name} is open to all",
                "close it: docker network create -o ovn.icc=false or -o ovn.allow=RULES",
            )
        return {}

    def _clear_way(
        self, client: Client, network: Network, wish: Wish, error: Error
    ) -> Resource | None:
        """Deal with the ports that have what is wanted.

        Returns the endpoint's own, from an earlier call; or None when the ones in the way were left
        behind by a Docker engine or a host that died, and gave way.

        :raises Error: a port that is alive is in the way.
        """
        holders = _holders(client, network, wish.addresses)
        for port in holders:
            if port["device_id"] == wish.who.endpoint_id:
                return port
            if _is_reserved(port, wish):
                taken = (
                    _take_over(client, network, wish, port, self._groups(client, network, wish))
                    if len(holders) == 1
                    else None
                )
                if taken is not None:
                    return taken
                client.delete("ports", port["id"])
            elif not self._yields(client, port, wish.host):
                raise type(error)(
                    f"address {_held(port, wish.addresses)}",
                    f"port {port['name'] or port['id']} on host {host_of(port) or '(none)'} has it",
                    _way_out(port),
                )
        return None

    def _refuse_other_network(self, client: Client, network: Network, wish: Wish) -> None:
        """:raises Conflict: the pool of the addresses is on another logical network."""
        ips = {str(one.ip) for one in wish.addresses.ips}
        other = self._cache.elsewhere(wish.addresses.mac, ips)
        if other is not None and ips:
            name = client.show("networks", other)["name"]
            raise Conflict(
                f"address {', '.join(sorted(ips))}",
                f"is of logical network {name}, while the Docker network is on {network.name}",
                f"docker network create with -o {NETWORK}={name} beside the same --ipam-opt",
            )


def addresses_of(port: Resource, network: Network) -> Addresses:
    """The first address of each family that a port has, as Docker takes no more, and its MAC."""
    found: dict[str, Any] = {"mac": port["mac_address"].lower()}
    for fixed in port["fixed_ips"]:
        address = ip_address(fixed["ip_address"])
        subnet = network.subnet_of(address)
        length = subnet.cidr.prefixlen if subnet else address.max_prefixlen
        found.setdefault(f"ipv{address.version}", ip_interface(f"{address}/{length}"))
    return Addresses(**found)


@contextmanager
def undoing(what: str) -> Iterator[None]:
    """What cannot be undone goes to the log, as it must not hide the reason for undoing."""
    try:
        yield
    except Error as error:
        log.warning("%s may be left behind: %s", what, error)


def _is_reserved(port: Resource, wish: Wish) -> bool:
    mine = host_of(port) == wish.host
    return bool(mine and port["device_owner"] == RESERVED)


def _take_over(
    client: Client, network: Network, wish: Wish, port: Resource, groups: Mapping[str, Any]
) -> Resource | None:
    """Make a reserved port the endpoint's; None if it is gone or was for another MAC address."""
    wanted = wish.addresses
    if wanted.mac and wanted.mac != port["mac_address"]:
        return None
    attributes = {
        "name": wish.who.endpoint_id[:12],
        **_binding(network, wish, MADE),
        **groups,
    }
    if addresses_in(port) != {str(one.ip) for one in wanted.ips}:
        attributes["fixed_ips"] = [_fixed(network, one) for one in wanted.ips]
    try:
        return client.update("ports", port["id"], **attributes)
    except PortNotFound:
        return None


def _with_mac_of_docker(network: Network, wish: Wish, port: Resource) -> dict[str, Any]:
    """To take a port where Docker made up a MAC address and does not let the driver choose it: the
    port's own is kept for when the endpoint goes.
    """
    binding = _binding(network, wish, TAKEN)
    own = (port.get("binding:profile") or {}).get(OWN_MAC, port["mac_address"])
    binding["binding:profile"][OWN_MAC] = own
    return {"mac_address": wish.addresses.mac, **binding}


def _attributes(network: Network, wish: Wish) -> dict[str, Any]:
    wanted = wish.addresses
    attributes: dict[str, Any] = {
        "network_id": network.id,
        "name": wish.who.endpoint_id[:12],
        "admin_state_up": True,
        **_binding(network, wish, MADE),
    }
    if wanted.ips:
        attributes["fixed_ips"] = [_fixed(network, one) for one in wanted.ips]
    elif not network.subnets:
        raise Invalid(
            f"logical network {network.name}",
            "has no subnet to take an address from",
            f"neutron subnet-create {network.name} CIDR",
        )
    mac = wanted.mac or usual_mac(wanted)
    if mac:
        attributes["mac_address"] = mac
    return attributes


def usual_mac(wanted: Addresses) -> str | None:
    """The MAC address that Docker's own drivers give to an IPv4 address.

    A container that starts again has its address again; with another MAC it would be out of reach
    for as long as others remember the old one, as OVN answers its ARP requests and nobody else
    hears of them (moby daemon/libnetwork/netutils, GenerateMACFromIP).
    """
    if wanted.ipv4 is None:
        return None
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *wanted.ipv4.ip.packed))


def _binding(network: Network, wish: Wish, owner: str) -> dict[str, Any]:
    # That it has an address outside is told by the port itself, to who finds it left behind.
    outside = {GATEWAY: OVN} if network.gateway == OVN else {}
    return {
        "device_id": wish.who.endpoint_id,
        "device_owner": owner,
        **wish.binding.attributes(**outside),
    }


def _fixed(network: Network, wanted: Interface4or6) -> dict[str, str]:
    subnet = network.subnet_of(wanted.ip)
    if subnet is None:
        have = ", ".join(str(one.cidr) for one in network.subnets) or "none"
        raise Invalid(
            f"address {wanted.ip}", f"is in no subnet of logical network {network.name} ({have})"
        )
    return {"subnet_id": subnet.id, "ip_address": str(wanted.ip)}


def _find(client: Client, network: Network, name: str) -> Resource:
    for attribute in ("id", "name"):
        found = client.query("ports", **{"network_id": network.id, attribute: name})
        if len(found) > 1:
            raise Conflict(f"port {name}", "several have this name", "give the id")
        if found:
            return found[0]
    raise PortNotFound(
        f"port {name}",
        f"is not on logical network {network.name}",
        f"ovn-integrate port create {name}.{network.name}",
    )


def _holders(client: Client, network: Network, wanted: Addresses) -> list[Resource]:
    found: dict[str, Resource] = {}
    filters = [{"fixed_ips": f"ip_address={one.ip}"} for one in wanted.ips]
    if wanted.mac:
        filters.append({"mac_address": wanted.mac})
    for one in filters:
        for port in client.query("ports", network_id=network.id, **one):
            found[port["id"]] = port
    return list(found.values())


def _flags(has: Addresses) -> str:
    return " ".join(f"{'--ip6' if one.version == 6 else '--ip'} {one.ip}" for one in has.ips)


def _way_out(port: Resource) -> str:
    if not port["device_id"] and not port["device_owner"]:
        return f"docker network connect --driver-opt {PORT}={port['name'] or port['id']}"
    return "docker network create --ipam-driver openvswitch, or each host its own --ip-range"


def _held(port: Resource, wanted: Addresses) -> str:
    has = {fixed["ip_address"] for fixed in port["fixed_ips"]}
    taken = [str(one.ip) for one in wanted.ips if str(one.ip) in has]
    return ", ".join(taken) or str(wanted.mac)
