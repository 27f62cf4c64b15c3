"""The least that an endpoint on OVN costs: one insert into NB, a veth pair, a port on br-int.

Done raw, over kept connections: OVSDB's JSON-RPC on Unix sockets, and netlink.
"""

from __future__ import annotations

import threading

from pyroute2 import IPRoute

from .contender import Endpoint
from .jsonrpc import HOST, NB, Connection, insert, mapping, mutate

_BRIDGE = "br-int"
_MTU = 1442  # what Geneve leaves of 1500 bytes
_NAME = 13  # characters of an id that fit into a link's name of 15


class Floor:
    """A contender without a driver: all is made at `create`, so `join` has nothing to do.

    :param northbound: path of NB's socket.
    :param host: path of the socket of the host's database.
    """

    def __init__(self, northbound: str, host: str) -> None:
        self._paths = (northbound, host)
        self._own = threading.local()

    def create_network(self, network_id: str) -> None:
        self._northbound.transact(NB, insert("Logical_Switch", {"name": network_id}))

    def delete_network(self, network_id: str) -> None:
        where = [["name", "==", network_id]]
        delete = {"op": "delete", "table": "Logical_Switch", "where": where}
        self._northbound.transact(NB, delete)

    def create(self, endpoint: Endpoint) -> None:
        # NB comes first: northd then works while the link is made.
        self._northbound.transact(NB, *_port_in_nb(endpoint))
        outer, inner = _links(endpoint)
        peer = {"ifname": inner, "mtu": _MTU, "address": _mac(endpoint)}
        self._route.link("add", ifname=outer, kind="veth", mtu=_MTU, state="up", peer=peer)
        self._host.transact(HOST, *_port_on_bridge(endpoint))

    def join(self, endpoint: Endpoint) -> None:
        pass

    def leave(self, endpoint: Endpoint) -> None:
        outer, _ = _links(endpoint)
        find = {"op": "select", "table": "Port", "where": [["name", "==", outer]]}
        (found,) = self._host.transact(HOST, {**find, "columns": ["_uuid"]})
        port = found["rows"][0]["_uuid"]
        where = [["name", "==", _BRIDGE]]
        self._host.transact(HOST, mutate("Bridge", where, "ports", "delete", port))
        self._route.link("del", ifname=outer)

    def delete(self, endpoint: Endpoint) -> None:
        find = {"op": "select", "table": "Logical_Switch_Port", "columns": ["_uuid"]}
        (found,) = self._northbound.transact(NB, {**find, "where": [["name", "==", endpoint.id]]})
        port = found["rows"][0]["_uuid"]
        where = [["name", "==", endpoint.network_id]]
        self._northbound.transact(NB, mutate("Logical_Switch", where, "ports", "delete", port))

    @property
    def _northbound(self) -> Connection:
        if not hasattr(self._own, "northbound"):
            self._own.northbound = Connection(self._paths[0])
        connection: Connection = self._own.northbound
        return connection

    @property
    def _host(self) -> Connection:
        if not hasattr(self._own, "host"):
            self._own.host = Connection(self._paths[1])
        connection: Connection = self._own.host
        return connection

    @property
    def _route(self) -> IPRoute:
        if not hasattr(self._own, "route"):
            self._own.route = IPRoute()
        return self._own.route


def _links(endpoint: Endpoint) -> tuple[str, str]:
    return f"fo{endpoint.id[:_NAME]}", f"fi{endpoint.id[:_NAME]}"


def _mac(endpoint: Endpoint) -> str:
    return "02:" + ":".join(endpoint.id[at : at + 2] for at in range(0, 10, 2))


def _port_in_nb(endpoint: Endpoint) -> list[dict[str, object]]:
    row = {"name": endpoint.id, "addresses": f"{_mac(endpoint)} {endpoint.ip}"}
    where = [["name", "==", endpoint.network_id]]
    return [
        insert("Logical_Switch_Port", row, "port"),
        mutate("Logical_Switch", where, "ports", "insert", ["named-uuid", "port"]),
    ]


def _port_on_bridge(endpoint: Endpoint) -> list[dict[str, object]]:
    outer, _ = _links(endpoint)
    ids = mapping({"iface-id": endpoint.id, "attached-mac": _mac(endpoint)})
    port = {"name": outer, "interfaces": ["named-uuid", "interface"]}
    return [
        insert("Interface", {"name": outer, "external_ids": ids}, "interface"),
        insert("Port", port, "port"),
        mutate("Bridge", [["name", "==", _BRIDGE]], "ports", "insert", ["named-uuid", "port"]),
    ]
