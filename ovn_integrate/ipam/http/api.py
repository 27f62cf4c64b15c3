"""Neutron's v2.0 API over HTTP.

Reference: https://docs.openstack.org/api-ref/network/v2/ and the recorded answers of Neutron 29.
Who asks is known before (see ``identity``), or everybody is admin, as with ``auth_strategy =
noauth``.
"""

from __future__ import annotations

import logging
import select
import socket
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ovn_integrate import audit, jsontext
from ovn_integrate.contract import idempotency
from ovn_integrate.errors import DatabaseUnavailable, Error, one_line
from ovn_integrate.ipam.engine import query
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.http import documents, openapi
from ovn_integrate.ipam.http.identity import IDENTITY
from ovn_integrate.ipam.neutron_errors import HTTPNotFound, InvalidInput
from ovn_integrate.ipam.plan.draft import Request
from ovn_integrate.ipam.resources import bodies, convert
from ovn_integrate.ipam.resources.bodies import FLOATING_IP, PORT_FORWARDING, RESOURCES, Resource
from ovn_integrate.ipam.resources.router.rules import Interface

log = logging.getLogger(__name__)

_MALFORMED = (
    "The server could not comply with the request since it is either malformed or otherwise "
    "incorrect."
)
_BUG = "Request Failed: internal server error while processing your request."
_JSON = ("application/json", "text/json")
_ON = ("network_id", "subnet_id", "port_id", "floating_network_id", "security_group_id")


LARGEST = 1 << 20
"""Bytes of a body."""

App = Flask


