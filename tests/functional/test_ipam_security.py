"""Security groups against a real Northbound: the API, and the rows of Neutron's OVN driver.

Shapes, rows and words are those of the recorded Neutron 29 (``GET /v2.0/security-groups`` and the
rows beside it) and of ``neutron/extensions/securitygroup.py``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.ipam.neutron_errors import SecurityGroupInUse, SecurityGroupNotFound
from ovn_integrate.ipam.resources.bodies import NETWORK, PORT, SECURITY_GROUP
from ovn_integrate.ipam.resources.security_group import rows as security_rows
from tests.functional.daemons import OvsdbServer

Open = Callable[[str], Store]

GROUP_KEYS = (
    "id name stateful tenant_id project_id description shared security_group_rules tags "
    "created_at updated_at revision_number"
)
RULE_KEYS = (
    "id project_id tenant_id security_group_id ethertype direction protocol port_range_min "
    "port_range_max remote_ip_prefix remote_address_group_id normalized_cidr remote_group_id "
    "belongs_to_default_sg description tags created_at updated_at revision_number"
)


class Api:
    """The API by its collections; every call says which status it expects."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def call(self, status: int, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.open(f"/v2.0/{path}", method=method, json=body)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json(silent=True)

    def create(self, kind: str, **attributes: Any) -> dict[str, Any]:
        path = kind.replace("_", "-") + "s"
        made: dict[str, Any] = self.call(201, "POST", path, {kind: attributes})[kind]
        return made

    def rule(self, group: dict[str, Any], **attributes: Any) -> dict[str, Any]:
        attributes = {"direction": "ingress", "security_group_id": group["id"], **attributes}
        return self.create("security_group_rule", **attributes)

    def fault(self, status: int, method: str, path: str, body: Any = None) -> str:
        return str(self.call(status, method, path, body)["NeutronError"]["type"])


@pytest.fixture
def neutron(api: FlaskClient) -> Api:
    return Api(api)


def acls(nb: OvsdbServer) -> dict[str, tuple[str, str, int]]:
    """Match -> action, direction, priority."""
    columns = "--columns=match,action,direction,priority"
    shown = json.loads(nb.ctl("-f", "json", columns, "list", "ACL"))
    return {match: (action, way, priority) for match, action, way, priority in shown["data"]}


def groups(nb: OvsdbServer) -> dict[str, int]:
    """The Port_Groups, with how many ports they have."""
    shown = json.loads(nb.ctl("-f", "json", "--columns=name,ports", "list", "Port_Group"))
    return {name: len(ports[1]) if ports[0] == "set" else 1 for name, ports in shown["data"]}


def pg(group: dict[str, Any]) -> str:
    return "pg_" + str(group["id"]).replace("-", "_")


def test_a_group_is_made_as_neutron_makes_it(neutron: Api, nb: OvsdbServer) -> None:
    group = neutron.create("security_group", name="web", description="d", project_id="p")
    assert sorted(group) == sorted(GROUP_KEYS.split())
    assert (group["name"], group["stateful"], group["shared"]) == ("web", True, False)
    rules = group["security_group_rules"]
    assert {(one["direction"], one["ethertype"]) for one in rules} == {
        ("egress", "IPv4"),
        ("egress", "IPv6"),
    }
    for rule in rules:
        assert sorted(rule) == sorted(RULE_KEYS.split())
        assert rule["tenant_id"] == "p"
        assert rule["description"] is None
    assert neutron.call(200, "GET", f"security-groups/{group['id']}") == {"security_group": group}
    assert groups(nb) == {pg(group): 0}
    ids = nb.ctl("get", "Port_Group", pg(group), "external_ids:neutron\\:security_group_id")
    assert ids.strip() == f'"{group["id"]}"'
    assert acls(nb) == {
        f"inport == @{pg(group)} && {ip}": ("allow-related", "from-lport", 1002)
        for ip in ("ip4", "ip6")
    }


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({}, "outport == @PG && ip4"),
        ({"direction": "egress", "protocol": "tcp"}, "inport == @PG && ip4 && tcp"),
        (
            {"protocol": "TCP", "port_range_min": "80", "port_range_max": 80},
            "outport == @PG && ip4 && tcp && tcp.dst == 80",
        ),
        (
            {"protocol": 17, "port_range_min": 1, "port_range_max": 9, "ethertype": "ipv6"},
            "outport == @PG && ip6 && udp && udp.dst >= 1 && udp.dst <= 9",
        ),
        (
            {"protocol": "icmp", "port_range_min": 8, "port_range_max": 0},
            "outport == @PG && ip4 && icmp4 && icmp4.type == 8 && icmp4.code == 0",
        ),
        ({"protocol": "icmp", "ethertype": "IPv6"}, "outport == @PG && ip6 && icmp6"),
        ({"protocol": "gre"}, "outport == @PG && ip4 && ip.proto == 47"),
        ({"protocol": "any"}, "outport == @PG && ip4"),
        (
            {"remote_ip_prefix": "10.2.0.5/24", "protocol": "sctp"},
            "outport == @PG && ip4 && ip4.src == 10.2.0.0/24 && sctp",
        ),
        (
            {"direction": "egress", "remote_ip_prefix": "fd00::1", "ethertype": "IPv6"},
            "inport == @PG && ip6 && ip6.dst == fd00::1/128",
        ),
    ],
)
def test_a_rule_is_an_acl_and_is_read_back(
    neutron: Api, nb: OvsdbServer, stores: Open, attributes: dict[str, Any], match: str
) -> None:
    group = neutron.create("security_group")
    for rule in group["security_group_rules"]:
        neutron.call(204, "DELETE", f"security-group-rules/{rule['id']}")
    rule = neutron.rule(group, **attributes)
    ingress = rule["direction"] == "ingress"
    way = ("allow-related", "to-lport" if ingress else "from-lport", 1002)
    assert acls(nb) == {match.replace("PG", pg(group)): way}
    # Another server knows of it only what stands in the rows.
    other = Api(create_app(Service(stores(nb.remote))).test_client())
    shown = other.call(200, "GET", f"security-group-rules/{rule['id']}")
    assert shown == {"security_group_rule": rule}
    assert "DuplicateSecurity" not in neutron.fault(
        409,
        "POST",
        "security-group-rules",
        {
            "security_group_rule": {
                "direction": "ingress",
                "security_group_id": group["id"],
                **attributes,
            }
        },
    )
    neutron.call(204, "DELETE", f"security-group-rules/{rule['id']}")
    assert acls(nb) == {}


