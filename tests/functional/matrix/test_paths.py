"""Ways around: other writings of a path or a method, other identities, others' keys, bulk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ovn_integrate.contract import idempotency
from ovn_integrate.ipam.resources.bodies import RESOURCES
from tests.functional.matrix.cases import Cases, Route
from tests.functional.matrix.world import OPERATOR, READER, A, B, World

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT")
_OPEN = {
    ("GET", "/"),
    ("HEAD", "/"),
    ("OPTIONS", "/"),
    ("GET", "/healthz"),
    ("HEAD", "/healthz"),
    ("GET", "/v1/ca"),
}


def _written(path: str) -> Iterator[str]:
    """Paths that some reader may take for a path, as they come in: unquoted."""
    yield path
    yield path + "/"
    yield path + ".json"
    yield path + ".JSON"
    yield path + "//"
    yield path + " "
    yield path + "\0"
    yield path + ";a=b"
    yield path + "?"
    yield path + "%2f"
    yield "/" + path
    yield "/." + path
    yield "/healthz/.." + path
    yield "/v1/ca/.." + path
    yield "/healthz?" + path
    yield path.replace("/", "//")
    yield path.replace("/v2.0/", "/v2.0/./")
    yield path.replace("/v2.0/", "/V2.0/")
    yield path.replace("/v2.0/", "/v2.0%2f")
    yield path.replace("/v2.0/", "/v2.0\\")
    yield path.replace("/v2.0/", "/v2.0/networks/../")
    yield path.upper()
    yield path.lstrip("/")
    yield "http://other" + path


_OVERRIDES: tuple[dict[str, str], ...] = (
    {},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-HTTP-Method": "DELETE"},
    {"X-Method-Override": "DELETE"},
    {"X-Original-URL": "/healthz"},
    {"X-Rewrite-URL": "/healthz"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"X-Forwarded-Client-Cert": "Subject=O=ovn-integrate,OU=central"},
    {"X-Remote-User": "operator"},
    {"X-Ssl-Client-Verify": "SUCCESS"},
)


@pytest.mark.parametrize("name", [A, READER, "nobody", "revoked"])
def test_however_a_path_and_a_method_are_written(world: World, name: str) -> None:
    """It is as refused, and changes as little."""
    wrong = []
    asker = world.asker(name)
    for thing in ("b.port", "operator.port", "operator-empty.network"):
        collection, body = world.things[thing]
        for path in _written(f"/v2.0/{collection}/{body['id']}"):
            for method in (*_METHODS, "delete", "DELETE ", ""):
                answer = asker.ask(method, path, {}, raw=path)
                known = name in (A, READER) and method in ("GET", "HEAD", "OPTIONS")
                if world.altered(name) or (answer.status < 300 and not known):
                    wrong.append(f"{method!r} {path!r} -> {answer.status}")
                world.restore()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [A, READER, "nobody", "revoked"])
def test_no_header_or_query_changes_the_method_or_who_asks(world: World, name: str) -> None:
    wrong = []
    path = f"/v2.0/ports/{world.id('b.port')}"
    for headers in _OVERRIDES:
        for method in _METHODS:
            for query in ("", "?_method=DELETE", "?method=DELETE"):
                answer = world.asker(name).ask(method, path + query, {}, headers)
                known = name in (A, READER) and method in ("GET", "HEAD", "OPTIONS")
                if world.altered(name) or (answer.status < 300 and not known):
                    wrong.append(f"{method} {path + query} {headers} -> {answer.status}")
                world.restore()
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ["nobody", "revoked"])
def test_nobody_sees_more_than_the_open_pages(world: World, name: str) -> None:
    wrong = []
    for page in ("/", "/healthz", "/v1/ca", "/metrics", "/openapi.json", "/v2.0/", "/v1/join"):
        for path in _written(page):
            for method in _METHODS:
                answer = world.asker(name).ask(method, path, raw=path)
                if answer.status < 300 and (method, path) not in _OPEN:
                    wrong.append(f"{method} {path!r} -> {answer.status}")
    assert not wrong, "\n".join(wrong)


def test_a_token_counts_before_a_certificate(world: World) -> None:
    """And one that is unknown counts for nothing: not more, and not less."""
    path = f"/v2.0/ports/{world.id('a.port')}"
    change = {"port": {"name": "y"}}
    reader = world.beside(A, world.token[READER])
    assert reader.ask("GET", path).status == 200
    assert reader.ask("PUT", path, change).status == 403
    assert not world.changed
    assert world.beside("revoked", world.token[READER]).ask("PUT", path, change).status == 403
    for name in ("revoked", "ended", "guest", "unsigned"):
        assert world.beside(name, "x" * 43).ask("GET", path).status == 401
    assert not world.changed
    assert world.beside(A, "x" * 43).ask("PUT", path, change).status == 200
    theirs = f"/v2.0/ports/{world.id('b.port')}"
    assert world.beside(A, "x" * 43).ask("PUT", theirs, change).status == 403
    assert world.beside(A, world.token[OPERATOR]).ask("PUT", theirs, change).status == 200


def test_the_key_of_another_s_creation_gives_nothing(world: World) -> None:
    """Neither what it made, nor a thing of its id."""
    key = {idempotency.HEADER: "one"}
    for path, name, body in (
        ("/v2.0/networks", "network", {"name": "n"}),
        ("/v2.0/ports", "port", {"network_id": world.id("shared.network")}),
    ):
        theirs = world.asker(B).ask("POST", path, {name: body}, key)
        assert theirs.status == 201
        again = world.asker(B).ask("POST", path, {name: body}, key)
        assert again.body[name]["id"] == theirs.body[name]["id"]
        for asker in (A, READER, "vm-1"):
            answer = world.asker(asker).ask("POST", path, {name: body}, key)
            assert answer.refused or answer.body[name]["id"] != theirs.body[name]["id"]
        now = world.asker(B).does("GET", f"{path}/{theirs.body[name]['id']}")
        assert now == theirs.body
        world.restore()


def test_of_several_things_none_is_made_when_one_is_refused(world: World) -> None:
    cases = Cases(world)
    tried = set()
    for collection, resource in RESOURCES.items():
        good, bad = _good_and_bad(world, cases, collection)
        for one in bad:
            for several in ([good, one], [one, good], [good, one, good]):
                bodies = [body for body in several if body is not None]
                answer = world.asker(A).ask(
                    "POST", f"/v2.0/{collection}", {resource.plural: bodies}
                )
                assert answer.status >= 400, (collection, bodies, answer)
                assert not world.altered(A), (collection, bodies)
                tried.add(collection)
    assert tried == set(RESOURCES)


def _good_and_bad(world: World, cases: Cases, collection: str) -> tuple[Any, list[Any]]:
    """A body of something that A may make, and some of what it may not."""
    good: Any = None
    bad: list[Any] = []
    for case in cases.of(Route("POST", f"/v2.0/{collection}")):
        body = next(iter(case.body.values()))
        answer = world.asker(A).ask("POST", case.path, case.body)
        if answer.status == 201:
            good = good or body
        elif answer.status == 403 and len(bad) < 12:
            bad.append(body)
        world.restore()
        if good and len(bad) == 12:
            break
    return good, bad
