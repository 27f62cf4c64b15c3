"""What the driver's ports are for: their ``device_owner``, which tells what becomes of them."""

from __future__ import annotations

MADE = "docker:endpoint"
"""A port that goes with its endpoint."""

TAKEN = "docker:port"
"""A port that was there before its endpoint and stays when that goes."""

ENDPOINTS = (MADE, TAKEN)

RESERVED = "docker:address"
"""An address that Docker has for an endpoint which does not exist yet."""

SET_ASIDE = "docker:reserved"
"""A gateway or an auxiliary address of a Docker network: no endpoint gets it."""

TESTER = "ovn-integrate:tester"
"""The end of a test that whoever runs it has."""

TESTED = "ovn-integrate:tested"
"""The end of a test that the driver of another chassis shall bring up, see ``answering``."""
