"""The IPAM server as a whole: the API over a store that is NB, watched."""

from __future__ import annotations

from functools import partial

from ovn_integrate import ovsdb
from ovn_integrate.ipam import pages
from ovn_integrate.ipam.accesslog import AccessLog
from ovn_integrate.ipam.api import create_app
from ovn_integrate.ipam.metrics import Metrics
from ovn_integrate.ipam.service import Service
from ovn_integrate.ipam.store import Store
from ovn_integrate.ipam.watched import Watched, Wsgi


def application(nb_remote: str, log: AccessLog | None = None) -> Wsgi:
    """The application on the NB at a remote; to be called in the process that serves it.

    It returns at once. While NB is out of reach every request is answered with 503.
    """
    metrics = Metrics()
    store = Store(nb_remote, committed=metrics.committed)
    store.start()
    metrics.watch(store)
    beside: dict[str, pages.Page] = {
        "/healthz": partial(pages.health, store),
        "/metrics": metrics.page,
    }
    watchers = [metrics.requested] if log is None else [metrics.requested, log.write]
    return Watched(pages.Pages(create_app(Service(store)), beside), watchers)


def check(nb_remote: str, timeout: float) -> None:
    """See that there is an NB to serve from, before serving.

    :param timeout: seconds to wait for its answer.
    :raises DatabaseUnavailable: there is none, or what answers is no NB.
    """
    ovsdb.get_schema(nb_remote, ovsdb.NB, timeout)
