"""Whatever a chassis asks for, in whatever order, what is others' stays as it is.

A chassis that was taken over sends any request at all, about all that is there, while another
chassis and an operator do what they do. After each of its requests all that is not its own is
compared with what it was before; what may be different is what it shares with them, listed here.
"""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ovn_integrate.contract import device_owners, tags
from ovn_integrate.contract.tags import ALIAS, parse
from ovn_integrate.ipam.plan import ownership
from ovn_integrate.ipam.resources.model import Network, Port, Thing
from ovn_integrate.ipam.resources.security_group.model import SecurityGroup
from tests.asked import Bed
from tests.unit.test_ipam_permit import bound, port, routed

_PICK = st.integers(0, 1 << 16)
IDS = ["ab" * 32, "cd" * 32, "s" * 25]
HOSTS = ["chassis-a", "chassis-b", tags.SWARM]
_ME = "chassis:chassis-a"
_KINDS = [
    *("networks", "subnets", "ports", "routers", "floatingips"),
    *("security-groups", "security-group-rules", "subnetpools"),
]
_TOUCHED = {"updated_at", "revision_number", "marks"}
_GUEST = {"device_id", "device_owner", "host_id", "profile", "tag", "mac_address"}


def all_tags() -> list[str]:
    found = [tags.MADE, tags.POLICY, tags.PUBLISHED, "x", "alias:web", "alias:db"]
    for docker_id, host in itertools.product(IDS, HOSTS):
        found += [tags.of(docker_id), tags.at(docker_id, host), tags.with_policy(docker_id)]
        found.append(tags.with_pool(docker_id, host, made=True))
    return list(dict.fromkeys(found))


_TAGS = all_tags()


