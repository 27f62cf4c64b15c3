"""The IPAM server as a whole: the API over a store that is NB."""

from __future__ import annotations

from ovn_integrate import ovsdb
from ovn_integrate.ipam.api import App, create_app
from ovn_integrate.ipam.service import Service
from ovn_integrate.ipam.store import Store


def application(nb_remote: str) -> App:
    """The application on the NB at a remote; to be called in the process that serves it.

    It returns at once. While NB is out of reach every request is answered with 503.
    """
    store = Store(nb_remote)
    store.start()
    return create_app(Service(store))


def check(nb_remote: str, timeout: float) -> None:
    """See that there is an NB to serve from, before serving.

    :param timeout: seconds to wait for its answer.
    :raises DatabaseUnavailable: there is none, or what answers is no NB.
    """
    ovsdb.get_schema(nb_remote, ovsdb.NB, timeout)
