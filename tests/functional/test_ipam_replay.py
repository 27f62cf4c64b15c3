"""What a real Neutron 29 (ML2/OVN) answered, request by request in order, replayed here.

``data/neutron.jsonl`` holds facts alone: request, status, error, the keys of an answer, and such
values as do not differ from run to run. ``$name`` stands for the id of a thing that an earlier
line made and saved.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "data/neutron.jsonl").read_text().splitlines()
]

# What differs on purpose, by case, with the reason.
LEFT_OUT: dict[str, str] = {
    "aux quotas/admin/details.json": "there are no quotas",
    "aux agents": "there are no agents",
    "aux availability_zones": "there are no availability zones",
    "aux routers": "the recorded Neutron had no routers, this server has",
    "aux floatingips": "the recorded Neutron had no floating IPs, this server has",
    "aux address-scopes": "there are no address scopes",
    "net avail": "how many addresses are used is not counted for clients",
}
# Keys of extensions that the recorded Neutron had not loaded.
FURTHER = {"dns_name", "dns_assignment"}
_VARIABLE = re.compile(r"\$(?!UUID|MAC|TIME|BASE)(\w+)")


class Replay:
    """Sends the requests and knows the ids that were saved."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def send(self, case: dict[str, Any]) -> tuple[int, Any]:
        accept = "application/xml" if case["case"] == "accept xml" else "*/*"
        kind = "text/plain" if case["case"] == "net text/plain" else "application/json"
        body = case.get("body")
        data = body if isinstance(body, str) else json.dumps(body)
        answer = self._client.open(
            self.known(case["path"]),
            method=case["method"],
            data=None if body is None else self.known(data),
            headers={"Accept": accept, "Content-Type": kind},
        )
        found = answer.get_json(silent=True)
        if "saves" in case and answer.status_code == 201:
            ((_, thing),) = found.items()
            self._ids[case["saves"]] = thing["id"]
        return answer.status_code, found

    def known(self, text: str) -> str:
        """The text with what was saved in place of its names."""
        return _VARIABLE.sub(lambda name: self._ids.get(name[0], name[0]), text)


def test_answers_are_those_of_a_real_neutron(api: FlaskClient) -> None:
    replay = Replay(api)
    differences = [
        f"{case['case']}: {difference}"
        for case in CASES
        for difference in _differences(case, replay)
        if case["case"] not in LEFT_OUT
    ]
    assert differences == []


def _differences(case: dict[str, Any], replay: Replay) -> Iterator[str]:
    status, answer = replay.send(case)
    if status != case["status"]:
        yield f"status {status}, not {case['status']}: {answer}"
        return
    if "type" in case:
        yield from _faults(case, answer["NeutronError"], replay)
    for key, fields in case.get("keys", {}).items():
        thing = answer[key][0] if isinstance(answer[key], list) else answer[key]
        different = set(thing) ^ set(fields)
        if different - FURTHER:
            yield f"keys of {key}: {different}"
    for key, count in case.get("count", {}).items():
        if len(answer[key]) != count:
            yield f"{len(answer[key])} {key}, not {count}"
    yield from _values(case, answer)


def _faults(case: dict[str, Any], fault: dict[str, str], replay: Replay) -> Iterator[str]:
    if fault["type"] != case["type"]:
        yield f"type {fault['type']}, not {case['type']}"
    if "message" in case and fault["message"] != replay.known(case["message"]):
        yield f"message {fault['message']!r}, not {case['message']!r}"


def _values(case: dict[str, Any], answer: Any) -> Iterator[str]:
    if "values" in case:
        found = {key: answer["subnet"][key] for key in case["values"]}
        if found != case["values"]:
            yield f"{found}, not {case['values']}"
    if "names" in case:
        things = next(value for key, value in answer.items() if not key.endswith("_links"))
        names = [thing.get("name") for thing in things]
        if sorted(map(str, names)) != sorted(map(str, case["names"])):
            yield f"names {names}, not {case['names']}"
    if "tags" in case and answer["tags"] != case["tags"]:
        yield f"tags {answer['tags']}, not {case['tags']}"


def test_what_is_left_out_exists() -> None:
    names = {case["case"] for case in CASES}
    assert LEFT_OUT.keys() <= names
