"""The IPAM as it ought to be, in a few lines, and a machine that compares a real one with it.

``MODEL_EXAMPLES`` in the environment says how many runs of up to 50 steps are made.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Any, TypeVar

from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ovn_integrate.errors import Error
from ovn_integrate.ipam.plan.draft import Attempt, Draft, Request
from ovn_integrate.ipam.plan.index import Index

T = TypeVar("T")

SETTINGS = settings(
    max_examples=int(os.environ.get("MODEL_EXAMPLES", "25")),
    stateful_step_count=50,
    deadline=None,
    derandomize="MODEL_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)

_CIDRS = ["10.0.0.0/30", "10.0.0.0/29", "10.0.0.8/29", "10.0.0.8/31", "10.0.1.0/28", "10.0.0.0/24"]
_MACS = [f"02:00:00:00:00:0{number}" for number in range(4)]
_PICK = st.integers(0, 1 << 16)
_NAMES = st.text("abcé '", max_size=4)
_HOSTS = st.integers(0, 17)
Named = tuple[str, int, bool]
_ADDRESSES = st.tuples(st.sampled_from(_CIDRS), _HOSTS, st.booleans())


class MemoryStore:
    """The interface of the store on NB, in memory: plans are what then is."""

    def __init__(self) -> None:
        self._index = Index()
        self._lock = threading.Lock()

    def read(self, question: Callable[[Index], T]) -> T:
        with self._lock:
            return question(self._index)

    def entries(self) -> dict[str, str]:
        return {}

    def change(
        self,
        plan: Callable[[Draft], T],
        comment: str,
        request: Request | None = None,
        asker: str = "",
    ) -> T:
        with self._lock:
            id = uuid.uuid4() if request is None else request.id
            draft = Draft(self._index, Attempt(), id, asker)
            try:
                value = plan(draft)
            except Error:
                draft.undo()
                raise
            for old, new in draft.plans:
                thing = new or old
                assert thing is not None
                self._index.replace(uuid.UUID(thing.id), new)
            return value


@dataclass
class Net:
    name: str
    subnets: dict[str, Sub] = field(default_factory=dict)
    ports: dict[str, Plug] = field(default_factory=dict)

    def address(self, named: Named) -> IPv4Address:
        """One that is taken, if there is any and a taken one is meant."""
        cidr, host, taken = named
        found = sorted(self.taken())
        if taken and found:
            return found[host % len(found)]
        return IPv4Network(cidr).network_address + host

    def taken(self) -> set[IPv4Address]:
        return {address for port in self.ports.values() for address in port.addresses}


@dataclass
class Sub:
    cidr: IPv4Network
    gateway: IPv4Address | None

    def hosts(self) -> list[IPv4Address]:
        """All that a port may have; ``hosts()`` of a /31 are both."""
        return list(self.cidr.hosts())

    def free(self, taken: set[IPv4Address]) -> IPv4Address | None:
        free = (one for one in self.hosts() if one not in taken and one != self.gateway)
        return next(free, None)


@dataclass
class Plug:
    name: str
    mac: str
    addresses: list[IPv4Address]


class Machine(RuleBasedStateMachine):
    """:param api: a client of the IPAM to be compared, which has nothing yet."""

    def __init__(self, api: FlaskClient) -> None:
        super().__init__()
        self.api = api
        self.nets: dict[str, Net] = {}

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = self.api.open(f"/v2.0/{path}", method=method, json=body)
        said = answer.get_json() if answer.data else None
        assert answer.status_code < 500, said
        return answer.status_code, said

    def net(self, pick: int) -> tuple[str, Net]:
        return list(self.nets.items())[pick % len(self.nets)]

    @precondition(lambda self: len(self.nets) < 2)
    @rule(name=_NAMES)
    def create_network(self, name: str) -> None:
        status, said = self.ask("POST", "networks", {"network": {"name": name}})
        assert status == 201
        self.nets[said["network"]["id"]] = Net(name)

    @precondition(lambda self: self.nets)
    @rule(pick=_PICK, name=_NAMES)
    def rename_network(self, pick: int, name: str) -> None:
        id, net = self.net(pick)
        status, said = self.ask("PUT", f"networks/{id}", {"network": {"name": name}})
        assert (status, said["network"]["name"]) == (200, name)
        net.name = name

    @precondition(lambda self: len(self.nets) > 1)
    @rule(pick=_PICK)
    def delete_network(self, pick: int) -> None:
        id, net = self.net(pick)
        status, _ = self.ask("DELETE", f"networks/{id}")
        assert status == (409 if net.ports else 204)
        if not net.ports:
            del self.nets[id]

    @precondition(lambda self: self.nets)
    @rule(
        pick=_PICK,
        cidr=st.sampled_from(_CIDRS),
        gateway=st.one_of(st.just("default"), st.none(), _HOSTS),
    )
    def create_subnet(self, pick: int, cidr: str, gateway: int | str | None) -> None:
        id, net = self.net(pick)
        block = IPv4Network(cidr)
        first = block.network_address
        sub = Sub(block, first if block.prefixlen == 31 else first + 1)
        body = {"network_id": id, "cidr": cidr, "ip_version": 4, "enable_dhcp": False}
        if gateway != "default":
            sub.gateway = None if gateway is None else first + int(gateway)
            body["gateway_ip"] = None if sub.gateway is None else str(sub.gateway)
        status, said = self.ask("POST", "subnets", {"subnet": body})
        overlap = any(one.cidr.overlaps(block) for one in net.subnets.values())
        inside = sub.gateway is not None and sub.gateway in block
        bad = inside and sub.gateway not in sub.hosts()
        assert status == (400 if overlap or bad else 201), said
        if status == 201:
            net.subnets[said["subnet"]["id"]] = sub

    @precondition(lambda self: any(net.subnets for net in self.nets.values()))
    @rule(pick=_PICK)
    def delete_subnet(self, pick: int) -> None:
        found = [(net, id) for net in self.nets.values() for id in net.subnets]
        net, id = found[pick % len(found)]
        status, _ = self.ask("DELETE", f"subnets/{id}")
        used = any(address in net.subnets[id].cidr for address in net.taken())
        assert status == (409 if used else 204)
        if not used:
            del net.subnets[id]

    @precondition(lambda self: self.nets)
    @rule(pick=_PICK, name=_NAMES, mac=st.one_of(st.none(), st.sampled_from(_MACS)))
    def create_port(self, pick: int, name: str, mac: str | None) -> None:
        """Of the server's own choice: the lowest free address of a subnet that has one."""
        id, net = self.net(pick)
        body = {"network_id": id, "name": name} | ({"mac_address": mac} if mac else {})
        status, said = self.ask("POST", "ports", {"port": body})
        free = [sub.free(net.taken()) for sub in net.subnets.values()]
        if mac in [port.mac for port in net.ports.values()] or (free and not any(free)):
            assert status == 409, said
            return
        assert status == 201, said
        (got,) = _addresses(said["port"]) or [None]
        assert (got in free) if free else got is None
        self.keep(net, said["port"])

    @precondition(lambda self: self.nets)
    @rule(pick=_PICK, named=_ADDRESSES, which=st.one_of(st.none(), _PICK))
    def create_port_with(self, pick: int, named: Named, which: int | None) -> None:
        """Of an address that is named, and perhaps of a subnet that is."""
        id, net = self.net(pick)
        address = net.address(named)
        wish = {"ip_address": str(address)}
        subnets = [(one, sub) for other in self.nets.values() for one, sub in other.subnets.items()]
        sub = None
        if which is not None and subnets:
            wish["subnet_id"], sub = subnets[which % len(subnets)]
        status, said = self.ask("POST", "ports", {"port": {"network_id": id, "fixed_ips": [wish]}})
        foreign = sub is not None and wish["subnet_id"] not in net.subnets
        known = [sub] if sub is not None else net.subnets.values()
        if foreign or not any(address in one.hosts() for one in known):
            assert status == 400, said
        elif address in net.taken():
            assert status == 409, said
        else:
            assert status == 201, said
            assert _addresses(said["port"]) == [address]
            self.keep(net, said["port"])

    @precondition(lambda self: any(net.ports for net in self.nets.values()))
    @rule(pick=_PICK, named=st.one_of(st.none(), _ADDRESSES))
    def move_port(self, pick: int, named: Named | None) -> None:
        net, id = self.port(pick)
        address = None if named is None else net.address(named)
        wishes = [] if address is None else [{"ip_address": str(address)}]
        status, said = self.ask("PUT", f"ports/{id}", {"port": {"fixed_ips": wishes}})
        if address is not None and not any(address in one.hosts() for one in net.subnets.values()):
            assert status == 400, said
        elif address in net.taken() - set(net.ports[id].addresses):
            assert status == 409, said
        else:
            assert status == 200, said
            net.ports[id].addresses = [] if address is None else [address]

    @precondition(lambda self: any(net.ports for net in self.nets.values()))
    @rule(pick=_PICK, name=_NAMES, mac=st.sampled_from(_MACS))
    def change_port(self, pick: int, name: str, mac: str) -> None:
        net, id = self.port(pick)
        body = {"port": {"name": name, "mac_address": mac}}
        status, said = self.ask("PUT", f"ports/{id}", body)
        if mac in [port.mac for one, port in net.ports.items() if one != id]:
            assert status == 409, said
        else:
            assert status == 200, said
            net.ports[id].name, net.ports[id].mac = name, mac

    @precondition(lambda self: any(net.ports for net in self.nets.values()))
    @rule(pick=_PICK)
    def delete_port(self, pick: int) -> None:
        net, id = self.port(pick)
        assert self.ask("DELETE", f"ports/{id}")[0] == 204
        assert self.ask("DELETE", f"ports/{id}")[0] == 404
        del net.ports[id]

    @rule(kind=st.sampled_from(["networks", "subnets", "ports"]))
    def nothing_of_an_unknown_id(self, kind: str) -> None:
        body = {kind.removesuffix("s"): {"name": "x"}}
        for method in ("GET", "PUT", "DELETE"):
            assert self.ask(method, f"{kind}/{uuid.uuid4()}", body)[0] == 404

    @invariant()
    def all_is_as_it_ought_to_be(self) -> None:
        networks = {one["id"]: one for one in self.ask("GET", "networks")[1]["networks"]}
        assert {id: (one["name"], sorted(one["subnets"])) for id, one in networks.items()} == {
            id: (net.name, sorted(net.subnets)) for id, net in self.nets.items()
        }
        subnets = self.ask("GET", "subnets")[1]["subnets"]
        assert {(one["id"], ip_network(one["cidr"])) for one in subnets} == {
            (id, sub.cidr) for net in self.nets.values() for id, sub in net.subnets.items()
        }
        ports = self.ask("GET", "ports")[1]["ports"]
        assert sorted(
            (one["id"], one["name"], one["mac_address"], _addresses(one)) for one in ports
        ) == sorted(
            (id, port.name, port.mac, port.addresses)
            for net in self.nets.values()
            for id, port in net.ports.items()
        )
        for net in self.nets.values():
            assert len(net.taken()) == sum(len(port.addresses) for port in net.ports.values())

    def port(self, pick: int) -> tuple[Net, str]:
        found = [(net, id) for net in self.nets.values() for id in net.ports]
        return found[pick % len(found)]

    def keep(self, net: Net, port: dict[str, Any]) -> None:
        net.ports[port["id"]] = Plug(port["name"], port["mac_address"], _addresses(port))

    def teardown(self) -> None:
        for id, net in self.nets.items():
            for port in net.ports:
                assert self.ask("DELETE", f"ports/{port}")[0] == 204
            assert self.ask("DELETE", f"networks/{id}")[0] == 204


def _addresses(port: dict[str, Any]) -> list[Any]:
    return [ip_address(one["ip_address"]) for one in port["fixed_ips"]]
