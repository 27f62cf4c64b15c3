"""The IPAM server serves as an account of its own, and cannot come by what is root's."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ovn_integrate import account, servers
from ovn_integrate.enrol import client
from ovn_integrate.enrol.signer.client import Signer
from ovn_integrate.errors import Conflict, Error, NotPermitted, ServiceFailed
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.pki import proof, tokens, x509
from ovn_integrate.pki.authority import Authority
from ovn_integrate.pki.ledger import Ledger
from ovn_integrate.pki.register import Register
from tests.certificates import Authority as Foreign
from tests.functional.daemons import OvsdbServer
from tests.functional.namespaces import own_network
from tests.functional.test_enrol import databases
from tests.functional.test_ipam_store import until

HERE = "127.0.0.1"
NOBODY = 65534


class Bed:
    """A central host's IPAM server, started by root, in a folder that others may look into."""

    def __init__(self, folder: Path, northbound: OvsdbServer) -> None:
        self.folder = folder
        self.northbound = northbound
        self.pki = folder / "etc" / "pki"
        self.authority = Authority(self.pki)
        self.authority.make("c1")
        self.authority.serve("c1", [HERE])
        self.register = Register(self.authority, Ledger(northbound.remote), lambda _: [])
        self.env = {
            **os.environ,
            account.VARIABLE: "",
            "OVN_INTEGRATE_RUNDIR": str(folder / "run"),
            "OVN_INTEGRATE_LOGDIR": str(folder / "log"),
            "OVN_INTEGRATE_SYSCONFDIR": str(folder / "etc"),
            "OVN_RUNDIR": str(folder / "nb"),
        }

    def cli(self, *words: str, code: int = 0) -> str:
        argv = [sys.executable, "-m", "ovn_integrate", *words]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr + self.log("ipam") + self.log("signer")
        return done.stdout.strip()

    def start(self) -> None:
        files = ["--certificate", self.authority.server, "--private-key", self.authority.server]
        files += ["--ca-certificate", self.authority.clients]
        remote = ["--nb", self.northbound.remote]
        self.cli("ipam", "start", "--detach", *map(str, files), *remote)

    def log(self, name: str) -> str:
        path = self.folder / "log" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def audited(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log("audit").splitlines()]

    def pid(self, server: str) -> int:
        return int((self.folder / "run" / f"{server}.pid").read_text())

    def children(self, number: int) -> list[int]:
        return [
            int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()
        ]

    def joined(self, folder: Path, name: str, host: str) -> Credentials:
        folder.mkdir(exist_ok=True)
        key = x509.new_key()
        token = tokens.offer(self.register, host, [HERE], 60, system_id=name)
        signed, trusted = client.join(token, x509.request(key, name), 10)
        (folder / "ca.pem").write_bytes(trusted)
        (folder / "host.pem").write_bytes(key + signed)
        return Credentials(*(str(folder / one) for one in ("host.pem", "host.pem", "ca.pem")))

    def health(self) -> int | None:
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        return servers.ask(f"{HERE}:9696", "GET", "/healthz", context=context)

    @property
    def signer(self) -> Path:
        return self.folder / "run" / "signer.sock"

    @property
    def who(self) -> account.Account:
        return account.made(account.NAME)


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    with tempfile.TemporaryDirectory(prefix="ovn") as name, own_network():
        folder = Path(name)
        folder.chmod(0o711)
        (folder / "nb").mkdir(mode=0o700)
        with databases(folder / "nb") as (northbound, _), pytest.MonkeyPatch.context() as patch:
            patch.setenv(account.VARIABLE, "")
            made = Bed(folder, northbound)
            try:
                made.start()
                yield made
            finally:
                made.cli("ipam", "stop")
            assert until(lambda: not made.signer.exists())


