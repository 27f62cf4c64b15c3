"""A server in this process, those who ask it, and things of all that have some.

The server is the whole WSGI application as ``ipam start`` serves it on a central host, on a real
Northbound. Who asks is what its TLS would say of them: the certificate of a connection, as
``ssl.SSLSocket.getpeercert()`` gives it, or a token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import Client
from werkzeug.wrappers import Response

from ovn_integrate.enrol.app import application as enrolment
from ovn_integrate.enrol.signer.desk import Desk
from ovn_integrate.ipam.http import server, tokens
from ovn_integrate.ipam.http.identity import Known
from ovn_integrate.ipam.resources import rows
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import CERTIFICATE, Issued, Ledger
from tests.functional.daemons import OvsdbServer
from tests.functional.matrix.northbound import Northbound, Rows

A, B, VM = "chassis-a", "chassis-b", "vm-1"
OPERATOR, READER = "operator", "reader"

_CERTIFICATE = "ovn_integrate.certificate"
_HOLDERS = (A, B, VM, "revoked", "ended", "guest", "unsigned")
_SERIALS = {name: number for number, name in enumerate(_HOLDERS, 0x10)}
_DAY = 86400.0


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def refused(self) -> bool:
        """Whether it is for who asks that it was not done, or there is nothing of that name."""
        return self.status in (401, 403, 404)


class Asker:
    """Somebody, as the server sees them."""

    def __init__(self, app: Any, name: str, environ: Mapping[str, Any]) -> None:
        self.name = name
        self._client = Client(app, Response)
        self._environ = dict(environ)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        *,
        raw: str = "",
    ) -> Answer:
        """:param raw: the path as the server's HTTP side gives it, past what a client makes of
        it."""
        data = None if body is None else json.dumps(body)
        response = self._client.open(
            "/" if raw else path,
            method=method,
            data=data,
            headers=headers,
            environ_base=self._environ,
            environ_overrides={"PATH_INFO": raw, "REQUEST_METHOD": method} if raw else {},
        )
        said = response.get_data()
        response.close()
        return Answer(response.status_code, json.loads(said) if said.startswith(b"{") else said)

    def made(self, name: str, /, **attributes: Any) -> dict[str, Any]:
        """What it makes, which it may."""
        answer = self.ask("POST", f"/v2.0/{_plural(name)}", {name: attributes})
        assert answer.status == 201, (self.name, name, attributes, answer.body)
        found: dict[str, Any] = answer.body[name]
        return found

    def does(self, method: str, path: str, body: Any = None) -> Any:
        """What it does, which it may."""
        answer = self.ask(method, path, body)
        assert answer.status < 300, (self.name, method, path, body, answer.body)
        return answer.body


def _plural(name: str) -> str:
    return name.replace("_", "-") + "s" if name.startswith("security") else name + "s"


class World:
    """:ivar things: those of all, by names such as ``b.port``: (collection, body)."""

    def __init__(self, folder: Path, nb: OvsdbServer) -> None:
        self.folder = folder
        self.northbound = Northbound(nb)
        entries = {name: _issued(name, serial) for name, serial in _SERIALS.items()}
        entries["revoked"] = replace(entries["revoked"], revoked=time.time())
        del entries["unsigned"]
        Ledger(nb.remote).change(
            lambda all: all.update({CERTIFICATE + e.serial: asdict(e) for e in entries.values()}),
            "issue",
        )
        path = folder / "tokens.json"
        known = {role: tokens.create(path, role, role) for role in (OPERATOR, READER)}
        Authority(folder / "pki").make("central")
        desk = Desk(folder / "pki", lambda: nb.remote)  # not started: it writes to the ledger
        self.app = server.application(
            nb.remote,
            known=partial(Known, tokens=tokens.Tokens(path)),
            enrolment=lambda inner, store: enrolment(inner, folder / "pki", desk, store),
        )
        self._askers = {name: self._with(name, _certificate(name)) for name in _SERIALS}
        for role, token in known.items():
            self._askers[role] = self._with(role, None, HTTP_X_AUTH_TOKEN=token)
        self._askers["nobody"] = self._with("nobody", None)
        self._askers["unknown"] = self._with("unknown", None, HTTP_X_AUTH_TOKEN="x" * 43)
        self.token = known
        self.things: dict[str, tuple[str, dict[str, Any]]] = {}
        self._rows: Rows = {}
        self._written = 0

    def asker(self, name: str) -> Asker:
        return self._askers[name]

    def beside(self, name: str, token: str) -> Asker:
        """Somebody with a certificate who shows a token as well."""
        return self._with(name, _certificate(name), HTTP_X_AUTH_TOKEN=token)

    def id(self, thing: str) -> str:
        return str(self.things[thing][1]["id"])

    def names(self, collection: str) -> list[str]:
        """Those of the things of a kind."""
        return [name for name, (kind, _) in self.things.items() if kind == collection]

    def close(self) -> None:
        self.northbound.close()

    def keep(self) -> None:
        """What the world is from now on, between two cases."""
        self.catch_up()
        self._rows = self.northbound.rows()
        self._written = self.northbound.written()

    @property
    def changed(self) -> bool:
        """Whether anything at all was written to Northbound since."""
        return self.northbound.written() != self._written

    def altered(self, asker: str) -> Rows:
        """The rows that somebody's request changed, be it refused: of who may change anything at
        all, not the count by which the server sees that it knows all, see ``store.Store``, before
        it says that something is not there."""
        found = self.changes() if self.changed else {}
        if asker == A:
            found = {key: row for key, row in found.items() if not _only_counted(row)}
        return found

    def changes(self) -> Rows:
        """The rows that were changed since, as they are written in the database's file."""
        return self.northbound.changes(self._written)

    def restore(self) -> None:
        """Have it as it was kept."""
        if self.changed:
            self.northbound.restore(self._rows, self._written)
            self.catch_up()
            self._written = self.northbound.written()

    @property
    def kept(self) -> Rows:
        return self._rows

    def catch_up(self) -> None:
        """Have the server know all that is in Northbound: it asks it something, and answers of one
        connection come in order."""
        assert self.asker("nobody").ask("GET", "/healthz").status == 200

    def _with(self, name: str, certificate: Any, **more: str) -> Asker:
        return Asker(
            self.app, name, {_CERTIFICATE: certificate, "REMOTE_ADDR": "192.0.2.9", **more}
        )


