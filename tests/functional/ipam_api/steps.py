"""What a case asks: requests in order, and looks at Northbound between them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_SINGULAR = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "security-groups": "security_group",
    "security-group-rules": "security_group_rule",
    "routers": "router",
    "floatingips": "floatingip",
}


@dataclass(frozen=True)
class Request:
    """One request; ``$name`` in it stands for the id of what an earlier one saved as that.

    :param body: its text; None for no body at all.
    :param save: the name of the id of what it makes; of several, with spaces between.
    """

    method: str
    path: str
    body: str | None = None
    save: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All that it says, for what is looked for in it."""
        return f"{self.path} {self.body}"


@dataclass(frozen=True)
class Rows:
    """A look at what the case has made in these tables of Northbound."""

    tables: tuple[str, ...]


Step = Request | Rows


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """All that its requests say."""
        return "\n".join(step.text for step in self.steps if isinstance(step, Request))


def case(name: str, *steps: Step) -> Case:
    return Case(name, steps)


def post(collection: str, save: str = "", /, **attributes: Any) -> Request:
    """Make one thing; an attribute ``a__b`` is ``a:b``."""
    body = {_SINGULAR[collection]: _named(attributes)}
    return Request("POST", f"/v2.0/{collection}", json.dumps(body), save)


def bulk(collection: str, save: str, *things: dict[str, Any]) -> Request:
    """Make several things at once."""
    body = {collection.replace("-", "_"): things}
    return Request("POST", f"/v2.0/{collection}", json.dumps(body), save)


def put(path: str, /, **attributes: Any) -> Request:
    """Change attributes of ``COLLECTION/$name``."""
    body = {_SINGULAR[path.partition("/")[0]]: _named(attributes)}
    return Request("PUT", f"/v2.0/{path}", json.dumps(body))


def get(path: str) -> Request:
    return Request("GET", f"/v2.0/{path}")


def delete(path: str) -> Request:
    return Request("DELETE", f"/v2.0/{path}")


def raw(method: str, path: str, body: Any = None, save: str = "", **headers: str) -> Request:
    """A request as it is: a body that is no string is sent as JSON; ``a_b`` is the header a-b."""
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, path, text, save, sent)


def rows(*tables: str) -> Rows:
    return Rows(tables)


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("__", ":"): value for name, value in attributes.items()}
