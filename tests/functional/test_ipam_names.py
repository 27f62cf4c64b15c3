"""Names of ports in NB's DNS rows (dns-integration, and tags for further names)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import create_app
from tests.functional.daemons import OvsdbServer


@pytest.fixture
def network(api: FlaskClient) -> str:
    made = api.post("/v2.0/networks", json={"network": {"name": "foo"}})
    id: str = made.get_json()["network"]["id"]
    for version, cidr in ((4, "192.168.1.0/24"), (6, "fd01::/64")):
        subnet = {"network_id": id, "cidr": cidr, "ip_version": version}
        assert api.post("/v2.0/subnets", json={"subnet": subnet}).status_code == 201
    return id


def port(api: FlaskClient, network: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/v2.0/ports", json={"port": {"network_id": network, **more}})
    assert answer.status_code == 201, answer.get_json()
    made: dict[str, Any] = answer.get_json()["port"]
    return made


def records(nb: OvsdbServer) -> dict[str, str]:
    """The names of all networks; the ways back under their addresses' reverse names."""
    found: dict[str, str] = {}
    for row in json.loads(nb.ctl("-f", "json", "--columns=records", "list", "DNS"))["data"]:
        found |= dict(row[0][1])
    return found


def names(nb: OvsdbServer) -> dict[str, str]:
    return {name: text for name, text in records(nb).items() if not name.endswith(".arpa")}


def test_a_name_has_a_record_and_a_way_back(
    api: FlaskClient, nb: OvsdbServer, network: str
) -> None:
    made = port(api, network, dns_name="Web")
    assert made["dns_name"] == "web"
    assert [one["fqdn"] for one in made["dns_assignment"]] == ["web.", "web."]
    assert names(nb) == {"web": "192.168.1.2 fd01::1"}
    assert records(nb)["2.1.168.192.in-addr.arpa"] == "web"
    shown = nb.ctl("--bare", "--columns=dns_records", "list", "Logical_Switch").strip()
    row = nb.ctl(
        "--bare", "--columns=_uuid", "find", "DNS", f"external_ids:ls_name=neutron-{network}"
    )
    assert shown == row.strip()


def test_a_port_without_a_name_has_none(api: FlaskClient, nb: OvsdbServer, network: str) -> None:
    made = port(api, network)
    assert made["dns_name"] == ""
    assert made["dns_assignment"][0]["hostname"] == "host-192-168-1-2"
    assert records(nb) == {}


def test_ports_of_one_name_share_the_record(
    api: FlaskClient, nb: OvsdbServer, network: str
) -> None:
    ports = [port(api, network, dns_name="web") for _ in range(2)]
    assert names(nb) == {"web": "192.168.1.2 192.168.1.3 fd01::1 fd01::2"}
    api.delete(f"/v2.0/ports/{ports[0]['id']}")
    assert names(nb) == {"web": "192.168.1.3 fd01::2"}
    api.delete(f"/v2.0/ports/{ports[1]['id']}")
    assert records(nb) == {}
    assert nb.ctl("list", "DNS") == ""


def test_a_name_follows_what_changes(api: FlaskClient, nb: OvsdbServer, network: str) -> None:
    made = port(api, network, dns_name="web")
    path = f"/v2.0/ports/{made['id']}"
    api.put(path, json={"port": {"dns_name": "db"}})
    assert names(nb) == {"db": "192.168.1.2 fd01::1"}
    api.put(path, json={"port": {"fixed_ips": [{"ip_address": "192.168.1.9"}]}})
    assert records(nb) == {"db": "192.168.1.9", "9.1.168.192.in-addr.arpa": "db"}
    api.put(path, json={"port": {"dns_name": ""}})
    assert records(nb) == {}


def test_tags_give_further_names(api: FlaskClient, nb: OvsdbServer, network: str) -> None:
    made = port(api, network, dns_name="web", fixed_ips=[{"ip_address": "192.168.1.9"}])
    path = f"/v2.0/ports/{made['id']}/tags"
    api.put(path, json={"tags": ["alias:www", "alias:my_web", "other"]})
    assert names(nb) == dict.fromkeys(("web", "www", "my_web"), "192.168.1.9")
    assert api.delete(f"{path}/alias:www").status_code == 204
    assert names(nb) == dict.fromkeys(("web", "my_web"), "192.168.1.9")


def test_two_networks_have_names_of_their_own(
    api: FlaskClient, nb: OvsdbServer, network: str
) -> None:
    port(api, network, dns_name="web")
    other = api.post("/v2.0/networks", json={"network": {"name": "bar"}}).get_json()["network"]
    subnet = {"network_id": other["id"], "cidr": "192.168.1.0/24", "ip_version": 4}
    api.post("/v2.0/subnets", json={"subnet": subnet})
    made = port(api, other["id"], dns_name="web")
    assert len(json.loads(nb.ctl("-f", "json", "list", "DNS"))["data"]) == 2
    api.delete(f"/v2.0/ports/{made['id']}")
    assert names(nb) == {"web": "192.168.1.2 fd01::1"}


@pytest.mark.parametrize("name", ["-web", "a.b", "w b", "x" * 64])
def test_what_is_no_name_is_refused(api: FlaskClient, network: str, name: Any) -> None:
    answer = api.post("/v2.0/ports", json={"port": {"network_id": network, "dns_name": name}})
    assert answer.status_code == 400
    assert answer.get_json()["NeutronError"]["type"] == "HTTPBadRequest"


def test_two_servers_lose_no_address_of_a_name(
    api: FlaskClient, nb: OvsdbServer, network: str, stores: Callable[[str], Store]
) -> None:
    other = create_app(Service(stores(nb.remote))).test_client()

    def make(number: int) -> str:
        server = (api, other)[number % 2]
        return str(port(server, network, dns_name="web")["fixed_ips"][0]["ip_address"])

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(make, range(40)))
    assert len(made) == 40
    assert {one for one in names(nb)["web"].split() if ":" not in one} == made
