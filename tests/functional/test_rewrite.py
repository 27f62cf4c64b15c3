"""Files that are rewritten stay their administrator's, and secrets are nobody else's meanwhile."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import ovn_integrate
from ovn_integrate import paths, rewrite
from ovn_integrate.cli.main import cli
from ovn_integrate.pki import files
from ovn_integrate.pki.authority import Authority

_SCRIPTS = Path(ovn_integrate.__file__).parents[1] / "scripts"


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _by_python(path: Path, content: str) -> None:
    rewrite.rewrite(path, content.encode(), 0o644)


def _by_script(path: Path, content: str) -> None:
    text = (_SCRIPTS / "central-member").read_text()
    found = re.search(r"^put\(\) \{.*?^\}", text, re.MULTILINE | re.DOTALL)
    assert found
    code = f'set -eu\n{found[0]}\nput "$1" 644'
    subprocess.run(["bash", "-c", code, "bash", path], input=content.encode(), check=True)


def _by_variable(path: Path, content: str) -> None:
    text = (_SCRIPTS / "central-member").read_text()
    code = "\n".join(re.findall(r"^(?:put\(\) \{.*?^\}|variable\(\).*?$)", text, re.M | re.S))
    subprocess.run(
        ["bash", "-c", f'{code}\nvariable "$1" A "$2"', "bash", path, content], check=True
    )


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o400])
@pytest.mark.parametrize("write", [_by_python, _by_script, _by_variable])
def test_a_file_keeps_what_it_is(tmp_path: Path, mode: int, write: object, umask: None) -> None:
    path = tmp_path / "ovn-integrate"
    path.write_text("PASSWORD=x\n")
    path.chmod(mode)
    os.setxattr(path, "user.of", b"administrator")
    owner = (12, 34) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(path, *owner)
    link = tmp_path / "link"
    link.symlink_to(path)
    for through in (path, link):
        write(through, f"new {through.name}")  # type: ignore[operator]
        now = path.stat()
        assert f"new {through.name}" in path.read_text()
        assert stat.S_IMODE(now.st_mode) == mode
        assert (now.st_uid, now.st_gid) == owner
        assert os.getxattr(path, "user.of") == b"administrator"
    assert link.is_symlink()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["link", "ovn-integrate"]


@pytest.mark.parametrize("write", [_by_python, _by_script])
def test_a_new_file_has_the_mode_that_it_needs(tmp_path: Path, write: object, umask: None) -> None:
    write(tmp_path / "new", "content")  # type: ignore[operator]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o644
    _by_variable(tmp_path / "default", "x")
    assert stat.S_IMODE((tmp_path / "default").stat().st_mode) == 0o600


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        rewrite.rewrite(tmp_path / "folder", b"x", 0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]


def test_nobody_sees_half_of_it_or_may_read_it(tmp_path: Path) -> None:
    path, over = tmp_path / "secret", threading.Event()
    seen: set[int] = set()

    def look() -> None:
        while not over.is_set():
            for one in tmp_path.iterdir():
                try:
                    seen.add(stat.S_IMODE(one.stat().st_mode))
                except FileNotFoundError:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(200):
        rewrite.rewrite(path, os.urandom(4096), 0o600)
    over.set()
    thread.join()
    assert seen == {0o600}


@pytest.fixture
def pki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OVN_INTEGRATE_SYSCONFDIR", str(tmp_path / "etc"))
    return paths.pki()


def _modes(folder: Path) -> set[int]:
    found = [folder, *(one for one in folder.rglob("*") if one.is_dir())]
    return {stat.S_IMODE(one.stat().st_mode) for one in found}


def test_the_folder_of_keys_is_roots_alone_whoever_makes_it(pki: Path, umask: None) -> None:
    Authority(pki).make("host")
    assert _modes(pki) == {0o700}
    assert all(stat.S_IMODE(one.stat().st_mode) == files.SECRET for one in pki.rglob("*.key"))


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o777])
def test_one_that_is_open_is_mended(pki: Path, mode: int) -> None:
    (pki / "authority").mkdir(parents=True)
    for one in (pki, pki / "authority"):
        one.chmod(mode)
    with files.locked(pki / "authority"):
        assert _modes(pki) == {0o700}
    pki.chmod(mode)
    files.write(pki / "server.pem", b"x")
    assert _modes(pki) == {0o700}


def test_a_folder_of_others_is_left_as_it_is(tmp_path: Path, pki: Path) -> None:
    tmp_path.chmod(0o755)
    files.write(tmp_path / "tokens.json", b"x")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def _texts(command: click.Command) -> Iterator[tuple[str, str]]:
    """The help texts of a verb, and of those below it."""
    context = click.Context(command)
    yield command.name or "", command.help or ""
    for one in command.params:
        yield f"{command.name} {one.name}", getattr(one, "help", None) or ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _texts(below)


def test_files_that_a_help_text_promises_are_those_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file in quotation marks, or a path, is one that some module knows by its name."""
    for variable in ("OVN_INTEGRATE_SYSCONFDIR", "OVN_INTEGRATE_LOGDIR", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    folder = Path(ovn_integrate.__file__).parent
    sources = "\n".join(one.read_text() for one in folder.rglob("*.py") if one.parts[-2] != "cli")
    places = (
        *(paths.tokens(), paths.pki(), Authority(paths.pki()).folder),
        *(paths.docker_socket(), paths.audit_log("ipam")),
    )
    known = {str(path) for path in places}
    for where, text in _texts(cli):
        for path in re.findall(r"(?<![\w$/.:])/(?:etc|run|var)/[\w./-]+\w", text):
            assert path in known, f"{where}: {path}"
        for name in re.findall(r"(?<!\w)'([a-z][\w.-]*)'", text):
            named = re.search(rf"/ f?\"{re.escape(name)}\"", sources)
            assert named, f"{where}: {name!r} is nothing that the program knows"
