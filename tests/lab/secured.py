"""A cluster in the secure mode: central by TLS, and hosts that joined, each with a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .cluster import Cluster, prepare
from .host import Host
from .lab import Lab

PKI = "/etc/ovn-integrate/pki"


class Secure(Cluster):
    """Like the open one; each host joined with a token of its own, kept in ``tokens``."""

    tokens: dict[str, str]


@contextmanager
def secured(lab: Lab, prefix: str, *options: str) -> Iterator[Secure]:
    """A cluster of its own hosts, which end with the block.

    :param options: of each host's ``join``.
    """
    central, first, second = (lab.add_host(f"{prefix}{part}") for part in ("-c", "-1", "-2"))
    made = Secure(central, first, second)
    made.tokens = {}
    try:
        serve_by_tls(central)
        for host in made.hosts:
            prepare(host)
            made.tokens[host.name] = token(central, host.name)
            words = ("join", made.tokens[host.name], "--tep", host.address, *options)
            host.cli("--timeout", "20", *words)
        yield made
    finally:
        for host in (first, second, central):
            host.stop()


def serve_by_tls(central: Host) -> None:
    """OVN's databases and the IPAM server, for hosts that have joined."""
    central.cli("--timeout", "20", "central", "start", "--tls", "--listen", central.address)


def token(central: Host, name: str, *options: str) -> str:
    return central.cli("central", "token", name, *options).stdout.strip()
