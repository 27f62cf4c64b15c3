"""What is installed from an index is pinned by hash, whole, and what setup.cfg asks for."""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
LOCK = CHECKOUT / "scripts" / "lock"
NAMES = ("build", "program", "dev", "tools")

# Where the program is installed: each Python that setup.cfg allows, on both kinds of machine.
PLACES = [(f"3.{minor}", kind) for minor in range(10, 15) for kind in ("x86_64", "aarch64")]

_ENTRY = re.compile(
    r"^(?P<name>[a-z0-9-]+)==(?P<version>[\w.]+)(?: ; (?P<marker>.+?))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n",
    re.MULTILINE,
)


def environment(python: str, kind: str) -> dict[str, str]:
    """What markers are compared with, on another Python and machine than this one."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": kind,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "extra": "",
    }


def locked(name: str, place: tuple[str, str]) -> dict[str, str]:
    """The version of each package that a lock installs at a place."""
    values = environment(*place)
    chosen: dict[str, str] = {}
    for entry in _ENTRY.finditer((LOCK / f"{name}.txt").read_text()):
        if entry["marker"] is None or Marker(entry["marker"]).evaluate(values):
            assert entry["name"] not in chosen, f"{name}.txt has {entry['name']} twice on {place}"
            chosen[entry["name"]] = entry["version"]
    return chosen


def asked(section: str, *keys: str) -> list[Requirement]:
    """Requirements that setup.cfg names."""
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    return [Requirement(line) for key in keys for line in config[section][key].split("\n")[1:]]


def missing(wanted: list[Requirement], name: str, place: tuple[str, str]) -> Iterator[str]:
    """What a lock lacks of requirements and, in turn, of theirs.

    What a package needs is known of what is installed here, in the version that is locked; so it
    is of all that this Python installs, for each of the others.
    """
    pinned, values, waiting = (
        locked(name, place),
        environment(*place),
        [("", one) for one in wanted],
    )
    done = set()
    while waiting:
        by, need = waiting.pop()
        if need.marker is not None and not need.marker.evaluate(values):
            continue
        package = canonicalize_name(need.name)
        if not need.specifier.contains(pinned.get(package, "0"), prereleases=True):
            yield f"{place}: {by} needs {need}, locked is {pinned.get(package, 'none')}"
        if package in done or package not in pinned:
            continue
        done.add(package)
        try:
            distribution = metadata.distribution(package)
        except metadata.PackageNotFoundError:
            continue
        if distribution.version == pinned[package]:
            waiting += [(package, Requirement(line)) for line in distribution.requires or ()]


@pytest.mark.parametrize("name", NAMES)
def test_a_lock_has_pinned_packages_with_hashes_and_nothing_else(name: str) -> None:
    """No option (an index, a folder of files), no address, no package without a hash."""
    text = (LOCK / f"{name}.txt").read_text()
    rest = [line for line in _ENTRY.sub("", text).splitlines() if line.lstrip()[:1] != "#"]
    assert rest == []
    assert "://" not in text


@pytest.mark.parametrize("place", PLACES, ids="-".join)
def test_a_lock_has_all_that_is_asked_for(place: tuple[str, str]) -> None:
    program = asked("options", "install_requires")
    dev = asked("options.extras_require", "dev", "keystone")
    (build,) = re.findall(r"^requires = (.*)$", (CHECKOUT / "pyproject.toml").read_text(), re.M)
    builders = [Requirement(line) for line in ast.literal_eval(build)]
    offences = [
        *missing(program, "program", place),
        *missing(program + dev, "dev", place),
        *missing(builders, "build", place),
    ]
    assert offences == []


@pytest.mark.parametrize("place", PLACES, ids="-".join)
def test_locks_agree(place: tuple[str, str]) -> None:
    """What is tested is what is installed elsewhere."""
    dev = locked("dev", place)
    for name in ("build", "program"):
        for package, version in locked(name, place).items():
            assert dev.get(package, version) == version, package
    assert locked("program", place).items() <= dev.items()


def test_what_is_locked_is_what_is_asked_for() -> None:
    """Nothing stays in the lock after nobody needs it."""
    for place in PLACES[2:4]:
        pinned = locked("program", place)
        wanted = {canonicalize_name(need.name) for need in asked("options", "install_requires")}
        for package in pinned:
            for line in metadata.requires(package) or ():
                wanted.add(canonicalize_name(Requirement(line).name))
        assert set(pinned) <= wanted


def commands(script: Path) -> Iterator[str]:
    """Commands of a script that install with pip; a short form stands for what it begins with."""
    text = script.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    forms = [line for line in lines if re.search(r"(pip=|set -- ).*pip install", line)]
    for line in lines:
        called = re.search(r"pip install|\bpip3? .*\binstall\b", line) and line not in forms
        if called or (forms and re.match(r'\s*(\$pip|"\$@") ', line)):
            yield line.strip()


def scripts() -> list[Path]:
    files = [*(CHECKOUT / "scripts").iterdir(), *(CHECKOUT / "scripts/docker-plugin").iterdir()]
    return sorted([*(each for each in files if each.is_file()), CHECKOUT / ".ci" / "run"])


def test_scripts_install_nothing_that_is_not_pinned() -> None:
    """By hash, or nothing but the checkout itself, with the builder that is there already."""
    seen = {}
    for script in scripts():
        for command in commands(script):
            seen[script.name] = seen.get(script.name, 0) + 1
            hashed = "--require-hashes" in command
            by_hash = hashed and re.search(r"-r \S*\block\b\S*\.txt", command)
            own = "--no-deps" in command and re.search(r'-e "\$root"$', command)
            assert by_hash or own, f"{script.name}: {command}"
    assert seen == {"audit": 1, "build-ipam-image": 2, "environment": 4, "make-lock": 1}


def test_nothing_is_built_with_what_an_index_has_at_that_moment() -> None:
    """pip fetches what builds a package without a look at hashes, unless it is told not to."""
    for name in ("environment", "build-ipam-image"):
        text = (CHECKOUT / "scripts" / name).read_text()
        installs = re.findall(r"pip install.*", text)
        assert installs, name
        assert all("--no-build-isolation" in line for line in installs), name
    for name in ("audit", "make-lock"):
        text = (CHECKOUT / "scripts" / name).read_text().replace("\\\n", " ")
        assert "--only-binary :all:" in text, name
