"""A real Neutron beside a Northbound of a test, with the Southbound and northd that it needs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional.daemons import OvsdbServer
from tests.neutron.installed import installed
from tests.neutron.server import Neutron


@contextmanager
def beside(nb: OvsdbServer, folder: Path, bind: str) -> Iterator[None]:
    """Runs it in the network namespace of the thread that asks.

    :param folder: is made.
    :param bind: ``HOST:PORT``, or the path of a Unix socket.
    """
    made = installed()
    (folder / "sb").mkdir(parents=True)
    sb = OvsdbServer(folder / "sb", "sb")
    sb.start()
    northd = None
    neutron = Neutron(made, folder, bind=bind, nb=nb.remote, sb=sb.remote)
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
        neutron.start()
        yield
    finally:
        neutron.stop()
        if northd is not None:
            northd.terminate()
            northd.wait(20)
        sb.stop()
