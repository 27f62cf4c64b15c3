"""The IPAM server as a whole: the API over a store that is NB, watched."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ovn_integrate import ovsdb
from ovn_integrate.audit import Audit
from ovn_integrate.ipam.engine.heritage import Heritage
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http import pages
from ovn_integrate.ipam.http.accesslog import AccessLog
from ovn_integrate.ipam.http.api import create_app, unauthorized
from ovn_integrate.ipam.http.audited import Audited
from ovn_integrate.ipam.http.identity import Guarded, Issuing, Known
from ovn_integrate.ipam.http.metrics import Metrics
from ovn_integrate.ipam.http.site import Guard, Open
from ovn_integrate.ipam.http.watched import Watched, Wsgi


def application(
    nb_remote: str,
    log: AccessLog | None = None,
    known: Callable[[Issuing], Known] | None = None,
    before: Callable[[Wsgi], Wsgi] | None = None,
    audit: Audit | None = None,
    open: Open | None = None,
    enrolment: Callable[[Wsgi, Store], Wsgi] | None = None,
) -> Wsgi:
    """The application on the NB at a remote; to be called in the process that serves it.

    It returns at once. While NB is out of reach every request is answered with 503.

    :param known: who may ask, given what the ledger says of certificates; None for everybody.
    :param before: puts what answers those too who are not known before the rest.
    :param audit: where changes are written down, and refusals of them.
    :param open: where it is served to everybody.
    :param enrolment: as ``before``, for what looks into the ledger.
    """
    metrics = Metrics()
    store = Store(nb_remote, committed=metrics.committed)
    store.start()
    heritage = Heritage(store, known=known is not None)
    heritage.start()
    metrics.watch(store)
    beside: dict[str, pages.Page] = {
        "/healthz": partial(pages.health, store),
        "/metrics": metrics.page,
    }
    watchers = [metrics.requested] if log is None else [metrics.requested, log.write]
    service = Service(store) if known is None else Service(store, settled=heritage.settled)
    inner: Wsgi = pages.Pages(create_app(service), beside)
    if known is not None:
        inner = Guarded(inner, known(store.certificate), unauthorized)
    if enrolment is not None:
        inner = enrolment(inner, store)
    audited = None if audit is None else Audited(audit, guarded=known is not None).write
    inner = Guard(inner if before is None else before(inner), open)
    return Watched(inner, watchers, audited)


def check(nb_remote: str, timeout: float) -> None:
    """See that there is an NB to serve from, before serving.

    :param timeout: seconds to wait for its answer.
    :raises DatabaseUnavailable: there is none, or what answers is no NB.
    """
    ovsdb.get_schema(nb_remote, ovsdb.NB, timeout)