def test_rules_of_a_real_neutron_are_understood(neutron: Api, nb: OvsdbServer) -> None:
    group = neutron.create("security_group")
    id = "1f282d59-f944-40c6-9653-fd187dbc2345"
    match = f"outport == @{pg(group)} && ip4 && ip4.src == ${pg(group)}_ip4 && tcp && tcp.dst == 22"
    nb.ctl(
        *("--", "--id=@acl", "create", "ACL", "action=allow-related", "direction=to-lport"),
        *(
            "priority=1002",
            f'match="{match}"',
            f"external_ids:neutron\\:security_group_rule_id={id}",
        ),
        *("--", "add", "Port_Group", pg(group), "acls", "@acl"),
    )
    neutron.call(200, "PUT", f"security-groups/{group['id']}", {"security_group": {"name": "x"}})
    rule = neutron.call(200, "GET", f"security-group-rules/{id}")["security_group_rule"]
    assert rule["remote_group_id"] == rule["security_group_id"] == group["id"]
    assert (rule["protocol"], rule["port_range_min"], rule["port_range_max"]) == ("tcp", 22, 22)


def test_what_neutron_refuses_is_refused(neutron: Api) -> None:
    group = neutron.create("security_group")
    good = {"security_group_id": group["id"], "direction": "ingress"}
    missing = "00000000-0000-0000-0000-000000000001"
    for status, kind, more in (
        (404, "SecurityGroupNotFound", {"security_group_id": missing}),
        (404, "SecurityGroupNotFound", {"remote_group_id": missing}),
        (400, "HTTPBadRequest", {"direction": "sideways"}),
        (400, "SecurityGroupRuleInvalidEtherType", {"ethertype": "IPv5"}),
        (400, "SecurityGroupRuleInvalidProtocol", {"protocol": "256"}),
        (400, "SecurityGroupRuleInvalidProtocol", {"protocol": "tpc"}),
        (400, "SecurityGroupInvalidPortValue", {"protocol": "tcp", "port_range_min": 65536}),
        (400, "SecurityGroupInvalidPortRange", {"protocol": "tcp", "port_range_min": 5}),
        (400, "SecurityGroupProtocolRequiredWithPorts", {"port_range_min": 5}),
        (400, "SecurityGroupInvalidProtocolForPort", {"protocol": "gre", "port_range_min": 5}),
        (400, "SecurityGroupInvalidIcmpValue", {"protocol": "icmp", "port_range_min": 256}),
        (400, "SecurityGroupMissingIcmpType", {"protocol": "icmp", "port_range_max": 1}),
        (400, "SecurityGroupEthertypeConflictWithProtocol", {"protocol": "ipv6-icmp"}),
        (400, "SecurityGroupRuleParameterConflict", {"remote_ip_prefix": "fd00::/64"}),
        (400, "InvalidCIDR", {"remote_ip_prefix": "10.0.0.0/33"}),
        (
            400,
            "SecurityGroupMultipleRemoteEntites",
            {"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": group["id"]},
        ),
    ):
        body = {"security_group_rule": {**good, **more}}
        assert neutron.fault(status, "POST", "security-group-rules", body) == kind, more
    path = f"security-groups/{missing}"
    assert neutron.fault(404, "GET", path) == "SecurityGroupNotFound"
    assert neutron.fault(404, "DELETE", path) == "SecurityGroupNotFound"
    path = f"security-group-rules/{missing}"
    assert neutron.fault(404, "DELETE", path) == "SecurityGroupRuleNotFound"
    body = {"security_group_rule": {"direction": "ingress"}}
    assert neutron.fault(400, "POST", "security-group-rules", body) == "HTTPBadRequest"
    shown = neutron.call(200, "GET", f"security-groups/{group['id']}")["security_group"]
    assert len(shown["security_group_rules"]) == 2


