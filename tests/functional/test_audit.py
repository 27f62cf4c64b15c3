"""The audit log: one line for each change, and for each refusal of one, whoever asked for what."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from werkzeug.test import Client

from ovn_integrate import audit, paths
from ovn_integrate.cli.main import cli
from ovn_integrate.enrol import app as enrolment
from ovn_integrate.enrol.signer.desk import Desk
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.http import audited, server
from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.ipam.http.identity import Known
from ovn_integrate.ipam.http.tokens import Tokens
from ovn_integrate.ipam.http.tokens import create as new_token
from ovn_integrate.ipam.resources.bodies import RESOURCES
from ovn_integrate.pki import tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Issued, Ledger
from ovn_integrate.pki.register import Register
from tests.functional.daemons import OvsdbServer
from tests.functional.test_ipam_store import until

ADDRESS = "192.0.2.7"
SOME_ID = str(uuid.uuid4())
Line = dict[str, Any]


@dataclass
class Bed:
    """A server's application, as it is served, on a Northbound of its own."""

    folder: Path
    register: Register
    client: Client
    operator: str
    reader: str

    @property
    def log(self) -> Path:
        return self.folder / "audit.log"

    def ask(
        self, method: str, path: str, body: Any = None, who: dict[str, Any] | None = None
    ) -> tuple[int, Any, list[Line]]:
        """The answer, and what was written down for it."""
        before = len(_lines(self.log))
        headers, environ = {}, {"REMOTE_ADDR": ADDRESS}
        if who is not None:
            headers = {"X-Auth-Token": who["token"]} if "token" in who else {}
            environ |= {"ovn_integrate.certificate": who.get("certificate")}
        said = self.client.open(
            path, method=method, json=body, headers=headers, environ_overrides=environ
        )
        new = _lines(self.log)[before:]
        return said.status_code, said.get_json(silent=True) or said.get_data(as_text=True), new


def _lines(log: Path) -> list[Line]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    folder = tmp_path_factory.mktemp("audit")
    northbound = OvsdbServer(folder, "nb")
    northbound.start()
    try:
        yield _bed(folder, northbound)
    finally:
        northbound.stop()


def _bed(folder: Path, northbound: OvsdbServer) -> Bed:
    authority = Authority(folder / "pki")
    authority.make("c1")
    register = Register(authority, Ledger(northbound.remote), lambda _: [])
    chassis = Issued("chassis-1", "chassis", "h1", "a", time.time() + 3600)
    register.ledger.change(
        lambda entries: entries.update({chassis.key: chassis.entry()}), "a chassis"
    )
    known = folder / "tokens.json"
    operator, reader = new_token(known, "olga", "operator"), new_token(known, "rob", "reader")
    application = server.application(
        northbound.remote,
        None,
        lambda ledger: Known(ledger, Tokens(known)),
        audit=audit.open_log(str(folder / "audit.log")),
        enrolment=lambda inner, store: enrolment.application(
            inner, folder / "pki", Desk(folder / "pki", lambda: northbound.remote), store
        ),
    )
    made = Bed(folder, register, Client(application), operator, reader)
    assert until(lambda: made.client.get("/healthz").status_code == 200)
    return made


def _routes() -> list[tuple[str, str]]:
    """Each method and rule of the server's own table by which something could be changed."""
    application = create_app(Service(None))  # type: ignore[arg-type]  # nothing is asked of it
    found = [
        (method, rule.rule.replace(f"<any({_names()}):collection>", collection))
        for rule in application.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in audited.QUESTIONS
        for collection in (RESOURCES if "collection>" in rule.rule else [""])
    ]
    return sorted({*found, ("POST", "/v1/join"), ("POST", "/v1/renew")})


def _names() -> str:
    return ",".join(f"'{name}'" for name in RESOURCES)


def _who(bed: Bed, role: str) -> dict[str, Any] | None:
    subject = [[("organizationName", "ovn-integrate")]]
    subject += [[("organizationalUnitName", "chassis")], [("commonName", "chassis-1")]]
    end = time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(time.time() + 3600))
    certificate = {"serialNumber": "0A", "notAfter": end, "subject": subject}
    return {
        "operator": {"token": bed.operator},
        "reader": {"token": bed.reader},
        "chassis": {"certificate": certificate},
        "nobody": None,
    }[role]


NAMES = {"operator": "olga", "reader": "rob", "chassis": "chassis-1", "nobody": ""}