def create_app(service: Service) -> App:
    """The WSGI application on a service."""
    app = App(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    app.wsgi_app = _Paths(app.wsgi_app)  # type: ignore[method-assign,assignment]
    app.before_request(_check_request)
    _add_documents(app)
    _Members(service).add_to(app)
    _Forwardings(service).add_to(app)
    app.register_error_handler(Error, _fault)
    app.register_error_handler(HTTPException, _http_fault)
    app.register_error_handler(Exception, _bug)
    return app


class _Paths:
    """Takes the ``.json`` off paths, which the neutron command up to 3.1.1 puts on all of them."""

    def __init__(self, inner: Callable[..., Iterable[bytes]]) -> None:
        self._inner = inner

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith("/v2.0/") and path.endswith(".json"):
            environ["PATH_INFO"] = path[: -len(".json")]
        return self._inner(environ, start)


class _Members:
    """The handlers of collections, their members and the members' tags."""

    def __init__(self, service: Service) -> None:
        self._shared = service

    @property
    def _service(self) -> Service:
        return _asked(self._shared)

    def add_to(self, app: Flask) -> None:
        names = ",".join(f"'{name}'" for name in RESOURCES)  # quoted for their hyphens
        collection = f"/v2.0/<any({names}):collection>"
        member = f"{collection}/<id>"
        for rule, method, view in (
            (collection, "GET", self.list),
            (collection, "POST", self.create),
            (collection, "PUT", self.nobody),
            (collection, "DELETE", self.nobody),
            (member, "GET", self.show),
            (member, "PUT", self.update),
            (member, "DELETE", self.delete),
            ("/v2.0/routers/<id>/add_router_interface", "PUT", self.connect),
            ("/v2.0/routers/<id>/remove_router_interface", "PUT", self.disconnect),
            (f"{member}/tags", "GET", self.tags),
            (f"{member}/tags", "PUT", self.set_tags),
            (f"{member}/tags", "POST", self.add_tags),
            (f"{member}/tags", "DELETE", self.clear_tags),
            (f"{member}/tags/<tag>", "GET", self.has_tag),
            (f"{member}/tags/<tag>", "PUT", self.add_tag),
            (f"{member}/tags/<tag>", "DELETE", self.remove_tag),
        ):
            app.add_url_rule(rule, f"{rule} {method}", view, methods=[method])

    def list(self, collection: str) -> Response:
        resource = RESOURCES[collection]
        pairs = list(request.args.items(multi=True))
        asked = query.parse(resource, pairs)
        found, page = self._service.page(resource, asked)
        links = query.links(asked, f"{_base()}/v2.0/{collection}", pairs, page)
        return _list(resource, found, links)

    def create(self, collection: str) -> Response:
        resource = RESOURCES[collection]
        wanted, bulk = bodies.creations(resource, bodies.decode(request.get_data()))
        _note_asked(wanted)
        made = self._service.create(resource, wanted, _request())
        _note_ids(made)
        return _answer({resource.plural: made} if bulk else {resource.name: made[0]}, 201)

    def nobody(self, collection: str) -> Response:
        # Neutron takes the collection for a member that has no id.
        self._service.show(RESOURCES[collection], "None")
        raise HTTPNotFound

    def show(self, collection: str, id: str) -> Response:
        resource = RESOURCES[collection]
        asked = query.Query(fields=request.args.getlist("fields"))
        return _answer({resource.name: query.project(asked, self._service.show(resource, id))})

    def update(self, collection: str, id: str) -> Response:
        resource = RESOURCES[collection]
        attributes = bodies.update(resource, bodies.decode(request.get_data()))
        return _answer({resource.name: self._service.update(resource, id, attributes)})

    def delete(self, collection: str, id: str) -> Response:
        self._service.delete(RESOURCES[collection], id)
        return _nothing()

    def connect(self, id: str) -> Response:
        return _answer(self._service.connect(id, _interface(id)))

    def disconnect(self, id: str) -> Response:
        return _answer(self._service.disconnect(id, _interface(id)))

    def tags(self, collection: str, id: str) -> Response:
        return _answer({"tags": self._service.tags(RESOURCES[collection], id)})

    def set_tags(self, collection: str, id: str) -> Response:
        body = bodies.decode(request.get_data())
        if "tags" not in body:
            raise InvalidInput(reason="Invalid tags body")
        tags = convert.tags_set(body["tags"])
        return _answer({"tags": self._service.set_tags(RESOURCES[collection], id, tags)})

    def add_tags(self, collection: str, id: str) -> Response:
        tags = convert.tags_set(bodies.decode(request.get_data()).get("tags"))
        self._service.add_tags(RESOURCES[collection], id, tags)
        return _answer({"tags": list(tags)})

    def clear_tags(self, collection: str, id: str) -> Response:
        self._service.set_tags(RESOURCES[collection], id, ())
        return _nothing()

    def has_tag(self, collection: str, id: str, tag: str) -> Response:
        self._service.has_tag(RESOURCES[collection], id, tag)
        return _nothing()

    def add_tag(self, collection: str, id: str, tag: str) -> Response:
        self._service.add_tags(RESOURCES[collection], id, [convert.tag_put(tag)])
        return _answer(None, 201)

    def remove_tag(self, collection: str, id: str, tag: str) -> Response:
        self._service.remove_tag(RESOURCES[collection], id, tag)
        return _nothing()


class _Forwardings:
    """The handlers of port forwardings, which stand under their floating IP."""

    def __init__(self, service: Service) -> None:
        self._shared = service

    @property
    def _service(self) -> Service:
        return _asked(self._shared)

    def add_to(self, app: Flask) -> None:
        collection = "/v2.0/floatingips/<floating_id>/port_forwardings"
        member = f"{collection}/<id>"
        for rule, method, view in (
            (collection, "GET", self.list),
            (collection, "POST", self.create),
            (member, "GET", self.show),
            (member, "PUT", self.update),
            (member, "DELETE", self.delete),
        ):
            app.add_url_rule(rule, f"{rule} {method}", view, methods=[method])

    def list(self, floating_id: str) -> Response:
        self._service.show(FLOATING_IP, floating_id)
        pairs = list(request.args.items(multi=True))
        asked = query.parse(PORT_FORWARDING, pairs)
        filters = {**asked.filters, "floatingip_id": [floating_id]}
        found, page = self._service.page(PORT_FORWARDING, replace(asked, filters=filters))
        links = query.links(asked, request.base_url, pairs, page)
        return _list(PORT_FORWARDING, found, links)

    def create(self, floating_id: str) -> Response:
        wanted, bulk = bodies.creations(PORT_FORWARDING, _body())
        under = [{**one, "floatingip_id": floating_id} for one in wanted]
        made = self._service.create(PORT_FORWARDING, under, _request())
        _note_ids(made)
        if bulk:
            return _answer({PORT_FORWARDING.plural: made}, 201)
        return _answer({PORT_FORWARDING.name: made[0]}, 201)

    def show(self, floating_id: str, id: str) -> Response:
        asked = query.Query(fields=request.args.getlist("fields"))
        found = query.project(asked, self._service.forwarding(floating_id, id))
        return _answer({PORT_FORWARDING.name: found})

    def update(self, floating_id: str, id: str) -> Response:
        self._service.forwarding(floating_id, id)
        attributes = bodies.update(PORT_FORWARDING, _body())
        changed = self._service.update(PORT_FORWARDING, id, attributes)
        return _answer({PORT_FORWARDING.name: changed})

    def delete(self, floating_id: str, id: str) -> Response:
        self._service.forwarding(floating_id, id)
        self._service.delete(PORT_FORWARDING, id)
        return _nothing()


def _interface(router_id: str) -> Interface:
    wish = convert.interface(_body())
    ids = [str(one) for one in (router_id, wish.port_id, wish.subnet_id) if one]
    audit.note(request.environ, ids=ids)
    return wish


def _note_asked(wanted: Iterable[Mapping[str, Any]]) -> None:
    """On what things shall be, for when they are refused."""

    def on() -> list[str]:
        ids = (str(one[name]) for one in wanted for name in _ON if one.get(name))
        return list(dict.fromkeys(ids))

    audit.note(request.environ, on=on)


def _note_ids(made: Iterable[Mapping[str, Any]]) -> None:
    audit.note(request.environ, ids=[str(one["id"]) for one in made])


def _asked(service: Service) -> Service:
    return service.asked_by(request.environ.get(IDENTITY))


def _request() -> Request | None:
    """Which creation it is, where its client may send it to several servers."""
    key = request.headers.get(idempotency.HEADER)
    if key is None:
        return None
    hung_up = partial(_hung_up, request.environ.get("gunicorn.socket"))
    return Request(idempotency.request(request.path, key, _keys()), hung_up)


def _keys() -> uuid.UUID:
    """The namespace of the keys of who asks."""
    who = request.environ.get(IDENTITY)
    return idempotency.EVERYBODY if who is None else idempotency.namespace(who.role, who.name)


def _hung_up(connection: socket.socket | None) -> bool:
    if connection is None or connection.fileno() < 0:
        return connection is not None
    # Not by reading: over TLS what there is to read is no word of whether more will come.
    ends = select.poll()
    ends.register(connection, select.POLLRDHUP)
    return bool(ends.poll(0))


def _add_documents(app: Flask) -> None:
    app.add_url_rule("/", "versions", lambda: _answer(documents.versions(_base())))
    # Without the slash a real Neutron answers 404, and no client asks for it.
    app.add_url_rule(
        "/v2.0/", "resources", lambda: _answer(documents.resources(_base())), strict_slashes=True
    )
    app.add_url_rule("/v2.0", "unslashed", _unslashed, strict_slashes=True)
    app.add_url_rule(
        "/v2.0/extensions", "extensions", lambda: _answer(documents.extensions(_keys()))
    )
    app.add_url_rule("/v2.0/extensions/<alias>", "extension", _extension)
    app.add_url_rule("/openapi.json", "openapi", lambda: _answer(_openapi(app)))


def _openapi(app: Flask) -> dict[str, Any]:
    rules = app.url_map.iter_rules()
    return openapi.document((one.rule, one.methods or ()) for one in rules)


def _unslashed() -> Response:
    raise HTTPNotFound


def _extension(alias: str) -> Response:
    found = documents.extension(alias, _keys())
    if found is None:
        # Neutron answers this one in plain text.
        said = f"Extension with alias {one_line(alias)} does not exist\n"
        return Response(said, 404, content_type="text/plain; charset=UTF-8")
    return _answer(found)


def _check_request() -> Response | None:
    if request.method == "HEAD":
        raise MethodNotAllowed
    if "HTTP_ACCEPT" not in request.environ:
        return None
    if request.accept_mimetypes and not request.accept_mimetypes.best_match(_JSON):
        return _document("HTTPNotAcceptable", _MALFORMED, 406)
    return None


def _fault(error: Error) -> Response:
    kind = type(error).__name__
    if isinstance(error, DatabaseUnavailable):
        kind = "ServiceUnavailable"
    return _document(kind, str(error), error.status)


def _http_fault(error: HTTPException) -> Response:
    status = error.code or 500
    if status == 404 and not request.path.startswith("/v2.0"):
        return Response("Not Found\n", 404)
    if status == 404:
        return _fault(HTTPNotFound())
    return _document(f"HTTP{type(error).__name__}", _MALFORMED, status)


def _bug(error: Exception) -> Response:
    log.exception("%s %s failed", request.method, request.path)
    return _document("HTTPInternalServerError", _BUG, 500)


def unauthorized(error: Error) -> tuple[str, bytes]:
    """The answer to nobody that is known: its type and its body."""
    said = {"type": type(error).__name__, "message": str(error), "detail": ""}
    return "application/json", jsontext.dumps({"NeutronError": said}).encode()


def _document(kind: str, message: str, status: int) -> Response:
    audit.note(request.environ, why=f"{kind}: {message}")
    return _answer({"NeutronError": {"type": kind, "message": message, "detail": ""}}, status)


def _answer(body: Any, status: int = 200) -> Response:
    return _text(jsontext.dumps(body), status)


def _text(text: str, status: int) -> Response:
    return Response(text, status, content_type="application/json")


def _list(resource: Resource, found: Iterable[Any], links: Any) -> Response:
    # One after the other, as the text of a body is a fifth of its size.
    texts = ", ".join(jsontext.dumps(body) for body in found)
    more = "" if links is None else f', "{resource.plural}_links": {jsontext.dumps(links)}'
    return _text(f'{{"{resource.plural}": [{texts}]{more}}}', 200)


def _nothing() -> Response:
    return Response(status=204)


def _body() -> dict[str, Any]:
    return bodies.decode(request.get_data())


def _base() -> str:
    return request.host_url.rstrip("/")
