"""The command line itself: help, bad input, and that a verb pays only for what it uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click
import pytest

from ovn_integrate.cli.app import App
from ovn_integrate.cli.main import cli


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ovn_integrate", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def every_command() -> list[Sequence[str]]:
    def below(command: click.Command, path: tuple[str, ...]) -> list[Sequence[str]]:
        if not isinstance(command, click.Group):
            return [path]
        context = click.Context(command)
        found: list[Sequence[str]] = [path]
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += below(inner, (*path, name))
        return found

    return below(cli, ())


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_verb_has_help(path: Sequence[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([*path, "-h"], prog_name="ovn-integrate", obj=App())
    assert end.value.code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("set-ipam",),
        ("set-ipam", ""),
        ("set-ipam", "10.0.0"),
        ("set-ipam", "10.0.0.1", "--nb-port", "0"),
        ("set-tep", ""),
        ("set-tep", "203.0.113.200"),
        ("set-encap-type", ""),
        ("set-encap-type", "gre"),
        ("create-integration-bridge", "--datapath", "fast"),
        ("ipam", "start", "--listen", "nowhere:9696"),
        ("up",),
        ("up", "--ipam", "10.0.0", "--tep", "10.0.0.1"),
        ("network", "create", "foo", "--subnet", "10.0.0.0/33"),
        ("nonsense",),
        ("--timeout", "0", "show"),
    ],
    ids=" ".join,
)
def test_bad_input_exits_2_with_one_line_that_says_why(words: Sequence[str]) -> None:
    done = run("--db", "unix:/nonexistent", *words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_help_does_not_pay_for_ovs() -> None:
    code = (
        "import sys; from ovn_integrate.cli.main import App, cli\n"
        "try: cli.main(['-h'], obj=App())\n"
        "except SystemExit: pass\n"
        "print([m for m in ('ovs', 'requests', 'flask', 'pyroute2', 'yaml') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_version() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("ovn-integrate, version ")
