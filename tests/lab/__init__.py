"""Hosts on one machine: namespaces with their own Open vSwitch, OVN and Docker, on one underlay.

    with Lab() as lab:
        left, right = lab.add_host("left"), lab.add_host("right")
        left.run("ping", "-c1", right.address)

Root and the real programs are needed; `lab_ready()` says what is missing.
"""

from __future__ import annotations

from .command import CommandError
from .host import Host
from .lab import Lab, lab_ready, remains
from .waiting import wait_for

__all__ = ["CommandError", "Host", "Lab", "lab_ready", "remains", "wait_for"]
