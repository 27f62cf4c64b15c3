"""One host with everything on it: verbs run twice, servers killed, half of `up` done before."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .host import Host
from .lab import Lab
from .waiting import wait_for

UP = ("--timeout", "20", "up", "--all-in-one")


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("solo")
    yield host
    host.stop()


def changed(host: Host, *words: str) -> bool:
    answer: dict[str, Any] = json.loads(host.cli(*words, "-o", "json").stdout)
    return bool(answer["changed"])


def test_every_server_verb_may_be_run_twice(host: Host) -> None:
    host.start_ovs()
    listen = ("--listen", f"{host.address}:9696", "--insecure")
    own = ("--listen", host.address, "--insecure")
    assert changed(host, "central", "start")
    assert not changed(host, "central", "start")
    assert changed(host, "central", "start", *own)
    assert not changed(host, "central", "start", *own)
    host.cli("central", "status")
    assert changed(host, "ipam", "start", "--detach", *listen)
    assert not changed(host, "ipam", "start", "--detach", *listen)

    host.cli("set-ipam", host.address)
    host.cli("set-tep", host.address)
    host.cli("set-encap-type", "geneve")
    assert changed(host, "create-integration-bridge")
    assert not changed(host, "create-integration-bridge")
    assert changed(host, "controller", "start")
    assert not changed(host, "controller", "start")
    assert changed(host, "driver", "start", "--detach")
    assert not changed(host, "driver", "start", "--detach")

    for server in ("driver", "ipam", "controller", "central"):
        host.cli(server, "status")
        assert changed(host, server, "stop")
        assert not changed(host, server, "stop")
        assert host.cli(server, "status", check=False).returncode == 10


def test_a_bridge_that_was_changed_by_hand_is_set_right(host: Host) -> None:
    host.start_ovs()
    # Of the kernel's datapath, which a host of the lab has not: from OVS 4.0 on a wait says so.
    host.run("ovs-vsctl", "--no-wait", "add-br", "br-int")
    assert changed(host, "create-integration-bridge")
    columns = "--columns=fail_mode,datapath_type,other_config,external_ids"
    found = host.run("ovs-vsctl", "--format=json", columns, "list", "Bridge", "br-int").stdout
    mode, datapath, other, external = json.loads(found)["data"][0]
    assert (mode, datapath) == ("secure", "netdev")
    assert dict(other[1])["disable-in-band"] == "true"
    hwaddr = dict(other[1])["hwaddr"]
    assert dict(external[1]) == {"bridge-id": "br-int"}

    host.run("ovs-vsctl", "set", "Bridge", "br-int", "fail_mode=standalone")
    assert changed(host, "create-integration-bridge")
    after = json.loads(host.cli("show", "-o", "json").stdout)["bridge"]
    assert (after["fail_mode"], after["hwaddr"]) == ("secure", hwaddr)


def test_up_starts_open_vswitch_too_and_down_ends_all_of_it(host: Host) -> None:
    before = _daemons(host)
    steps = json.loads(host.cli(*UP, "-o", "json").stdout)["steps"]
    assert [step["step"] for step in steps] == [
        "Open vSwitch",
        "OVN central",
        "OVN listeners",
        "IPAM server",
        "settings",
        "integration bridge",
        "ovn-controller",
        "Docker driver",
    ]
    assert all(step["changed"] for step in steps)
    assert not changed(host, *UP)
    host.cli("--timeout", "20", "down")
    assert _daemons(host) == before
    assert host.run("ls", "/run/docker/plugins").stdout == ""


def test_up_does_what_is_missing_and_down_undoes_only_that(host: Host) -> None:
    host.start_ovs()
    host.cli("central", "start")
    host.cli("set-tep", host.address)
    host.cli("set-encap-type", "geneve")
    host.cli(*UP, "--tep", host.address)
    host.cli("--timeout", "20", "down")
    assert {"ovs-vswitchd", "ovn-northd"} <= _daemons(host)
    assert json.loads(host.cli("central", "status", "-o", "json").stdout)["listeners"] == []
    assert not host.run("ls", "/run/docker/plugins").stdout


@pytest.mark.parametrize("seconds", ["0.2", "0.4", "0.6", "0.8", "1.0"])
def test_up_after_a_kill_goes_on_and_down_still_undoes_all(host: Host, seconds: str) -> None:
    before = _daemons(host)
    killed = ("timeout", "--signal=KILL", seconds, host.program, "-m", "ovn_integrate", *UP)
    host.run(*killed, check=False)
    host.cli(*UP)
    assert not changed(host, *UP)
    host.cli("--timeout", "20", "down")
    assert _daemons(host) == before


def test_down_after_a_kill_in_the_start_of_open_vswitch_ends_that_too(host: Host) -> None:
    before = _daemons(host)
    # Kills who starts it, and goes on; its words go nowhere, as the reader of them is dead. Who
    # only asks for its version, as ovs-ctl does, is answered.
    wrapper = (
        '#!/bin/sh\n[ "$1" = --version ] || kill -KILL $PPID\n'
        'exec /usr/sbin/ovs-vswitchd "$@" 2>/dev/null\n'
    )
    host.run("mkdir", "/run/lab/bin")
    host.run("tee", "/run/lab/bin/ovs-vswitchd", input=wrapper)
    host.run("chmod", "+x", "/run/lab/bin/ovs-vswitchd")
    path = host.run("printenv", "PATH").stdout.strip()
    killed = host.cli(*UP, env={"PATH": f"/run/lab/bin:{path}"}, check=False)
    assert killed.returncode == -signal.SIGKILL
    wait_for(lambda: "ovs-vswitchd" in _daemons(host), 10, "ovs-vswitchd")
    host.cli("--timeout", "20", "down")
    assert _daemons(host) == before


@pytest.mark.parametrize("server", ["ipam", "driver"])
def test_a_server_that_was_killed_starts_again(host: Host, server: str) -> None:
    host.cli(*UP)
    pid = host.read(f"/run/ovn-integrate/{server}.pid").strip()
    # Its worker sees within a second that the master is gone, and ends by itself.
    host.run("kill", "-9", pid)
    assert changed(host, server, "start", "--detach")
    assert not changed(host, server, "start", "--detach")
    host.cli(server, "status")


@pytest.mark.parametrize("server", ["ipam", "driver"])
def test_two_starts_at_the_same_moment_are_one_server(host: Host, server: str) -> None:
    host.cli(*UP)
    for _ in range(2):
        host.cli(server, "stop")
        with ThreadPoolExecutor(2) as pool:
            starts = [pool.submit(host.cli, server, "start", "--detach") for _ in range(2)]
        for start in starts:
            start.result()
        host.cli(server, "status")
        # Its master and its worker.
        found = host.run("pgrep", "--full", f"ovn_integrate .*{server} start").stdout.split()
        assert len(found) == 2


def test_the_ipam_server_without_northbound_exits_4(host: Host) -> None:
    host.start_ovs()
    done = host.cli("ipam", "start", "--nb", "unix:/run/ovn/none.sock", check=False)
    assert done.returncode == 4
    done = host.cli("ipam", "start", "--detach", "--nb", "unix:/run/ovn/none.sock", check=False)
    assert done.returncode == 7
    assert "/run/ovn/none.sock: cannot be reached" in done.stderr


def test_the_driver_without_settings_exits_3_and_names_the_verb(host: Host) -> None:
    host.start_ovs()
    done = host.cli("driver", "start", check=False)
    assert done.returncode == 3
    assert "ovn-integrate set-ipam" in done.stderr


def _daemons(host: Host) -> set[str]:
    return set(host.run("ps", "-e", "-o", "comm=").stdout.split()) - {"ps", "timeout"}
