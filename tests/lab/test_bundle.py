"""`bundle`: what is in it, what is not, and that it comes however dead the host is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .cluster import IMAGE, Cluster, cluster
from .faults import CONTROLLER, OVSDB, VSWITCHD, frozen
from .host import Host
from .lab import Lab
from .waiting import wait_for

FILE = "/run/lab/b.tar.gz"
FOLDER = "/run/lab/opened"

# Each is planted where its comment says, and must not be found anywhere.
SECRETS = {
    "password": "Pa55-word-of-neutron",  # /etc/default/ovn-integrate; a log that does not say so
    "psk": "psk-of-a-tunnel",  # the host's database
    "token": "gAAAAA-token-of-keystone",  # a log, as a header
    "container": "env-of-a-container",  # a container's environment and command
    "url": "password-in-a-url",  # the host's database
    "key": "bm90LWEta2V5",  # a private key in a log
}
KEY = f"-----BEGIN RSA PRIVATE KEY-----\\n{SECRETS['key']}\\n-----END RSA PRIVATE KEY-----"


@pytest.fixture(scope="module")
def path(lab: Lab) -> Iterator[Cluster]:
    with cluster(lab, "bundle") as made:
        yield made


def bundle(host: Host, *words: str, seconds: str = "10") -> dict[str, Any]:
    """Make one and unpack it; what it says, and its manifest's items by their names."""
    done = host.cli("--timeout", seconds, "bundle", FILE, *words, "-o", "json", timeout=120)
    answer: dict[str, Any] = json.loads(done.stdout)
    host.run("sh", "-c", f"rm -rf {FOLDER}; mkdir {FOLDER}; tar -C {FOLDER} -xzf {FILE}")
    manifest = json.loads(host.read(f"{FOLDER}/b/manifest.json"))
    return {**answer, "items": {one["name"]: one for one in manifest["items"]}}


def has(host: Host, text: str) -> bool:
    return host.run("grep", "-rqF", text, FOLDER, check=False).returncode == 0


def test_a_right_host(path: Cluster) -> None:
    answer = bundle(path.first)
    good = {name for name, one in answer["items"].items() if one["outcome"] == "ok"}
    for name in (
        "databases/host.db",
        "databases/remote-southbound-1.db",
        "docker/info.json",
        "ipam/networks.json",
        "logs/ovn/ovn-controller.log",
        "network/routes.json",
        "openvswitch/br-int/dump-flows.txt",
        "ovn-integrate/doctor.json",
    ):
        assert name in good, answer["items"].get(name)
    assert path.first.run("stat", "-c", "%a", FILE).stdout.strip() == "600"
    assert path.first.run("sh", "-c", "ls -A /run/lab | grep -c '^\\.b' || true").stdout == "0\n"
    database = f"{FOLDER}/b/databases/host.db"
    assert "Open_vSwitch" in path.first.run("ovsdb-tool", "db-name", database).stdout
    found = json.loads(path.first.read(f"{FOLDER}/b/ovn-integrate/doctor.json"))
    assert {"ovs-database", "tunnels"} <= {one["check"] for one in found}


def test_the_central_host_has_the_databases_of_ovn(path: Cluster) -> None:
    items = bundle(path.central)["items"]
    for name in ("northbound", "southbound"):
        assert items[f"databases/{name}.db"]["outcome"] == "ok"
    assert items["ovn/ovn-northd/status.txt"]["outcome"] == "ok"


def test_no_secret_is_in_it(path: Cluster) -> None:
    host = path.first
    log = "/var/log/ovn-integrate/driver.log"
    host.run(
        "sh", "-c", f"echo \"OS_PASSWORD='{SECRETS['password']}'\" >/etc/default/ovn-integrate"
    )
    host.run("sh", "-c", f"echo 'tried {SECRETS['password']} in vain' >>{log}")
    host.run("sh", "-c", f"echo 'X-Auth-Token: {SECRETS['token']}' >>{log}")
    host.run("sh", "-c", f"printf -- '{KEY}\\n' >>{log}")
    url = f"http://someone:{SECRETS['url']}@192.0.2.9:9696"
    host.run(
        *("ovs-vsctl", "--no-wait", "add-port", "br-ex", "psk0", "--", "set", "Interface", "psk0"),
        *("type=gre", "options:remote_ip=192.0.2.77", f"options:psk={SECRETS['psk']}"),
        *("--", "set", "Open_vSwitch", ".", f'external_ids:proxy="{url}"'),
    )
    value = SECRETS["container"]
    words = ("-e", f"DB_PASSWORD={value}", "--label", f"api_key={value}", IMAGE)
    host.docker("run", "-d", "--name", "secretive", *words, "sleep", "3600")
    answer = bundle(host)
    for name, secret in SECRETS.items():
        assert not has(host, secret), name
    for name in ("databases/host.db", "logs/ovn-integrate/driver.log"):
        assert answer["items"][name]["redacted"]
    assert has(host, "[redacted]")
    assert has(host, "192.0.2.77")
    # What was taken out of a database leaves it one.
    rows = '["Open_vSwitch",{"op":"select","table":"Interface","where":[["name","==","psk0"]]}]'
    shown = host.run("ovsdb-tool", "query", f"{FOLDER}/b/databases/host.db", rows).stdout
    assert "[redacted]" in shown
    host.docker("rm", "-f", "secretive")
    host.run("ovs-vsctl", "--no-wait", "del-port", "psk0")
    host.run("ovs-vsctl", "remove", "Open_vSwitch", ".", "external_ids", "proxy")


