"""The open IPAM server is for programs of this host, and not for pages in somebody's browser."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn_integrate.ipam.http.site import Open
from tests.functional.test_ipam_watched import BIND, Start, start

__all__ = ["start"]  # a fixture

NETWORK = json.dumps({"network": {"name": "foo"}})
JSON = "application/json"
HOST = "127.0.0.1:9696"


def ask(method: str, body: str | None, path: str = "/v2.0/networks", **headers: str) -> Any:
    with closing(http.client.HTTPConnection(*BIND, timeout=20)) as connection:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Host": HOST, **named}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body or "")))
        connection.endheaders((body or "").encode())
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_pages_of_others_get_nothing(start: Start) -> None:
    start("--access-log", "off", "--server-name", "central.example")
    for headers, status, kind in (
        ({"Host": "evil.example"}, 403, "HTTPForbidden"),
        ({"Host": "evil.example:9696"}, 403, "HTTPForbidden"),
        ({"Host": "127.0.0.1.evil.example:9696"}, 403, "HTTPForbidden"),
        ({"Host": "198.51.100.1:9696"}, 403, "HTTPForbidden"),
        ({"Origin": "https://evil.example"}, 403, "HTTPForbidden"),
        ({"Origin": "null"}, 403, "HTTPForbidden"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "HTTPForbidden"),
        ({"Sec_Fetch_Site": "same-site"}, 403, "HTTPForbidden"),
        ({"Content_Type": "text/plain"}, 415, "HTTPUnsupportedMediaType"),
        ({"Content_Type": "text/plain; application/json"}, 415, "HTTPUnsupportedMediaType"),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415, "HTTPUnsupportedMediaType"),
        ({"Content_Type": "multipart/form-data; boundary=a"}, 415, "HTTPUnsupportedMediaType"),
    ):
        found = ask("POST", NETWORK, **{"Content_Type": JSON, **headers})
        assert found[0] == status, headers
        assert found[1]["NeutronError"]["type"] == kind
        assert set(found[1]["NeutronError"]) == {"type", "message", "detail"}
        if status == 403:
            for path in ("/v2.0/networks", "/", "/healthz"):
                assert ask("GET", None, path, **headers)[0] == 403
    assert ask("GET", None)[1] == {"networks": []}
    names = (HOST, "LOCALHOST:9696", "[::1]:9696", "127.9.9.9", "central.example:80", "")
    for host in (*names, socket.gethostname()):
        assert ask("POST", NETWORK, Host=host, Content_Type=JSON)[0] == 201, host
    for kind in ("Application/JSON", f"{JSON}; charset=utf-8"):
        assert ask("POST", NETWORK, Content_Type=kind)[0] == 201
    assert ask("POST", NETWORK)[0] == 201  # a page that says no type has an Origin
    assert ask("GET", None, Sec_Fetch_Site="none")[0] == 200


@pytest.mark.parametrize(
    ("listen", "host", "here"),
    [
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "localhost.:9696", True),
        ("127.0.0.1", "localhost:x", False),
        ("127.0.0.1", "2130706433", False),
        ("127.0.0.1", "[::1]", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "a@localhost", False),
        ("127.0.0.1", "localhost, evil.example", False),
        ("127.0.0.1", "192.0.2.1:9696", False),
        ("192.0.2.1", "192.0.2.1:9696", True),
        # A container's port may be another one's of its host.
        ("0.0.0.0", "198.51.100.1", True),
        ("::", "[2001:db8::1]:9696", True),
        ("::", "evil.example", False),
        ("::", "ipam.example", True),
    ],
)
def test_what_is_a_name_of_this_server(listen: str, host: str, here: bool) -> None:
    assert Open(listen, ("IPAM.example",)).is_here(host) == here


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_whatever_is_no_address_and_no_such_name_is_foreign(host: str) -> None:
    for name in (f"{host}.evil.example", f"{host}.evil.example:9696", f"evil.example:{host}"):
        assert not Open("127.0.0.1").is_here(name)
