"""Asks a server what a case asks, and puts the answers so that two servers' can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from tests.functional.daemons import OvsdbServer
from tests.functional.ipam_api.rows import Snapshot
from tests.functional.ipam_api.steps import Case, Request, Rows

UNKNOWN = "00000000-0000-0000-0000-00000000000"
"""The beginning of ids that nothing has."""

_ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_ID_OF_NAME = re.compile(r"(?<=pg_)[0-9a-f]{8}(?:_[0-9a-f]{4}){3}_[0-9a-f]{12}")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MAC = re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b")
_SAVED = re.compile(r"\$(\w+)")
_ASKED = re.compile(r'"(?:ip_address|floating_ip_address|gateway_ip)": "([^"]+)"')
_POOL = re.compile(r'"start": "([^"]+)", "end": "\1"')
_CHOSEN = ("ip_address", "floating_ip_address")
_INTERFACE = "network:router_interface"
# Lists whose order is the server's own unless a request asks for one.
_SETS = (
    "security_groups",
    "subnets",
    "subnet_ids",
    "tags",
    "security_group_rules",
    "fixed_ips",
    "external_fixed_ips",
    "dns_assignment",
    "allocation_pools",
)

Answer = dict[str, Any]


class Server(Protocol):
    """An IPAM server or a Neutron with the Northbound that it writes."""

    nb: OvsdbServer

    def ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str, str]:
        """Status, content type and text of the answer."""


class Conversation:
    """One case with one server."""

    def __init__(self, server: Server, case: Case) -> None:
        self._server = server
        self._case = case
        self._ids: dict[str, str] = {}
        # Addresses that a request or a rule determines; a free choice differs from run to run.
        self._certain = {*_ASKED.findall(case.text), *_POOL.findall(case.text)}
        self._chosen: set[str] = set()
        looks = any(isinstance(step, Rows) for step in case.steps)
        self._before = Snapshot(server.nb) if looks else None

    def answers(self) -> Iterator[Answer]:
        """What each step of the case said, comparable."""
        for step in self._case.steps:
            if isinstance(step, Request):
                yield self._request(step)
            elif self._before is not None:
                found = Snapshot(self._server.nb).since(self._before, step.tables)
                yield {"rows": _sorted_rows(self._plain(found))}

    def _request(self, step: Request) -> Answer:
        status, kind, text = self._server.ask(
            step.method, self._filled(step.path), self._filled(step.body), step.headers
        )
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = text
        if step.save and status < 300:
            self._save(step.save.split(), body)
        self._look_for_choices(body)
        answer: Answer = {"status": status}
        if text:
            answer |= {"type": kind, "body": _sorted(self._plain(body), step)}
        return answer

    def _save(self, names: list[str], body: dict[str, Any]) -> None:
        (made,) = body.values()
        for name, thing in zip(names, made if isinstance(made, list) else [made], strict=True):
            self._ids[thing["id"]] = f"${name}"

    def _look_for_choices(self, said: Any) -> None:
        if isinstance(said, list):
            for one in said:
                self._look_for_choices(one)
        elif isinstance(said, dict):
            if said.get("gateway_ip"):
                self._certain.add(said["gateway_ip"])
            for key, value in said.items():
                if key in _CHOSEN and value and not self._is_certain(value):
                    self._chosen.add(value)
                self._look_for_choices(value)

    def _is_certain(self, address: str) -> bool:
        return address in self._certain or "/" in address or "ff:fe" in address  # of EUI-64

    def _filled(self, text: str | None) -> str:
        known = {name[1:]: id for id, name in self._ids.items()}
        return _SAVED.sub(lambda found: known.get(found[1], found[0]), text or "")

    def _plain(self, said: Any, key: str = "") -> Any:
        """What was said, without what differs from run to run."""
        if isinstance(said, dict):
            return {self._text(name): self._plain(one, name) for name, one in said.items()}
        if isinstance(said, list):
            return [self._plain(one, key) for one in said]
        if key == "provider:segmentation_id" and said is not None:
            return "$VNI"
        if key == "standard_attr_id":
            return "$NUMBER"
        return self._text(said) if isinstance(said, str) else said

    def _text(self, text: str) -> str:
        text = _ID.sub(lambda found: self._known(found[0]), text)
        text = _ID_OF_NAME.sub(lambda found: self._known(found[0].replace("_", "-")), text)
        text = _TIME.sub("$TIME", text)
        # Neutron's sets of keys are printed in any order.
        text = re.sub(r"(dictionary's keys failed\.).*", r"\1", text)
        text = _MAC.sub(lambda found: found[0] if found[0] in self._said else "$MAC", text)
        for address in self._chosen:
            text = re.sub(rf"(?<![0-9a-f.:]){re.escape(address)}(?![0-9a-f.:])", "$IP", text)
            name = "host-" + re.sub("[.:]", "-", address)
            text = re.sub(rf"\b{name}(?![0-9a-f-])", "host-$IP", text)
        return text.replace("http://ipam", "$BASE")

    @property
    def _said(self) -> str:
        return self._case.text.lower().replace("-", ":")

    def _known(self, id: str) -> str:
        if id.startswith(UNKNOWN[:30]):
            return id
        return self._ids.get(id, "$UUID")


def _sorted(body: Any, step: Request) -> Any:
    """With the lists sorted whose order says nothing."""
    if not isinstance(body, dict):
        return body
    ordered = "sort_key" in step.path
    found = {}
    for key, value in body.items():
        plain = _members_sorted(value, key)
        sort = isinstance(plain, list) and not ordered and not key.endswith("_links")
        found[key] = sorted(plain, key=_text_of) if sort else plain
    return found


def _members_sorted(thing: Any, key: str = "") -> Any:
    if isinstance(thing, dict):
        return {name: _members_sorted(one, name) for name, one in sorted(thing.items())}
    if isinstance(thing, list):
        members = [_members_sorted(one) for one in thing]
        return sorted(members, key=_text_of) if key in _SETS else members
    return thing


def _text_of(thing: Any) -> str:
    return json.dumps(thing, sort_keys=True)


def _sorted_rows(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {
        table: sorted((_members_sorted(one) for one in found), key=_text_of)
        for table, found in tables.items()
    }


def clear(server: Server) -> None:
    """Delete what there is, so that each case begins with nothing."""
    for id in _ids(server, "floatingips"):
        _must(server, "DELETE", f"floatingips/{id}")
    for router in _ids(server, "routers"):
        for port in _ids(server, f"ports?device_id={router}&device_owner={_INTERFACE}"):
            path = f"routers/{router}/remove_router_interface"
            _must(server, "PUT", path, json.dumps({"port_id": port}))
        _must(server, "DELETE", f"routers/{router}")
    for collection in ("ports", "networks"):
        for id in _ids(server, collection):
            _must(server, "DELETE", f"{collection}/{id}")
    for group in _found(server, "security-groups"):
        if group["name"] != "default":
            _must(server, "DELETE", f"security-groups/{group['id']}")


def _ids(server: Server, path: str) -> list[str]:
    return [one["id"] for one in _found(server, path)]


def _found(server: Server, path: str) -> list[dict[str, Any]]:
    (things,) = json.loads(_must(server, "GET", path)).values()
    return list(things)


def _must(server: Server, method: str, path: str, body: str | None = None) -> str:
    status, _, text = server.ask(method, f"/v2.0/{path}", body, {})
    assert status < 300, text
    return text
