"""A Keystone that issues tokens, and a Neutron behind it that wants them, on one HTTP server.

As the Identity API v3 has it: ``POST /v3/auth/tokens`` with a password, a token in the header
``X-Subject-Token``, a catalog in the body. ``/networking`` is the IPAM server, for who has a token.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flask.testing import FlaskClient

USER, PASSWORD, PROJECT = "docker", "secret", "containers"
_PREFIX = "/networking"


class Cloud:
    """The server; every token that it issued and nobody revoked is good.

    :param neutron: what answers below ``/networking``.
    """

    def __init__(self, neutron: FlaskClient) -> None:
        self.neutron = neutron
        self.issued: list[str] = []
        self.good: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, **changes: str) -> dict[str, str]:
        """What a user sets to get in."""
        return {
            "OS_AUTH_URL": f"{self.url}/v3",
            "OS_USERNAME": USER,
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": PROJECT,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": "here",
            **changes,
        }

    def issue(self, asked: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        user = asked["auth"]["identity"].get("password", {}).get("user", {})
        if (user.get("name"), user.get("password")) != (USER, PASSWORD):
            error = {"code": 401, "message": "The request you have made requires authentication."}
            return 401, {"error": error}, {}
        token = f"token-{len(self.issued)}"
        self.issued.append(token)
        self.good.add(token)
        return 201, {"token": self._token()}, {"X-Subject-Token": token}

    def _token(self) -> dict[str, Any]:
        endpoints = [
            {
                "interface": interface,
                "region": region,
                "region_id": region,
                "url": url,
                "id": region,
            }
            for interface, region, url in (
                ("public", "elsewhere", "http://127.0.0.1:1"),
                ("public", "here", self.url + _PREFIX),
                ("internal", "here", "http://127.0.0.1:1"),
            )
        ]
        return {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2020-01-01T00:00:00.000000Z",
            "user": {"id": "u", "name": USER, "domain": {"id": "default", "name": "Default"}},
            "project": {"id": "p", "name": PROJECT, "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}],
            "catalog": [{"type": "network", "name": "neutron", "id": "n", "endpoints": endpoints}],
        }


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/v3/auth/tokens":
                status, said, headers = cloud.issue(json.loads(body))
                self._say(status, json.dumps(said).encode(), headers)
            elif not self.path.startswith(_PREFIX):
                self._say(404, b"{}", {})
            elif self.headers.get("X-Auth-Token") not in cloud.good:
                self._say(401, b'{"error": {"code": 401, "title": "Unauthorized"}}', {})
            else:
                found = cloud.neutron.open(
                    self.path.removeprefix(_PREFIX), method=self.command, data=body
                )
                self._say(found.status_code, found.data, {})

        do_GET = do_POST = do_PUT = do_DELETE = answer

        def _say(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
