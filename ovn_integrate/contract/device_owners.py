"""What the driver's ports are for: their ``device_owner``, which tells what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MADE = "docker:endpoint"
"""A port that goes with its endpoint."""

TAKEN = "docker:port"
"""A port that was there before its endpoint and stays when that goes."""

ENDPOINTS = (MADE, TAKEN)

RESERVED = "docker:address"
"""An address that Docker has for an endpoint which does not exist yet."""

SET_ASIDE = "docker:reserved"
"""A gateway or an auxiliary address of a Docker network: no endpoint gets it."""

PLUGGED = "docker:plugged"
"""A port that was plugged into a container without Docker's knowledge, and outlives it."""

HOST = "ovn-integrate.host"
"""Which host has a port, in its ``binding:profile``, where ``binding:host_id`` names another: that
of the VM which the host is."""

OWN_MAC = "ovn-integrate.mac"
"""There, too: the MAC address that a port had before an endpoint took it."""

LINK = "ovn-integrate.link"
"""There, too: the link of a port that was plugged into a container."""


def host_of(port: Mapping[str, Any]) -> str:
    """The host that a port is on; empty for none."""
    inner = (port.get("binding:profile") or {}).get(HOST)
    return str(inner or port.get("binding:host_id") or "")


LOCK = "docker:lock"
"""A port that is a lock of its network: the host that has the port has the lock."""

LOCK_MAC = "02:6c:6f:63:6b:00"
"""The MAC address of that port, of which a network has one."""

TESTER = "ovn-integrate:tester"
"""The end of a test that whoever runs it has."""

TESTED = "ovn-integrate:tested"
"""The end of a test that the driver of another chassis shall bring up, see ``responder``."""