@pytest.mark.parametrize("role", NAMES)
@pytest.mark.parametrize(("method", "rule"), _routes())
def test_each_refusal_is_one_line(bed: Bed, method: str, rule: str, role: str) -> None:
    path = rule.replace("<id>", SOME_ID).replace("<floating_id>", SOME_ID).replace("<tag>", "red")
    status, _, lines = bed.ask(method, path, {"no": "such"}, _who(bed, role))
    assert status >= 400, path
    (line,) = lines
    is_join = rule.startswith("/v1/")
    # Who joins is nobody yet, and renewing takes a certificate.
    if not is_join or (rule, role) == ("/v1/renew", "chassis"):
        assert (line["name"], line["role"]) == (NAMES[role], role if role != "nobody" else "")
    assert (line["verb"], line["address"], line["status"]) == (method, ADDRESS, status)
    assert (line["allowed"], line["by"]) == (False, "ipam")
    assert line["why"]
    assert not line["why"].startswith("status ")
    assert line["request_id"].startswith("req-")
    assert (set(line["ids"]) == {SOME_ID}) == ("id>" in rule and role != "nobody"), line
    if role != "nobody" or is_join:
        assert line["route"] == rule.replace("<", "{").replace(">", "}")


def _changes(bed: Bed) -> Iterator[tuple[str, str, Any, set[str]]]:
    """What an operator does, so that each route is allowed once: the request, and the ids that its
    line shall have. An empty set is for those that are in the answer."""
    things: dict[str, dict[str, Any]] = {}

    def made(collection: str, **body: Any) -> tuple[str, str, Any, set[str]]:
        name = RESOURCES[collection].name
        return "POST", f"/v2.0/{collection}", {name: body}, set()

    def ids(collection: str) -> str:
        return str(things[collection]["id"])

    def keep(collection: str) -> None:
        found = bed.client.get(
            f"/v2.0/{collection}", headers={"X-Auth-Token": bed.operator}
        ).get_json()[RESOURCES[collection].plural]
        things[collection] = found[-1]

    yield made("subnetpools", name="p", prefixes=["10.9.0.0/16"])
    keep("subnetpools")
    yield made("networks", name="out", **{"router:external": True})
    outside = bed.client.get("/v2.0/networks", headers={"X-Auth-Token": bed.operator})
    out = outside.get_json()["networks"][0]["id"]
    yield made("subnets", network_id=out, cidr="192.0.2.0/24", ip_version=4)
    yield made("networks", name="in")
    inside = bed.client.get("/v2.0/networks?name=in", headers={"X-Auth-Token": bed.operator})
    network = things["networks"] = inside.get_json()["networks"][0]
    yield made("subnets", network_id=network["id"], cidr="10.0.0.0/24", ip_version=4)
    found = bed.client.get(
        f"/v2.0/subnets?network_id={network['id']}", headers={"X-Auth-Token": bed.operator}
    )
    things["subnets"] = found.get_json()["subnets"][0]
    yield made("ports", network_id=network["id"])
    found = bed.client.get(
        f"/v2.0/ports?network_id={network['id']}", headers={"X-Auth-Token": bed.operator}
    )
    port = things["ports"] = found.get_json()["ports"][0]
    bulk = [{"network_id": network["id"]} for _ in range(3)]
    yield "POST", "/v2.0/ports", {"ports": bulk}, set()
    yield made("routers", name="r", external_gateway_info={"network_id": out})
    keep("routers")
    router, subnet = ids("routers"), ids("subnets")
    yield (
        "PUT",
        f"/v2.0/routers/{router}/add_router_interface",
        {"subnet_id": subnet},
        {router, subnet},
    )
    yield made("floatingips", floating_network_id=out)
    keep("floatingips")
    yield made("security-groups", name="g")
    keep("security-groups")
    group = ids("security-groups")
    yield made(
        "security-group-rules", security_group_id=group, direction="ingress", ethertype="IPv4"
    )
    keep("security-group-rules")
    for collection, thing in things.items():
        name, path = RESOURCES[collection].name, f"/v2.0/{collection}/{thing['id']}"
        only = {str(thing["id"])}
        if collection != "security-group-rules":
            yield "PUT", path, {name: {"description": "d"}}, only
            yield "PUT", f"{path}/tags", {"tags": ["a", "b"]}, only
            yield "POST", f"{path}/tags", {"tags": ["c"]}, only
            yield "PUT", f"{path}/tags/d", None, only
            yield "DELETE", f"{path}/tags/d", None, only
            yield "DELETE", f"{path}/tags", None, only
    forwarding = {
        "internal_port_id": port["id"],
        "internal_ip_address": port["fixed_ips"][0]["ip_address"],
        "internal_port": 80,
        "external_port": 80,
        "protocol": "tcp",
    }
    under = f"/v2.0/floatingips/{ids('floatingips')}/port_forwardings"
    yield "POST", under, {"port_forwarding": forwarding}, set()
    found = bed.client.get(under, headers={"X-Auth-Token": bed.operator}).get_json()
    id = found["port_forwardings"][0]["id"]
    both = {id, ids("floatingips")}
    yield "PUT", f"{under}/{id}", {"port_forwarding": {"external_port": 81}}, both
    yield "DELETE", f"{under}/{id}", None, both
    yield (
        "PUT",
        f"/v2.0/routers/{router}/remove_router_interface",
        {"subnet_id": subnet},
        {router, subnet},
    )
    for one in bed.client.get(
        f"/v2.0/ports?network_id={network['id']}", headers={"X-Auth-Token": bed.operator}
    ).get_json()["ports"]:
        yield "DELETE", f"/v2.0/ports/{one['id']}", None, {str(one["id"])}
    for collection in (
        *("security-group-rules", "security-groups", "floatingips", "routers"),
        *("subnets", "networks", "subnetpools"),
    ):
        yield "DELETE", f"/v2.0/{collection}/{ids(collection)}", None, {ids(collection)}


