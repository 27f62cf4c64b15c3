"""Ports of containers in VMs: whose tag OVN chooses, and what the API tells of it.

There is no ovn-northd: a test writes the tag that it would write.
"""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.functional.daemons import OvsdbServer


@pytest.fixture
def vms(api: FlaskClient) -> list[str]:
    """The ports of two VMs on one network."""
    network = api.post("/v2.0/networks", json={"network": {"name": "foo"}}).get_json()["network"]
    subnet = {"network_id": network["id"], "cidr": "192.168.1.0/24", "ip_version": 4}
    assert api.post("/v2.0/subnets", json={"subnet": subnet}).status_code == 201
    return [make(api, network["id"])["id"] for _ in range(2)]


def make(api: FlaskClient, network: str, **attributes: Any) -> dict[str, Any]:
    answer = api.post("/v2.0/ports", json={"port": {"network_id": network, **attributes}})
    assert answer.status_code == 201, answer.get_json()
    port: dict[str, Any] = answer.get_json()["port"]
    return port


def child(api: FlaskClient, parent: str, tag: int) -> dict[str, Any]:
    network = api.get(f"/v2.0/ports/{parent}").get_json()["port"]["network_id"]
    profile = {"parent_name": parent, "tag": tag}
    return make(api, network, **{"binding:profile": profile})


def update(api: FlaskClient, port: str, **profile: Any) -> dict[str, Any]:
    body = {"port": {"binding:profile": profile}}
    answer = api.put(f"/v2.0/ports/{port}", json=body)
    assert answer.status_code == 200, answer.get_json()
    told: dict[str, Any] = answer.get_json()["port"]["binding:profile"]
    return told


def tag(api: FlaskClient, port: str) -> int:
    told = api.get(f"/v2.0/ports/{port}").get_json()["port"]["binding:profile"]
    return int(told["tag"])


def column(nb: OvsdbServer, port: str, name: str) -> str:
    return nb.ctl("--bare", f"--columns={name}", "list", "Logical_Switch_Port", port).strip()


def allot(nb: OvsdbServer, port: str, number: int) -> None:
    nb.ctl("set", "Logical_Switch_Port", port, f"tag={number}")


def seen(api: FlaskClient, port: str, number: int) -> bool:
    """The server learns of it by a notice, some moments later; the pytest timeout ends the wait."""
    while tag(api, port) != number:
        pass
    return True


def test_the_tag_is_asked_of_ovn_and_told(
    nb: OvsdbServer, api: FlaskClient, vms: list[str]
) -> None:
    made = child(api, vms[0], 0)
    assert made["binding:profile"] == {"parent_name": vms[0], "tag": 0}
    assert column(nb, made["id"], "parent_name") == vms[0]
    assert (column(nb, made["id"], "tag_request"), column(nb, made["id"], "tag")) == ("0", "")
    allot(nb, made["id"], 7)
    assert seen(api, made["id"], 7)
    # OVN would give it another one if 7 were asked for now: other attributes change nothing.
    api.put(f"/v2.0/ports/{made['id']}", json={"port": {"name": "db"}})
    assert (column(nb, made["id"], "tag_request"), column(nb, made["id"], "tag")) == ("0", "7")


def test_a_tag_that_was_given_is_told_as_it_was(
    nb: OvsdbServer, api: FlaskClient, vms: list[str]
) -> None:
    made = child(api, vms[0], 5)
    assert (tag(api, made["id"]), column(nb, made["id"], "tag_request")) == (5, "5")


def test_a_tag_goes_with_the_parent(nb: OvsdbServer, api: FlaskClient, vms: list[str]) -> None:
    """ovn-northd keeps a tag that is there, whoever below the next parent has it already, and for a
    port that was there may choose none for long: it is chosen here.
    """
    made, other = child(api, vms[0], 0)["id"], child(api, vms[1], 0)["id"]
    allot(nb, made, 7)
    allot(nb, other, 4094)
    assert seen(api, other, 4094)
    for profile, columns in (
        ({"parent_name": vms[1], "tag": 0}, ("0", "4093")),
        ({"parent_name": vms[0], "tag": 9}, ("9", "9")),
        ({}, ("", "")),
    ):
        assert update(api, made, **profile) == profile
        assert (column(nb, made, "tag_request"), column(nb, made, "tag")) == columns
        if profile:
            assert seen(api, made, int(columns[1]))


def test_a_parent_that_does_not_exist_is_refused(api: FlaskClient, vms: list[str]) -> None:
    other = "00000000-0000-0000-0000-000000000001"
    body = {"port": {"binding:profile": {"parent_name": other, "tag": 0}}}
    answer = api.put(f"/v2.0/ports/{vms[0]}", json=body)
    assert answer.status_code == 404
    assert answer.get_json()["NeutronError"]["type"] == "PortNotFound"


def test_clients_can_ask_who_chooses_the_tag(api: FlaskClient) -> None:
    assert api.get("/v2.0/extensions/nested-port-tag").status_code == 200
