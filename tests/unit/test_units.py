"""The systemd units say what Docker needs, and start verbs that there are."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from ovn_integrate import account, paths
from ovn_integrate.cli.main import cli
from ovn_integrate.errors import Invalid, NotConfigured

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "scripts" / "systemd"
SERVERS = ("driver", "ipam")
PARTS = (*SERVERS, "signer", "central", "controller")
NAMES = sorted(path.name for path in UNITS.iterdir())


def unit(name: str) -> configparser.ConfigParser:
    # A key may stand several times: what is asked for here does not.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((UNITS / name).read_text())
    return parser


def service(part: str) -> configparser.SectionProxy:
    return unit(f"ovn-integrate-{part}.service")["Service"]


def test_there_is_one_for_each_part() -> None:
    services = {f"ovn-integrate-{part}.service" for part in PARTS}
    sockets = {"ovn-integrate-driver.socket", "ovn-integrate-signer.socket"}
    assert set(NAMES) == services | sockets


def test_the_socket_is_where_docker_looks_and_for_root_alone() -> None:
    section = unit("ovn-integrate-driver.socket")["Socket"]
    assert section["ListenStream"] == str(paths.plugin_socket())
    assert section["SocketMode"] == "0600"


@pytest.mark.parametrize("name", NAMES)
def test_docker_starts_after_it_and_is_never_waited_for(name: str) -> None:
    assert unit(name)["Unit"]["Before"] == "docker.service"
    for line in (UNITS / name).read_text().splitlines():
        key, _, value = line.partition("=")
        assert key not in ("After", "Requires", "Wants") or "docker" not in value


def test_the_signers_socket_is_where_it_is_asked_and_for_its_user() -> None:
    section = unit("ovn-integrate-signer.socket")["Socket"]
    assert section["ListenStream"] == str(paths.signer_socket())
    assert (section["SocketMode"], section["SocketUser"]) == ("0600", account.NAME)
    assert service("ipam")["User"] == account.NAME
    made = (UNITS.parent / "sysusers.d" / "ovn-integrate.conf").read_text()
    assert f"\nu {account.NAME} " in made


@pytest.mark.parametrize("part", PARTS)
def test_its_exposure_is_what_is_said(part: str, tmp_path: Path) -> None:
    """What ``systemd-analyze security`` finds, in the version that the table is of."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    words = subprocess.run(["systemctl", "--version"], capture_output=True, text=True).stdout
    if words.split()[1] != "252":
        pytest.skip(f"systemd {words.split()[1]} counts otherwise than 252")
    file = tmp_path / f"ovn-integrate-{part}.service"
    text = (UNITS / file.name).read_text()
    file.write_text(re.sub(r"(?m)^(Exec\w+=\+?)ovn-integrate ", r"\1/bin/true ", text))
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    table = (ROOT / "SECURITY.md").read_text()
    assert re.search(rf"\| `{re.escape(file.name)}` \| {re.escape(found[1])} \|", table), found[0]


@pytest.mark.parametrize("part", PARTS)
def test_a_service_starts_a_verb_and_is_started_again(part: str) -> None:
    words = service(part)["ExecStart"].split()
    assert words[0] == "ovn-integrate"
    command: click.Command = cli
    for word in (one for one in words[1:] if one[0] not in "$-"):
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    assert not isinstance(command, click.Group)
    # The signer never ends by itself.
    assert service(part)["Restart"] == ("always" if part == "signer" else "on-failure")
    assert unit(f"ovn-integrate-{part}.service")["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("part", SERVERS)
def test_a_server_says_when_it_serves(part: str) -> None:
    assert service(part)["Type"] == "notify"


@pytest.mark.parametrize("part", ["central", "controller"])
def test_what_must_be_set_first_is_not_tried_again(part: str) -> None:
    section = service(part)
    assert (section["Type"], section["RemainAfterExit"]) == ("oneshot", "yes")
    codes = f"{Invalid.exit_code} {NotConfigured.exit_code}"
    assert section["RestartPreventExitStatus"] == codes


@pytest.mark.parametrize("name", NAMES)
def test_its_manual_page_is_there(name: str) -> None:
    page = unit(name)["Unit"]["Documentation"].removeprefix("man:")
    assert (ROOT / "man" / page.replace("(", ".").rstrip(")")).exists()