def test_lists_bulk_tags_and_updates(neutron: Api, nb: OvsdbServer) -> None:
    made = neutron.call(
        201, "POST", "security-groups", {"security_groups": [{"name": "a"}, {"name": "b"}]}
    )["security_groups"]
    a, b = made
    neutron.call(201, "PUT", f"security-groups/{b['id']}/tags/docker:x")
    for query, names in (
        ("", ["a", "b"]),
        ("?name=a", ["a"]),
        ("?tags=docker:x", ["b"]),
        ("?tags=docker:x&name=a", []),
        ("?stateful=false", []),
        (f"?id={a['id']}", ["a"]),
        ("?sort_key=name&sort_dir=desc&limit=1", ["b"]),
    ):
        found = neutron.call(200, "GET", f"security-groups{query}")["security_groups"]
        assert sorted(one["name"] for one in found) == names, query
    assert neutron.fault(400, "GET", "security-groups?bogus=1") == "HTTPBadRequest"
    rules = [
        {"security_group_id": a["id"], "direction": "ingress", "protocol": name}
        for name in ("tcp", "udp")
    ]
    neutron.call(201, "POST", "security-group-rules", {"security_group_rules": rules})
    neutron.fault(409, "POST", "security-group-rules", {"security_group_rules": rules[1:]})
    path = f"security-group-rules?security_group_id={a['id']}&direction=ingress&fields=protocol"
    found = neutron.call(200, "GET", path)["security_group_rules"]
    assert sorted(one["protocol"] for one in found) == ["tcp", "udp"]
    changed = neutron.call(
        200, "PUT", f"security-groups/{a['id']}", {"security_group": {"stateful": False}}
    )["security_group"]
    assert changed["revision_number"] > a["revision_number"]
    actions = {match: action for match, (action, _, _) in acls(nb).items()}
    assert {action for match, action in actions.items() if pg(a) in match} == {"allow-stateless"}
    assert {action for match, action in actions.items() if pg(b) in match} == {"allow-related"}
    rule = changed["security_group_rules"][0]
    body = {"security_group_rule": {"description": "why"}}
    path = f"security-group-rules/{rule['id']}"
    assert neutron.call(200, "PUT", path, body)["security_group_rule"]["description"] == "why"
    body = {"security_group_rule": {"protocol": "tcp"}}
    assert neutron.fault(400, "PUT", path, body) == "HTTPBadRequest"
    listed = neutron.call(200, "GET", "extensions/security-group")["extension"]
    assert listed["alias"] == "security-group"


def test_ports_are_in_the_port_groups_of_their_groups(neutron: Api, nb: OvsdbServer) -> None:
    network = neutron.create("network", name="foo")["id"]
    one, two = (neutron.create("security_group", name=name) for name in ("one", "two"))
    plain = neutron.create("port", network_id=network)
    assert plain["security_groups"] == []
    assert security_rows.DROP not in groups(nb)
    port = neutron.create("port", network_id=network, security_groups=[one["id"]])
    assert port["security_groups"] == [one["id"]]
    assert groups(nb) == {pg(one): 1, pg(two): 0, security_rows.DROP: 1}
    drops = {match: found for match, found in acls(nb).items() if "pg_drop" in match}
    assert drops == {
        "inport == @neutron_pg_drop && ip": ("drop", "from-lport", 1000),
        "outport == @neutron_pg_drop && ip": ("drop", "to-lport", 1000),
    }
    path = f"ports/{port['id']}"
    for ids, found in (
        ([one["id"], two["id"]], (1, 1, 1)),
        ([two["id"]], (0, 1, 1)),
        ([], (0, 0, 0)),
        ([one["id"]], (1, 0, 1)),
    ):
        changed = neutron.call(200, "PUT", path, {"port": {"security_groups": ids}})["port"]
        assert changed["security_groups"] == ids
        assert tuple(groups(nb)[name] for name in (pg(one), pg(two), security_rows.DROP)) == found
    for status, kind, body in (
        (404, "SecurityGroupNotFound", {"security_groups": [plain["id"]]}),
        (409, "PortSecurityPortHasSecurityGroup", {"port_security_enabled": False}),
        (
            400,
            "PortSecurityAndIPRequiredForSecurityGroups",
            {"port_security_enabled": False, "security_groups": [two["id"]]},
        ),
    ):
        assert neutron.fault(status, "PUT", path, {"port": body}) == kind
    path = f"security-groups/{one['id']}"
    assert neutron.fault(409, "DELETE", path) == "SecurityGroupInUse"
    neutron.call(204, "DELETE", f"ports/{port['id']}")
    assert groups(nb) == {pg(one): 0, pg(two): 0, security_rows.DROP: 0}
    neutron.call(204, "DELETE", path)
    neutron.call(204, "DELETE", f"security-groups/{two['id']}")
    assert groups(nb) == {}
    assert acls(nb) == {}


