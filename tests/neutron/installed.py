"""What a real Neutron needs, made once in the tests' cache: nothing is installed on the machine.

Neutron and all that it needs go into a virtual environment, MariaDB is unpacked from the
distribution's packages, and an empty database of Neutron's schema is kept to start from. On sqlite
Neutron's own migrations fail, and under its locks it answers 500.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cache import made_once
from tests.neutron import mariadb
from tests.neutron.mariadb import PACKAGES, MariaDb

_REQUIREMENTS = Path(__file__).parents[1] / "data" / "neutron" / "requirements.txt"


@dataclass(frozen=True)
class Installed:
    """The folder in which all of it is."""

    folder: Path

    @property
    def bin(self) -> Path:
        """The programs of the virtual environment."""
        return self.folder / "venv" / "bin"

    @property
    def mariadb(self) -> Path:
        """Where MariaDB is unpacked."""
        return self.folder / "mariadb"

    @property
    def data(self) -> Path:
        """A data folder of MariaDB with an empty Neutron in it; to be copied."""
        return self.folder / "data"

    @property
    def paste(self) -> Path:
        """Neutron's WSGI pipelines, as it ships them."""
        return self.folder / "venv" / "etc" / "neutron" / "api-paste.ini"


def installed() -> Installed:
    """All of it, made now (about a minute) or in an earlier run."""
    digest = hashlib.sha256(sys.version.encode() + _REQUIREMENTS.read_bytes())
    for part in (Path(__file__), Path(mariadb.__file__)):
        digest.update(part.read_bytes())
    return Installed(made_once("neutron", digest.hexdigest(), _make))


def _make(folder: Path) -> None:
    made = Installed(folder)
    _run(folder, sys.executable, "-m", "venv", "venv")
    pip = str(made.bin / "pip")
    _run(folder, pip, "install", "-q", "--disable-pip-version-check", "-r", str(_REQUIREMENTS))
    packages = folder / "packages"
    packages.mkdir()
    _run(packages, "apt-get", "download", *PACKAGES)
    for package in packages.iterdir():
        _run(folder, "dpkg", "-x", str(package), str(made.mariadb))
    _make_schema(made)


def _make_schema(made: Installed) -> None:
    database = MariaDb(made.mariadb, made.data)
    database.create()
    database.start()
    try:
        database.ask("CREATE DATABASE neutron CHARACTER SET utf8")
        conf = made.folder / "schema.conf"
        conf.write_text(f"[database]\nconnection = {database.url('neutron')}\n")
        manage = str(made.bin / "neutron-db-manage")
        _run(made.folder, manage, "--config-file", str(conf), "upgrade", "heads")
    finally:
        database.stop()


def _run(folder: Path, *argv: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
