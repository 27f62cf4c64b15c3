"""Clients of other projects, each in a virtual environment of its own that is made once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cache import made_once

_DATA = Path(__file__).parent / "data"


def neutron() -> Path:
    """The command ``neutron`` of python-neutronclient 3.1.1.

    It is the last that takes ``--os-auth-strategy noauth`` and OS_URL, as the founding document has
    them; its requirements of 2015 are pinned to what still installs, and a shim gives it the names
    that Python has dropped since.
    """
    source = _DATA / "neutronclient"
    return _environment("neutronclient", source, _install_neutron) / "bin" / "neutron"


def _install_neutron(folder: Path, source: Path) -> None:
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    # Its setup needs a setuptools from before 2to3 was dropped from it.
    _run(*pip, "setuptools==59.8.0", "wheel")
    requirements = str(source / "requirements.txt")
    _run(*pip, "--no-build-isolation", "--no-deps", "-r", requirements)
    (packages,) = folder.glob("lib/python*/site-packages")
    shutil.copy(source / "python3_shim.py", packages)
    (packages / "python3_shim.pth").write_text("import python3_shim\n")


def openstack() -> Path:
    """A folder with ``bin/openstack`` of python-openstackclient, ``bin/python`` with openstacksdk,
    and ``session.py`` (see there)."""
    return _environment("openstackclient", _DATA / "openstackclient", _install_openstack)


def _install_openstack(folder: Path, source: Path) -> None:
    pip = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "-r", str(source / "requirements.txt"))
    shutil.copy(source / "session.py", folder)


def cyclonedx() -> Path:
    """A Python with CycloneDX's own library, which has the schema of a bill of materials."""
    return _environment("cyclonedx", _DATA / "cyclonedx", _install_cyclonedx) / "bin" / "python"


def _install_cyclonedx(folder: Path, source: Path) -> None:
    pip = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "-r", str(source / "requirements.txt"))


def _environment(name: str, source: Path, install: Callable[[Path, Path], None]) -> Path:
    """A virtual environment, made again when its source or the Python differs."""
    digest = hashlib.sha256(sys.version.encode())
    for file in sorted(source.iterdir()):
        if file.is_file():
            digest.update(file.read_bytes())

    def make(folder: Path) -> None:
        _run(sys.executable, "-m", "venv", str(folder))
        install(folder, source)

    return made_once(name, digest.hexdigest(), make)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
