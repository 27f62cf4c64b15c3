"""Clients that create and delete ports, and remember what they were told."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.errors import Error, IpAddressGenerationFailure

_MOST = 8
"""Ports that one client has at a time."""


@dataclass
class Told:
    """What all clients together were told.

    :param made: the ports whose creation was acknowledged, by their ids, as they were told.
    :param deleted: those whose deletion was acknowledged.
    :param doubtful: those whose deletion may have been done, or not.
    :param asked: the names with which the creation of a port was asked for in vain.
    """

    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    twice: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _holders: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def created(self, port: dict[str, Any]) -> None:
        with self._lock:
            self.made[port["id"]] = port
            for fixed in port["fixed_ips"]:
                other = self._holders.setdefault(fixed["ip_address"], port["id"])
                if other != port["id"]:
                    self.twice.append(f"{fixed['ip_address']}: {other} and {port['id']}")

    def deleting(self, port: dict[str, Any]) -> None:
        """From now on its addresses may be another's."""
        with self._lock:
            for fixed in port["fixed_ips"]:
                self._holders.pop(fixed["ip_address"], None)


class Worker:
    """One client, which goes on until ``over`` is set."""

    def __init__(
        self,
        number: int,
        seed: int,
        client: Client,
        network: str,
        told: Told,
        over: threading.Event,
    ) -> None:
        self._number = number
        self._random = random.Random(f"{seed} {number}")
        self._client = client
        self._network = network
        self._told = told
        self._over = over
        self._own: list[dict[str, Any]] = []
        self._count = 0

    def run(self) -> None:
        while not self._over.is_set():
            if self._own and self._random.random() < len(self._own) / _MOST:
                self._delete(self._own.pop(self._random.randrange(len(self._own))))
            else:
                self._create()

    def _create(self) -> None:
        self._count += 1
        name = f"{self._number}-{self._count}"
        try:
            port = self._client.create(
                "ports", network_id=self._network, name=name, dns_name=f"n{name}"
            )
        except IpAddressGenerationFailure:
            return
        except Error as error:
            self._told.asked.add(name)
            self._told.errors.append(f"create: {error}")
        else:
            self._own.append(port)
            self._told.created(port)

    def _delete(self, port: dict[str, Any]) -> None:
        self._told.deleting(port)
        try:
            self._client.delete("ports", port["id"])
        except Error as error:
            self._told.doubtful.add(port["id"])
            self._told.errors.append(f"delete: {error}")
        else:
            self._told.deleted.add(port["id"])
