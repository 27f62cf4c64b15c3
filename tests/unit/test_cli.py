"""The command line itself: help, bad input, and that a verb pays only for what it uses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import click
import pytest

from ovn_integrate.cli.app import App
from ovn_integrate.cli.groups import Group
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


@pytest.mark.parametrize(
    ("word", "verb"),
    [("net", "network"), ("set-e", "set-encap-type"), ("set", "set"), ("dri", "driver")],
)
def test_a_verb_can_be_shortened(word: str, verb: str) -> None:
    name, command, _ = cli.resolve_command(click.Context(cli), [word])
    assert command is not None
    assert name == command.name == verb


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("se",),
            "'se' is short for several: "
            + ", ".join(f"set-{one}" for one in ("ipam", "tep", "encap-type", "containers-reach"))
            + ", set",
        ),
        (("driver", "sta"), "'sta' is short for several: start, status"),
        (("shwo",), "No such command 'shwo'; did you mean 'show'?"),
        (("driver", "stauts"), "No such command 'stauts'; did you mean 'status'?"),
        (("xyzzy",), "No such command 'xyzzy'."),
    ],
    ids=str,
)
def test_a_verb_that_is_none_is_answered_with_what_may_be_meant(
    words: Sequence[str], said: str
) -> None:
    with pytest.raises(click.UsageError) as error:
        cli.main(list(words), standalone_mode=False, obj=App())
    assert error.value.message == said


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_what_is_under_a_verb_can_be_shortened_too(path: Sequence[str]) -> None:
    command: click.Command = cli
    for word in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    is_plain = isinstance(command, click.Group) and not isinstance(command, Group)
    assert not is_plain, "make it with ovn_integrate.cli.groups.group"
