"""What the driver asks of the IPAM server, and how that answers, over a life of all that it makes.

A proxy between the two writes it down, with ids numbered in the order in which they come up, or
stands for the server of an older release: it hides what that did not have.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.functional.driver.bed import IPAM

FOLDER = Path(__file__).parents[2] / "data" / "traffic"

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_NOW = re.compile(_UUID.pattern + r"|\d{4}-\d\d-\d\dT[\d:]+Z")

Answer = tuple[int, Any]
Pass = Callable[[str, str, Any], Answer]


@dataclass(frozen=True)
class Exchange:
    """A request and its answer; bodies are JSON, or None."""

    method: str
    path: str
    body: Any
    status: int
    answer: Any

    def to_json(self) -> str:
        return json.dumps(self.__dict__, sort_keys=True)


class Release:
    """An older server, as far as its OpenAPI document tells it."""

    def __init__(self, document: Any) -> None:
        self._paths = [
            (re.compile(re.sub(r"{\w+}", "[^/]+", path)), operations)
            for path, operations in document["paths"].items()
        ]

    def refusal(self, method: str, path: str, body: Any) -> Answer | None:
        """What it answers to what it did not have."""
        operation = self._operation(method, path.partition("?")[0])
        if operation is None:
            return 404, {"NeutronError": {"type": "HTTPNotFound", "message": "", "detail": ""}}
        unknown = _unknown(body, _attributes(operation))
        if unknown:
            said = f"Unrecognized attribute(s) '{', '.join(unknown)}'"
            return 400, {"NeutronError": {"type": "HTTPBadRequest", "message": said, "detail": ""}}
        return None

    def _operation(self, method: str, path: str) -> Any:
        for pattern, operations in self._paths:
            if pattern.fullmatch(path) and method.lower() in operations:
                return operations[method.lower()]
        return None


def _attributes(operation: Any) -> set[str] | None:
    """The attributes that a body may have; None where there is none, or any."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    one = schema["anyOf"][0] if "anyOf" in schema else schema
    (inner, *more) = one["properties"].values()
    return set(inner["properties"]) if not more and "properties" in inner else None


def _unknown(body: Any, known: set[str] | None) -> list[str]:
    if known is None or not isinstance(body, dict) or len(body) != 1:
        return []
    (inner,) = body.values()
    things = inner if isinstance(inner, list) else [inner]
    return sorted({name for one in things if isinstance(one, dict) for name in one} - known)


class Proxy:
    """Between a driver and the IPAM server.

    :param old: the server that it stands for; None for the one that is there.
    """

    def __init__(self, old: Release | None = None) -> None:
        self._old = old
        self.seen: list[Exchange] = []

    @contextmanager
    def serving(self) -> Iterator[int]:
        """Its port."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                key = self.headers.get("Idempotency-Key")
                status, said = outer.pass_on(self.command, self.path, data, key)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield server.server_port
            finally:
                server.shutdown()
                thread.join()

    def pass_on(self, method: str, path: str, data: bytes, key: str | None) -> tuple[int, bytes]:
        body = json.loads(data) if data else None
        refusal = self._old.refusal(method, path, body) if self._old is not None else None
        if refusal is not None:
            return refusal[0], json.dumps(refusal[1]).encode()
        status, said = send(method, path, data, key)
        answer = json.loads(said) if said else None
        self.seen.append(Exchange(method, path, body, status, answer))
        return status, said


def send(method: str, path: str, data: bytes, key: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(IPAM, timeout=20)
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    try:
        connection.request(method, path, data or None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def written(release: str) -> list[Exchange]:
    lines = (FOLDER / f"{release}.jsonl").read_text().splitlines()
    return [Exchange(**json.loads(line)) for line in lines]


def document(release: str) -> Any:
    return json.loads((FOLDER / f"{release}.openapi.json").read_text())


def write(release: str, seen: list[Exchange]) -> None:
    """With the ids numbered, so that a life that is recorded again reads the same."""
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"00000000-0000-0000-0000-{len(numbers):012d}")

    FOLDER.mkdir(exist_ok=True)
    lines = (_UUID.sub(numbered, one.to_json()) for one in seen)
    (FOLDER / f"{release}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    _, said = send("GET", "/openapi.json", b"")
    text = json.dumps(json.loads(said), sort_keys=True)
    (FOLDER / f"{release}.openapi.json").write_text(f"{text}\n")


def _but_ids(thing: Any) -> str:
    return _OF_NOW.sub("", json.dumps(thing, sort_keys=True))


class Replay:
    """Asks again what was asked, with the ids of now."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}

    def ask(self, one: Exchange) -> Answer:
        path = self.known(one.path)
        data = b"" if one.body is None else self.known(json.dumps(one.body)).encode()
        status, said = send(one.method, path, data)
        answer = json.loads(said) if said else None
        self._learn(one.answer, answer)
        return status, answer

    def known(self, text: str) -> str:
        return _UUID.sub(lambda found: self._now.get(found[0], found[0]), text)

    def lacks(self, old: Any, new: Any, at: str = "") -> list[str]:
        """What the old answer had and the new one has not, or otherwise."""
        if isinstance(old, dict) and isinstance(new, dict):
            gone = [f"{at}.{key}" for key in old.keys() - new.keys()]
            return gone + [
                line
                for key in old.keys() & new.keys()
                for line in self.lacks(old[key], new[key], f"{at}.{key}")
            ]
        if isinstance(old, list) and isinstance(new, list):
            if len(old) != len(new):
                return [f"{at}: {len(new)} instead of {len(old)}"]
            # The server lists by id, and these are others now.
            pairs = zip(sorted(old, key=_but_ids), sorted(new, key=_but_ids), strict=True)
            return [line for a, b in pairs for line in self.lacks(a, b, at)]
        if at.endswith(("_at", "revision_number")) or old == new:
            return []
        if isinstance(old, str) and isinstance(new, str) and _UUID.fullmatch(new):
            self._now.setdefault(old, new)
        same = isinstance(old, str) and self.known(old) == new
        return [] if same else [f"{at}: {new!r} instead of {old!r}"]

    def _learn(self, old: Any, new: Any) -> None:
        if isinstance(old, dict) and isinstance(new, dict):
            for key in old.keys() & new.keys():
                self._learn(old[key], new[key])
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) == 1:
            self._learn(old[0], new[0])
        elif isinstance(old, str) and isinstance(new, str) and _UUID.fullmatch(old):
            self._now.setdefault(old, new)
