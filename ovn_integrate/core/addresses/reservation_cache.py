"""What this process reserved lately, to spare CreateEndpoint a question to Neutron."""

from __future__ import annotations

from ovn_integrate.clients.neutron.client import Resource

_MOST = 10_000


class ReservationCache:
    """Reserved ports by network and MAC address. What is not here Neutron knows as well."""

    def __init__(self) -> None:
        self._ports: dict[tuple[str, str], Resource] = {}

    def put(self, port: Resource) -> None:
        if len(self._ports) >= _MOST:
            self.clear()
        self._ports[port["network_id"], port["mac_address"]] = port

    def get(self, network_id: str, mac: str | None) -> Resource | None:
        return self._ports.get((network_id, mac)) if mac else None

    def take(self, network_id: str, mac: str | None) -> Resource | None:
        return self._ports.pop((network_id, mac), None) if mac else None

    def clear(self) -> None:
        self._ports.clear()

    def elsewhere(self, mac: str | None, addresses: set[str]) -> str | None:
        """The id of the network on which these addresses are reserved for a MAC, if any."""
        for (network_id, noted), port in list(self._ports.items()):
            if noted == mac and addresses_in(port) == addresses:
                return network_id
        return None


def addresses_in(port: Resource) -> set[str]:
    return {one["ip_address"] for one in port["fixed_ips"]}
