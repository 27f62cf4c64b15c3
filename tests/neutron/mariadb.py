"""A MariaDB of Neutron's own, on a Unix socket, from packages that were only unpacked."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

# bookworm's; mariadb-server has the plugin folder and the files of the system tables.
PACKAGES = (
    "mariadb-server-core",
    "mariadb-server",
    "mariadb-client-core",
    "mariadb-common",
    "libmariadb3",
    "libaio1",
    "liburing2",
    "galera-4",
)
_TIMEOUT = 60.0


class MariaDb:
    """One server on one data folder; its socket lies beside the data.

    :param unpacked: where its packages are unpacked.
    """

    def __init__(self, unpacked: Path, data: Path) -> None:
        self._usr = unpacked / "usr"
        self._data = data
        self._process: subprocess.Popen[bytes] | None = None
        (libraries,) = self._usr.glob("lib/*-linux-gnu")
        self._environment = os.environ | {"LD_LIBRARY_PATH": str(libraries)}

    @property
    def _socket(self) -> Path:
        return self._data / "socket"

    def url(self, database: str) -> str:
        """What SQLAlchemy calls a database on this server."""
        return f"mysql+pymysql://root@localhost/{database}?charset=utf8&unix_socket={self._socket}"

    def create(self) -> None:
        """Make its data folder, with a root that needs no password."""
        self._run(
            self._usr / "bin" / "mariadb-install-db",
            "--no-defaults",
            *self._options(),
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def start(self) -> None:
        """Start it; return when it answers."""
        with (self._data / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    self._usr / "sbin" / "mariadbd",
                    "--no-defaults",
                    *self._options(),
                    f"--socket={self._socket}",
                    f"--plugin-dir={self._usr / 'lib' / 'mysql' / 'plugin'}",
                    "--skip-networking",
                    # The data does not outlive the run.
                    "--innodb-flush-log-at-trx-commit=0",
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _TIMEOUT
        while not self._answers():
            assert self._process.poll() is None, (self._data / "log").read_text()
            assert time.monotonic() < deadline, "MariaDB does not answer"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_TIMEOUT)
            self._process = None

    def ask(self, statement: str) -> None:
        self._run(*self._client(), "--execute", statement)

    def _answers(self) -> bool:
        return not subprocess.run(
            [*self._client(), "--execute", "SELECT 1"],
            env=self._environment,
            capture_output=True,
            check=False,
        ).returncode

    def _client(self) -> list[str | Path]:
        return [self._usr / "bin" / "mariadb", "--no-defaults", "-uroot", f"-S{self._socket}"]

    def _options(self) -> list[str]:
        share = self._usr / "share" / "mysql"
        words = [f"--basedir={self._usr}", f"--datadir={self._data}", "--user=root"]
        return [*words, f"--lc-messages-dir={share}", "--innodb-use-native-aio=0"]

    def _run(self, *argv: str | Path) -> None:
        done = subprocess.run(argv, env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{argv}\n{done.stdout}{done.stderr}"
