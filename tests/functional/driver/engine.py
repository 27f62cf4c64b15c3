"""What Docker asks of our IPAM, in its order (moby daemon/libnetwork ``network.go``)."""

from __future__ import annotations

import secrets
from typing import Any

from tests.functional.driver.bed import Host, delete, new_id

GATEWAY = {"RequestAddressType": "com.docker.network.gateway"}
MAC = "com.docker.network.endpoint.macaddress"
SPACE = "openvswitch"


def pool(host: Host, cidr: str = "", part: str = "", *, v6: bool = False, **ipam: str) -> Any:
    """RequestPool's answer. ``network``, if given, is what ``--ipam-opt ovn.network`` says."""
    options = {"ovn.network": ipam["network"]} if ipam else {}
    body = {"AddressSpace": SPACE, "Pool": cidr, "SubPool": part, "Options": options, "V6": v6}
    return host.ok("IpamDriver.RequestPool", body)


def address(host: Host, pool_id: str, wanted: str = "", **options: str) -> str:
    body = {"PoolID": pool_id, "Address": wanted, "Options": options or None}
    return str(host.ok("IpamDriver.RequestAddress", body)["Address"])


def refused(host: Host, pool_id: str, wanted: str = "", **options: str) -> str:
    body = {"PoolID": pool_id, "Address": wanted, "Options": options or None}
    return host.error("IpamDriver.RequestAddress", body)


def release(host: Host, pool_id: str, cidr: str) -> None:
    body = {"PoolID": pool_id, "Address": cidr.partition("/")[0]}
    assert host.ok("IpamDriver.ReleaseAddress", body) == {}


def new_mac() -> str:
    """As Docker makes them up: 02:42 and four random octets."""
    return "02:42:" + secrets.token_bytes(4).hex(":")


class DockerNetwork:
    """``docker network create -d openvswitch --ipam-driver openvswitch``.

    :param cidrs: what ``--subnet`` says; ``network`` is what both ``ovn.network`` options say.
    """

    def __init__(
        self,
        host: Host,
        *cidrs: str,
        network: str = "",
        part: str = "",
        gateway: str = "",
        aux: tuple[str, ...] = (),
        adopt: bool = True,
    ) -> None:
        self.host = host
        self.id = new_id()
        self.held: list[tuple[str, str]] = []
        self.pools: list[str] = []
        named = {"network": network} if network else {}
        data = []
        for cidr in cidrs or ("",):
            got = pool(host, cidr, part, v6=":" in cidr, **named)
            self.pools.append(got["PoolID"])
            own = gateway if cidr == (cidrs or ("",))[0] else ""
            reserved = [address(host, got["PoolID"], own, **GATEWAY)]
            reserved += [address(host, got["PoolID"], one) for one in aux]
            self.held += [(got["PoolID"], one) for one in reserved]
            names = {f"r{number}": one for number, one in enumerate(reserved[1:])}
            data.append(
                {
                    "AddressSpace": SPACE,
                    "Pool": got["Pool"],
                    "Gateway": reserved[0],
                    **({"AuxAddresses": names} if names else {}),
                }
            )
        self.body = {
            "NetworkID": self.id,
            "Options": {
                "com.docker.network.generic": {"ovn.network": network} if network and adopt else {}
            },
            "IPv4Data": [one for one in data if ":" not in one["Pool"]],
            "IPv6Data": [one for one in data if ":" in one["Pool"]],
        }

    def make(self) -> DockerNetwork:
        assert self.host.ok("NetworkDriver.CreateNetwork", self.body) == {}
        return self

    def endpoint(self, *wanted: str, mac: str = "") -> Endpoint:
        return Endpoint(self, wanted, mac or new_mac()).create()

    def release(self) -> None:
        """What of IPAM's Docker gives back, before DeleteNetwork or when CreateNetwork failed."""
        for pool_id, one in self.held:
            release(self.host, pool_id, one)
        for pool_id in self.pools:
            assert self.host.ok("IpamDriver.ReleasePool", {"PoolID": pool_id}) == {}

    def remove(self) -> None:
        self.release()
        assert self.host.ok("NetworkDriver.DeleteNetwork", {"NetworkID": self.id}) == {}


class Endpoint:
    """A container's interface: its addresses, then itself."""

    def __init__(self, network: DockerNetwork, wanted: tuple[str, ...], mac: str) -> None:
        self.network, self.host, self.mac = network, network.host, mac
        asked = wanted or ("",) * len(network.pools)
        self.addresses = [
            address(self.host, pool_id, one, **{MAC: mac})
            for pool_id, one in zip(network.pools, asked, strict=True)
        ]
        v6 = next((one for one in self.addresses if ":" in one), "")
        v4 = next((one for one in self.addresses if ":" not in one), "")
        self.body: dict[str, Any] = {
            "NetworkID": network.id,
            "EndpointID": new_id(),
            "Interface": {"Address": v4, "AddressIPv6": v6, "MacAddress": mac},
            "Options": {},
        }

    @property
    def ip(self) -> str:
        return self.addresses[0].partition("/")[0]

    def create(self) -> Endpoint:
        assert self.host.ok("NetworkDriver.CreateEndpoint", self.body) == {"Interface": {}}
        return self

    def release(self) -> None:
        for pool_id, one in zip(self.network.pools, self.addresses, strict=True):
            release(self.host, pool_id, one)

    def delete(self) -> None:
        delete(self.host, self.body)
        self.release()
