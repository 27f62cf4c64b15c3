"""The REST client against servers that misbehave in ways that a real one rarely does."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.contract import idempotency
from ovn_integrate.errors import (
    Conflict,
    Error,
    Invalid,
    IpAddressAlreadyAllocated,
    NetworkNotFound,
    NotFound,
    NotPermitted,
    ServiceFailed,
)

Answer = tuple[int, Any]


class Server:
    """Answers each request with the next of its answers; None breaks the connection off."""

    def __init__(self) -> None:
        self.answers: list[Answer | None] = []
        self.requests: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                outer.requests.append((self.command, self.path))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = outer.answers.pop(0)
                if answer is None:
                    self.close_connection = True
                    return
                data = answer[1] if isinstance(answer[1], bytes) else json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(*answers: Answer | None) -> Server:
        made.append(Server())
        made[-1].answers += answers
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def closed() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def neutron_error(kind: str, message: str = "No.") -> dict[str, Any]:
    return {"NeutronError": {"type": kind, "message": message, "detail": ""}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, neutron_error("IpAddressAlreadyAllocated"), IpAddressAlreadyAllocated),
        (409, neutron_error("OverQuota"), Conflict),
        (404, neutron_error("NetworkNotFound"), NetworkNotFound),
        (404, neutron_error("HTTPNotFound"), NotFound),
        (400, neutron_error("InvalidIpForSubnet"), Invalid),
        (401, {"error": {"code": 401}}, NotPermitted),
        (503, neutron_error("DatabaseUnavailable"), Error),
        (500, b"<html>", ServiceFailed),
        (500, {"NeutronError": "text"}, ServiceFailed),
        (400, neutron_error("Any"), Invalid),
    ],
)
def test_errors_by_their_type_then_by_their_status(
    server: Callable[..., Server], status: int, body: Any, kind: type[Error]
) -> None:
    client = Client([server((status, body)).url])
    with pytest.raises(kind) as caught:
        client.create("ports", network_id="n", name="db")
    assert caught.value.subject == "port db"


def test_the_next_server_is_asked_when_one_is_out_of_reach(
    server: Callable[..., Server], closed: str
) -> None:
    good = server((201, {"port": {"id": "p"}}), (200, {"ports": []}))
    client = Client([closed, good.url])
    assert client.create("ports", name="db") == {"id": "p"}
    assert client.query("ports", device_id=["a", "b"]) == []
    assert good.requests == [
        ("POST", "/v2.0/ports"),
        ("GET", "/v2.0/ports?device_id=a&device_id=b"),
    ]


def test_nobody_to_ask(closed: str) -> None:
    with pytest.raises(ServiceFailed, match=r"Connection refused\); ovn-integrate ipam status$"):
        Client([closed]).ping()
    with pytest.raises(ServiceFailed, match="set-ipam"):
        Client([]).ping()


def test_what_may_have_been_applied_is_not_sent_twice(server: Callable[..., Server]) -> None:
    first, second = server(None), server((404, b"no such extension"), (204, b""), None)
    client = Client([first.url, second.url])
    with pytest.raises(ServiceFailed, match="broke off"):
        client.create("ports", name="db")
    asked = ("GET", "/v2.0/extensions/idempotency-key")
    assert second.requests == [asked]
    # A deletion may be, and the server that failed is asked last from now on.
    first.answers.append((204, b""))
    assert client.delete("ports", "p")
    assert client.delete("ports", "p")
    assert second.requests == [asked, *[("DELETE", "/v2.0/ports/p")] * 2]
    assert first.requests == [("POST", "/v2.0/ports"), ("DELETE", "/v2.0/ports/p")]


def test_what_is_done_once_is_sent_to_the_next_server(server: Callable[..., Server]) -> None:
    first = server(None, (503, neutron_error("ServiceUnavailable")))
    second = server((200, {"extension": {}}), (201, {"port": {"id": "p"}}))
    client = Client([first.url, second.url])
    assert client.create("ports", name="db") == {"id": "p"}
    assert [method for method, _ in second.requests] == ["GET", "POST"]


def test_a_server_without_its_database_is_passed_over(server: Callable[..., Server]) -> None:
    away = (503, neutron_error("ServiceUnavailable", "Away"))
    first, second = server(away, away), server((200, {"ports": []}), away, away)
    client = Client([first.url, second.url])
    assert client.query("ports") == []
    with pytest.raises(ServiceFailed, match="Away"):
        client.query("ports")


def test_a_deadline_over_several_calls() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = Client([url]).within(0.2)
        for words in ("no answer within", "in time"):
            with pytest.raises(ServiceFailed, match=words):
                client.ping()


def test_names_ids_and_several_of_one_name(server: Callable[..., Server]) -> None:
    id = "0c1b2a3d-0000-4000-8000-000000000001"
    two = {"networks": [{"id": "a"}, {"id": "b"}]}
    one = server(
        (404, neutron_error("NetworkNotFound")), (200, {"networks": [{"id": "x"}]}), (200, two)
    )
    client = Client([one.url])
    assert client.find("networks", id) == {"id": "x"}  # a name that looks like an id
    assert [path for _, path in one.requests] == [
        f"/v2.0/networks/{id}",
        f"/v2.0/networks?name={id}",
    ]
    with pytest.raises(Conflict, match="a, b"):
        client.find("networks", "blue")


def test_what_is_not_there_need_not_be_deleted(server: Callable[..., Server]) -> None:
    missing = (404, neutron_error("PortNotFound"))
    one = server(missing, missing, (201, b"null"))
    client = Client([one.url])
    assert not client.delete("ports", "p")
    client.untag("networks", "n", "docker:made")
    client.tag("networks", "n", "docker:made")
    assert one.requests[-1] == ("PUT", "/v2.0/networks/n/tags/docker:made")


def test_something_is_done_while_the_server_works(server: Callable[..., Server]) -> None:
    missing, port = (404, neutron_error("HTTPNotFound")), {"port": {"id": "p"}}
    made = server((200, {"ports": []}), missing, missing, (201, port), (200, port), (201, port))
    times: list[str | None] = []
    client = Client([made.url]).meanwhile(times.append)
    client.query("ports")
    assert times == []
    assert client.create("ports", name="é") == {"id": "p"}
    client.update("ports", "p", name="x")
    client.within(9).create("ports")
    assert times == [None, None, None]  # what the server makes is not known before
    assert [method for method, _ in made.requests] == ["GET", "GET", "GET", "POST", "PUT", "POST"]


def test_what_a_server_is_going_to_make_is_told(server: Callable[..., Server]) -> None:
    made = server((200, {"extension": {}}), (201, {"port": {}}), (201, {"network": {}}))
    told: list[str | None] = []
    client = Client([made.url]).meanwhile(told.append)
    client.create("ports")
    client.create("networks")
    assert [one is None for one in told] == [False, True]


def test_what_was_meant_for_the_servers_time_is_not_done_without_it(closed: str) -> None:
    times: list[str | None] = []
    with pytest.raises(ServiceFailed):
        Client([closed]).meanwhile(times.append).create("ports", name="x")
    assert times == []


_OF_OTHERS = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("answers", "keys"),
    [
        pytest.param([{"namespace": _OF_OTHERS}], uuid.UUID(_OF_OTHERS), id="of each client"),
        pytest.param([None, {}], idempotency.EVERYBODY, id="of an older server"),
        pytest.param([None, None], None, id="of a Neutron"),
        pytest.param([{"namespace": "x"}, None], None, id="of nonsense"),
    ],
)
def test_an_id_is_foretold_as_the_server_makes_it(
    server: Callable[..., Server], answers: list[Any], keys: uuid.UUID | None
) -> None:
    said = [(404, b"") if one is None else (200, {"extension": one}) for one in answers]
    asked = server(*said, (201, {"port": {"id": "p"}}), *said, (201, {"port": {"id": "p"}}))
    foretold: list[str | None] = []
    client = Client([asked.url]).meanwhile(foretold.append)
    for _ in range(2 if keys is not None else 1):
        client.create("ports", name="db")
    assert (foretold[-1] is None) == (keys is None)
    # Where it became another one the server is another version now, and is asked again.
    assert len(asked.requests) == (len(said) + 1) * (2 if keys is not None else 1)


def test_everybodys_keys_are_those_of_before() -> None:
    """Drivers and servers of the versions before agree with these on each id."""
    request = idempotency.request("/v2.0/ports", "3c7f8d4e-0000-4000-8000-000000000001")
    assert idempotency.made(request, "Port") == "bf643d53-b9a4-5228-bcb5-439286f270a8"
    named = idempotency.namespace("chassis", "chassis-1")
    assert str(named) == "67e975b1-e720-584b-b2c6-4899f45922b2"
