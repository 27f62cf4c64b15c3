"""What others wrote cannot do anything where this program shows it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from ovn_integrate import logs
from ovn_integrate.cli import main, output
from ovn_integrate.cli.progress import ERASE
from ovn_integrate.errors import Conflict
from ovn_integrate.host.plan import KeyChange
from tests.unit.hostile import NAMES, unsafe

_CHANGE = "key: {0} -> {0}"


def _show(name: str) -> dict[str, Callable[[], Any]]:
    """Each way to print something."""
    change = KeyChange(name, name, name + "x")
    return {
        "line": lambda: output.line(output.mark(True), name, f" {name}"),
        "block": lambda: output.block(f"{name}\n{name}\n"),
        "rows": lambda: output.rows([{"a": name, "b": [name]}], {"A": "a", "B": "b"}, "table"),
        "pairs": lambda: output.pairs({name: name, "b": [name, name]}, "table"),
        "outcome": lambda: output.outcome(True, name, name, "table"),
        "changes": lambda: output.key_changes([change], "table", dry_run=True),
        "warn": lambda: output.warn(name),
        "usage": lambda: output.usage(click.UsageError(name)),
        "json": lambda: output.data({name: [name, float("nan")]}, "json"),
        "yaml": lambda: output.data({name: [name]}, "yaml"),
    }


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("way", _show(""))
def test_nothing_printed_does_anything(
    name: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _show(name)[way]()
    shown = capsys.readouterr()
    said = shown.out + shown.err
    assert said
    assert not unsafe(said, colours=True)
    if way in ("line", "rows", "warn", "outcome"):
        assert said.count("\n") == (2 if way == "rows" else 1), "it made a line of its own"


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_programs_read_stays_what_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.data({"name": name}, "json")
    said = capsys.readouterr().out
    whole = name.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert json.loads(said) == {"name": whole}
    if whole == name:
        output.data({"name": name}, "yaml")
        assert yaml.safe_load(capsys.readouterr().out) == {"name": name}


def test_no_number_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    output.data({"a": [float("nan"), float("inf"), -float("inf"), 1.5]}, "json")
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "a": [None, None, None, 1.5]
    }


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_line_over_another(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    output.over(name, last=True)
    said = capsys.readouterr().err
    assert not unsafe(said.replace(ERASE, ""))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize(
    "raised",
    [ValueError, lambda text: Conflict(text, text, text), click.UsageError],
    ids=["ValueError", "Conflict", "UsageError"],
)
def test_an_error(
    name: str,
    verbose: bool,
    raised: Callable[[str], Exception],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, obj: Any, **__: Any) -> None:
        obj.verbose = verbose
        raise raised(name)

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(SystemExit):
        main.run()
    shown = capsys.readouterr()
    assert shown.err
    assert not unsafe(shown.out + shown.err)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_completes_is_not_from_others(name: str) -> None:
    """What a shell is given comes of tables of this program."""
    asked = {"_OVN_INTEGRATE_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    for words in ("chassis remove ", "network delete ", "doctor ", "set "):
        env = {**asked, "COMP_WORDS": f"ovn-integrate {words}"}
        done = CliRunner(env=env).invoke(main.cli, prog_name="ovn-integrate")
        assert not unsafe(done.output)
        assert name not in done.output or len(name) == 1


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_log(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = logging.getLogRecordFactory()
    kept = _Kept()
    log = logging.getLogger(f"{__name__}.hostile")
    log.addHandler(kept)
    try:
        logs.escape()
        log.warning("network %s: %s", name, Conflict(name, name))
        log.warning(name)
        try:
            raise ValueError(name)
        except ValueError:
            log.exception("names of %s", name)
    finally:
        logging.setLogRecordFactory(before)
        log.removeHandler(kept)
    assert len(kept.lines) == 3
    assert not [one for line in kept.lines for one in unsafe(line)]
    assert all("\n" not in one for one in kept.lines[:2])
    # No line of it can be taken for a record.
    assert all(line.startswith("  ") for line in kept.lines[2].splitlines()[1:])
