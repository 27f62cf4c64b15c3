"""A collector as ``driver gc`` makes it, to which Docker is data."""

from __future__ import annotations

from ovn_integrate.driver import gc
from ovn_integrate.driver.engine import Known
from ovn_integrate.driver.links import Links
from ovn_integrate.driver.mode import Modes
from ovn_integrate.driver.networks import Networks
from ovn_integrate.driver.neutron import Client


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
