"""Attacks that worked once, or were thought of: by chassis A, on B and on an operator.

Each is some requests, of which one at least must be refused; what counts is Northbound afterwards.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.functional.matrix.cases import MISSING
from tests.functional.matrix.invariants import broken
from tests.functional.matrix.things import DOCKER_A, DOCKER_B, MADE, at, digest, tag
from tests.functional.matrix.world import VM, A, B, World

Step = tuple[str, str, Any]

_ID = re.compile(r"<([a-z0-9.-]+)>")
_PORT = "/v2.0/ports/<%s>"


def _put(path: str, **attributes: Any) -> Step:
    kind = path.split("/")[2].removesuffix("s").replace("-", "_")
    return ("PUT", path, {kind: attributes})


def _post(kind: str, **attributes: Any) -> Step:
    plural = kind.replace("_", "-") if kind.startswith("security") else kind
    return ("POST", f"/v2.0/{plural}s", {kind: attributes})


def _tag(thing: str, *tags: str) -> list[Step]:
    """Some tags, by each of the paths that there are."""
    return [
        *(("PUT", f"/v2.0/{thing}/tags/{one}", None) for one in tags),
        ("POST", f"/v2.0/{thing}/tags", {"tags": list(tags)}),
        ("PUT", f"/v2.0/{thing}/tags", {"tags": list(tags)}),
    ]


def _bare(network: str, address: str = "") -> dict[str, Any]:
    fixed = {"fixed_ips": [{"ip_address": address}]} if address else {}
    return {"network_id": f"<{network}>", **fixed}


ATTACKS: dict[str, list[Step]] = {
    "another's reservation becomes a router's interface": [
        ("PUT", "/v2.0/routers/<shared.router>/add_router_interface", {"port_id": f"<{port}>"})
        for port in ("shared.b-reservation", "shared.b-unbound", "operator.port", "old.port")
    ],
    "another's reservation becomes the interface of a new router, and goes": [
        _post("router", name="docker-<b.network>"),
        *(
            ("PUT", f"/v2.0/routers/<new>/{what}_router_interface", {"port_id": f"<b.{port}>"})
            for port in ("reservation", "unbound")
            for what in ("add", "remove")
        ),
    ],
    "an operator's port becomes the interface of a new router, and goes": [
        _post("router", name="docker-<adopted.network>"),
        *(
            ("PUT", f"/v2.0/routers/<new>/{what}_router_interface", {"port_id": f"<{port}>"})
            for port in ("adopted.operator-port", "adopted.b-port", "adopted.a-port")
            for what in ("add", "remove")
        ),
    ],
    "an operator's gateway address becomes that of a new router": [
        _post("router", name="docker-<operator-outer.network>"),
        (
            "PUT",
            "/v2.0/routers/<new>/add_router_interface",
            {"subnet_id": "<operator-outer.subnet>"},
        ),
        _post("router", name="docker-<old.network>"),
        ("PUT", "/v2.0/routers/<new>/add_router_interface", {"subnet_id": "<old.subnet>"}),
    ],
    "another's network loses its tags and goes": [
        ("PUT", "/v2.0/networks/<old-docker.network>/tags", {"tags": []}),
        ("DELETE", "/v2.0/networks/<old-docker.network>/tags", None),
        ("DELETE", "/v2.0/ports/<old-docker.reservation>", None),
        ("DELETE", "/v2.0/networks/<old-docker.network>", None),
    ],
    "another's router loses its tags, and its floating IPs go": [
        ("PUT", "/v2.0/routers/<b.router>/tags", {"tags": []}),
        ("DELETE", "/v2.0/floatingips/<b.floatingip>", None),
        ("PUT", "/v2.0/routers/<b.router>/remove_router_interface", {"port_id": "<b.interface>"}),
        ("DELETE", "/v2.0/routers/<b.router>", None),
    ],
    "an operator's gateway is bound": [
        _put(_PORT % "operator.gateway", **{"binding:host_id": A}),
        _put(_PORT % "operator.interface", **{"binding:host_id": A}),
    ],
    "a router has an address of choice on an operator's network, and a floating IP": [
        _post(
            "router",
            name="docker-x",
            external_gateway_info={"network_id": "<operator-outer.network>"},
        ),
        _put(
            "/v2.0/routers/<a.router>",
            external_gateway_info={"network_id": "<operator-outer.network>"},
        ),
        _post(
            "floatingip",
            floating_network_id="<operator-outer.network>",
            port_id="<operator.port-at-a>",
        ),
        _post("floatingip", floating_network_id="<operator-outer.network>", port_id="<a.unbound>"),
    ],
    "a network's gateway has a port without port security": [
        _post("port", **_bare("adopted.network", "GATEWAY"), port_security_enabled=False),
        _post("port", **_bare("adopted.network", "GATEWAY")),
        _put(_PORT % "adopted.a-port", fixed_ips=[{"ip_address": "GATEWAY"}]),
    ],
    "port security goes off": [
        _post("port", **_bare("adopted.network"), port_security_enabled=False),
        _put(_PORT % "adopted.a-port", port_security_enabled=False),
        _put(_PORT % "shared.a-port", port_security_enabled=False),
        _put(_PORT % "operator.port-at-a", port_security_enabled=False),
        _put(_PORT % "operator.port", port_security_enabled=False, **{"binding:host_id": A}),
    ],
    "a port has others' addresses beside its own": [
        _put(_PORT % "adopted.a-port", allowed_address_pairs=[{"ip_address": "0.0.0.0/0"}]),
        _put(_PORT % "shared.a-port", allowed_address_pairs=[{"ip_address": "10.0.0.1"}]),
        _post("port", **_bare("b.network"), allowed_address_pairs=[{"ip_address": "10.0.0.1"}]),
    ],
    "an operator's network gets subnets, and loses them": [
        _post("subnet", network_id="<operator.network>", ip_version=4, cidr="10.248.0.0/24"),
        _post("subnet", network_id="<operator-empty.network>", ip_version=4, cidr="10.248.0.0/24"),
        _post("subnet", network_id="<operator-outer.network>", ip_version=4, cidr="10.248.0.0/24"),
        _post("subnet", network_id="<b.network>", ip_version=4, cidr="10.248.0.0/24"),
        ("DELETE", "/v2.0/subnets/<operator-outer.subnet>", None),
        ("DELETE", "/v2.0/subnets/<b.outer-subnet>", None),
    ],
    "an operator's network goes": [("DELETE", "/v2.0/networks/<operator-empty.network>", None)],
    "an operator's network is called Docker's, and goes": [
        *_tag("networks/<operator-empty.network>", "docker:made", tag(DOCKER_A)),
        ("PUT", "/v2.0/networks/<operator-empty.network>/tags", {"tags": []}),
        ("DELETE", "/v2.0/networks/<operator-empty.network>", None),
    ],
    "what is set aside is bound": [
        _put(_PORT % name, **{"binding:host_id": A, "device_owner": MADE})
        for name in ("shared.b-aside", "b.aside", "operator.port-aside", "operator.port-dhcp")
    ],
    "what is set aside loses its tags and goes": [
        ("DELETE", "/v2.0/ports/<shared.b-aside>/tags", None),
        ("DELETE", "/v2.0/ports/<shared.b-aside>", None),
        ("DELETE", "/v2.0/ports/<operator.port-aside>", None),
    ],
    "a registry is in DNS": _tag("ports/<a.port>", "alias:registry-1.docker.io")
    + _tag("ports/<adopted.a-port>", "alias:registry-1.docker.io")
    + [_post("port", **_bare("shared.network"), tags=["alias:registry-1.docker.io"])],
    "another's name is in DNS": [
        *_tag("ports/<shared.a-port>", "alias:web-shared-b"),
        *_tag("ports/<shared.a-port>", "alias:api-shared-b", "alias:WEB-SHARED-B"),
        _put(_PORT % "shared.a-port", dns_name="web-shared-b"),
        _put(_PORT % "shared.a-port", dns_name="api-shared-b"),
        _put(_PORT % "shared.a-port", dns_name="API-shared-b"),
        _post("port", **_bare("shared.network"), dns_name="web-shared-b"),
        _post("port", **_bare("shared.network"), tags=["alias:web-shared-b"]),
        _post("port", **_bare("operator.network"), dns_name="db"),
    ],
    "the way back from another's address is in DNS": _tag(
        "ports/<shared.a-port>", "alias:REVERSE.in-addr.arpa"
    )
    + _tag("ports/<shared.a-port>", "alias:IN-ADDR.ARPA", "alias:x.ip6.arpa"),
    "another's unbound port is taken": [
        _put(_PORT % name, **{"binding:host_id": A, "device_owner": "docker:port"})
        for name in ("b.unbound", "shared.b-unbound", "operator.port-in-use", "shared.b-lock")
    ],
    "another's port is unbound by its profile": [
        _put(_PORT % name, **{"binding:profile": {"ovn-integrate.host": A}})
        for name in ("shared.vm-below", "shared.vm-port", "shared.b-port", "operator.port-at-b")
    ],
    "a port gets in by others' groups": [
        _put(_PORT % "operator.port-at-a", security_groups=["<operator.group>"]),
        _put(_PORT % "shared.a-port", security_groups=["<operator.group>", "<b.group>"]),
        _post("port", **_bare("operator.network"), security_groups=["<operator.group>"]),
        _post("port", **_bare("shared.network"), security_groups=["<b.group>"]),
        _post("port", **_bare("b.network"), security_groups=["<shared.group>"]),
    ],
    "others' ports lose their groups": [
        _put(_PORT % name, security_groups=[])
        for name in ("operator.port-grouped", "b.port-grouped", "shared.b-port-grouped")
    ],
    "others' ports are closed off": [
        _put(_PORT % name, security_groups=["<a.group>"])
        for name in ("operator.port", "b.port", "operator.port-dhcp", "operator.interface")
    ],
    "others' groups let all in": [
        _post("security_group_rule", security_group_id=f"<{name}>", direction="ingress")
        for name in ("operator.group", "b.group", "old.group", "old-docker.group")
    ]
    + _tag("security-groups/<operator.group>", "docker:network:<a.network>")
    + _tag("security-groups/<b.group>", "docker:network:<a.network>")
    + [("DELETE", "/v2.0/security-groups/<old-docker.group>", None)],
    "others' groups are called A's": [
        *_tag("security-groups/<old.group>", "docker:network:<a.network>"),
        _post("security_group_rule", security_group_id="<old.group>", direction="ingress"),
        ("DELETE", "/v2.0/security-groups/<old.group>", None),
    ],
    "a shared router goes while another is on it": [
        ("PUT", "/v2.0/routers/<shared.router>/tags", {"tags": []}),
        ("DELETE", f"/v2.0/routers/<shared.router>/tags/{tag('c' * 64)}", None),
        _put("/v2.0/routers/<shared.router>", external_gateway_info=None),
        (
            "PUT",
            "/v2.0/routers/<shared.router>/remove_router_interface",
            {"subnet_id": "<shared.subnet>"},
        ),
        ("DELETE", "/v2.0/floatingips/<shared.floatingip>", None),
        ("DELETE", "/v2.0/routers/<shared.router>", None),
    ],
    "a shared network loses another's tags": [
        ("DELETE", f"/v2.0/networks/<shared.network>/tags/{at('c' * 64, B)}", None),
        ("PUT", "/v2.0/networks/<shared.network>/tags", {"tags": [at("c" * 64, A)]}),
        ("DELETE", "/v2.0/networks/<shared.network>/tags", None),
    ],
    "a gateway's binding moves": [
        _put(_PORT % name, **{"binding:host_id": host})
        for name in ("b.gateway", "shared.gateway")
        for host in (A, "")
    ],
    "a floating IP of the operator moves": [
        _put("/v2.0/floatingips/<operator.floatingip-free>", port_id="<a.port>"),
        _put("/v2.0/floatingips/<operator.floatingip>", port_id=None),
        ("DELETE", "/v2.0/floatingips/<operator.floatingip-free>", None),
        ("DELETE", "/v2.0/floatingips/<operator.floatingip-at-a>", None),
    ],
    "an address outside is another's": [
        _post(
            "floatingip",
            floating_network_id="<gateway.network>",
            subnet_id="<b.outer-subnet>",
            port_id="<a.unbound>",
        ),
        _put(
            "/v2.0/routers/<a.router>",
            external_gateway_info={
                "network_id": "<gateway.network>",
                "external_fixed_ips": [{"subnet_id": "<b.outer-subnet>"}],
            },
        ),
        _post("port", network_id="<gateway.network>"),
        _post("port", network_id="<operator-outer.network>"),
    ],
    "a test's end is on another's network": [
        _post(
            "port",
            **_bare("b.network"),
            device_owner="ovn-integrate:tested",
            **{"binding:host_id": B},
        ),
        _post(
            "port",
            **_bare("operator.network"),
            device_owner="ovn-integrate:tested",
            **{"binding:host_id": VM},
        ),
    ],
    "tags of another's Docker network": [
        *_tag("networks/<shared.network>", at(DOCKER_B, B)),
        *_tag("networks/<operator.network>", f"{tag(DOCKER_B)}:pool={digest(B)}"),
        *_tag("networks/<b.network>", "docker:made", "x"),
    ],
    "a host's own bulk": [
        (
            "POST",
            "/v2.0/ports",
            {
                "ports": [
                    {"network_id": "<a.network>"},
                    {"network_id": "<b.network>", "binding:host_id": B},
                ]
            },
        )
    ],
    "a port forwarding leads to A": [
        (
            "POST",
            "/v2.0/floatingips/<operator.floatingip-forwarding>/port_forwardings",
            {
                "port_forwarding": {
                    "protocol": "tcp",
                    "internal_port_id": "<operator.port-at-a>",
                    "internal_ip_address": "ADDRESS",
                    "internal_port": 22,
                    "external_port": 22,
                }
            },
        ),
        (
            "DELETE",
            "/v2.0/floatingips/<operator.floatingip-forwarding>/port_forwardings/"
            "<operator.forwarding>",
            None,
        ),
    ],
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_nothing_of_others(world: World, name: str) -> None:
    made, answers = MISSING, []
    for step in ATTACKS[name]:
        answer = world.asker(A).ask(*_filled(world, step, made))
        answers.append(answer)
        if answer.status == 201 and step[0] == "POST":
            made = next(iter(answer.body.values()))["id"]
    found = broken(world, world.northbound.rows())
    assert not found, f"{[one.status for one in answers]}\n" + "\n".join(found)


@pytest.mark.parametrize("name", ATTACKS)
def test_none_of_its_steps_alone_does(world: World, name: str) -> None:
    found = []
    for step in ATTACKS[name]:
        filled = _filled(world, step)
        answer = world.asker(A).ask(*filled)
        if world.changed:
            here = broken(world, world.northbound.rows())
            found += [f"{filled} -> {answer.status}: {one}" for one in here]
            world.restore()
    assert not found, "\n".join(found)


def test_what_it_is_made_of_breaks_nothing(world: World) -> None:
    """The invariants hold of the world as it is, and of what A makes for itself."""
    a = world.asker(A)
    a.made("network", name="x")
    a.made("port", network_id=world.id("shared.network"), **{"binding:host_id": A})
    a.does("DELETE", f"/v2.0/ports/{world.id('a.port')}")
    assert not broken(world, world.northbound.rows())


def _filled(world: World, step: Step, made: str = MISSING) -> Step:
    """:param made: the id of what was made last."""
    method, path, body = step
    gateway = world.things["adopted.subnet"][1]["gateway_ip"]
    theirs = world.things["shared.b-port"][1]["fixed_ips"][0]["ip_address"]
    own = world.things["operator.port-at-a"][1]["fixed_ips"][0]["ip_address"]
    words = {
        "GATEWAY": gateway,
        "REVERSE": ".".join(reversed(theirs.split("."))),
        "ADDRESS": own,
    }

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(one) for key, one in value.items()}
        if isinstance(value, list):
            return [fill(one) for one in value]
        if not isinstance(value, str):
            return value
        for word, text in words.items():
            value = value.replace(word, text)
        return _ID.sub(lambda found: made if found[1] == "new" else world.id(found[1]), value)

    return method, fill(path), fill(body)
