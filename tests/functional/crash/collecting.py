"""A collector as ``driver gc`` makes it, to which Docker is data."""

from __future__ import annotations

from ovn_integrate.clients.docker.engine import Known
from ovn_integrate.clients.neutron.client import Client
from ovn_integrate.core.attachment.networks import Networks
from ovn_integrate.core.collector import gc
from ovn_integrate.core.endpoint.mode import Modes
from ovn_integrate.core.link.links import Links


def collector(links: Links, neutron: Client, known: Known) -> gc.Collector:
    """What collects while Docker knows that."""
    return gc.Collector(
        links,
        Networks(),
        mode=Modes(links).now,
        connect=lambda: neutron,
        in_flight=list,
        pause=lambda: None,
        ask=lambda: known,
    )