class Attacker(RuleBasedStateMachine):
    """chassis-a asks, the others live."""

    @initialize()
    def begin(self) -> None:
        self.bed = Bed()
        op, b = self.bed.operator, self.bed.b
        self.net = self.bed.network(op, name="net", tags=["router:docker"])
        self.outside = op.make("networks", **{"router:external": True})
        op.make("subnets", network_id=self.outside["id"], cidr="10.7.0.0/24", ip_version=4)
        self.theirs = self.bed.docker_network(b, IDS[0])
        self.swarm = b.make("networks", name=IDS[2])
        for tag in (tags.at(IDS[2], tags.SWARM), tags.of(IDS[2]), tags.at(IDS[2], "chassis-b")):
            assert b.tag(f"networks/{self.swarm['id']}", tag) == 201
        bound(b, self.swarm, device_id="swarm-endpoint")
        routed(self.bed, b, self.theirs, IDS[0])
        bound(b, self.theirs, device_id="endpoint", dns_name="web")
        port(
            b, self.theirs, device_owner=device_owners.RESERVED, **{"binding:host_id": "chassis-b"}
        )
        port(b, self.theirs, device_owner=device_owners.SET_ASIDE)
        group = b.make("security-groups", name="*")
        b.tag(f"security-groups/{group['id']}", tags.network(self.theirs["id"]))
        op.make("security-groups", name="operators")
        port(op, self.net, name="plain")
        port(op, self.net, name="gateway", fixed_ips=[{"ip_address": "10.0.0.1"}])
        port(op, self.net, name="bound", **{"binding:host_id": "chassis-b"})
        op.make("routers", name="theirs")
        op.make("subnetpools", name="p", prefixes=["10.99.0.0/16"])

    # What it asks for.

    @rule(kind=st.sampled_from(_KINDS), pick=_PICK)
    def delete(self, kind: str, pick: int) -> None:
        self.attempt("DELETE", f"{kind}/{self.some(kind, pick)}")

    @rule(
        kind=st.sampled_from(["networks", "routers", "ports", "security-groups"]),
        pick=_PICK,
        some=st.lists(st.sampled_from(_TAGS), max_size=3, unique=True),
        verb=st.sampled_from(["PUT", "POST", "DELETE", "ADD", "REMOVE"]),
    )
    def tag(self, kind: str, pick: int, some: list[str], verb: str) -> None:
        path = f"{kind}/{self.some(kind, pick)}/tags"
        if kind == "security-groups":
            some = [tags.network(self.some("networks", pick)), *some]
        if verb == "DELETE":
            self.attempt("DELETE", path)
        elif verb in ("PUT", "POST"):
            self.attempt(verb, path, {"tags": some})
        else:
            for one in some:
                self.attempt("PUT" if verb == "ADD" else "DELETE", f"{path}/{one}")

    @rule(docker_id=st.sampled_from(IDS), pick=_PICK)
    def join(self, docker_id: str, pick: int) -> None:
        path = f"networks/{self.some('networks', pick)}/tags"
        for one in (tags.at(docker_id, "chassis-a"), tags.of(docker_id), tags.POLICY):
            self.attempt("PUT", f"{path}/{one}")

    @rule(
        pick=_PICK,
        other=_PICK,
        attributes=st.dictionaries(
            st.sampled_from(
                [
                    *("name", "device_id", "device_owner", "binding:host_id", "mac_address"),
                    *("fixed_ips", "security_groups", "binding:profile", "dns_name"),
                    *("port_security_enabled", "allowed_address_pairs", "admin_state_up"),
                ]
            ),
            _PICK,
            max_size=5,
        ),
        new=st.booleans(),
    )
    def plug(self, pick: int, other: int, attributes: dict[str, int], new: bool) -> None:
        body = {name: self.value(name, number) for name, number in attributes.items()}
        if new:
            body["network_id"] = self.some("networks", other)
            self.attempt("POST", "ports", {"port": body})
        elif body:
            self.attempt("PUT", f"ports/{self.some('ports', pick)}", {"port": body})

    @rule(pick=_PICK, made=st.booleans())
    def take(self, pick: int, made: bool) -> None:
        body = {
            "device_id": "mine",
            "device_owner": device_owners.MADE if made else device_owners.TAKEN,
            "binding:host_id": "chassis-a",
        }
        path = f"ports/{self.some('ports', pick)}"
        self.attempt("PUT", path, {"port": body})
        self.attempt("PUT", path, {"port": dict.fromkeys(body, "")})

    @rule(pick=_PICK, other=_PICK, verb=st.sampled_from(["add", "remove"]), by=st.booleans())
    def wire(self, pick: int, other: int, verb: str, by: bool) -> None:
        kind = "port" if by else "subnet"
        body = {f"{kind}_id": self.some(f"{kind}s", other)}
        path = f"routers/{self.some('routers', pick)}/{verb}_router_interface"
        self.attempt("PUT", path, body)

    @rule(pick=_PICK, other=_PICK, new=st.booleans(), none=st.booleans())
    def lead(self, pick: int, other: int, new: bool, none: bool) -> None:
        info = None if none else {"network_id": self.some("networks", other)}
        if new:
            name = f"docker-{self.some('networks', pick)}"
            body = {"name": name, "external_gateway_info": info}
            self.attempt("POST", "routers", {"router": body})
        else:
            path = f"routers/{self.some('routers', pick)}"
            self.attempt("PUT", path, {"router": {"external_gateway_info": info}})

    @rule(pick=_PICK, other=_PICK, name=st.sampled_from(["", "net", "mine", IDS[0]]))
    def make_others(self, pick: int, other: int, name: str) -> None:
        network = self.some("networks", pick)
        self.attempt("POST", "networks", {"network": {"name": name}})
        subnet = {"network_id": network, "cidr": f"10.{pick % 200}.1.0/24", "ip_version": 4}
        self.attempt("POST", "subnets", {"subnet": subnet})
        floating = {"floating_network_id": network, "port_id": self.some("ports", other)}
        self.attempt("POST", "floatingips", {"floatingip": floating})
        rule = {"security_group_id": self.some("security-groups", other), "direction": "ingress"}
        self.attempt("POST", "security-group-rules", {"security_group_rule": rule})
        self.attempt("POST", "security-groups", {"security_group": {"name": "*"}})

    @rule(
        kind=st.sampled_from(["networks", "subnets", "routers", "security-groups", "floatingips"]),
        pick=_PICK,
        name=st.sampled_from(
            ["name", "description", "shared", "mtu", "gateway_ip", "port_id", "enable_dhcp"]
        ),
    )
    def change(self, kind: str, pick: int, name: str) -> None:
        value = {"shared": True, "mtu": 70, "gateway_ip": None, "port_id": None}.get(name, "x")
        body = {kind[:-1].replace("-", "_"): {name: False if name == "enable_dhcp" else value}}
        self.attempt("PUT", f"{kind}/{self.some(kind, pick)}", body)

    # What others do.

    @rule(pick=_PICK)
    def they_add(self, pick: int) -> None:
        bound(self.bed.b, self.theirs, device_id=f"e{pick}")
        port(self.bed.operator, self.net)

    @rule()
    def they_leave(self) -> None:
        path = f"networks/{self.theirs['id']}"
        held = self.bed.b.ask("GET", path)
        if held[0] == 200:
            for tag in tags.belonging(held[1]["network"]["tags"], IDS[0]):
                self.bed.b.untag(path, tag)

    # What holds.

    def attempt(self, method: str, path: str, body: Any = None) -> None:
        before = self.things()
        status, said = self.bed.a.ask(method, path, body)
        assert status < 500, said
        after = self.things()
        if status >= 400:
            assert after == before, (method, path, body, status)
        for id, old in before.items():
            if old.owner != _ME:
                self.compare(old, after.get(id), before)
        for id, new in after.items():
            if id not in before:
                assert new.owner == _ME, new
                self.is_harmless(new)

    def compare(self, old: Thing, new: Thing | None, before: dict[str, Thing]) -> None:
        if new is None:
            assert isinstance(old, Port), old
            assert old.device_owner == device_owners.LOCK, old
            return
        changed = {
            one.name
            for one in fields(old)
            if getattr(old, one.name) != getattr(new, one.name) and one.name not in _TOUCHED
        }
        if "tags" in changed:
            gone = [tag for tag in old.tags if tag not in new.tags]
            swarms = [one for one in gone if (known := parse(one)) and known.of_swarm]
            assert all((_ME, tag) in old.marks or tag in swarms for tag in gone), (old, new)
            added = [tag for tag in new.tags if tag not in old.tags]
            named = isinstance(old, Port)
            assert all(
                (_ME, tag) in new.marks or (named and tag.startswith(ALIAS)) for tag in added
            ), (old, new)
        left = changed - {"tags"}
        if isinstance(old, Port) and "chassis-a" in (old.host_id, new.host_id):
            assert not ownership.of_chassis(old.owner) or old.device_owner.startswith("network:")
            allowed = _GUEST | {"security_groups"}
            assert left <= allowed, (old, new)
            assert old.name != "gateway", (old, new)
        elif isinstance(old, Port) and old.device_owner == device_owners.TAKEN and not old.host_id:
            assert left <= _GUEST, (old, new)
        elif isinstance(old, Port) and left == {"security_groups"}:
            network = before[old.network_id]
            assert tags.POLICY in network.tags
            assert _ME in ownership.holders(network)
            assert {
                getattr(before[id], "name", "")
                for id in {*new.security_groups} ^ {*old.security_groups}
            } <= {"*"}
        else:
            assert not left, (left, old, new)

    def is_harmless(self, new: Thing) -> None:
        if isinstance(new, Port) and not new.device_owner.startswith("network:"):
            assert new.host_id in ("", "chassis-a")
            assert not new.pairs
            assert new.port_security_enabled
            network = self.things()[new.network_id]
            assert isinstance(network, Network)
            assert not network.external
            gateways = [one.gateway_ip for one in self.subnets(new.network_id)]
            assert not set(new.addresses) & set(gateways)
            for id in new.security_groups:
                group = self.things()[id]
                assert isinstance(group, SecurityGroup)
                assert group.owner == _ME or tags.network(network.id) in group.tags

    # What there is.

    def things(self) -> dict[str, Thing]:
        return self.bed.store.read(
            lambda index: {
                id: thing for kind in ownership_kinds() for id, thing in index.table(kind).items()
            }
        )

    def subnets(self, network_id: str) -> list[Any]:
        return self.bed.store.read(lambda index: index.subnets_of(network_id))

    def some(self, kind: str, pick: int) -> str:
        found = sorted(one["id"] for one in self.bed.a.show(kind))
        return found[pick % len(found)] if found else "00000000-0000-4000-8000-000000000000"

    def value(self, name: str, number: int) -> Any:
        choices: dict[str, list[Any]] = {
            "device_id": ["", "endpoint", "mine", self.some("routers", number)],
            "device_owner": [
                *(
                    "",
                    device_owners.MADE,
                    device_owners.TAKEN,
                    device_owners.RESERVED,
                    device_owners.SET_ASIDE,
                ),
                *(device_owners.TESTED, "network:router_interface", device_owners.LOCK),
            ],
            "binding:host_id": ["", "chassis-a", "chassis-b"],
            "mac_address": ["02:00:00:00:00:09", device_owners.LOCK_MAC, "ff:ff:ff:ff:ff:ff"],
            "fixed_ips": [
                [{"ip_address": f"10.{number % 2}.0.{number % 7}"}],
                [],
            ],
            "security_groups": [[], [self.some("security-groups", number)]],
            "binding:profile": [
                {},
                {device_owners.HOST: "chassis-b"},
                {"parent_name": self.some("ports", number), "tag": 1},
            ],
            "dns_name": ["", "web", "mine"],
            "name": ["x"],
            "port_security_enabled": [False, True],
            "admin_state_up": [False],
            "allowed_address_pairs": [[], [{"ip_address": "10.0.0.1"}]],
        }
        return choices[name][number % len(choices[name])]


def ownership_kinds() -> tuple[type, ...]:
    return Thing.__args__


TestAttacker = Attacker.TestCase
TestAttacker.settings = settings(max_examples=25, stateful_step_count=30)
