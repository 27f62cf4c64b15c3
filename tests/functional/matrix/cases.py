"""What is tried: requests of every route and method, on every thing, with every body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from ovn_integrate.ipam.resources.bodies import Resource
from tests.functional.matrix.values import ALL, Values, tags
from tests.functional.matrix.world import World, layers

MISSING = "00000000-0000-4000-8000-000000000000"
"""The id of nothing."""

_READ = ("GET", "HEAD", "OPTIONS")
_ANY = "<any("


@dataclass(frozen=True)
class Route:
    """:ivar template: with its ids left open: ``/v2.0/ports/{id}``."""

    method: str
    template: str

    @property
    def reads(self) -> bool:
        return self.method in _READ

    def __str__(self) -> str:
        return f"{self.method} {self.template}"


@dataclass(frozen=True)
class Case:
    """A request.

    :ivar thing: the name of what it is about, in the path or, where that names nothing, in the
        body; ``-`` for nothing.
    :ivar body: what is in it, in a word: the attribute and its value.
    """

    route: Route
    path: str
    thing: str = "-"
    label: str = "-"
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.route} | {self.thing} | {self.label}"


def routes(app: Any) -> list[Route]:
    """All that a server answers, out of its own tables."""
    found: list[Route] = []
    for layer in layers(app):
        if isinstance(layer, Flask):
            for rule in layer.url_map.iter_rules():
                for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                    found += [Route(method, template) for template in _templates(rule.rule)]
        else:
            pages = getattr(layer, "_pages", {})
            for path, page in pages.items():
                found.append(Route(page[0] if isinstance(page, tuple) else "GET", path))
    return found


def _templates(rule: str) -> Iterator[str]:
    start = rule.find(_ANY)
    if start >= 0:
        end = rule.index(">", start)
        names = rule[start + len(_ANY) : rule.index(")", start)]
        for name in names.split(","):
            yield from _templates(rule[:start] + name.strip("'") + rule[end + 1 :])
        return
    yield "/".join(
        "{" + part.strip("<>").rpartition(":")[2] + "}" if part.startswith("<") else part
        for part in rule.split("/")
    )


class Cases:
    """The requests of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.values = Values(world)

    def of(self, route: Route) -> Iterator[Case]:
        """:raises KeyError: nothing is known of such a route."""
        parts = route.template.strip("/").split("/")
        if parts[0] != "v2.0" or len(parts) < 2 or parts[1] not in ALL:
            yield Case(route, route.template.replace("{alias}", "router"), body=_nothing(route))
        elif "port_forwardings" in parts:
            yield from self._forwardings(route)
        elif len(parts) == 2:
            yield from self._collection(route, ALL[parts[1]])
        else:
            yield from self._members(route, ALL[parts[1]], parts[3:])

    def _members(self, route: Route, resource: Resource, more: list[str]) -> Iterator[Case]:
        for name, (collection, thing) in self._world.things.items():
            if collection == resource.collection:
                path = route.template.replace("{id}", thing["id"])
                for label, body, tag in self._asked(route, resource, more):
                    yield Case(route, path.replace("{tag}", tag), name, label, body)
        path = route.template.replace("{id}", MISSING)
        label, body, tag = next(self._asked(route, resource, more))
        yield Case(route, path.replace("{tag}", tag), "missing", label, body)

    def _asked(
        self, route: Route, resource: Resource, more: list[str]
    ) -> Iterator[tuple[str, Any, str]]:
        if more == ["tags", "{tag}"]:
            for label, tag in tags().items():
                yield label, None, tag
        elif more == ["tags"] and route.method in ("PUT", "POST"):
            for label, tag in tags().items():
                yield label, {"tags": [tag]}, ""
            yield "none", {"tags": []}, ""
        elif more and more[0].endswith("_router_interface"):
            for name, (collection, thing) in self._world.things.items():
                if collection in ("subnets", "ports"):
                    single = collection.removesuffix("s")
                    yield f"{single}_id={name}", {f"{single}_id": thing["id"]}, ""
        elif route.method == "PUT":
            for attribute, how in resource.attributes.items():
                if how.put:
                    for label, fragment in self.values.of(resource, attribute):
                        yield f"{attribute}={label}", {resource.name: fragment}, ""
            yield "nothing", {resource.name: {}}, ""
        else:
            assert route.method in ("GET", "DELETE"), route
            yield "-", None, ""

    def _collection(self, route: Route, resource: Resource) -> Iterator[Case]:
        if route.method != "POST":
            yield Case(route, route.template, body=_nothing(route))
            return
        for name, label, body in self._created(resource):
            yield Case(route, route.template, name, label, {resource.name: body})

    def _created(self, resource: Resource) -> Iterator[tuple[str, str, Any]]:
        for name, least in self.values.at_creation(resource):
            yield name, "-", least
            for attribute, how in resource.attributes.items():
                if how.post and attribute not in _OF_LEAST.get(resource.name, ()):
                    for label, fragment in self.values.of(resource, attribute):
                        yield name, f"{attribute}={label}", {**least, **fragment}

    def _forwardings(self, route: Route) -> Iterator[Case]:
        resource = ALL["port_forwardings"]
        if route.template.endswith("{id}"):
            thing = self._world.things["operator.forwarding"][1]
            path = route.template.replace("{id}", thing["id"])
            path = path.replace("{floating_id}", thing["floatingip_id"])
            for label, body, _ in self._asked(route, resource, []):
                yield Case(route, path, "operator.forwarding", label, body)
            return
        for name, (collection, thing) in self._world.things.items():
            if collection == "floatingips":
                path = route.template.replace("{floating_id}", thing["id"])
                if route.method == "GET":
                    yield Case(route, path, name)
                elif name == "operator.floatingip-forwarding":
                    for of, label, body in self._created(resource):
                        yield Case(route, path, name, f"{of} {label}", {resource.name: body})
                else:
                    body = next(self.values.at_creation(resource))[1]
                    yield Case(route, path, name, "-", {resource.name: body})


_OF_LEAST = {
    "subnet": ("network_id",),
    "port": ("network_id",),
    "security_group_rule": ("security_group_id",),
    "floatingip": ("floating_network_id",),
}
"""The attributes that a body says at least, which have been tried with that."""


def _nothing(route: Route) -> Any:
    return None if route.reads else {}
