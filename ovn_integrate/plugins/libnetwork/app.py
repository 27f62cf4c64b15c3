"""The driver as a WSGI application: one table of path, body and method.

Nothing of a request but its path and body is looked at: Docker sends no Content-Type, and some
engines an empty Host (moby pkg/plugins/client.go).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from ovn_integrate.core.collector.in_flight import PATH, Calls
from ovn_integrate.errors import Error, Invalid
from ovn_integrate.plugins.libnetwork import wire
from ovn_integrate.plugins.libnetwork.ipam import Ipam
from ovn_integrate.plugins.libnetwork.network_driver import Driver, Reply

log = logging.getLogger(__name__)

_MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json"
_ACTIVATE = "Plugin.Activate"

_LARGEST = 1 << 20  # bytes of a body

Application = Flask
Method = Callable[[Driver, Any], Reply]


def _of_ipam(method: Callable[[Ipam, Any], Reply]) -> Method:
    return lambda driver, body: method(driver.ipam, body)


METHODS: dict[str, tuple[type[wire.Body], Method]] = {
    _ACTIVATE: (wire.Nothing, Driver.activate),
    "NetworkDriver.GetCapabilities": (wire.Nothing, Driver.capabilities),
    "NetworkDriver.CreateNetwork": (wire.CreateNetwork, Driver.create_network),
    "NetworkDriver.DeleteNetwork": (wire.NetworkBody, Driver.delete_network),
    "NetworkDriver.AllocateNetwork": (wire.AllocateNetwork, Driver.allocate_network),
    "NetworkDriver.FreeNetwork": (wire.NetworkBody, Driver.free_network),
    "NetworkDriver.CreateEndpoint": (wire.CreateEndpoint, Driver.create_endpoint),
    "NetworkDriver.DeleteEndpoint": (wire.EndpointBody, Driver.delete_endpoint),
    "NetworkDriver.EndpointOperInfo": (wire.EndpointBody, Driver.endpoint_info),
    "NetworkDriver.Join": (wire.Join, Driver.join),
    "NetworkDriver.Leave": (wire.EndpointBody, Driver.leave),
    "NetworkDriver.ProgramExternalConnectivity": (
        wire.ProgramExternalConnectivity,
        Driver.publish,
    ),
    "NetworkDriver.RevokeExternalConnectivity": (wire.EndpointBody, Driver.revoke),
    "NetworkDriver.DiscoverNew": (wire.Nothing, Driver.nothing),
    "NetworkDriver.DiscoverDelete": (wire.Nothing, Driver.nothing),
    "IpamDriver.GetCapabilities": (wire.Nothing, _of_ipam(Ipam.capabilities)),
    "IpamDriver.GetDefaultAddressSpaces": (wire.Nothing, _of_ipam(Ipam.address_spaces)),
    "IpamDriver.RequestPool": (wire.RequestPool, _of_ipam(Ipam.request_pool)),
    "IpamDriver.ReleasePool": (wire.PoolBody, _of_ipam(Ipam.release_pool)),
    "IpamDriver.RequestAddress": (wire.RequestAddress, _of_ipam(Ipam.request_address)),
    "IpamDriver.ReleaseAddress": (wire.ReleaseAddress, _of_ipam(Ipam.release_address)),
}


def create(driver: Driver, calls: Calls | None = None) -> Application:
    """The application that serves a driver.

    :param calls: where the calls that run are counted; what it has is answered on
        :data:`in_flight.PATH`, for ``driver gc``, which runs in a process of its own.
    """
    running = calls if calls is not None else Calls()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST

    def call(name: str) -> Response:
        return _answer(driver, running, name, request.get_data(cache=False))

    app.add_url_rule("/<name>", view_func=call, methods=["POST"])
    app.add_url_rule(PATH, "calls", lambda: _json(200, running.told()), methods=["GET"])
    app.register_error_handler(HTTPException, _refused)
    return app


def _answer(driver: Driver, calls: Calls, name: str, data: bytes) -> Response:
    if name not in METHODS:
        return _failed(404, f"{name}: this driver has no such method")
    body_type, method = METHODS[name]
    try:
        body = _parse(body_type, data)
    except Invalid as error:
        return _failed(400, f"{name}: {error}")
    try:
        with calls.about(*body.ids()):
            answer = method(driver, body)
        return _json(200, answer)
    except Error as error:
        log.warning("%s: %s", name, error)
        # Docker takes an operation's failure from the body of a 200, except for activation, of
        # which only another status makes it try again.
        return _failed(error.status if name == _ACTIVATE else 200, str(error))
    except Exception:
        # The edge: a bug in one call must reach the log and Docker, and end nothing else.
        log.exception("%s", name)
        return _failed(500 if name == _ACTIVATE else 200, f"{name}: internal error, see the log")


def _parse(body_type: type[wire.Body], data: bytes) -> wire.Body:
    if body_type is wire.Nothing:
        return wire.Nothing()
    if not data:
        # Docker's client sends a request again with an empty body when the connection broke after
        # the first was sent (moby#35459): the ids are lost, so it must not be acted on.
        raise Invalid("body", "is empty")
    try:
        return body_type.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Invalid(where, first["msg"]) from None


def _refused(error: HTTPException) -> Response:
    return _failed(error.code or 500, f"{request.path}: {error.name}")


def _failed(status: int, message: str) -> Response:
    # Network drivers' errors are read from Err, IPAM drivers' from Error.
    return _json(status, {"Err": message, "Error": message})


def _json(status: int, body: Reply) -> Response:
    return Response(json.dumps(body) + "\n", status, mimetype=_MEDIA_TYPE)
