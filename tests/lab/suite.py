"""The generations of Open vSwitch, OVN, Docker and Python that hosts can run on: Debian's suites.

The machine's own suite is the machine as it is. Any other is a folder made by debootstrap, once,
that all hosts of all runs share: what a host writes goes to the host's own layer above it.
"""

from __future__ import annotations

import hashlib
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cache import made_once

from . import folder
from .command import run

NAMES = ("bookworm", "trixie", "sid")
CHECKOUT = Path(__file__).parents[2]

# Where both are inside of a folder.
_CHECKOUT_INSIDE = Path("/opt/ovn-integrate")
_ENVIRONMENT_INSIDE = Path("/opt/environment")

# What scripts/check has of its own: all else of `dev` the tests import.
_TOOLS = ("mypy", "ruff", "types-")

_SHOWN = {"openvswitch-switch": "Open vSwitch", "ovn-central": "OVN", "docker.io": "Docker"}


@dataclass(frozen=True)
class Suite:
    """
    :ivar layers: folders that make up a host's root, the uppermost first; none: the machine's own.
    :ivar program: the Python, seen from inside, that has the program under test.
    :ivar checkout: this checkout, seen from inside.
    """

    name: str
    layers: tuple[Path, ...]
    program: Path
    checkout: Path

    @property
    def versions(self) -> str:
        """What a host of this suite runs, in one line."""
        where = [f"--admindir={self.layers[-1]}/var/lib/dpkg"] if self.layers else []
        form = "--showformat=${Package} ${Version}\n"
        shown = run(["dpkg-query", *where, "--show", form, *_SHOWN], check=False).stdout
        versions = dict(line.split() for line in shown.splitlines())
        parts = [f"{name} {_upstream(versions.get(key, '?'))}" for key, name in _SHOWN.items()]
        return ", ".join([*parts, f"Python {self._python}"])

    @property
    def _python(self) -> str:
        """Its version to the second number; of a folder, from the environment that it made."""
        if not self.layers:
            return "{}.{}".format(*sys.version_info)
        environment = self.layers[0] / self.program.parents[1].relative_to("/")
        (library,) = environment.glob("lib/python3*")
        return library.name.removeprefix("python")


def own() -> Suite:
    """The machine's own programs, and the Python that runs the tests."""
    return Suite(own_name(), (), Path(sys.executable), CHECKOUT)


@cache
def own_name() -> str:
    """The name of the machine's own suite (os-release(5))."""
    lines = Path("/etc/os-release").read_text().splitlines()
    pairs = dict(line.partition("=")[::2] for line in lines)
    return pairs.get("VERSION_CODENAME", "machine").strip('"')


def get(name: str) -> Suite:
    """A suite by its name; its folders are made if they are not there yet, which takes minutes.

    :raises CommandError: they cannot be made; it tells what the command said.
    """
    if name == own_name():
        return own()
    packages = folder.packages(name)
    system = made_once(
        f"suite-{name}",
        _digest(*packages),
        lambda made: folder.make_system(made, name, packages),
    )
    requirements = _requirements()
    environment = made_once(
        f"suite-{name}-environment",
        _digest(str(system), *requirements),
        lambda made: folder.make_environment(
            made, system, requirements, _ENVIRONMENT_INSIDE, _CHECKOUT_INSIDE
        ),
    )
    layers = (environment / folder.UPPER, system / folder.ROOT)
    return Suite(name, layers, _ENVIRONMENT_INSIDE / "bin" / "python", _CHECKOUT_INSIDE)


def _requirements() -> list[str]:
    """What the program and its tests import; the checks' tools stay with the machine's Python."""
    config = ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    needed = config["options"]["install_requires"].split("\n")[1:]
    dev = config["options.extras_require"]["dev"].split("\n")[1:]
    return needed + [line for line in dev if not line.startswith(_TOOLS)]


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def _upstream(version: str) -> str:
    """A package's version without Debian's own parts."""
    return version.rpartition(":")[2].partition("-")[0].partition("+")[0]
