"""What a host that is gone for good still holds in Neutron, and freeing it.

No driver runs there any more to let go of it, and no other may collect it: to them it is another
host's. All of it is found by the chassis' name, so a removal that was cut short goes on where it is
called again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract import tags
from ovn_integrate.contract.device_owners import ENDPOINTS, RESERVED
from ovn_integrate.contract.way_out import PHYSICAL_NETWORK
from ovn_integrate.core.addresses.reservation_cache import ReservationCache
from ovn_integrate.core.attachment import teardown
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.endpoint.ports import Ports
from ovn_integrate.core.way_out import routers
from ovn_integrate.errors import NotFound


@dataclass(frozen=True)
class Held:
    """A thing that a chassis holds.

    :param kind: ``port``, ``router``, ``network``.
    :param what: what becomes of it.
    :param owner: the Docker network that a network is held for, as far as tags keep its id.
    :param to: the chassis by which a router goes out instead; empty for none.
    """

    kind: str
    name: str
    what: str
    owner: str = ""
    id: str = ""
    to: str = ""


def held(client: Client, chassis: str, others: Sequence[str]) -> Iterator[Held]:
    """What a chassis holds, in the order in which to free it.

    :param others: the chassis that a router may go out by instead.
    """
    asked: Mapping[str, str] = {"binding:host_id": chassis}
    # Not every Neutron knows this filter for everyone.
    ports = [one for one in client.query("ports", **asked) if one.get("binding:host_id") == chassis]
    for port in ports:
        if port["device_owner"] in (*ENDPOINTS, RESERVED):
            yield Held("port", _described(port), "free", id=port["id"])
    for port in ports:
        if routers.owns(port):
            yield _router(client, port, others)
    for network in client.query("networks"):
        for owner in tags.held_at(network["tags"], chassis):
            if not _others_use(client, network, owner, chassis):
                yield Held("network", network["name"], "take off it", owner, network["id"])
        if teardown.is_begun(network, chassis):
            owner = tags.held_by(network["description"])
            yield Held("network", network["name"], "delete", owner, network["id"])


def free(client: Client, one: Held, chassis: str) -> None:
    """Free one thing. It may be gone."""
    networks = Networks()
    try:
        if one.kind == "port":
            port = client.show("ports", one.id)
            Ports(networks, ReservationCache(), lambda *_: False).let_go(client, port)
        elif one.kind == "router":
            client.update("ports", one.id, **{"binding:host_id": one.to})
        else:
            networks.take_off(client, client.show("networks", one.id), one.owner, chassis)
    except NotFound:
        return


def exits(networks_of: Mapping[str, frozenset[str]]) -> list[str]:
    """Those chassis by which a router can go out, of some with their physical networks."""
    return sorted(name for name, has in networks_of.items() if PHYSICAL_NETWORK in has)


def _router(client: Client, port: Resource, others: Sequence[str]) -> Held:
    """A router that went out by the chassis, whose gateway this port is."""
    name = str(port["device_id"])
    near = [one for one in others if _has_network(client, name, one)]
    to = next(iter([*near, *others]), "")
    what = f"lead out by chassis {to}" if to else "lead out no more: no other chassis offers a way"
    return Held("router", name, what, id=port["id"], to=to)


def _has_network(client: Client, router: str, chassis: str) -> bool:
    """Whether a Docker network on a router's logical network is on a chassis: of the others, those
    with a way out have one for other routers, without this one's address."""
    try:
        network = client.show("networks", routers.network_of(client.show("routers", router)))
    except NotFound:
        return False
    return bool(tags.held_at(network["tags"], chassis))


def _others_use(client: Client, network: Resource, owner: str, chassis: str) -> bool:
    """Whether other hosts have endpoints on a Docker network that all of them share, as engines
    with a key-value store do; then it is theirs as well."""
    docker_networks = {tag.split(":")[1] for tag in tags.holders(network["tags"])}
    if docker_networks != {owner} or tags.is_of_swarm(owner):
        return False
    ports = client.query("ports", network_id=network["id"], device_owner=ENDPOINTS)
    return any(port.get("binding:host_id") not in (chassis, "") for port in ports)


def _described(port: Resource) -> str:
    addresses = ", ".join(fixed["ip_address"] for fixed in port["fixed_ips"])
    return f"{port['name'] or port['id']} ({addresses or 'no address'})"
