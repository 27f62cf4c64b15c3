"""The IPAM server, asked by what its own OpenAPI document says, and by what that forbids."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ovn_integrate.ipam.audit import repair
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.api import App, create_app
from ovn_integrate.ipam.resources.bodies import RESOURCES
from tests import chance
from tests.functional.daemons import OvsdbServer

_SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
_AS_NEUTRON = {"SubnetAllocationError"}  # which it answers with a 500 too


class Bed:
    def __init__(self, folder: Path) -> None:
        self.nb = OvsdbServer(folder, "nb")
        self.nb.start()
        self.store = Store(self.nb.remote)
        self.store.start()
        assert self.store.wait_ready(20)
        self.app: App = create_app(Service(self.store))
        self.client: FlaskClient = self.app.test_client()
        self.ids = self._made()

    def _made(self) -> dict[str, str]:
        """One of each kind, for requests to be about something."""
        ids: dict[str, str] = {}
        for collection, attributes in (
            ("networks", {"name": "a"}),
            ("subnets", {"cidr": "10.0.0.0/24", "ip_version": 4}),
            ("ports", {}),
            ("subnetpools", {"name": "p", "prefixes": ["10.9.0.0/16"]}),
            ("security-groups", {"name": "g"}),
            ("security-group-rules", {"direction": "ingress"}),
            ("routers", {"name": "r"}),
        ):
            name = RESOURCES[collection].name
            parents: dict[str, str] = {}
            if collection in ("subnets", "ports"):
                parents = {"network_id": ids["networks"]}
            if collection == "security-group-rules":
                parents = {"security_group_id": ids["security-groups"]}
            said = self.client.post(f"/v2.0/{collection}", json={name: {**attributes, **parents}})
            assert said.status_code == 201, said.data
            ids[collection] = said.get_json()[name]["id"]
        return ids

    def real(self, value: Any) -> Any:
        """The same, with ids of what there is where ids of a kind are asked for."""
        if isinstance(value, list):
            return [self.real(one) for one in value]
        if not isinstance(value, dict):
            return value
        kinds = {"network_id": "networks", "subnet_id": "subnets", "port_id": "ports"}
        kinds["security_group_id"] = "security-groups"
        return {
            key: self.ids[kinds[key]] if key in kinds and isinstance(one, str) else self.real(one)
            for key, one in value.items()
        }

    def unbroken(self) -> None:
        """What was refused left nothing half made, and what was made does not contradict itself."""
        assert repair.look(self.nb.remote, 20) == []


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    made = Bed(tmp_path_factory.mktemp("fuzz"))
    yield made
    made.unbroken()
    made.store.stop()
    made.nb.stop()


_DOCUMENT = create_app(Service(cast(Store, None))).test_client().get("/openapi.json").get_json()
_OPERATIONS = [(path, method) for path, known in _DOCUMENT["paths"].items() for method in known]


@pytest.mark.parametrize(
    ("path", "method"), chance.some(_OPERATIONS, "operations"), ids=lambda part: part
)
def test_what_the_document_says_can_be_asked(bed: Bed, path: str, method: str) -> None:
    collection = path.split("/")[2] if path.count("/") > 1 else ""
    known = schemathesis.openapi.from_wsgi("/openapi.json", bed.app)[path][method.upper()]

    @given(case=known.as_strategy())
    @settings(max_examples=chance.times(4), **_SETTINGS)
    def ask(case: schemathesis.Case) -> None:
        if case.path_parameters and collection in bed.ids and case.method != "DELETE":
            case.path_parameters["id"] = bed.ids[collection]
        if isinstance(case.body, dict):
            case.body = bed.real(case.body)
        _no_bug(case.call())

    ask()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_DEEP = b"[" * 100_000
_WRONG = (
    b"",
    b"null",
    b"{",
    _DEEP,
    b'{"network": ' + _DEEP,
    b'{"network": {"name": "\\u0000"}}',
    b'{"network": {"name": "\\ud800"}}',
    b'{"network": {"\\ud800": 1}}',
    b'{"network": {"mtu": 1e999}}',
    b'{"network": {"mtu": NaN}}',
    b'{"network": {"mtu": ' + b"9" * 5000 + b"}}",
    b'{"network": {"name": "\xff"}}',
    b'{"port": {"network_id": {}}}',
    b"\xef\xbb\xbf{}",
)


@pytest.mark.parametrize("collection", RESOURCES)
@given(
    attributes=st.dictionaries(
        st.sampled_from(sorted({n for r in RESOURCES.values() for n in r.attributes})),
        _JSON,
        max_size=4,
    )
)
@settings(max_examples=chance.times(25), **_SETTINGS)
def test_attributes_of_any_value(bed: Bed, collection: str, attributes: dict[str, Any]) -> None:
    resource = RESOURCES[collection]
    known = {name: one for name, one in attributes.items() if name in resource.attributes}
    for name, one in resource.attributes.items():
        if one.required and name not in known:
            known[name] = "x"
    body = json.dumps({resource.name: bed.real(known)}).encode()
    _no_bug(bed.client.post(f"/v2.0/{collection}", data=body))
    if collection in bed.ids:
        body = json.dumps({resource.name: attributes}).encode()
        _no_bug(bed.client.put(f"/v2.0/{collection}/{bed.ids[collection]}", data=body))


@given(body=st.binary(max_size=200), path=st.sampled_from(["networks", "ports", "routers"]))
@settings(max_examples=chance.times(40), **_SETTINGS)
def test_bodies_of_any_bytes(bed: Bed, body: bytes, path: str) -> None:
    _no_bug(bed.client.post(f"/v2.0/{path}", data=body))


@pytest.mark.parametrize("body", _WRONG, ids=lambda body: repr(body[:40]))
def test_bodies_that_are_none(bed: Bed, body: bytes) -> None:
    for method, path in (
        ("POST", "/v2.0/networks"),
        ("PUT", f"/v2.0/ports/{bed.ids['ports']}"),
        ("PUT", f"/v2.0/networks/{bed.ids['networks']}/tags"),
        ("PUT", f"/v2.0/routers/{bed.ids['routers']}/add_router_interface"),
    ):
        said = bed.client.open(path, method=method, data=body)
        _no_bug(said)
        assert said.status_code == 400, said.data


@given(text=st.text(max_size=40), more=st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
@example(text="../../etc/passwd", more={})
@example(text="\0", more={"limit": "\0", "sort_key": "id\n"})
@example(text="--help", more={"marker": "--", "fields": "'\""})
@settings(max_examples=chance.times(60), **_SETTINGS)
def test_ids_tags_and_filters_of_any_text(bed: Bed, text: str, more: dict[str, str]) -> None:
    name = quote(text.encode(errors="replace"), safe="")
    for method, path in (
        ("GET", f"/v2.0/ports/{name}"),
        ("DELETE", f"/v2.0/networks/{name}"),
        ("GET", f"/v2.0/{name}"),
        ("PUT", f"/v2.0/networks/{bed.ids['networks']}/tags/{name}"),
        ("DELETE", f"/v2.0/networks/{bed.ids['networks']}/tags/{name}"),
    ):
        _no_bug(bed.client.open(path, method=method))
    _no_bug(bed.client.get("/v2.0/ports", query_string={**more, "name": text, "tags": text}))


def test_a_long_list_takes_no_long_time(bed: Bed) -> None:
    ids = [str(uuid.uuid4()) for _ in range(20_000)]
    body = {"port": {"network_id": bed.ids["networks"], "security_groups": ids}}
    said = bed.client.post("/v2.0/ports", json=body)
    assert said.status_code == 404
    pairs = [{"ip_address": f"10.{n >> 8}.{n & 255}.1"} for n in range(20_000)]
    more = {"port": {"network_id": bed.ids["networks"], "allowed_address_pairs": pairs}}
    _no_bug(bed.client.post("/v2.0/ports", json=more))


def _no_bug(response: Any) -> None:
    if response.status_code < 500:
        return
    said = json.loads(response.data if hasattr(response, "data") else response.content)
    assert said["NeutronError"]["type"] in _AS_NEUTRON, said
