"""What the server counts, in Prometheus' words (prometheus.io/docs/practices/naming).

Requests and commits are counted as they come. All else is looked up when somebody asks: addresses
out of the index, which keeps them as runs, so that a question costs little with many ports too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from ovn_integrate.errors import DatabaseUnavailable, one_line
from ovn_integrate.ipam.engine.store import Store
from ovn_integrate.ipam.http.watched import OTHER, Exchange
from ovn_integrate.ipam.plan.index import Index

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
# As many requests as the server has threads can wait for one transaction.
_CHANGES = (1, 2, 4, 8, 16)
_SUBNET = ("network_id", "network", "subnet_id", "cidr")


class Metrics:
    """The counters of one server process."""

    def __init__(self) -> None:
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "ovn_ipam_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "ovn_ipam_request_duration_seconds",
            "Time from a request until its answer was made.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._changes = Histogram(
            "ovn_ipam_commit_changes",
            "Requests whose changes shared one transaction on OVN Northbound; its count is that "
            "of the commits.",
            buckets=_CHANGES,
            registry=self._registry,
        )
        self._commit_seconds = Histogram(
            "ovn_ipam_commit_duration_seconds",
            "Time that a transaction on OVN Northbound took.",
            buckets=_SECONDS,
            registry=self._registry,
        )

    def requested(self, seen: Exchange) -> None:
        """Count a request."""
        method = seen.method if seen.method in _METHODS else OTHER
        key = method, seen.route, seen.status
        known = self._children.get(key)
        if known is None:
            # Of routes, and not of paths, so they are few.
            known = self._requests.labels(*key), self._seconds.labels(method, seen.route)
            self._children[key] = known
        known[0].inc()
        known[1].observe(seen.seconds)

    def committed(self, changes: int, seconds: float) -> None:
        """Count a transaction with the changes of so many requests."""
        self._changes.observe(changes)
        self._commit_seconds.observe(seconds)

    def watch(self, store: Store) -> None:
        """Have the state of a store among the answers."""
        self._registry.register(_State(store))

    def page(self) -> tuple[int, str, bytes]:
        """All of it in Prometheus' text format."""
        return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a subnet is.

    :param labels: as in _SUBNET.
    :param used: addresses of it that ports and floating IPs have, the gateway's own among them.
    :param free: addresses of its pools that the next ports can get.
    """

    labels: tuple[str, str, str, str]
    used: int
    free: int


def fills(index: Index) -> list[Fill]:
    """How full the subnets are; to be called under the session's lock."""
    found = []
    for subnet in index.subnets.values():
        used = index.used(subnet.network_id, subnet.ip_version)
        network = index.networks.get(subnet.network_id)
        cidr = subnet.cidr
        found.append(
            Fill(
                (subnet.network_id, network.name if network else "", subnet.id, str(cidr)),
                used.count(int(cidr.network_address), int(cidr.broadcast_address)),
                sum(end - start + 1 - used.count(start, end) for start, end in subnet.pools),
            )
        )
    return found


class _State(Collector):
    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry would ask for all of it to learn the names."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        found: list[Fill] | None
        try:
            found = self._store.read(fills)
        except DatabaseUnavailable:
            found = None
        yield GaugeMetricFamily(
            "ovn_ipam_northbound_connected",
            "Whether the server has a live connection to OVN Northbound.",
            value=float(found is not None),
        )
        if found is not None:
            yield _gauge("used", "Addresses of a subnet that are in use.", found, lambda f: f.used)
            yield _gauge(
                "free", "Addresses of a subnet's pools that are free.", found, lambda f: f.free
            )


def _gauge(name: str, text: str, found: list[Fill], value: Callable[[Fill], int]) -> Metric:
    gauge = GaugeMetricFamily(f"ovn_ipam_addresses_{name}", text, labels=_SUBNET)
    for fill in found:
        gauge.add_metric([one_line(one) for one in fill.labels], value(fill))
    return gauge
