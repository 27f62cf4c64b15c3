"""Shells complete verbs, options and values with the files that the package installs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from .command import run
from .suite import CHECKOUT
from .terminal import Terminal

FOLDER = CHECKOUT / "scripts" / "completion"
PROMPT = "ready> "
# What the terminal echoes of it is not what it prints.
READY = "echo is' 'so"
EMPTY = "\x15"  # ^U

# What is typed before the tab, and what stands there then.
TYPED = (
    ("dri", "driver"),
    ("driver sta", "driver sta"),
    ("driver stat", "driver status"),
    ("driver start --sc", "driver start --scope"),
    ("driver start --scope l", "driver start --scope local"),
    ("set-encap-type geneve,v", "set-encap-type geneve,vxlan"),
    ("set ovn-mon", "set ovn-monitor-all"),
    ("set ovn-monitor-all t", "set ovn-monitor-all true"),
    ("doctor ovs-d", "doctor ovs-database"),
    ("topology -o ht", "topology -o html"),
)
UNIQUE = [pair for pair in TYPED if pair[0] != pair[1]]


@pytest.fixture(scope="module")
def bash() -> Iterator[Terminal]:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], {"PS1": PROMPT}) as shell:
        shell.type("", PROMPT)
        shell.type(f"source {FOLDER}/ovn-integrate; {READY}\r", "is so")
        yield shell


@pytest.fixture(scope="module")
def zsh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    home = {"PS1": PROMPT, "HOME": str(tmp_path_factory.mktemp("home"))}
    with Terminal(["zsh", "-f", "-i"], home) as shell:
        shell.type("", PROMPT)
        load = f"fpath=({FOLDER} $fpath); autoload -U compinit; compinit -u -D"
        shell.type(f"{load}; {READY}\r", "is so")
        yield shell


def complete(shell: Terminal, typed: str, wanted: str) -> None:
    """Type a command and a tab, in the place of what was typed before."""
    shell.type(f"{EMPTY}ovn-integrate {typed}", typed)
    shell.type("\t", wanted.removeprefix(typed))


@pytest.mark.needs("bash")
@pytest.mark.parametrize(("typed", "wanted"), UNIQUE)
def test_bash(bash: Terminal, typed: str, wanted: str) -> None:
    complete(bash, typed, wanted)


@pytest.mark.needs("bash")
def test_bash_lists_what_there_is(bash: Terminal) -> None:
    bash.type(f"{EMPTY}ovn-integrate central ", "central ")
    shown = bash.type("\t\t", "stop")
    assert {"run", "start", "status"} <= set(shown.split())


@pytest.mark.needs("zsh")
@pytest.mark.parametrize(("typed", "wanted"), UNIQUE)
def test_zsh(zsh: Terminal, typed: str, wanted: str) -> None:
    complete(zsh, typed, wanted)


@pytest.mark.needs("fish")
@pytest.mark.parametrize(("typed", "wanted"), UNIQUE)
def test_fish(tmp_path: Path, typed: str, wanted: str) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    script = f"set fish_complete_path {FOLDER}; complete -C 'ovn-integrate {typed}'"
    done = run(["fish", "--no-config", "-c", script], env={"PATH": path, "HOME": str(tmp_path)})
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [wanted.split()[-1]]


def test_the_package_installs_each_where_its_shell_looks() -> None:
    config = ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    installed = dict(config["options.data_files"])
    completion = "scripts/completion"
    assert installed["share/bash-completion/completions"] == f"{completion}/ovn-integrate"
    assert installed["share/zsh/site-functions"] == f"{completion}/_ovn_integrate"
    assert installed["share/fish/vendor_completions.d"] == f"{completion}/ovn-integrate.fish"
    assert installed["share/man/man8"] == "man/*.8"
