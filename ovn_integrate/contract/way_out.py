"""How the ways out of logical networks are named, and which addresses are theirs."""

from __future__ import annotations

PHYSICAL_NETWORK = "ovn-gw"
"""Of the external network, on the hosts that are gateways."""

ROUTER = "docker-"
"""Before the id of a network: the name of its router, and of that router's subnet outside."""

BLOCK = "100.64.0.0/10"
"""Of the subnets outside: shared behind a carrier's NAT, never routed (RFC 6598)."""

LENGTH = 20
"""The prefix length of one: leaves 1,024 networks of 4,092 containers."""
