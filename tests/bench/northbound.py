"""NB as the bench needs it: full of ports, and at rest."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from .contender import POOL
from .jsonrpc import NB, Connection, Failed, insert, mutate

_BATCH = 500  # ports in one transaction or request
_TIMEOUT = 300.0  # seconds
_FIRST = 10  # the first addresses of the pool are its gateway's and whatever a driver takes


def settle(northbound: Connection) -> None:
    """Return when every chassis has what NB says now, as ``ovn-nbctl --wait=hv sync`` does.

    ovn-nb(5): whoever counts nb_cfg up sees hv_cfg follow. The database itself does the waiting.

    :raises Failed: they have not within `_TIMEOUT` seconds.
    """
    count = mutate("NB_Global", [], "nb_cfg", "+=", 1)
    read = {"op": "select", "table": "NB_Global", "where": [], "columns": ["nb_cfg"]}
    number = northbound.transact(NB, count, read)[1]["rows"][0]["nb_cfg"]
    wait = {
        "op": "wait",
        "table": "NB_Global",
        "where": [],
        "columns": ["hv_cfg"],
        "until": "==",
        "rows": [{"hv_cfg": number}],
        "timeout": int(_TIMEOUT * 1000),
    }
    northbound.transact(NB, wait)


def fill_beside(northbound: Connection, count: int) -> None:
    """Ports on a logical switch of their own, bound nowhere."""
    northbound.transact(NB, insert("Logical_Switch", {"name": "crowd"}))
    _fill(northbound, "crowd", count)


def fill_switch(northbound: Connection, network_id: str, count: int) -> None:
    """Ports on the logical switch of a network that is named by its id."""
    _fill(northbound, network_id, count)


def fill_by_ipam(server: str, network_id: str, count: int) -> None:
    """Ports on a network of that name, by Neutron's bulk creation.

    :param server: HOST:PORT of an IPAM server.
    :raises Failed: the server refused.
    """
    connection = http.client.HTTPConnection(server, timeout=_TIMEOUT)
    (network,) = _neutron(connection, "GET", f"/v2.0/networks?name={network_id}")["networks"]
    for batch in _batches(count):
        ports = [
            {
                "network_id": network["id"],
                "name": f"crowd-{number}",
                "fixed_ips": [{"subnet_id": network["subnets"][0], "ip_address": _ip(number)}],
            }
            for number in batch
        ]
        _neutron(connection, "POST", "/v2.0/ports", {"ports": ports})
    connection.close()


def _fill(northbound: Connection, switch: str, count: int) -> None:
    where = [["name", "==", switch]]
    for batch in _batches(count):
        rows = [
            insert(
                "Logical_Switch_Port",
                {"name": f"crowd-{number}", "addresses": f"{_mac(number)} {_ip(number)}"},
                f"p{number}",
            )
            for number in batch
        ]
        ports = ["set", [["named-uuid", f"p{number}"] for number in batch]]
        northbound.transact(NB, *rows, mutate("Logical_Switch", where, "ports", "insert", ports))


def _batches(count: int) -> Iterator[list[int]]:
    numbers = iter(range(count))
    while batch := list(islice(numbers, _BATCH)):
        yield batch


def _ip(number: int) -> str:
    return str(POOL[_FIRST + number])


def _mac(number: int) -> str:
    return f"06:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def _neutron(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None
) -> dict[str, Any]:
    data = None if body is None else json.dumps(body)
    connection.request(method, path, data, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = response.read()
    if response.status >= 300:
        raise Failed(f"{method} {path}: {response.status} {text[:300]!r}")
    answer: dict[str, Any] = json.loads(text)
    return answer