def _status(number: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{number}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def test_it_is_that_account_for_good(bed: Bed) -> None:
    master = bed.pid("ipam")
    for number in (master, *bed.children(master)):
        found = _status(number)
        assert found["Uid"] == [str(bed.who.uid)] * 4
        assert found["Gid"] == [str(bed.who.gid)] * 4
        assert found["Groups"] == [str(bed.who.gid)]
        assert found["NoNewPrivs"] == ["1"]
        assert {int(found[f"Cap{one}"][0], 16) for one in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {
            0
        }
    assert len(bed.children(master)) == 1


def test_the_signer_keeps_of_roots_rights_what_it_needs(bed: Bed) -> None:
    (number,) = bed.children(bed.pid("signer"))
    found = _status(number)
    assert found["NoNewPrivs"] == ["1"]
    assert {int(found[f"Cap{one}"][0], 16) for one in ("Prm", "Eff", "Bnd")} == {1 << 1}


def test_no_file_of_roots_is_the_accounts(bed: Bed) -> None:
    bed.joined(bed.folder / "hosts", "chassis-0", "h0")
    bed.cli("ipam", "token", "create", "olga")
    readable, writable = set(), set()
    script = (
        'for one; do cat "$one" >/dev/null 2>&1 && echo "r $one"; '
        'test -w "$one" && echo "w $one"; done; true'
    )
    every = [str(one) for one in bed.folder.rglob("*")]
    done = subprocess.run(
        ["sh", "-c", script, "sh", *every],
        user=bed.who.uid,
        group=bed.who.gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
    )
    for line in done.stdout.splitlines():
        kind, _, path = line.partition(" ")
        (readable if kind == "r" else writable).add(Path(path).relative_to(bed.folder).as_posix())
    below = {one for one in readable if one.startswith("etc/")}
    assert below == {
        "etc/pki/authority/central.pem",
        "etc/pki/authority/clients.pem",
        "etc/pki/server.pem",
        "etc/tokens.json",
    } | ({"etc/pki/authority/hosts.pem"} & below)
    assert not any(one.endswith(".key") for one in readable)
    assert not {one for one in writable if one.startswith(("etc", "nb"))}
    assert writable <= {
        *("run/ipam.pid", "run/ipam.lock", "run/signer.sock"),
        *("log/ipam", "log/ipam/audit.log", "log/ipam.log.1"),
    }


def test_a_host_joins_and_renews_by_the_signer(bed: Bed, tmp_path: Path) -> None:
    mine = bed.joined(tmp_path, "chassis-1", "h1")
    old = x509.read(tmp_path / "host.pem")
    key = x509.new_key()
    renewed = x509.parse(client.renew([HERE], mine, x509.request(key, "chassis-1"), 10))
    assert renewed.serial != old.serial
    lines = [one for one in bed.audited() if "chassis-1" in one["ids"]]
    assert [(one["by"], one["verb"], one["allowed"]) for one in lines] == [
        ("signer", "redeem", True),
        ("signer", "renew", True),
    ]
    assert (lines[1]["name"], lines[1]["address"]) == ("chassis-1", HERE)
    bed.register.revoke("h1")
    with pytest.raises(Conflict, match="may not renew"):
        client.renew([HERE], mine, x509.request(key, "chassis-1"), 10)


def _renewal(bed: Bed, folder: Path) -> dict[str, str]:
    """What a host sends that renews, and what its certificate and key are."""
    bed.joined(folder, "chassis-2", "h2")
    key = (folder / "host.pem").read_bytes()
    request = x509.request(x509.new_key(), "chassis-2")
    return {
        "request": request.decode(),
        "certificate": x509.read(folder / "host.pem").pem.decode(),
        "proof": proof.prove(key, request),
        "address": HERE,
    }


def test_who_took_over_the_server_renews_nobodys_certificate(bed: Bed, tmp_path: Path) -> None:
    good = _renewal(bed, tmp_path / "good")
    stranger = x509.new_key()
    theirs = x509.request(stranger, "chassis-2").decode()
    foreign = Foreign(tmp_path / "foreign")
    serial = int(x509.read(tmp_path / "good" / "host.pem").serial, 16)
    forged = foreign.issue("chassis-2", "chassis", serial)
    forged_key = forged.private_key.read_bytes()
    central = x509.read(bed.authority.server)
    signer = Signer(bed.signer)
    for bad in (
        {"request": theirs},
        {"request": theirs, "proof": proof.prove(stranger, theirs.encode())},
        {"proof": ""},
        {"proof": "A" * 5000},
        {"certificate": x509.parse(forged.certificate.read_bytes()).pem.decode()}
        | {"request": theirs, "proof": proof.prove(forged_key, theirs.encode())},
        {"certificate": good["certificate"] + bed.authority.certificate.read_text()},
        {"certificate": central.pem.decode()}
        | {"proof": proof.prove(bed.authority.server.read_bytes(), good["request"].encode())},
    ):
        with pytest.raises(Error):
            signer.renew(**{**good, **bad})
    assert x509.parse(signer.renew(**good)).name == "chassis-2"


def test_an_older_program_is_told_to_be_upgraded(bed: Bed, tmp_path: Path) -> None:
    mine = bed.joined(tmp_path, "chassis-3", "h3")
    request = x509.request(x509.new_key(), "chassis-3").decode()
    with pytest.raises(NotPermitted, match="upgrade"):
        client._ask(HERE, "POST", client.RENEW, {"request": request}, mine.context(), 10)


def _as_user(user: int, path: Path, text: str) -> str:
    """What a user is answered on the signer's socket."""
    script = (
        "import socket, sys\n"
        "with socket.socket(socket.AF_UNIX) as sock:\n"
        "    sock.settimeout(10)\n"
        "    sock.connect(sys.argv[1])\n"
        "    sock.sendall(sys.argv[2].encode())\n"
        "    print(sock.recv(65536).decode())\n"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", script, str(path), text],
        user=user,
        group=user,
        extra_groups=[],
        capture_output=True,
        text=True,
        cwd="/",
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_who_may_use_the_signer(bed: Bed) -> None:
    hello = '{"op": "hello"}\n'
    assert "PermissionError" in _as_user(NOBODY, bed.signer, hello)
    assert _as_user(bed.who.uid, bed.signer, hello) == "{}"
    mode = bed.signer.stat().st_mode
    bed.signer.chmod(0o666)
    try:
        # Whatever the mode is, it asks the kernel who it is.
        assert "{}" not in _as_user(NOBODY, bed.signer, hello)
    finally:
        bed.signer.chmod(mode)


@pytest.mark.parametrize(
    "text",
    [
        "x\n",
        "[]\n",
        '{"op": []}\n',
        '{"op": "sign"}\n',
        '{"op": "revoke", "name": "h1"}\n',
        '{"op": "redeem"}\n',
        '{"op":"redeem","secret":1,"host":"h","request":"r","held":"","address":""}\n',
        '{"op":"redeem","secret":"s","host":"h","request":"r","held":"","address":""}\n',
        '{"op": "renew", "request": "r", "certificate": "c", "proof": "p", "address": ""}\n',
        '{"op": "hello", "op": "connect"}\n',
        '{"op": "hello", "more": "x"}\n',
    ],
)
def test_the_signer_refuses_all_else(bed: Bed, text: str) -> None:
    with closing(_connected(bed)) as sock:
        sock.sendall(text.encode())
        assert "error" in json.loads(sock.recv(65536))
    assert "Traceback" not in bed.log("signer")


def _connected(bed: Bed) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(bed.signer))
    return sock


def test_nobody_waits_for_who_is_slow(bed: Bed, tmp_path: Path) -> None:
    slow = [_connected(bed) for _ in range(30)]
    for sock in slow:
        sock.sendall(b"{")
    begun = time.monotonic()
    bed.joined(tmp_path, "chassis-4", "h4")
    assert time.monotonic() - begun < 4
    assert slow[0].recv(10) == b""  # cut off, in its time
    for sock in slow:
        sock.close()
    gone = pytest.raises((BrokenPipeError, ConnectionResetError))
    with closing(_connected(bed)) as sock, gone:
        sock.sendall(b" " * (4 << 20))


def test_northbound_comes_back_by_the_signer(bed: Bed) -> None:
    assert bed.health() == 200
    bed.northbound.stop()
    assert until(lambda: bed.health() == 503)
    bed.northbound.start()
    assert until(lambda: bed.health() == 200)


def test_a_signer_that_is_killed_is_there_again(bed: Bed, tmp_path: Path) -> None:
    (number,) = bed.children(bed.pid("signer"))
    os.kill(number, signal.SIGKILL)
    bed.joined(tmp_path, "chassis-5", "h5")
    assert bed.children(bed.pid("signer")) != [number]


def test_a_certificate_that_is_renewed_counts(bed: Bed) -> None:
    before = ssl.get_server_certificate((HERE, 9696))
    bed.authority.serve("c1", [HERE], anew=True)
    assert bed.health() == 200
    assert ssl.get_server_certificate((HERE, 9696)) != before
    assert (bed.authority.server.stat().st_mode & 0o777, bed.authority.server.stat().st_gid) == (
        0o640,
        bed.who.gid,
    )


def test_a_token_is_known_from_its_making_on(bed: Bed) -> None:
    made = bed.cli("ipam", "token", "create", "rob")
    context = ssl.create_default_context(cafile=str(bed.authority.certificate))
    with closing(http.client.HTTPSConnection(HERE, 9696, timeout=20, context=context)) as asked:
        asked.request("GET", "/v2.0/networks", headers={"X-Auth-Token": made})
        assert asked.getresponse().status == 200


def test_its_pid_file_names_its_own_processes_alone(bed: Bed) -> None:
    path = bed.folder / "run" / "ipam.pid"
    mine = path.read_text()
    argv = [sys.executable, "-c", "input()", "ovn_integrate"]
    other = subprocess.Popen(argv, stdin=subprocess.PIPE)
    try:
        path.write_text(str(other.pid))
        assert "not running" in bed.cli("ipam", "stop")
        assert other.poll() is None
    finally:
        path.write_text(mine)
        other.communicate(b"\n")


def test_what_an_older_version_left_is_mended_at_a_start(bed: Bed) -> None:
    bed.cli("ipam", "stop")
    with pytest.raises(ServiceFailed):
        Signer(bed.signer).redeem("s", "h", "r", "", "")
    bed.pki.chmod(0o755)
    bed.authority.folder.chmod(0o755)
    for one in bed.authority.folder.glob("*.key"):
        one.chmod(0o644)
    os.chown(bed.authority.server, 0, 0)
    bed.authority.server.chmod(0o600)
    bed.start()
    modes = {one.name: one.stat().st_mode & 0o777 for one in bed.authority.folder.iterdir()}
    assert {one for name, one in modes.items() if name.endswith(".key")} == {0o600}
    assert bed.pki.stat().st_mode & 0o777 == 0o710
    assert bed.authority.folder.stat().st_mode & 0o777 == 0o710
    assert bed.health() == 200
