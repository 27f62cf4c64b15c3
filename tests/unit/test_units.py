"""The systemd units say what Docker needs, and start verbs that there are."""

from __future__ import annotations

import configparser
from pathlib import Path

import click
import pytest

from ovn_integrate import paths
from ovn_integrate.cli.main import cli

UNITS = Path(__file__).parents[2] / "scripts" / "systemd"
DRIVER = ("ovn-integrate-driver.socket", "ovn-integrate-driver.service")
SERVICES = ("ovn-integrate-driver.service", "ovn-integrate-ipam.service")


def unit(name: str) -> configparser.ConfigParser:
    # A key may stand several times: what is asked for here does not.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / name).read_text())
    return parser


def test_the_socket_is_where_docker_looks_and_for_root_alone() -> None:
    section = unit("ovn-integrate-driver.socket")["Socket"]
    assert section["ListenStream"] == str(paths.plugin_socket())
    assert section["SocketMode"] == "0600"


@pytest.mark.parametrize("name", [*DRIVER, "ovn-integrate-ipam.service"])
def test_docker_starts_after_it_and_is_never_waited_for(name: str) -> None:
    assert unit(name)["Unit"]["Before"] == "docker.service"
    for line in (UNITS / name).read_text().splitlines():
        key, _, value = line.partition("=")
        assert key not in ("After", "Requires", "Wants") or "docker" not in value


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_verb_and_is_started_again(name: str) -> None:
    words = unit(name)["Service"]["ExecStart"].split()
    assert words[0] == "ovn-integrate"
    command: click.Command = cli
    for word in words[1:-1]:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    assert words[-1].startswith("$")
    assert unit(name)["Service"]["Restart"] == "on-failure"
    assert unit(name)["Unit"]["StartLimitIntervalSec"] == "0"
