"""Docker as a driver meets it that dies: in which order it asks, and what it does when one call
of it fails (moby daemon/libnetwork ``controller.go``, ``network.go``, ``sandbox.go``)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from ovn_integrate.clients.docker.engine import Known
from tests.functional.driver.bed import new_id
from tests.functional.driver.engine import GATEWAY, MAC, SPACE

from .bed import Bed, Died, Worker

SANDBOX = {"SandboxKey": "/var/run/docker/netns/x"}


class Failed(Exception):
    """A call to the driver failed, and with it what the user wanted."""


@dataclass(frozen=True)
class Plan:
    """What a user makes.

    :param own: whether addresses are Docker's own; else they are the driver's.
    :param options: of ``docker network create``.
    :param port: those of the endpoint (``--driver-opt``).
    :param ip: the address that the container is to have, where its network does not choose.
    """

    cidr: str
    ip: str
    own: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    ipam: dict[str, str] = field(default_factory=dict)
    aux: str = ""
    port: dict[str, Any] = field(default_factory=dict)

    @property
    def gateway(self) -> str:
        return self.cidr.replace(".0/24", ".1")


class Container:
    """A container, started and stopped; as with ``docker start`` its endpoint is another each time.

    :ivar ip: the address that it had last.
    """

    def __init__(self, ip: str, port: dict[str, Any]) -> None:
        self.wanted, self.ip, self.port = ip, "", port
        self.mac = f"02:42:0a:00:00:{int(ip.rpartition('.')[2]):02x}"
        self.endpoint_id = ""


class Docker:
    """An engine and its one network.

    :param again: whether a call whose driver died is made once more; else it has failed.
    """

    def __init__(self, bed: Bed, plan: Plan, driver: Worker, *, again: bool) -> None:
        self.bed, self.plan = bed, plan
        self.driver = driver
        self._again = again
        self.deaths = 0
        self.network_id = ""
        self._pool = ""
        self._held: list[str] = []
        self._endpoints: dict[str, str] = {}

    @property
    def known(self) -> Known:
        networks = frozenset({self.network_id} - {""})
        reserved = [self.plan.gateway, *filter(None, [self.plan.aux])] if networks else []
        addresses = frozenset([*self._endpoints.values(), *reserved])
        return Known(networks, frozenset(self._endpoints), addresses)

    def create_network(self) -> None:
        """:raises Failed: and nothing of it is known to Docker."""
        with ExitStack() as undo:
            data = self._reserve(undo)
            id = new_id()
            body: dict[str, Any] = {
                "NetworkID": id,
                "Options": {"com.docker.network.generic": self.plan.options},
                "IPv4Data": [data],
                "IPv6Data": [],
            }
            self._ask("NetworkDriver.CreateNetwork", body)
            self.network_id = id
            undo.pop_all()

    def remove_network(self) -> None:
        """What fails of it is only written to the log."""
        self._release_pool()
        self._try("NetworkDriver.DeleteNetwork", {"NetworkID": self.network_id})
        self.network_id = ""

    def start(self, container: Container) -> None:
        """:raises Failed: and the container does not run."""
        with ExitStack() as undo:
            address = self._address(container, undo)
            ids = {"NetworkID": self.network_id, "EndpointID": new_id()}
            interface = {"Address": address, "AddressIPv6": "", "MacAddress": container.mac}
            body = {**ids, "Interface": interface, "Options": container.port}
            self._ask("NetworkDriver.CreateEndpoint", body)
            container.endpoint_id = ids["EndpointID"]
            container.ip = address.partition("/")[0]
            self._endpoints[container.endpoint_id] = container.ip
            undo.callback(self._forget, container)
            self._ask("NetworkDriver.Join", {**ids, **SANDBOX})
            undo.callback(self._try, "NetworkDriver.Leave", ids)
            self._ask("NetworkDriver.EndpointOperInfo", ids)
            program = {**ids, "Options": container.port}
            self._ask("NetworkDriver.ProgramExternalConnectivity", program)
            undo.pop_all()

    def stop(self, container: Container) -> None:
        """What fails of it is only written to the log."""
        ids = {"NetworkID": self.network_id, "EndpointID": container.endpoint_id}
        self._try("NetworkDriver.RevokeExternalConnectivity", ids)
        self._try("NetworkDriver.Leave", ids)
        self._forget(container)
        self._give_back(container.ip)

    def collect(self) -> list[tuple[str, str]]:
        return self.bed.collect(self.known)

    def _forget(self, container: Container) -> None:
        ids = {"NetworkID": self.network_id, "EndpointID": container.endpoint_id}
        self._try("NetworkDriver.DeleteEndpoint", ids)
        del self._endpoints[container.endpoint_id]

    def _reserve(self, undo: ExitStack) -> dict[str, Any]:
        """A pool, the gateway in it and the auxiliary address."""
        plan = self.plan
        space = "LocalDefault" if plan.own else SPACE
        data: dict[str, Any] = {"AddressSpace": space, "Pool": plan.cidr}
        data["Gateway"] = f"{plan.gateway}/24"
        if plan.aux:
            data["AuxAddresses"] = {"aux": f"{plan.aux}/24"}
        if plan.own:
            return data
        body = {"AddressSpace": space, "Pool": plan.cidr, "SubPool": "", "Options": plan.ipam}
        self._pool = str(self._ask("IpamDriver.RequestPool", {**body, "V6": False})["PoolID"])
        undo.callback(self._release_pool)
        for address, options in ((plan.gateway, GATEWAY), (plan.aux, None)):
            if address:
                self._request(address, options)
                self._held.append(address)
        return data

    def _release_pool(self) -> None:
        if self._pool:
            for address in self._held:
                self._give_back(address)
            self._held.clear()
            self._try("IpamDriver.ReleasePool", {"PoolID": self._pool})
            self._pool = ""

    def _address(self, container: Container, undo: ExitStack) -> str:
        if self.plan.own:
            return f"{container.wanted}/24"
        # The address that it had is asked for again, as `docker run --ip` would.
        got = self._request(container.ip, {MAC: container.mac})
        undo.callback(self._give_back, got.partition("/")[0])
        return got

    def _request(self, address: str, options: dict[str, str] | None) -> str:
        body = {"PoolID": self._pool, "Address": address, "Options": options}
        return str(self._ask("IpamDriver.RequestAddress", body)["Address"])

    def _give_back(self, address: str) -> None:
        if self._pool:
            self._try("IpamDriver.ReleaseAddress", {"PoolID": self._pool, "Address": address})

    def _try(self, method: str, body: dict[str, Any]) -> None:
        try:
            self._ask(method, body)
        except Failed:
            return

    def _ask(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        call: Callable[[], dict[str, Any]] = lambda: self.driver.call(method, body)  # noqa: E731
        try:
            answer = call()
        except Died:
            self.deaths += 1
            self.driver.end()
            self.driver = self.bed.driver()
            if not self._again:
                raise Failed(method) from None
            answer = call()
        assert not answer.get("Err"), (method, answer)
        return answer
