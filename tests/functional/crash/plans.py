"""What users make."""

from __future__ import annotations

from typing import Any

from .docker import Plan


def portmap(host_port: int) -> dict[str, Any]:
    """An endpoint's port 80, published."""
    return {"com.docker.network.portmap": [{"Proto": 6, "Port": 80, "HostPort": host_port}]}


PORTS = portmap(8080)
CLOSED = {
    "ovn.allow": "web:db:tcp/5432",
    "com.docker.network.driver.mtu": "1400",
    "ovn.dns": "10.2.0.253",
}
PLANS = {
    "plain": Plan("10.1.0.0/24", "10.1.0.9", port=PORTS),
    "closed": Plan("10.2.0.0/24", "10.2.0.9", options=CLOSED, port={"ovn.group": "web"}),
    "gateway": Plan("10.3.0.0/24", "10.3.0.9", options={"ovn.gateway": "ovn"}, port=PORTS),
    "pool": Plan("10.4.0.0/24", "10.4.0.9", own=False, aux="10.4.0.5"),
    "adopted": Plan(
        "10.5.0.0/24", "10.5.0.9", options={"ovn.network": "blue"}, port={"ovn.port": "db"}
    ),
    "none": Plan("10.6.0.0/24", "10.6.0.9", options={"ovn.gateway": "none"}, port=PORTS),
}
