"""Settings that ovn-controller takes up: planned, seen in Southbound, undone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from .host import Host
from .lab import Lab
from .waiting import wait_for

UP = ("--timeout", "20", "up", "--all-in-one", "--no-driver")
SECOND = "192.0.2.200"
DEFAULT_SINCE = (24, 9)


@pytest.fixture
def host(lab: Lab) -> Iterator[Host]:
    host = lab.add_host("settings")
    yield host
    host.stop()


def southbound(host: Host, table: str, column: str) -> str:
    words = ("ovn-sbctl", "--bare", "--no-headings", f"--columns={column}", "list", table)
    return host.run(*words).stdout


def reads_default(host: Host) -> bool:
    version = host.run("ovn-controller", "--version").stdout.split()[1]
    return tuple(map(int, version.split(".")[:2])) >= DEFAULT_SINCE


def shows(host: Host, table: str, column: str, value: str) -> bool:
    return value in southbound(host, table, column)


def encaps(host: Host) -> set[str]:
    return set(southbound(host, "Encap", "ip").split())


def foretold(host: Host, *words: str) -> dict[str, bool]:
    answer = json.loads(host.cli(*words, "--dry-run", "-o", "json").stdout)
    return {step["step"]: step["needed"] for step in answer["steps"]}


def test_a_dry_run_of_up_and_down_does_nothing_and_tells_all(host: Host) -> None:
    before = host.run("ps", "-e", "-o", "comm=").stdout
    planned = foretold(host, *UP)
    assert host.run("ps", "-e", "-o", "comm=").stdout == before
    steps = json.loads(host.cli(*UP, "-o", "json").stdout)["steps"]
    assert planned == {step["step"]: step["changed"] for step in steps}
    assert set(planned.values()) == {True}
    assert set(foretold(host, *UP).values()) == {False}
    # A controller that is registered with other settings has yet to take these.
    second = foretold(host, *UP, "--encap-type", "vxlan")
    assert [step for step, needed in second.items() if needed] == ["settings", "ovn-controller"]
    assert set(foretold(host, "--timeout", "20", "down")) == set(planned)
    assert set(foretold(host, *UP).values()) == {False}
    undone = json.loads(host.cli("--timeout", "20", "down", "-o", "json").stdout)["undone"]
    assert set(undone) == set(planned)


def test_what_is_set_shows_in_southbound_and_no_more_when_undone(host: Host) -> None:
    host.cli(*UP)
    host.cli("set", "ovn-cms-options", "rack:7")
    wait_for(partial(shows, host, "Chassis", "other_config", "rack:7"), 10, "ovn-cms-options")
    host.cli("set", "ovn-encap-csum", "false")
    wait_for(partial(shows, host, "Encap", "options", "csum=false"), 10, "ovn-encap-csum")
    host.cli("undo")
    wait_for(partial(shows, host, "Encap", "options", "csum=true"), 10, "undo")
    assert shows(host, "Chassis", "other_config", "rack:7")


def test_a_file_with_two_tunnel_endpoints_is_registered_and_undone(host: Host) -> None:
    host.cli(*UP)
    (own,) = encaps(host)
    host.run("ip", "address", "add", f"{SECOND}/32", "dev", "lo")
    assert host.cli("apply", "-f", "-", input=host.cli("show", "-o", "yaml").stdout).stdout == (
        "nothing to change: all is as the file says\n"
    )
    host.cli("apply", "-f", "-", input=f"settings: {{ovn-encap-ip: [{own}, {SECOND}]}}")
    wait_for(lambda: encaps(host) == {own, SECOND}, 10, "two tunnel endpoints")
    done = host.cli("set-tep", f"{own},{SECOND}", "--default", SECOND, check=False)
    if reads_default(host):
        wait_for(partial(shows, host, "Encap", "options", "is_default=true"), 10, "the default")
        host.cli("undo")
    else:
        assert done.returncode == 2
        assert "only 24.09 and newer do" in done.stderr
    host.cli("undo")
    wait_for(lambda: encaps(host) == {own}, 10, "one tunnel endpoint")


def test_a_chassis_keeps_its_name_while_ovn_controller_runs(host: Host) -> None:
    host.cli(*UP)
    done = host.cli("set", "system-id", "other", check=False)
    assert done.returncode == 6
    assert "ovn-integrate controller stop" in done.stderr