def _only_counted(row: Any) -> bool:
    if row is None or row.keys() != {"external_ids"}:
        return False
    (keys,) = row.values()
    return bool(keys[0] == "map" and [key for key, _ in keys[1]] == [rows.ALLOCATIONS])


def _issued(name: str, serial: int) -> Issued:
    return Issued(name, "chassis", name, f"{serial:x}", time.time() + 90 * _DAY)


def _certificate(name: str) -> dict[str, Any]:
    ends = time.time() + (-_DAY if name == "ended" else _DAY)
    unit = name if name == "guest" else "chassis"
    parts = {"organizationName": "ovn-integrate", "organizationalUnitName": unit}
    parts["commonName"] = name
    return {
        "subject": tuple(((key, value),) for key, value in parts.items()),
        "serialNumber": f"{_SERIALS[name]:02X}",
        "notAfter": _written(ends),
    }


def _written(moment: float) -> str:
    # "Sun, 29 Nov 2026 12:14:11 GMT", and in a certificate "Nov 29 12:14:11 2026 GMT".
    _, day, month, year, clock, _ = formatdate(moment, usegmt=True).split()
    return f"{month} {int(day):2} {clock} {year} GMT"


def layers(app: Any) -> Iterator[Any]:
    """The applications that a request passes, from the outermost to Flask's own."""
    while not isinstance(app, Flask):
        yield app
        app = app._inner
    yield app