NEVER = {
    (method, f"/v2.0/{collection}") for method in ("PUT", "DELETE") for collection in RESOURCES
} | {
    # Neutron's rules cannot be changed here, nor tagged.
    (method, f"/v2.0/security-group-rules/<id>{rest}")
    for method in ("PUT", "POST", "DELETE")
    for rest in ("", "/tags", "/tags/<tag>")
    if (method, rest) != ("DELETE", "")
}


def test_each_change_is_one_line(bed: Bed) -> None:
    seen = set()
    for method, path, body, ids in _changes(bed):
        status, said, lines = bed.ask(method, path, body, _who(bed, "operator"))
        assert status < 300, (method, path, said)
        (line,) = lines
        if not ids:
            (found,) = said.values()
            ids = {one["id"] for one in (found if isinstance(found, list) else [found])}
        assert set(line["ids"]) == ids
        assert len(line["ids"]) == len(ids)
        assert (line["name"], line["role"], line["address"]) == ("olga", "operator", ADDRESS)
        assert (line["allowed"], line["why"], line["status"]) == (True, "", status)
        seen.add((line["verb"], line["route"].replace("{", "<").replace("}", ">")))
    every = {one for one in _routes() if not one[1].startswith("/v1/")}
    assert seen == every - NEVER


def test_questions_are_no_lines(bed: Bed) -> None:
    for path in ("/", "/v2.0/networks", f"/v2.0/ports/{SOME_ID}", "/healthz", "/v1/ca"):
        for method in audited.QUESTIONS:
            assert bed.ask(method, path, who=_who(bed, "operator"))[2] == []


def test_a_join_and_a_renewal(bed: Bed) -> None:
    token = tokens.offer(bed.register, "h1", ["192.0.2.1"], 60, "chassis-7")
    request = x509.request(x509.new_key(), "chassis-7").decode()
    body = {"secret": token.secret, "host": "h1", "request": request}
    status, signed, (line,) = bed.ask("POST", "/v1/join", body)
    serial = x509.parse(signed.encode()).serial
    assert (status, line["allowed"], line["ids"]) == (200, True, ["h1", "chassis-7", serial])
    status, _, (line,) = bed.ask("POST", "/v1/join", {**body, "secret": "guessed"})
    assert (status, line["allowed"], line["ids"]) == (403, False, ["h1"])
    assert "guessed" not in bed.log.read_text()
    for secret in (token.secret, bed.operator, bed.reader):
        assert secret not in bed.log.read_text()


def test_what_others_wrote_is_escaped_and_bounded(bed: Bed) -> None:
    path = "/v2.0/ports/%1b%5d0;%0d%0a%7f%c2%9b" + "y" * 5000
    before = bed.log.stat().st_size
    assert bed.ask("DELETE", path, who=_who(bed, "operator"))[0] == 404
    new = bed.log.read_bytes()[before:]
    assert new.endswith(b"\n")
    assert all(0x20 <= one < 0x7F for one in new[:-1])
    assert len(new) < 4000


