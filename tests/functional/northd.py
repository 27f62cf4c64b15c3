"""ovn-northd between a Northbound of a test and a Southbound of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.daemons import OvsdbServer


@contextmanager
def beside(nb: OvsdbServer, folder: Path) -> Iterator[OvsdbServer]:
    """Runs both, and gives the Southbound.

    :param folder: is made.
    """
    (folder / "sb").mkdir(parents=True)
    sb = OvsdbServer(folder / "sb", "sb")
    sb.start()
    northd = None
    try:
        for database in (nb, sb):
            database.ctl("init")
        northd = subprocess.Popen(
            [
                "ovn-northd",
                "-vconsole:off",
                f"--ovnnb-db={nb.remote}",
                f"--ovnsb-db={sb.remote}",
                f"--unixctl={folder / 'northd.ctl'}",
            ]
        )
        yield sb
    finally:
        if northd is not None:
            northd.terminate()
            northd.wait(20)
        sb.stop()
