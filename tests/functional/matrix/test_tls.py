"""A sample of the matrix as it is served: gunicorn's worker, TLS, certificates, tokens.

Each route is asked once by everybody who is nobody, and some by a chassis on another's things. The
rest is tried without TLS (``test_matrix.py``), with what it says of a client put in.
"""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.web import Files
from tests.certificates import Authority
from tests.functional.matrix.cases import MISSING, Route, routes
from tests.functional.test_ipam_identity import Bed, Client, bed, serving

__all__ = ["bed", "serving"]

_WRITES = ("POST", "PUT", "DELETE")


@pytest.fixture
def strangers(bed: Bed, tmp_path: Path) -> Iterator[dict[str, Client]]:
    """Those who are nobody to the server."""
    foreign = Authority(tmp_path / "foreign").issue("chassis-1", serial=0x51)
    revoked = bed.somebody("revoked", serial=0x52)
    assert revoked.ask("GET", "/v2.0/networks")[0] == 200
    bed.revoke(0x52)
    known: dict[str, Any] = {
        "no certificate": bed.nobody(),
        "an unknown token": bed.nobody("x" * 43),
        "a revoked certificate": revoked,
        "of no role": bed.somebody("guest", "guest", 0x53),
        "of another authority": Client(
            bed.server.ca, Files(foreign.certificate, foreign.private_key, foreign.ca)
        ),
        "one that has ended": Client(bed.server.ca, _ended(bed.authority.issue("past", serial=84))),
    }
    yield known
    for client in known.values():
        client.close()


def _ended(files: Files) -> Files:
    """The same certificate, whose time is over."""
    authority = x509.load_pem_x509_certificate(files.ca.read_bytes())
    pem = (files.ca.parent / "ca-key.pem").read_bytes()
    old = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        authority.subject,
        old.subject,
        old.public_key(),
        old.serial_number,
        now - datetime.timedelta(days=2),
        now - datetime.timedelta(days=1),
        list(old.extensions),
    )
    key: Any = load_pem_private_key(pem, None)
    signed = builder.sign(key, hashes.SHA256())
    files.certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    return files


def _routes() -> list[Route]:
    nothing: Any = None  # no route is followed
    return routes(create_app(nothing))


def test_nobody_reaches_any_route(strangers: dict[str, Client]) -> None:
    wrong = []
    for name, client in strangers.items():
        for route in _routes():
            if route.template != "/":
                status = _status(client, route)
                if status not in (401, "TLS"):
                    wrong.append(f"{name}: {route} -> {status}")
    assert not wrong, "\n".join(wrong)


def test_a_reader_writes_nothing(bed: Bed) -> None:
    file = ("--token-file", str(bed.tokens))
    reader = bed.nobody(bed.cli("ipam", "token", "create", "r", "--role", "reader", *file))
    wrong = []
    for route in _routes():
        if route.method in _WRITES:
            status = _status(reader, route)
            if status not in (400, 403, 404):  # 400 where nothing is asked for
                wrong.append(f"{route} -> {status}")
    assert not wrong, "\n".join(wrong)


def test_a_chassis_gets_nowhere_with_another_s_things(bed: Bed) -> None:
    a, b = bed.somebody("chassis-1", serial=0x61), bed.somebody("chassis-2", serial=0x62)
    network = b.made("network", name="b")
    b.made("subnet", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    port = b.made("port", network_id=network["id"], **{"binding:host_id": "chassis-2"})
    before = [b.ask("GET", f"/v2.0/{kind}") for kind in ("networks", "subnets", "ports")]
    for method, path, body in (
        ("DELETE", f"networks/{network['id']}", None),
        ("PUT", f"networks/{network['id']}", {"network": {"name": "a"}}),
        ("PUT", f"networks/{network['id']}/tags", {"tags": ["x"]}),
        ("PUT", f"networks/{network['id']}/tags/docker:made", None),
        ("DELETE", f"subnets/{network['id']}", None),
        ("POST", "subnets", _subnet(network["id"])),
        ("DELETE", f"ports/{port['id']}", None),
        ("PUT", f"ports/{port['id']}", {"port": {"binding:host_id": "chassis-1"}}),
        ("PUT", f"ports/{port['id']}", {"port": {"name": "a"}}),
        ("PUT", f"ports/{port['id']}/tags/alias:x", None),
        ("DELETE", f"ports/{port['id']}.json", None),
    ):
        status, said = a.ask(method, f"/v2.0/{path}", body)
        assert status in (403, 404), (method, path, said)
    after = [b.ask("GET", f"/v2.0/{kind}") for kind in ("networks", "subnets", "ports")]
    assert after == before


def _subnet(network_id: str) -> dict[str, Any]:
    return {"subnet": {"network_id": network_id, "cidr": "10.1.0.0/24", "ip_version": 4}}


def _status(client: Client, route: Route) -> int | str:
    path = route.template
    for part in ("{id}", "{floating_id}", "{tag}", "{alias}"):
        path = path.replace(part, MISSING)
    body: Any = {} if route.method in ("POST", "PUT") else None
    if route.method == "PUT" and path.endswith("tags"):
        body = {"tags": []}
    try:
        return client.ask(route.method, path, body)[0]
    except (ssl.SSLError, ConnectionError):
        client.close()
        return "TLS"
