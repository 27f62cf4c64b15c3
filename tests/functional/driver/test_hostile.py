"""Bodies that no Docker sends: refused in words, they end nothing and leave nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovn_integrate.core.network import options
from ovn_integrate.core.network.reachability import ALLOW, GROUP, ICC
from ovn_integrate.errors import Invalid
from ovn_integrate.plugins.libnetwork import app
from ovn_integrate.web import THREADS
from tests import chance
from tests.functional.driver.bed import Host, Lan, ids, new_id

TEXTS = (
    *("../../etc/passwd", "a\0b", "a\nb", "x" * 10_240, "ünïcode", "'\"`", "--all", "-"),
    *(
        "$(id)",
        "fe80::1%x y",
        ";id",
        "a,b",
        "{}",
        "%00",
        " ",
        "docker:made",
        "\u202e",
        "*",
        "0",
        "1e9",
        "9" * 5000,
        "web:db:tcp/" + "9" * 5000,
    ),
)
_OPTIONS = (
    *(options.NETWORK, options.PORT, options.GATEWAY, options.DNS, options.SWARM, options.MTU),
    *(options.MAC, options.INTERFACE, options.PORTMAP, options.GENERIC, options.INTERNAL),
    *(ICC, ALLOW, GROUP, "neutron.net.name", options.REQUEST_TYPE, "ovn.unknown"),
)
_PORTS = {"Proto": 6, "Port": 80, "HostPort": 8080, "HostPortEnd": 8080, "HostIP": "", "IP": ""}
_KEYS = (
    *("NetworkID", "EndpointID", "Options", "IPv4Data", "IPv6Data", "Interface", "SandboxKey"),
    *("Pool", "SubPool", "V6", "PoolID", "Address", "AddressSpace"),
)
_ONE = st.sampled_from(TEXTS) | st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_VALUE = st.recursive(
    _ONE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*_OPTIONS, *_PORTS]) | st.text(max_size=5), inner, max_size=4
        )
    ),
    max_leaves=8,
)
_SETTINGS = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}


def send(host: Host, method: str, data: bytes) -> tuple[int, dict[str, Any]]:
    """As bytes: some of it is no JSON at all."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(str(host.socket_path))
        head = f"POST /{method} HTTP/1.1\r\nHost: \r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(head.encode() + data)
        said = b""
        while piece := connection.recv(65536):
            said += piece
    head_said, _, body = said.partition(b"\r\n\r\n")
    return int(head_said.split()[1]), json.loads(body)


def refused_or_done(host: Host, method: str, body: Any) -> dict[str, Any]:
    status, answer = send(host, method, json.dumps(body).encode())
    assert status in (200, 400), answer
    assert "internal error" not in answer.get("Err", ""), (method, body, answer)
    if answer.get("Err"):
        assert answer["Error"] == answer["Err"]
        assert "\n" not in answer["Err"]
    return answer


@contextlib.contextmanager
def undone(host: Host, body: dict[str, Any]) -> Iterator[None]:
    """Whatever was made of a body goes again, as far as its ids are any."""
    yield
    for method in ("Endpoint", "Network"):
        send(host, f"NetworkDriver.Delete{method}", json.dumps(body).encode())
    send(host, "NetworkDriver.FreeNetwork", json.dumps(body).encode())


METHODS = sorted(name for name in app.METHODS if name != "Plugin.Activate")


@pytest.mark.parametrize("method", METHODS)
@given(body=st.dictionaries(st.sampled_from(_KEYS), _VALUE, max_size=6), real=st.booleans())
@settings(max_examples=chance.times(12), **_SETTINGS)
def test_a_body_of_any_values(host: Host, method: str, body: dict[str, Any], real: bool) -> None:
    if real:
        body |= {"NetworkID": new_id(), "EndpointID": new_id()}
    with undone(host, body):
        refused_or_done(host, method, body)


@given(method=st.sampled_from(METHODS), data=st.binary(max_size=100))
@settings(max_examples=chance.times(40), **_SETTINGS)
def test_a_body_of_any_bytes(host: Host, method: str, data: bytes) -> None:
    status, answer = send(host, method, data)
    assert status in (200, 400)
    assert "internal error" not in answer.get("Err", "")


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:12]))
def test_an_option_of_any_text(host: Host, lan: Lan, text: str) -> None:
    for key in (options.NETWORK, options.GATEWAY, options.DNS, ICC, ALLOW, options.MTU):
        body = Lan(host, 66, **{key: text}).body
        with undone(host, body):
            refused_or_done(host, "NetworkDriver.CreateNetwork", body)
    endpoint = lan.endpoint(9)
    for key in (options.PORT, GROUP, options.MAC, options.INTERFACE):
        body = {**endpoint, "Options": {key: text}}
        refused_or_done(host, "NetworkDriver.CreateEndpoint", body)
        host.ok("NetworkDriver.DeleteEndpoint", ids(endpoint))
    for key in ("PoolID", "Pool", "Address"):
        for method in ("RequestPool", "RequestAddress", "ReleaseAddress", "ReleasePool"):
            body = {"PoolID": "10.0.0.0/24,,", "Address": "10.0.0.9", key: text}
            refused_or_done(host, f"IpamDriver.{method}", body)


@pytest.mark.parametrize("value", [None, "x", -1, 0, 65536, 10**30, [], {}, 1.5, "80; id", "::"])
def test_a_published_port_of_any_value(host: Host, value: Any) -> None:
    for asked in (*([{**_PORTS, key: value}] for key in _PORTS), value):
        options_or_error({options.PORTMAP: asked})
        body = {"NetworkID": new_id(), "EndpointID": new_id(), "Options": {options.PORTMAP: asked}}
        refused_or_done(host, "NetworkDriver.ProgramExternalConnectivity", body)


def options_or_error(asked: dict[str, Any]) -> None:
    with contextlib.suppress(Invalid):
        for one in options.parse_published(asked):
            assert one.port in range(1, 65536)
            assert set(one.host_ports) <= set(range(1, 65536))


def test_a_body_of_more_than_a_mebibyte(host: Host) -> None:
    status, answer = send(host, "NetworkDriver.Join", b" " * (2 << 20))
    assert status == 413
    assert answer["Err"] == answer["Error"] != ""


def test_clients_that_say_nothing_hold_docker_up_no_more(host: Host) -> None:
    with contextlib.ExitStack() as rest:
        for number in range(1000):
            silent = rest.enter_context(socket.socket(socket.AF_UNIX))
            silent.connect(str(host.socket_path))
            if number < 2 * THREADS:
                silent.sendall(b"POST /NetworkDriver.Join HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        assert host.ok("NetworkDriver.GetCapabilities")["Scope"] == "local"


def test_the_socket_is_for_root_alone(host: Host) -> None:
    found = host.socket_path.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == os.getuid()
