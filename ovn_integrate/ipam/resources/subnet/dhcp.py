"""OVN's DHCP options for a subnet, and which subnet's options a port gets (ovn-nb(5))."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ovn_integrate.ipam.resources.model import Port, Subnet

_LEASE_TIME = "43200"
# DHCP wants an address for its server even where there is no gateway. One outside of every subnet
# can belong to nobody else; clients then renew by broadcast.
_NO_GATEWAY = "169.254.1.1"


def subnet_of_port(port: Port, subnets: Iterable[Subnet], version: int) -> str | None:
    """The id of the subnet whose DHCP options a port gets: that of its first address."""
    known = [subnet for subnet in subnets if subnet.answers_dhcp]
    for address in port.addresses:
        if address.version == version:
            return next((subnet.id for subnet in known if subnet.has(address)), None)
    return None


def options(subnet: Subnet, mtu: int) -> dict[str, str]:
    """The options of a subnet's row; none where OVN does not answer for it.

    :param mtu: the network's, in octets.
    """
    if not subnet.answers_dhcp:
        return {}
    servers = "{" + ", ".join(subnet.dns_nameservers) + "}" if subnet.dns_nameservers else ""
    if subnet.ip_version == 6:
        stateless = subnet.ipv6_address_mode == "dhcpv6-stateless"
        return filled(
            {
                "server_id": subnet.server_mac,
                "dns_server": servers,
                "dhcpv6_stateless": "true" if stateless else "",
            }
        )
    gateway = "" if subnet.gateway_ip is None else str(subnet.gateway_ip)
    return filled(
        {
            "server_id": gateway or _NO_GATEWAY,
            "router": gateway,
            "server_mac": subnet.server_mac,
            "lease_time": _LEASE_TIME,
            "mtu": str(mtu),
            "dns_server": servers,
            "classless_static_route": _static_routes(subnet, gateway),
        }
    )


def _static_routes(subnet: Subnet, gateway: str) -> str:
    if not subnet.host_routes:
        return ""
    routes = [f"{route.destination},{route.nexthop}" for route in subnet.host_routes]
    if gateway:
        # A client that gets option 121 ignores the router option (RFC 3442).
        routes.append(f"0.0.0.0/0,{gateway}")
    return "{" + ", ".join(routes) + "}"


def filled(options: Mapping[str, str]) -> dict[str, str]:
    """The options that have a value."""
    return {key: text for key, text in options.items() if text}