AS_NOBODY = """
import gzip, os, sys
from ovn_integrate.checks import facts
from ovn_integrate.checks.bundle import archive, items, redact
from ovn_integrate.cli import bundle
from ovn_integrate.cli.main import run
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.argv = ["ovn-integrate", "--timeout", "5", "bundle", sys.argv[1]]
run()
"""


def test_without_root_it_has_what_can_be_read(path: Cluster) -> None:
    """Imported while it was root: the checkout may lie where nobody else may look."""
    host = path.first
    as_nobody = (host.program, "-c", AS_NOBODY)
    done = host.run(*as_nobody, "/tmp/nobody.tar.gz", check=False, timeout=120)
    assert (done.returncode, "not root" in done.stderr) == (0, True), done.stderr
    listed = host.run("tar", "-tzf", "/tmp/nobody.tar.gz").stdout
    host.run("rm", "/tmp/nobody.tar.gz")
    assert "network/routes.json" in listed
    assert "databases/host.db" not in listed
    done = host.run(*as_nobody, "/etc/nobody.tar.gz", check=False, timeout=120)
    assert (done.returncode, "give a FILE elsewhere" in done.stderr) == (9, True)


SILENT = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/docker.sock")
listener.listen()
print("listens", flush=True)
sys.stdin.read()
"""


@contextmanager
def silent_docker(host: Host) -> Iterator[None]:
    """An engine that takes questions and answers none. (A frozen one would freeze the nsenter
    around it as well, which nothing thaws.)"""
    host.run("mv", "/run/docker.sock", "/run/away.sock")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    silent = host.popen(host.program, "-c", SILENT, **pipes)
    assert silent.stdout is not None
    assert silent.stdout.readline() == "listens\n"
    try:
        yield
    finally:
        silent.communicate(timeout=10)
        host.run("mv", "/run/away.sock", "/run/docker.sock")


def test_frozen_daemons(path: Cluster) -> None:
    host = path.second
    with frozen(host, OVSDB), frozen(host, VSWITCHD), silent_docker(host):
        answer = bundle(host, seconds="3")
    assert answer["seconds"] < 45
    items = answer["items"]
    assert "instead /etc/openvswitch/conf.db" in items["databases/host.db"]["outcome"]
    assert (
        "Open_vSwitch" in host.run("ovsdb-tool", "db-name", f"{FOLDER}/b/databases/host.db").stdout
    )
    assert items["openvswitch/show.txt"]["outcome"].startswith("killed after")
    assert items["docker/info.json"]["outcome"] != "ok"
    for name in ("network/routes.json", "logs/openvswitch/ovsdb-server.log"):
        assert items[name]["outcome"] == "ok"


def test_dead_daemons(path: Cluster) -> None:
    host = path.second
    host.cli("driver", "stop")
    host.stop_docker("KILL")
    for pidfile in (CONTROLLER, VSWITCHD, OVSDB):
        number = host.read(pidfile).strip()
        host.run("kill", "-KILL", number)
        gone = ("kill", "-0", number)
        wait_for(lambda gone=gone: host.run(*gone, check=False).returncode, 20, "its end")
    answer = bundle(host, seconds="5")
    assert answer["seconds"] < 30
    items = answer["items"]
    assert items["databases/host.db"]["bytes"] > 1000
    assert items["ovn-integrate/doctor.json"]["bytes"] > 1000
    assert items["docker/info.json"]["outcome"] != "ok"
    assert items["logs/ovn/ovn-controller.log"]["outcome"] == "ok"
