"""A real Neutron beside a Northbound of a test, with the Southbound and northd that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.functional import northd
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
    with northd.beside(nb, folder) as sb:
        neutron = Neutron(made, folder, bind=bind, nb=nb.remote, sb=sb.remote)
        try:
            neutron.start()
            yield
        finally:
            neutron.stop()
