"""A test of the network between two chassis: what is made for it, and what is left of one that was
killed.

It has a logical network of its own, named after the chassis that tests, and on each of the two
chassis a port, with a network namespace that no process but its maker's is in. The tester's link on
br-int is made first and deleted last, and goes with its process: while it is there the test lives.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any

from ovn_integrate import faultpoint, netlink
from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import TESTED, TESTER
from ovn_integrate.core.link.links import Links
from ovn_integrate.netns import Namespace
from ovn_integrate.ovsdb import Change

SUBNET = "198.18.0.0/24"
"""For tests of networks (RFC 2544); nothing of it leaves the logical network."""

MARK = "ovn-integrate:test"
"""The external_id of an OVS Port and Interface that are part of a test: which one."""

NEAR, FAR = "ta", "tb"
INSIDE = "eth0"

_ID = re.compile(r"[0-9a-f]{13}")
_NAME = re.compile(r"ovn-integrate-test-([0-9a-f]{13})-([0-9a-f]{12})")
_DIGEST = 12
_TABLES = {"Port": ["name", "external_ids"]}


def new() -> str:
    """An id for a test."""
    return secrets.token_hex(7)[:13]


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def network_name(id: str, host: str) -> str:
    """What the logical network of a test is called: its name, unlike a tag, is there with it.

    :param host: the ``system-id`` of the tester.
    """
    return f"ovn-integrate-test-{id}-{_digest(host)}"


def left_behind(
    networks: Iterable[Resource], links: Iterable[str], host: str
) -> Iterator[Resource]:
    """The networks of tests that this host began and whose tester is gone.

    :param links: of this host, read after the networks were.
    """
    alive = {name[len(NEAR) :] for name in links if name.startswith(NEAR)}
    for network in networks:
        found = _NAME.fullmatch(str(network.get("name")))
        if found and found[2] == _digest(host) and found[1] not in alive:
            yield network


def delete_network(client: Client, network_id: str) -> None:
    """Delete the network of a test with its ports. It may be gone."""
    for port in client.query("ports", network_id=network_id):
        if port["device_owner"] in (TESTER, TESTED):
            client.delete("ports", port["id"])
    client.delete("networks", network_id)


def ports_left(links: Links) -> list[str]:
    """The names of the OVS ports of tests whose link is gone, and so their process."""
    with links.session(_TABLES) as session:
        ours = [row.name for row in session.rows("Port") if MARK in row.external_ids]
    return sorted(name for name in ours if not netlink.exists(name))


def delete_port(links: Links, name: str) -> None:
    """Take an OVS port of a test off its bridge. It may be gone.

    :raises DatabaseUnavailable: no answer in time; it may have been applied.
    """

    def delete(change: Change) -> None:
        for port in change.rows("Port"):
            if port.name == name and MARK in port.external_ids:
                for bridge in change.rows("Bridge"):
                    change.remove(bridge, "ports", port)

    faultpoint.reach("before deletion of a test's port")
    links.open().transact(delete, f"delete {name}")
    faultpoint.reach("after deletion of a test's port")


@dataclass(frozen=True)
class Place:
    """Where an end of a test is in OVN.

    :param port: id of its Neutron port, which is the name of its logical switch port.
    """

    port: str
    mac: str
    address: IPv4Interface


class End:
    """One end of a test on this host: a network namespace with a link to br-int.

    :param kind: ``NEAR`` or ``FAR``.
    :param id: of the test.
    :param mtu: in bytes.
    :raises CommandFailed: the kernel refused.
    :raises NotPermitted: root is needed.
    """

    def __init__(self, links: Links, kind: str, id: str, *, mac: str, mtu: int) -> None:
        self.name = f"{kind}{id}"
        self.mac = mac
        self._links = links
        self._id = id
        self._attached = False
        self.namespace = Namespace()
        try:
            inside = self.namespace.descriptor
            netlink.make_veth_into(self.name, INSIDE, inside, mac=mac, mtu=mtu)
        except BaseException:
            self.namespace.close()
            raise

    def attach(self, place: Place) -> None:
        """Bind the end to its logical port.

        :raises NotConfigured: there is no integration bridge.
        :raises DatabaseUnavailable: no answer in time; it may have been applied.
        """
        name = self._links.settings().bridge
        userspace = (self._links.bridge(name) or ("",))[0] == "netdev"
        self.namespace.run(lambda: _dress(place.address, userspace=userspace))
        self._attached = True
        self._links.check()
        self._links.open().transact(lambda change: self._put_on(change, place, name), "test")

    def detach(self) -> None:
        """Take it off the bridge again; its link stays."""
        if self._attached:
            delete_port(self._links, self.name)
            self._attached = False

    def close(self) -> None:
        """:raises CommandFailed: the kernel refused to delete the link."""
        self.namespace.close()
        netlink.delete_link(self.name)

    def _put_on(self, change: Change, place: Place, bridge_name: str) -> None:
        ids = {
            "iface-id": place.port,
            "attached-mac": place.mac,
            "iface-status": "active",
            MARK: self._id,
        }
        interface = change.insert("Interface", name=self.name, external_ids=ids)
        port = change.insert(
            "Port",
            name=self.name,
            interfaces=[interface],
            other_config={"transient": "true"},
            external_ids={MARK: self._id},
        )
        change.add(change.find("Bridge", name=bridge_name), "ports", port)


def random_mac() -> str:
    """A locally administered address."""
    return ":".join(f"{byte:02x}" for byte in (0x02, *secrets.token_bytes(5)))


def attributes(host: str, owner: str, id: str, name: str, **more: Any) -> dict[str, Any]:
    """A Neutron port of a test.

    :param host: the ``system-id`` of the chassis that shall have it.
    :param owner: ``owners.TESTER`` or ``owners.TESTED``.
    """
    return {
        "name": name,
        "device_id": id,
        "device_owner": owner,
        "binding:host_id": host,
        "admin_state_up": True,
        **more,
    }


def _dress(address: IPv4Interface, *, userspace: bool) -> None:
    if userspace:
        netlink.checksum_offload_off(INSIDE)
    netlink.set_address(INSIDE, address)


def _digest(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:_DIGEST]
