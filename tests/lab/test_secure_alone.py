"""The secure mode on one host: all in one, down and up again, central in the foreground."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from .host import Host
from .lab import Lab
from .secured import PKI
from .test_all_in_one import changed
from .waiting import wait_for

UP = ("--timeout", "20", "up", "--all-in-one", "--tls", "--no-driver")


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("safe")
    yield host
    host.stop()


def serial(host: Host, name: str) -> str:
    return host.run("openssl", "x509", "-noout", "-serial", "-in", f"{PKI}/{name}.pem").stdout


def listeners(host: Host) -> list[str]:
    found: list[str] = json.loads(host.cli("central", "status", "-o", "json").stdout)["listeners"]
    return found


def test_all_in_one_by_tls_goes_down_and_comes_back_with_what_it_had(host: Host) -> None:
    where = ("--ipam", host.address, "--tep", host.address)
    foreseen = host.cli(*UP, *where, "--dry-run").stdout
    assert "authority            to be made" in foreseen
    assert "ssl:" in foreseen
    host.cli(*UP, *where)
    assert not changed(host, *UP, *where)
    host.cli("network", "create", "one", "--subnet", "10.0.0.0/24")
    host.cli("ipam", "status")
    assert json.loads(host.cli("status", "-o", "json").stdout)["problems"] == []
    before = serial(host, "host"), serial(host, "server")
    host.cli("--timeout", "20", "down")
    # Once joined, it does not fall back to the open mode without being told.
    host.cli("--timeout", "20", "up", "--all-in-one", "--no-driver", *where)
    assert (serial(host, "host"), serial(host, "server")) == before
    assert all(one.startswith("pssl:") for one in listeners(host))
    assert json.loads(host.cli("network", "list", "-o", "json").stdout)[0]["name"] == "one"


def test_what_was_open_is_closed_by_tls(host: Host) -> None:
    refused = host.cli("central", "start", "--listen", host.address, check=False)
    assert refused.returncode == 2
    assert "--tls; or --insecure" in refused.stderr
    refused = host.cli("up", "--all-in-one", "--ipam", host.address, check=False)
    assert refused.returncode == 2
    assert "--insecure" in refused.stderr
    host.cli("central", "start", "--listen", host.address, "--insecure")
    assert listeners(host) == [f"ptcp:{port}:{host.address}" for port in (6641, 6642)]
    open_one = ("--listen", f"{host.address}:9696", "--insecure")
    host.cli("ipam", "start", "--detach", *open_one)
    host.cli("--timeout", "20", "central", "start", "--tls", "--listen", host.address)
    assert listeners(host) == [f"pssl:{port}:{host.address}" for port in (6641, 6642)]
    served = host.run("ss", "-Hltnp", "sport", "=", ":9696").stdout
    assert len(served.splitlines()) == 1
    host.cli("central", "token", "another")
    # The databases remember it.
    host.cli("central", "stop")
    assert not changed(host, "central", "stop")
    host.cli("--timeout", "20", "central", "start", "--tls")
    assert listeners(host) == [f"pssl:{port}:{host.address}" for port in (6641, 6642)]


def test_central_in_the_foreground_by_tls(host: Host) -> None:
    log = "/run/lab/central.log"
    words = f"exec {host.program} -m ovn_integrate central run --tls >{log} 2>&1"
    host.popen("sh", "-c", words)
    wait_for(lambda: "ready: " in host.read(log), 30, "central")
    assert "https://0.0.0.0:9696" in host.read(log)
    assert listeners(host) == ["pssl:6641:0.0.0.0", "pssl:6642:0.0.0.0"]
    token = host.cli("central", "token", "safe").stdout.strip()
    host.start_ovs()
    host.cli("--timeout", "20", "join", token, "--tep", host.address, "--no-driver")
    host.cli("network", "list")
