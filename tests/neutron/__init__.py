"""A real Neutron for the tests that ask for one with ``REQUIRE=neutron``."""

from __future__ import annotations

import os


def wanted() -> bool:
    """Whether this run shall use a real Neutron too; it installs some hundred packages once."""
    return "neutron" in os.environ.get("REQUIRE", "").split(",")