def test_nobody_drives_out_what_others_did(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(_lines(bed.log))
    for _ in range(3 * audited.UNKNOWN):
        bed.client.post("/v2.0/ports")
    assert len(_lines(bed.log)) - before <= audited.UNKNOWN
    monkeypatch.setattr(audited, "_MINUTE", -1.0)
    (line,) = bed.ask("POST", "/v2.0/ports")[2]
    assert line["unwritten"] >= 2 * audited.UNKNOWN


def test_many_ids_are_lines_of_a_bounded_length(tmp_path: Path) -> None:
    log = audit.open_log(str(tmp_path / "audit"))
    ids = [str(uuid.uuid4()) for _ in range(2 * audit.IDS + 1)]
    log.write(audit.Event("ipam", "a", "chassis", "", "POST", "/v2.0/ports", ids))
    lines = _lines(tmp_path / "audit")
    assert [one for line in lines for one in line["ids"]] == ids
    assert [line["part"] for line in lines] == ["1/3", "2/3", "3/3"]


def test_a_full_disk_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    log = audit.open_log("/dev/full")
    for _ in range(3):
        log.write(audit.Event("ipam", "a", "chassis", "", "POST", "/v2.0/ports", []))
    assert [one.getMessage() for one in caplog.records] == [
        "audit: /dev/full: cannot be written: No space left on device"
    ]


@pytest.fixture
def journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a journal, which this test reads."""
    monkeypatch.setattr(paths, "JOURNAL_SOCKET", folder / "journal")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sock:
        sock.bind(str(folder / "journal"))
        sock.settimeout(10)
        yield sock


def test_the_journal_is_chosen_where_there_is_one(journal: socket.socket) -> None:
    assert audit.default("ipam") == audit.JOURNAL
    log = audit.open_log(audit.default())
    log.write(audit.Event("ipam", "a\nPRIORITY=0", "chassis", "", "POST", "/v2.0/ports", []))
    fields = dict(line.split("=", 1) for line in journal.recv(65536).decode().splitlines())
    assert fields["SYSLOG_IDENTIFIER"] == "ovn-integrate-audit"
    assert fields["PRIORITY"] == "5"
    assert json.loads(fields["MESSAGE"])["name"] == "a\nPRIORITY=0"


def test_a_journal_that_is_stuck_stops_nobody(
    journal: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    log = audit.open_log(audit.JOURNAL)

    def flood() -> None:
        for _ in range(5000):
            log.write(audit.Event("ipam", "a", "chassis", "", "POST", "/v2.0/ports", []))

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert "audit: journal: cannot be written" in caplog.text


def test_the_line_is_there_before_the_answer(bed: Bed) -> None:
    seen = []
    application = bed.client.application

    def start(status: str, headers: Any, *_: Any) -> Callable[[bytes], None]:
        return lambda data: None

    before = len(_lines(bed.log))
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/v2.0/ports", "REMOTE_ADDR": ADDRESS}
    body = application(environ, start)
    seen += _lines(bed.log)[before:]
    assert [line["status"] for line in seen] == [401]
    body.close()
    assert len(_lines(bed.log)) == before + 1


# Of each verb of the command line, whether it is written down by itself: those that change who may
# do what, or what only central may change. What others change goes by the IPAM server, or is this
# host's own.
AUDITED = {
    "central token",
    "certificates accept",
    "certificates issue",
    "certificates renew",
    "certificates revoke",
    "certificates rotate",
    "chassis remove",
    "ipam check",
    "ipam token create",
    "ipam token delete",
}


def _verbs(group: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    if not isinstance(group, click.Group):
        yield path.strip(), group
        return
    with click.Context(group) as context:
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from _verbs(found, f"{path} {name}")


def test_verbs_that_are_written_down() -> None:
    found = {path for path, one in _verbs(cli) if getattr(one, "audited", False)}
    assert found == AUDITED


def test_a_verb_on_the_central_host_is_a_line(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "OVN_INTEGRATE_LOGDIR": str(tmp_path),
        "OVN_INTEGRATE_SYSCONFDIR": str(tmp_path / "etc"),
        "SUDO_USER": "olga",
    }
    argv = [sys.executable, "-m", "ovn_integrate", "ipam", "token"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*argv, *words], env=env, capture_output=True, text=True, timeout=60)

    made = run("create", "rob", "--role", "reader")
    assert run("create", "rob").returncode == 6
    run("delete", "rob")
    lines = _lines(tmp_path / "audit.log")
    assert [(line["verb"], line["ids"], line["allowed"]) for line in lines] == [
        ("ipam token create", ["rob"], True),
        ("ipam token create", ["rob"], False),
        ("ipam token delete", ["rob"], True),
    ]
    assert {line["by"] for line in lines} == {"command"}
    assert (lines[0]["name"], lines[0]["role"]) == ("olga", "root")
    assert made.stdout.strip() not in (tmp_path / "audit.log").read_text()