def test_ports_are_found_by_their_groups(neutron: Api) -> None:
    network = neutron.create("network")["id"]
    one, two = (neutron.create("security_group", name=name)["id"] for name in "ab")
    for name, groups in (("none", []), ("one", [one]), ("both", [one, two])):
        neutron.create("port", network_id=network, name=name, security_groups=groups)

    def found(query: str) -> list[str]:
        ports = neutron.call(200, "GET", f"ports?{query}&sort_key=name&sort_dir=asc")["ports"]
        return [port["name"] for port in ports]

    assert found(f"security_groups={one}") == ["both", "one"]
    assert found(f"security_groups={two}&network_id={network}") == ["both"]
    assert found(f"security_groups={two}&security_groups={one}&name=one") == ["one"]
    assert found(f"security_groups={network}") == []


def test_a_group_that_goes_takes_the_rules_that_name_it(neutron: Api, nb: OvsdbServer) -> None:
    web, db = (neutron.create("security_group", name=name) for name in ("web", "db"))
    neutron.rule(db, remote_group_id=web["id"], protocol="tcp")
    match = f"outport == @{pg(db)} && ip4 && ip4.src == ${pg(web)}_ip4 && tcp"
    assert match in acls(nb)
    neutron.call(204, "DELETE", f"security-groups/{web['id']}")
    assert set(acls(nb)) == {f"inport == @{pg(db)} && {ip}" for ip in ("ip4", "ip6")}
    found = neutron.call(200, "GET", f"security-group-rules?security_group_id={db['id']}")
    assert len(found["security_group_rules"]) == 2


def test_a_port_does_not_join_a_group_that_another_server_deletes(
    nb: OvsdbServer, stores: Open
) -> None:
    """It would be open: its groups would be gone, and the one that drops with them."""
    here, there = Service(stores(nb.remote)), Service(stores(nb.remote))
    network = here.create(NETWORK, [{"name": "foo"}])[0]["id"]
    for _ in range(20):
        group = here.create(SECURITY_GROUP, [{}])[0]["id"]
        barrier = threading.Barrier(2)

        def join(group: str = group, barrier: threading.Barrier = barrier) -> str | None:
            barrier.wait(10)
            wanted = {"network_id": network, "security_groups": [group]}
            try:
                return str(here.create(PORT, [wanted])[0]["id"])
            except SecurityGroupNotFound:
                return None

        def delete(group: str = group, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(10)
            try:
                there.delete(SECURITY_GROUP, group)
            except (SecurityGroupInUse, SecurityGroupNotFound):
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            joined, deleted = pool.submit(join), pool.submit(delete)
        port, gone = joined.result(), deleted.result()
        assert (port is None) == gone
        if port is not None:
            assert groups(nb)[security_rows.DROP] == 1
            here.delete(PORT, port)
            here.delete(SECURITY_GROUP, group)
    assert groups(nb) == {}


def test_two_servers_make_the_dropping_group_once(nb: OvsdbServer, stores: Open) -> None:
    servers = [Service(stores(nb.remote)) for _ in range(2)]
    # On one network their ports would collide already.
    networks = [one.create(NETWORK, [{}])[0]["id"] for one in servers]
    for _ in range(10):
        made = [one.create(SECURITY_GROUP, [{}])[0]["id"] for one in servers]
        barrier = threading.Barrier(2)

        def join(number: int, ids: list[str] = made, barrier: threading.Barrier = barrier) -> str:
            wanted = {"network_id": networks[number], "security_groups": [ids[number]]}
            barrier.wait(10)
            return str(servers[number].create(PORT, [wanted])[0]["id"])

        with ThreadPoolExecutor(2) as pool:
            ports = list(pool.map(join, range(2)))
        assert groups(nb)[security_rows.DROP] == 2
        for server, port, group in zip(servers, ports, made, strict=True):
            server.delete(PORT, port)
            server.delete(SECURITY_GROUP, group)
    assert groups(nb) == {}
